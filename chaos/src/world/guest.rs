//! A fourth node, which comes and goes: it joins with an empty disk, comes to vote, is removed, and is told so.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::{ADMIN_PORT, Admin, CLIENT_PORTS, NODES, Node, World, WorldSetup, first_port, peer_address};
use crate::ports::PortBlock;

/// How long each step may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The exit code of a node whose data directory is of no use any more.
const EXIT_CONFIG: i32 = 78;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

impl Node {
    /// The guest, which has not come yet.
    pub(super) fn guest(
        (directory, binary): (&Path, PathBuf),
        ports: &PortBlock,
        surroundings: &WorldSetup,
    ) -> Self {
        let data = directory.join("data-guest");
        let port = |place: u16| ports.port(first_port(NODES) + place).to_string();
        let seeds: Vec<String> = (0..NODES).map(|id| peer_address(ports, id).to_string()).collect();
        let variables = [
            ("KAFKA_MAIN_BOOTSTRAP_SERVERS", "127.0.0.1:9".to_owned()),
            ("KLAMM_NODE_ID", "auto".to_owned()),
            ("KLAMM_DATA_DIR", data.display().to_string()),
            ("KLAMM_RAFT_JOIN", seeds.join(",")),
            ("KLAMM_RAFT_ADVERTISED", peer_address(ports, NODES).to_string()),
            ("GATEWAY_HTTP_PORT", port(ADMIN_PORT)),
            ("GATEWAY_PORT_START", port(2)),
            ("GATEWAY_PORT_COUNT", CLIENT_PORTS.to_string()),
        ];
        Self {
            id: NODES,
            binary,
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .chain(surroundings.variables(NODES))
                .collect(),
            admin_port: ports.port(first_port(NODES) + ADMIN_PORT),
            data,
            log: directory.join("guest.log"),
            process: None,
            is_paused: false,
        }
    }

    /// Waits until the process ends by itself.
    fn end(&mut self) -> anyhow::Result<Option<i32>> {
        let process = self.process.as_mut().context("it runs")?;
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = process.try_wait()? {
                self.process = None;
                return Ok(status.code());
            }
            ensure!(
                Instant::now() < deadline,
                "the guest was removed and does not end"
            );
            std::thread::sleep(PAUSE);
        }
    }
}

impl World {
    /// Has the guest join with an empty disk; its number, once it is up or has one that was given before: up to `given`.
    pub(crate) fn guest_joins(&mut self, given: u64) -> anyhow::Result<u64> {
        if self.guest.data.exists() {
            std::fs::remove_dir_all(&self.guest.data)?;
        }
        self.guest.start()?;
        let admin = self.guest_admin();
        let mut id = None;
        self.until("the guest joins", |world| {
            id = admin.node_id();
            id.is_some_and(|id| id <= given || world.members().iter().any(|member| is_up(member, id)))
        })?;
        id.context("its number")
    }

    /// SIGKILL.
    pub(crate) fn guest_is_killed(&mut self) -> anyhow::Result<()> {
        self.guest.kill()
    }

    /// Asks a node for a change of the members, until it is on record.
    pub(crate) fn change_members(&self, at: usize, action: &str, body: &Value) -> anyhow::Result<()> {
        let admin = &self.admins()[at];
        self.until(action, |_| admin.change_members(action, body))
    }

    /// Waits until nodes vote, as many as that, and no change of them is under way.
    pub(crate) fn voters_are(&self, count: usize) -> anyhow::Result<()> {
        self.until("the voters change", |world| {
            let votes = |member: &&Value| member["role"] == "VOTER";
            world.is_settled() && world.members().iter().filter(votes).count() == count
        })
    }

    /// Whether a change of the voters is under way, as far as one of the nodes knows.
    pub(crate) fn are_voters_changing(&self) -> bool {
        self.admins()
            .iter()
            .any(|admin| admin.members().is_some_and(|view| view["isChanging"] == true))
    }

    /// Removes the guest: it ends and says why, and so it does when it is started again.
    pub(crate) fn guest_is_removed(&mut self, at: usize, id: u64) -> anyhow::Result<()> {
        self.change_members(at, "remove", &json!({ "nodeId": id }))?;
        for _ in 0..2 {
            let code = self.guest.end()?;
            ensure!(
                code == Some(EXIT_CONFIG),
                "the guest was removed, and ended with {code:?}"
            );
            self.guest.start()?;
        }
        let code = self.guest.end()?;
        ensure!(
            code == Some(EXIT_CONFIG),
            "the guest came back, and ended with {code:?}"
        );
        self.until("the guest is gone", |world| {
            world.members().iter().all(|member| member["id"] != id)
        })
    }

    fn guest_admin(&self) -> Admin {
        Admin::all(std::iter::once(self.guest.admin_port)).swap_remove(0)
    }

    /// The members as the first node says that answers.
    fn members(&self) -> Vec<Value> {
        let views = self.admins().into_iter().filter_map(|admin| admin.members());
        let members = views.map(|view| view["members"].as_array().cloned());
        members.flatten().next().unwrap_or_default()
    }

    fn is_settled(&self) -> bool {
        self.admins()
            .iter()
            .all(|admin| admin.members().is_some_and(|view| view["isChanging"] == false))
    }

    fn until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !is_so(self) {
            if Instant::now() > deadline {
                bail!("not within {} s: {what}", LIMIT.as_secs());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn is_up(member: &Value, id: u64) -> bool {
    member["id"] == id && member["role"] != "JOINING" && member["liveness"] == "UP"
}
