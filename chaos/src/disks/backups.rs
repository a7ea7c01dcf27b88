//! Backups that are made under load, disks that are all lost or all but one, and the cluster that is made of what is left: it has
//! what the backup has, byte for byte, and no node of the old one comes into it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{WARM_UP, WRITERS};
use crate::findings::Findings;
use crate::history::{History, Operation};
use crate::invariants::acknowledged_survives;
use crate::say;
use crate::workload;
use crate::world::{NODES, World};

/// How long clients go on after a backup.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// For how long a node of the old cluster is watched.
const STRANGER: Duration = Duration::from_secs(5);

/// A key for backups: any 32 bytes.
pub(super) fn make_key(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join("backup.key");
    let mut file = fs::File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)?;
    writeln!(file, "{}A=", "klammchaos".repeat(5).split_at(42).0)?;
    Ok(path.display().to_string())
}

/// A part of a run: one loss and what comes of it.
struct DiskLoss<'a> {
    world: &'a mut World,
    findings: &'a mut Findings,
    files: &'a Path,
    turn: usize,
}

pub(super) fn run(
    world: &mut World,
    files: &Path,
    (random, limit): (&mut fastrand::Rng, Duration),
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    let mut turn = 0;
    while turn < 2 || Instant::now() < deadline {
        let mut loss = DiskLoss {
            world: &mut *world,
            findings: &mut *findings,
            files,
            turn,
        };
        match turn % 2 {
            0 => loss.of_all(random)?,
            _ => loss.of_most(random)?,
        }
        turn += 1;
    }
    say(&format!(
        "{} times all nodes were lost and restored from a backup that was made under load, {} times all but one",
        turn.div_ceil(2),
        turn / 2
    ));
    Ok(())
}

