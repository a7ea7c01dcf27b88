//! Data directories of nodes: looks at them by the program itself, copies, and nodes that end because of what they find there.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::{ADMIN_PORT, Admin, NODES, Node, World, first_port, peer_address};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// A command that takes longer hangs.
const COMMAND_SECONDS: &str = "120";

/// The end of a command.
#[derive(Debug)]
pub(crate) struct ToolAnswer(Output);

impl ToolAnswer {
    /// The output, if it succeeded.
    pub(crate) fn succeeded(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.0.stdout).ok()?;
        self.0.status.success().then_some(text)
    }

    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }
}

impl fmt::Display for ToolAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [output, error] = [&self.0.stdout, &self.0.stderr].map(|text| String::from_utf8_lossy(text));
        write!(f, "{}: {output}{error}", self.0.status)
    }
}

impl World {
    /// The name of the file in a data directory.
    pub(crate) const FILE: &str = "klamm.redb";

    pub(crate) fn file(&self, id: usize) -> PathBuf {
        self.nodes[id].data.join(Self::FILE)
    }

    pub(crate) fn data(&self, id: usize) -> &Path {
        &self.nodes[id].data
    }

    /// Runs a command of the program as the operator of a node would, who has its data in `data`.
    pub(crate) fn tool(&self, id: usize, data: &Path, words: &[&str]) -> anyhow::Result<ToolAnswer> {
        let node = &self.nodes[id];
        let output = Command::new("timeout")
            .arg(COMMAND_SECONDS)
            .arg(&node.binary)
            .args(words)
            .env_clear()
            .envs(node.variables.iter().cloned())
            .env("KLAMM_DATA_DIR", data)
            .env("KLAMM_ADMIN_URL", self.admins()[id].url())
            .output()
            .context("timeout cannot be run: it is in coreutils")?;
        Ok(ToolAnswer(output))
    }

    /// Copies the file of a node.
    pub(crate) fn copy_data(&self, id: usize, to: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(to)?;
        fs::copy(self.file(id), to.join(Self::FILE))?;
        Ok(())
    }

    /// Puts a copy in the place of the file of a node that does not run.
    pub(crate) fn put_data(&self, id: usize, from: &Path) -> anyhow::Result<()> {
        fs::remove_file(self.file(id)).ok();
        fs::copy(from.join(Self::FILE), self.file(id))?;
        Ok(())
    }

    /// Waits until a node ends by itself, and gives its exit code, or until all nodes serve: none.
    pub(crate) fn ends_or_heals(
        &mut self,
        id: usize,
        limit: Duration,
    ) -> anyhow::Result<Option<Option<i32>>> {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.nodes[id].has_ended()?;
            if ended.is_some() {
                return Ok(ended);
            }
            if self
                .admins()
                .iter()
                .all(|admin| admin.sees_all_nodes_up() && admin.decides())
            {
                return Ok(None);
            }
            ensure!(
                Instant::now() < deadline,
                "node {} neither ends nor serves: see {}",
                id + 1,
                self.nodes[id].log.display()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Whether the last lines of a node's log have these words.
    pub(crate) fn says_last(&self, id: usize, words: &str) -> anyhow::Result<bool> {
        let log = fs::read_to_string(&self.nodes[id].log)?;
        Ok(log.lines().rev().take(5).any(|line| line.contains(words)))
    }

    /// Whether a node's log has these words.
    pub(crate) fn says(&self, id: usize, words: &str) -> anyhow::Result<bool> {
        Ok(fs::read_to_string(&self.nodes[id].log)?.contains(words))
    }

    /// Starts a further process with a copy of a node's data, beside the node, at addresses of its own.
    pub(crate) fn copy_starts(&mut self, id: usize) -> anyhow::Result<()> {
        let (node, guest) = (&self.nodes[id], &self.guest);
        let data = guest.data.with_file_name("data-copy");
        fs::remove_dir_all(&data).ok();
        self.copy_data(id, &data)?;
        let ports = &self.ports;
        let (was, is) = (
            peer_address(ports, id).to_string(),
            peer_address(ports, NODES).to_string(),
        );
        let port = |place: u16| ports.port(first_port(NODES) + place).to_string();
        let variables = node.variables.iter().map(|(name, value)| {
            let value = match name.as_str() {
                "KLAMM_DATA_DIR" => data.display().to_string(),
                "KLAMM_RAFT_LISTEN" | "KLAMM_RAFT_PEERS" => value.replace(&was, &is),
                "GATEWAY_HTTP_PORT" => port(ADMIN_PORT),
                "GATEWAY_PORT_START" => port(2),
                _ => value.clone(),
            };
            (name.clone(), value)
        });
        let copy = Node {
            id: NODES,
            binary: node.binary.clone(),
            variables: variables.collect(),
            admin_port: guest.admin_port,
            log: guest.log.with_file_name("copy.log"),
            data,
            process: None,
            is_paused: false,
        };
        self.guest = copy;
        self.guest.start()
    }

    pub(crate) fn does_copy_decide(&self) -> bool {
        Admin::all(std::iter::once(self.guest.admin_port))
            .iter()
            .all(Admin::decides)
    }

    pub(crate) fn copy_has_ended(&mut self) -> anyhow::Result<Option<Option<i32>>> {
        self.guest.has_ended()
    }

    /// Waits until the copy ends by itself.
    pub(crate) fn copy_ends(&mut self, limit: Duration) -> anyhow::Result<Option<i32>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(code) = self.guest.has_ended()? {
                return Ok(code);
            }
            ensure!(
                Instant::now() < deadline,
                "the copy does not end: see {}",
                self.guest.log.display()
            );
            std::thread::sleep(PAUSE);
        }
    }
}

impl Node {
    /// The exit code of a process that has ended.
    fn has_ended(&mut self) -> anyhow::Result<Option<Option<i32>>> {
        let Some(process) = &mut self.process else {
            return Ok(None);
        };
        let ended = process.try_wait()?;
        if ended.is_some() {
            self.process = None;
        }
        Ok(ended.map(|status| status.code()))
    }
}
