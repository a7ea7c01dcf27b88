//! Bits that turned, pages that are gone and files that are cut off: the program finds each, or nothing was lost with it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::findings::Findings;
use crate::say;
use crate::world::{NODES, World};

/// The times that a file is damaged, if there is time for them.
const DAMAGES: usize = 1000;
/// Fewer prove nothing.
const LEAST: usize = 100;
/// The damaged files that a node is started with as well.
const STARTED: usize = 5;
/// A page of the file.
const PAGE: usize = 4096;
/// How long a node may take to notice that it cannot use its file.
const NOTICES: Duration = Duration::from_secs(60);

/// Counts of what came of damaged files.
#[derive(Debug, Default)]
struct DamageCounts {
    found: usize,
    /// The file has what it had.
    harmless: usize,
    /// It has what it had a moment earlier.
    earlier: usize,
    /// Nodes that refused to start with one, and those that came to what the others have.
    refused: usize,
    healed: usize,
}

/// Damages the file of one node again and again, for so long.
pub(super) fn run(
    world: &mut World,
    random: &mut fastrand::Rng,
    limit: Duration,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let node = random.usize(0..NODES);
    world.stop_node(node, || {})?;
    let scratch = tempfile::tempdir()?;
    let whole = fs::read(world.file(node))?;
    let before = world.tool(
        node,
        scratch_with(scratch.path(), &whole)?,
        &["cluster", "inspect"],
    )?;
    let shown = before.succeeded().context("a whole file is read")?.to_owned();
    let (mut counts, mut suspects) = (DamageCounts::default(), Vec::new());
    let deadline = Instant::now() + limit;
    let mut tried = 0;
    while tried < DAMAGES && Instant::now() < deadline {
        tried += 1;
        let (damaged, how) = damage(&whole, random);
        let answer = world.tool(
            node,
            scratch_with(scratch.path(), &damaged)?,
            &["cluster", "inspect"],
        )?;
        match answer.succeeded() {
            Some(now) if now == shown => counts.harmless += 1,
            Some(_) => {
                counts.earlier += 1;
                suspects.push((damaged, how));
            }
            None if answer.code() == Some(1) => {
                counts.found += 1;
                if suspects.len() < STARTED {
                    suspects.push((damaged, how));
                }
            }
            None => findings.wrong(format!("{how}: inspect ended with {answer}")),
        }
    }
    for (damaged, how) in suspects {
        start_with(world, node, (&damaged, &how), (&mut counts, findings))?;
    }
    world.heal()?;
    say(&format!(
        "damaged {tried} times: {} found, {} times nothing was lost, {} times the file had what it had earlier; of the nodes that were started with one, {} refused to, {} came to what the others have",
        counts.found, counts.harmless, counts.earlier, counts.refused, counts.healed
    ));
    findings.at_least("damaged files", tried, LEAST.min(DAMAGES));
    findings.at_least("damage that was found", counts.found, tried / 10);
    findings.at_least("nodes that refused to start", counts.refused, 1);
    Ok(())
}

/// A data directory with this file and nothing else.
fn scratch_with<'a>(directory: &'a Path, content: &[u8]) -> anyhow::Result<&'a Path> {
    fs::write(directory.join(World::FILE), content)?;
    Ok(directory)
}

/// A copy with something wrong, and what that is.
fn damage(whole: &[u8], random: &mut fastrand::Rng) -> (Vec<u8>, String) {
    let mut damaged = whole.to_vec();
    let at = random.usize(0..whole.len());
    let how = match random.usize(0..10) {
        0 => {
            damaged.truncate(at);
            format!("cut off at {at}")
        }
        1 => {
            let page = at / PAGE * PAGE;
            let end = whole.len().min(page + PAGE);
            damaged[page..end].fill(0);
            format!("no page at {page}")
        }
        rest => {
            // Most of a file is room for more: what is used, or was, is looked for, also at the beginning, which tells the rest.
            let at = if rest > 6 { at % PAGE } else { at };
            let used = (at..whole.len()).find(|place| whole[*place] != 0);
            let place = used.filter(|_| rest > 2).unwrap_or(at);
            let bit = random.u8(0..8);
            damaged[place] ^= 1 << bit;
            format!("bit {bit} of byte {place} turned")
        }
    };
    (damaged, how)
}

/// Starts the node with a damaged file: it refuses, or comes to what the others have.
fn start_with(
    world: &mut World,
    node: usize,
    (damaged, how): (&[u8], &str),
    (counts, findings): (&mut DamageCounts, &mut Findings),
) -> anyhow::Result<()> {
    let kept = fs::read(world.file(node))?;
    if kept == damaged {
        return Ok(());
    }
    fs::write(world.file(node), damaged)?;
    world.start_node(node)?;
    match world.ends_or_heals(node, NOTICES)? {
        Some(Some(78)) => counts.refused += 1,
        Some(code) => findings.wrong(format!("{how}: the node ended with {code:?}")),
        None => {
            counts.healed += 1;
            // From now on the file as it was is an old copy.
            return world.stop_node(node, || {});
        }
    }
    fs::write(world.file(node), kept)?;
    Ok(())
}