impl DiskLoss<'_> {
    /// All nodes are lost, and restored from a backup that was made while clients were at work.
    fn of_all(&mut self, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        let history = History::default();
        let writers = workload::start(self.world, &history, WRITERS);
        std::thread::sleep(WARM_UP);
        let before = history.operations();
        let backup = self.file("under-load");
        let asked = random.usize(0..NODES);
        let made = self.done(asked, &["cluster", "backup", &backup])?;
        ensure!(made.contains(", encrypted, "), "{made}");
        std::thread::sleep(AFTERWARDS);
        writers.stop();
        let has = self.state_of(&backup)?;
        self.quiet_nodes_have_one_state()?;
        let old = self.lose(&[0, 1, 2])?;
        let (first, second) = two(random);
        let printed = self.done(first, &["cluster", "restore", &backup])?;
        if !printed.contains("KNOWS NOTHING OF WHAT CAME AFTER IT")
            || !printed.contains("Tokens that were revoked since then are valid again")
        {
            self.findings
                .wrong("restore does not say what it cannot know".to_owned());
        }
        let id = new_id(&printed)?.to_owned();
        self.done(second, &["cluster", "restore", &backup, "--cluster-id", &id])?;
        for node in [first, second] {
            self.has_state(node, &has, "restored")?;
        }
        self.start_all()?;
        let again = self.file("restored");
        self.done(asked, &["cluster", "backup", &again])?;
        if self.state_of(&again)? != has {
            self.findings
                .wrong("the restored cluster has not what the backup has".to_owned());
        }
        self.has_what_was_acknowledged(&before, &history.operations())?;
        self.stays_outside(old, random.usize(0..NODES))
    }

    /// All nodes but one are lost, and the cluster is recovered from that.
    fn of_most(&mut self, random: &mut fastrand::Rng) -> anyhow::Result<()> {
        let history = History::default();
        let writers = workload::start(self.world, &history, WRITERS);
        std::thread::sleep(WARM_UP);
        writers.stop();
        let has = self.quiet_nodes_have_one_state()?;
        let (other, left) = two(random);
        let lost: Vec<usize> = (0..NODES).filter(|node| *node != left).collect();
        let old = self.lose(&lost)?;
        let data = self.world.data(left).to_owned();
        let seen = self.world.tool(left, &data, &["cluster", "inspect"])?;
        let seen = seen.succeeded().context("a look at what is left")?.to_owned();
        let was = line(&seen, "cluster ").context("the id of the cluster")?;
        let backup = self.file("recovered");
        let printed = self.done(
            left,
            &["cluster", "recover", "--confirm", was, "--backup", &backup],
        )?;
        let id = new_id(&printed)?.to_owned();
        self.done(other, &["cluster", "restore", &backup, "--cluster-id", &id])?;
        for node in [left, other] {
            self.has_state(node, &has, "recovered")?;
        }
        self.start_all()?;
        let operations = history.operations();
        self.has_what_was_acknowledged(&operations, &operations)?;
        fs::remove_file(data.join("klamm.redb.before-recover"))?;
        self.stays_outside(old, other)
    }

    /// Stops all nodes, which must have the same; and it.
    fn quiet_nodes_have_one_state(&mut self) -> anyhow::Result<String> {
        let backup = self.file("quiet");
        self.done(self.turn % NODES, &["cluster", "backup", &backup])?;
        let has = self.state_of(&backup)?;
        for node in 0..NODES {
            self.world.stop_node(node, || {})?;
        }
        for node in 0..NODES {
            self.has_state(node, &has, "stopped")?;
        }
        Ok(has)
    }

    fn has_state(&mut self, node: usize, has: &str, how: &str) -> anyhow::Result<()> {
        let data = self.world.data(node).to_owned();
        let seen = self.world.tool(node, &data, &["cluster", "inspect"])?;
        let shown = seen.succeeded().and_then(|seen| line(seen, "state's SHA-256 "));
        if shown != Some(has) {
            self.findings.wrong(format!(
                "node {} is {how}, and has {shown:?} instead of {has}: {seen}",
                node + 1
            ));
        }
        Ok(())
    }

    /// The SHA-256 of what a backup has.
    fn state_of(&self, backup: &str) -> anyhow::Result<String> {
        let key = self.files.join("backup.key").display().to_string();
        let seen = self.done(0, &["cluster", "backup", "verify", backup, "--key-file", &key])?;
        let state = line(&seen, "its state's SHA-256: ").context("what a backup has")?;
        Ok(state.to_owned())
    }

    /// Takes the disks of nodes away, which are kept for later.
    fn lose(&mut self, lost: &[usize]) -> anyhow::Result<PathBuf> {
        let kept = self.files.join(format!("old-{}", self.turn));
        for node in lost {
            self.world.copy_data(*node, &kept.join(node.to_string()))?;
            self.world.wipe(*node)?;
        }
        Ok(kept)
    }

    fn start_all(&mut self) -> anyhow::Result<()> {
        for node in 0..NODES {
            self.world.start_node(node)?;
        }
        self.world.wait_until_healed()
    }

    /// Looks whether everything is there that was acknowledged before, and not changed since.
    fn has_what_was_acknowledged(&mut self, before: &[Operation], all: &[Operation]) -> anyhow::Result<()> {
        let is_later = |operation: &Operation| {
            let of_it = |operations: &[Operation]| {
                let same = operations
                    .iter()
                    .filter(|other| other.account == operation.account);
                same.count()
            };
            of_it(before) < of_it(all)
        };
        let settled: Vec<Operation> = before
            .iter()
            .filter(|operation| !is_later(operation))
            .cloned()
            .collect();
        self.findings
            .at_least("changes before a backup", settled.len(), 20);
        for accounts in self.world.accounts_everywhere()? {
            self.findings
                .violations
                .extend(acknowledged_survives::violations(&settled, &accounts));
        }
        Ok(())
    }

    /// A node of the old cluster is turned away, and comes back with what it has in the new one.
    fn stays_outside(&mut self, old: PathBuf, node: usize) -> anyhow::Result<()> {
        let from = old.join(node.to_string());
        let kept = tempfile::tempdir()?;
        self.world.stop_node(node, || {})?;
        self.world.copy_data(node, kept.path())?;
        self.world.put_data(node, &from)?;
        self.world.start_node(node)?;
        let until = Instant::now() + STRANGER;
        while Instant::now() < until {
            if self.world.admins()[node].decides() {
                self.findings
                    .wrong(format!("node {} of the old cluster serves", node + 1));
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        if !self.world.says(node, "belongs to another cluster")? {
            self.findings
                .wrong(format!("node {} of the old cluster is not told so", node + 1));
        }
        self.world.kill_node(node)?;
        self.world.put_data(node, kept.path())?;
        fs::remove_dir_all(old)?;
        self.world.start_node(node)?;
        self.world.wait_until_healed()
    }

    /// The output of a command that must succeed.
    fn done(&self, node: usize, words: &[&str]) -> anyhow::Result<String> {
        let answer = self.world.tool(node, self.world.data(node), words)?;
        let output = answer.succeeded().map(str::to_owned);
        output.with_context(|| format!("{words:?}: {answer}"))
    }

    fn file(&self, name: &str) -> String {
        let path = self.files.join(format!("{name}-{}.backup", self.turn));
        path.display().to_string()
    }
}

/// Two nodes.
fn two(random: &mut fastrand::Rng) -> (usize, usize) {
    let first = random.usize(0..NODES);
    (first, (first + random.usize(1..NODES)) % NODES)
}

/// The rest of the line that begins so.
fn line<'a>(text: &'a str, begins: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(begins))
        .map(str::trim)
}

/// The id of a new cluster, as it is printed.
fn new_id(printed: &str) -> anyhow::Result<&str> {
    let (_, rest) = printed.split_once("the new cluster ").context("an id")?;
    rest.split(',').next().context("an id")
}
