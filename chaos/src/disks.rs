//! Runs in which nothing is wrong but what is on disks: damaged files, old copies and copies beside their original, disks that
//! are lost, and backups.

mod backups;
mod copies;
mod damage;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::findings::Findings;
use crate::history::History;
use crate::run_arguments::RunArguments;
use crate::workload;
use crate::world::World;

/// Clients that make changes.
const WRITERS: usize = 4;
/// How long they are at work before the first disk is touched.
const WARM_UP: Duration = Duration::from_secs(5);

/// Damages the files of stopped nodes, gives nodes old copies of theirs, and starts copies beside nodes that run.
pub(crate) fn corrupt(arguments: &RunArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let (mut random, limit) = arguments.begin("corrupt");
    let mut world = World::start(binary, &arguments.setup())?;
    let history = History::default();
    let writers = workload::start(&world, &history, WRITERS);
    std::thread::sleep(WARM_UP);
    writers.stop();
    let mut findings = Findings::default();
    let went = damage::run(&mut world, &mut random, limit, &mut findings)
        .and_then(|()| copies::run(&mut world, &history, &mut random, &mut findings))
        .and_then(|()| findings.compare(&world, &history));
    findings.conclude(went, &mut world)
}

/// Makes backups under load, loses disks, and brings the cluster back.
pub(crate) fn backup(arguments: &RunArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let (mut random, limit) = arguments.begin("backup");
    let files = tempfile::tempdir()?;
    let key = backups::make_key(files.path())?;
    let mut setup = arguments.setup();
    setup.of_all.push(("KLAMM_BACKUP_KEY_FILE", key));
    let mut world = World::start(binary, &setup)?;
    let mut findings = Findings::default();
    let went = backups::run(&mut world, files.path(), (&mut random, limit), &mut findings);
    findings.conclude(went, &mut world)
}
