//! Old copies of data directories, and copies beside their original: a node that begins with one ends, and says why, and nobody
//! takes it for the node.

use std::time::Duration;

use super::WRITERS;
use crate::findings::Findings;
use crate::history::{History, Told, Wish};
use crate::say;
use crate::workload;
use crate::world::{NODES, World};

/// Old copies, and copies beside their original.
const OLD: usize = 3;
const BESIDE: usize = 2;
/// How long clients make changes that a copy does not have.
const CHANGES: Duration = Duration::from_secs(3);
/// How long a copy may take to be told.
const IS_TOLD: Duration = Duration::from_secs(60);
/// For how long a copy is watched that waits.
const WAITS: Duration = Duration::from_secs(6);
/// In which no write to a disk is under way.
const QUIET: Duration = Duration::from_secs(6);

/// The exit code of a node whose data directory is of no use.
const EXIT_CONFIG: i32 = 78;

pub(super) fn run(
    world: &mut World,
    history: &History,
    random: &mut fastrand::Rng,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    for turn in 0..OLD {
        // In the last turn nobody has run meanwhile.
        old_copy(
            world,
            history,
            (random.usize(0..NODES), turn + 1 == OLD),
            findings,
        )?;
    }
    for turn in 0..BESIDE {
        beside(world, (random.usize(0..NODES), turn), findings)?;
    }
    say(&format!(
        "{OLD} nodes began with old copies, {BESIDE} copies began beside their node"
    ));
    Ok(())
}

/// A node begins with an old copy, and then with what it had last.
fn old_copy(
    world: &mut World,
    history: &History,
    (node, are_all_stopped): (usize, bool),
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let (old, latest) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let writers = workload::start(world, history, WRITERS);
    world.stop_node(node, || {})?;
    world.copy_data(node, old.path())?;
    world.start_node(node)?;
    world.wait_until_healed()?;
    std::thread::sleep(CHANGES);
    writers.stop();
    let stopped: Vec<usize> = (0..NODES).filter(|id| are_all_stopped || *id == node).collect();
    for id in &stopped {
        world.stop_node(*id, || {})?;
    }
    world.copy_data(node, latest.path())?;
    world.put_data(node, old.path())?;
    for id in stopped {
        world.start_node(id)?;
    }
    match world.ends_or_heals(node, IS_TOLD)? {
        Some(Some(EXIT_CONFIG)) if world.says_last(node, "is an old copy")? => {}
        Some(code) => findings.wrong(format!(
            "node {} began with an old copy and ended with {code:?}",
            node + 1
        )),
        None => findings.wrong(format!("node {} began with an old copy and serves", node + 1)),
    }
    world.kill_node(node)?;
    world.put_data(node, latest.path())?;
    world.start_node(node)?;
    world.wait_until_healed()
}

/// A copy begins while the node runs, waits, and is told when the node has done more than it knows.
fn beside(world: &mut World, (node, turn): (usize, usize), findings: &mut Findings) -> anyhow::Result<()> {
    std::thread::sleep(QUIET);
    world.copy_starts(node)?;
    let until = std::time::Instant::now() + WAITS;
    while std::time::Instant::now() < until {
        if world.does_copy_decide() {
            findings.wrong(format!("a copy of node {} decides beside it", node + 1));
        }
        if world.copy_has_ended()?.is_some() {
            findings.wrong(format!(
                "a copy of node {} ended while nothing had changed",
                node + 1
            ));
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    for admin in world.admins() {
        if admin.change(&format!("beside-{turn}"), Wish::Create) != Told::Acknowledged
            || admin.change(&format!("beside-{turn}"), Wish::Delete) != Told::Acknowledged
        {
            findings.wrong(format!(
                "beside a copy of node {} nothing can be changed",
                node + 1
            ));
        }
    }
    world.stop_node(node, || {})?;
    let code = world.copy_ends(IS_TOLD)?;
    if code != Some(EXIT_CONFIG) {
        findings.wrong(format!(
            "a copy of node {} has less than it had, and ended with {code:?}",
            node + 1
        ));
    }
    world.start_node(node)?;
    world.wait_until_healed()
}
