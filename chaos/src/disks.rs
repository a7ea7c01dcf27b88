//! Runs in which nothing is wrong but what is on disks: damaged files, old copies and copies beside their original, disks that
//! are lost, and backups.

mod backups;
mod copies;
mod damage;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::history::History;
use crate::invariants::{acknowledged_survives, lists_are_true, nodes_agree, nothing_unasked};
use crate::say;
use crate::verdict::pronounce;
use crate::workload;
use crate::world::{World, WorldSetup};

/// Clients that make changes.
const WRITERS: usize = 4;
/// How long they are at work before the first disk is touched.
const WARM_UP: Duration = Duration::from_secs(5);

/// For how long, and from which seed.
#[derive(Debug, Args)]
pub(crate) struct DiskArguments {
    /// How long it goes on, in seconds; what was begun is brought to an end.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Decides every choice of the run; a random one when it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The mistake that nodes make. A run that finds nothing then shows nothing. It takes nodes with the feature `planted`.
    #[arg(long)]
    mistake: Option<String>,
}

/// The things that a run found.
#[derive(Debug, Default)]
struct DiskFindings {
    violations: Vec<String>,
    /// Why the run proves nothing.
    vacuous: Vec<String>,
}

impl DiskFindings {
    fn wrong(&mut self, violation: impl Into<String>) {
        self.violations.push(violation.into());
    }

    /// Takes note of what must have been enough to show something.
    fn at_least(&mut self, what: &str, number: usize, least: usize) {
        if number < least {
            self.vacuous
                .push(format!("{what}: only {number}, and {least} would be enough"));
        }
    }

    /// Compares what the nodes show in the end with what clients were told.
    fn compare(&mut self, world: &World, history: &History) -> anyhow::Result<()> {
        let (operations, accounts) = (history.operations(), world.accounts_everywhere()?);
        self.violations.extend(nodes_agree::violations(&accounts));
        self.violations
            .extend(lists_are_true::violations(&history.looks()));
        if let Some(accounts) = accounts.first() {
            self.violations
                .extend(acknowledged_survives::violations(&operations, accounts));
            self.violations
                .extend(nothing_unasked::violations(&operations, accounts));
        }
        Ok(())
    }

    fn verdict(&self, world: &mut World) -> ExitCode {
        let code = pronounce(&self.violations, &self.vacuous);
        if code != ExitCode::SUCCESS {
            say(&format!(
                "the nodes' logs and data are kept in {}",
                world.keep().display()
            ));
        }
        code
    }
}

/// Damages the files of stopped nodes, gives nodes old copies of theirs, and starts copies beside nodes that run.
pub(crate) fn corrupt(arguments: &DiskArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let (mut random, limit) = begin("corrupt", arguments);
    let mut setup = WorldSetup::default();
    let mistake = arguments.mistake.clone();
    setup
        .of_all
        .extend(mistake.map(|mistake| ("PLANTED_MISTAKE", mistake)));
    let mut world = World::start(binary, &setup)?;
    let history = History::default();
    let writers = workload::start(&world, &history, WRITERS);
    std::thread::sleep(WARM_UP);
    writers.stop();
    let mut findings = DiskFindings::default();
    damage::run(&mut world, &mut random, limit, &mut findings)?;
    copies::run(&mut world, &history, &mut random, &mut findings)?;
    findings.compare(&world, &history)?;
    Ok(findings.verdict(&mut world))
}

/// Makes backups under load, loses disks, and brings the cluster back.
pub(crate) fn backup(arguments: &DiskArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let (mut random, limit) = begin("backup", arguments);
    let files = tempfile::tempdir()?;
    let key = backups::make_key(files.path())?;
    let setup = WorldSetup {
        of_all: vec![("KLAMM_BACKUP_KEY_FILE", key)],
        ..WorldSetup::default()
    };
    let mut world = World::start(binary, &setup)?;
    let mut findings = DiskFindings::default();
    backups::run(&mut world, files.path(), (&mut random, limit), &mut findings)?;
    Ok(findings.verdict(&mut world))
}

fn begin(name: &str, arguments: &DiskArguments) -> (fastrand::Rng, Duration) {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let seconds = arguments.seconds;
    say(&format!(
        "{name}, seed {seed}: repeat with {name} --seed {seed} --seconds {seconds}"
    ));
    (fastrand::Rng::with_seed(seed), Duration::from_secs(seconds))
}
