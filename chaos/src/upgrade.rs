//! Nodes that are upgraded one by one under load, and back, until the feature level is raised. From then on an older node must not
//! start, nor join with an empty disk.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;

use crate::findings::Findings;
use crate::history::{History, Told};
use crate::run_arguments::RunArguments;
use crate::say;
use crate::workload;
use crate::world::{NODES, World};

/// Clients that make changes.
const WRITERS: usize = 4;
/// Changes that are acknowledged in each mix of older and newer nodes, before the next node is another.
const CHANGES: usize = 100;
/// How long they may take.
const LIMIT: Duration = Duration::from_secs(60);
/// For how long a node is watched that must not come in.
const STRANGER: Duration = Duration::from_secs(5);

/// The exit code of a node whose data directory is of no use to it.
const EXIT_CONFIG: i32 = 78;

/// Upgrades, and the ways back.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArguments {
    #[command(flatten)]
    run: RunArguments,
    /// The program to which nodes are upgraded. It must know a higher feature level than the one that `--binary` is. By default
    /// the nodes that make mistakes, which know a level that no version has yet.
    #[arg(long)]
    newer: Option<PathBuf>,
}

/// Upgrades nodes for so long, then raises the level.
pub(crate) fn run(arguments: &UpgradeArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let (random, limit) = arguments.run.begin("upgrade");
    let beside = || binary.with_file_name("planted").join("klamm");
    let newer = arguments.newer.clone().unwrap_or_else(beside);
    ensure!(
        newer.exists(),
        "{} is missing; make it with: chaos/planted.sh build",
        newer.display()
    );
    let mut setup = arguments.run.setup();
    setup.of_all.push(("PLANTED_LEVEL", "next".to_owned()));
    let mut upgrade = ClusterUpgrade {
        world: World::start(binary, &setup)?,
        history: History::default(),
        findings: Findings::default(),
        random,
        programs: [binary, &newer],
        are_newer: [false; NODES],
        mixes: [0; NODES + 1],
    };
    let writers = workload::start(&upgrade.world, &upgrade.history, WRITERS);
    let went = upgrade.go_on(limit).and_then(|()| upgrade.finish());
    writers.stop();
    let ClusterUpgrade {
        mut world,
        history,
        mut findings,
        mixes,
        ..
    } = upgrade;
    let went = went
        .and_then(|()| world.wait_until_healed())
        .and_then(|()| findings.compare(&world, &history));
    for (newer, changes) in mixes.into_iter().enumerate() {
        findings.at_least(&format!("changes with {newer} newer nodes"), changes, CHANGES);
    }
    say(&format!("changes with 0 to {NODES} newer nodes: {mixes:?}"));
    findings.conclude(went, &mut world)
}

/// A cluster whose nodes are older and newer ones.
struct ClusterUpgrade<'a> {
    world: World,
    history: History,
    findings: Findings,
    random: fastrand::Rng,
    /// The older and the newer one.
    programs: [&'a Path; 2],
    are_newer: [bool; NODES],
    /// Changes that were acknowledged while so many nodes were newer.
    mixes: [usize; NODES + 1],
}

impl ClusterUpgrade<'_> {
    /// Goes up to two newer nodes and back, and up to three, again and again; some nodes are killed instead of stopped.
    fn go_on(&mut self, limit: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + limit;
        self.carry()?;
        loop {
            let first = self.random.usize(0..NODES);
            let [second, third] = [1, 2].map(|step| (first + step) % NODES);
            for (node, is_newer) in [(first, true), (second, true), (first, false)] {
                self.restart(node, is_newer)?;
            }
            self.is_raised_too_early()?;
            for node in [first, third] {
                self.restart(node, true)?;
            }
            if Instant::now() >= until {
                return Ok(());
            }
            for node in [third, first, second] {
                self.restart(node, false)?;
            }
        }
    }

    /// Starts a node as the older or newer program, and waits until changes were made with it.
    fn restart(&mut self, node: usize, is_newer: bool) -> anyhow::Result<()> {
        match self.random.bool() {
            true => self.world.kill_node(node)?,
            false => self.world.stop_node(node, || {})?,
        }
        self.world.install(node, self.programs[usize::from(is_newer)])?;
        self.are_newer[node] = is_newer;
        self.world.start_node(node)?;
        self.world.wait_until_healed()?;
        self.carry()
    }

    /// Waits until so many more changes were acknowledged.
    fn carry(&mut self) -> anyhow::Result<()> {
        let count = |history: &History| {
            let operations = history.operations();
            let done = operations
                .iter()
                .filter(|change| change.told == Told::Acknowledged);
            done.count()
        };
        let (before, deadline) = (count(&self.history), Instant::now() + LIMIT);
        loop {
            let carried = count(&self.history) - before;
            if carried >= CHANGES || Instant::now() > deadline {
                let newer = self.are_newer.iter().filter(|is_newer| **is_newer).count();
                self.mixes[newer] += carried;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// While a node is older nobody can raise the level, whichever node is asked.
    fn is_raised_too_early(&mut self) -> anyhow::Result<()> {
        let level = self.level()?;
        let (already, next) = (
            format!("already at feature level {level}"),
            (level + 1).to_string(),
        );
        for node in 0..NODES {
            for (to, refusal) in [
                (&[][..], already.as_str()),
                (&["--level", &next], "nodes that do not support"),
            ] {
                let answer = self.finalize(node, to)?;
                if !answer.contains(refusal) || self.level()? != level {
                    self.findings.wrong(format!(
                        "the level was raised while an older node is there: {answer}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Raises the level. Then an older node neither starts nor joins.
    fn finish(&mut self) -> anyhow::Result<()> {
        let before = self.level()?;
        let known = self.world.admins()[0].known_levels();
        let known = known.and_then(|levels| levels.into_iter().min());
        let Some(level) = known.filter(|level| *level > before) else {
            self.findings
                .at_least("feature levels that only the newer program knows", 0, 1);
            return Ok(());
        };
        let asked = self.random.usize(0..NODES);
        let said = self.finalize(asked, &[])?;
        if !said.contains(&format!("the feature level is {level}")) || self.level()? != level {
            self.findings.wrong(format!("the level is not raised: {said}"));
        }
        self.carry()?;
        let node = self.random.usize(0..NODES);
        self.world.stop_node(node, || {})?;
        self.world.install(node, self.programs[0])?;
        self.is_told_why(node)?;
        self.stays_outside(node)?;
        self.world.install(node, self.programs[1])?;
        self.world.start_node(node)?;
        self.world.wait_until_healed()?;
        self.carry()
    }

    /// An older node does not go on with what is on its disk, or with what the others have, and says why.
    fn is_told_why(&mut self, node: usize) -> anyhow::Result<()> {
        self.world.start_node(node)?;
        let code = self.world.ends_or_heals(node, LIMIT)?;
        let mut is_told = false;
        for reason in [
            "was written by a newer version of klamm",
            "There is no way back to an older version",
        ] {
            is_told |= self.world.says_last(node, reason)?;
        }
        if code != Some(Some(EXIT_CONFIG)) || !is_told {
            self.findings
                .wrong(format!("an older node was started, and ended with {code:?}"));
        }
        Ok(())
    }

    /// An older node with an empty disk does not come in.
    fn stays_outside(&mut self, node: usize) -> anyhow::Result<()> {
        self.world.wipe(node)?;
        self.world.start_node(node)?;
        let until = Instant::now() + STRANGER;
        while Instant::now() < until {
            if self.world.admins()[node].decides() {
                self.findings
                    .wrong(format!("node {} is older than the level, and serves", node + 1));
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.world.kill_node(node)?;
        self.world.wipe(node)
    }

    fn level(&self) -> anyhow::Result<u8> {
        let levels = self.world.admins().into_iter().map(|admin| admin.level());
        let levels: Option<Vec<u8>> = levels.collect();
        levels
            .and_then(|levels| levels.into_iter().max())
            .context("the feature level")
    }

    fn finalize(&self, node: usize, to: &[&str]) -> anyhow::Result<String> {
        let words = [&["cluster", "upgrade", "finalize"], to].concat();
        let answer = self.world.tool(node, self.world.data(node), &words)?;
        Ok(answer.to_string())
    }
}
