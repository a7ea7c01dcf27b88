//! Three gateway nodes as processes on loopback. The physical cluster is away on purpose: accounts need none.

mod admin;
mod disks;
mod guest;
mod volume;

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use crate::history::Told;
use crate::ports::PortBlock;
use crate::relay::Link;

pub(crate) use admin::Admin;
use volume::Volume;

/// Nodes of the cluster.
pub(crate) const NODES: usize = 3;

/// Ports of a block that belong to a node: for its peers, for its admin API, and for clients.
const PORTS_OF_A_NODE: usize = 64;
const CLIENT_PORTS: usize = PORTS_OF_A_NODE - 2;

/// The place of the admin API among the ports of a node.
const ADMIN_PORT: u16 = 1;

/// How long the cluster may take to serve after the last fault.
const HEAL_LIMIT: Duration = Duration::from_secs(60);

/// How long a node may take to stop in an orderly way.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// The line of a node's log that tells of a snapshot that it got.
const SNAPSHOT_GOT: &str = "the state comes from a snapshot of another node";

/// The exit code of a node whose disk failed.
const DISK_FAILED: i32 = 74;

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Links {
    #[default]
    Direct,
    /// Through relays, which can be cut.
    Relayed,
}

/// The surroundings of the nodes.
#[derive(Debug, Default)]
pub(crate) struct WorldSetup {
    pub(crate) links: Links,
    /// Variables of all nodes, and of one.
    pub(crate) of_all: Vec<(&'static str, String)>,
    pub(crate) of_one: Vec<(usize, &'static str, String)>,
    /// The size of the file system that each node has for itself, if it has one.
    pub(crate) volume_bytes: Option<u64>,
}

impl WorldSetup {
    fn variables(&self, id: usize) -> impl Iterator<Item = (String, String)> {
        let of_all = self.of_all.iter().map(|(name, value)| (name, value));
        let of_one = self.of_one.iter().filter(move |(node, ..)| *node == id);
        of_all
            .chain(of_one.map(|(_, name, value)| (name, value)))
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
    }
}

/// The nodes, and where they keep their data.
#[derive(Debug)]
pub(crate) struct World {
    nodes: Vec<Node>,
    /// One that joins them for a while.
    guest: Node,
    links: Vec<Link>,
    /// Of each node, where they have such.
    volumes: Vec<Volume>,
    directory: TempDir,
    /// Held, so that a node which comes back finds its ports free.
    ports: PortBlock,
}

#[derive(Debug)]
struct Node {
    id: usize,
    /// The program that it is, or is next.
    binary: PathBuf,
    variables: Vec<(String, String)>,
    admin_port: u16,
    data: PathBuf,
    log: PathBuf,
    process: Option<Child>,
    is_paused: bool,
}

impl World {
    /// Starts the nodes and creates the virtual cluster that the clients use.
    pub(crate) fn start(binary: &Path, surroundings: &WorldSetup) -> anyhow::Result<Self> {
        let binary = there(binary)?;
        let directory = tempfile::Builder::new().prefix("klamm-chaos-").tempdir()?;
        let ports = PortBlock::take()?;
        let links = match surroundings.links {
            Links::Direct => Vec::new(),
            Links::Relayed => relays(&ports)?,
        };
        let node = |id: usize| {
            let data = directory.path().join(format!("data-{}", id + 1));
            let own = variables(id, &data, &ports, &links);
            Node {
                id,
                binary: binary.clone(),
                variables: own.into_iter().chain(surroundings.variables(id)).collect(),
                admin_port: ports.port(first_port(id) + ADMIN_PORT),
                data,
                log: directory.path().join(format!("node-{}.log", id + 1)),
                process: None,
                is_paused: false,
            }
        };
        let nodes: Vec<Node> = (0..NODES).map(node).collect();
        let volumes = match surroundings.volume_bytes {
            Some(bytes) => nodes
                .iter()
                .map(|node| Volume::mount(&node.data, bytes))
                .collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let mut world = Self {
            guest: Node::guest((directory.path(), binary.clone()), &ports, surroundings),
            nodes,
            links,
            volumes,
            directory,
            ports,
        };
        for id in 0..NODES {
            world.start_node(id)?;
        }
        world.wait_until_healed()?;
        if world.admins()[0].create_vcluster() != Told::Acknowledged {
            bail!("the virtual cluster could not be created");
        }
        Ok(world)
    }

    /// Cuts a node off from all others, or not.
    pub(crate) fn isolate(&self, id: usize, is_cut: bool) {
        self.mute(id, is_cut);
        self.deafen(id, is_cut);
    }

    /// Has nobody hear a node, or not.
    pub(crate) fn mute(&self, id: usize, is_cut: bool) {
        for way in self.links.iter().filter_map(|link| link.out_of(id)) {
            way.cut(is_cut);
        }
    }

    /// Has a node hear nobody, or not.
    pub(crate) fn deafen(&self, id: usize, is_cut: bool) {
        for way in self.links.iter().filter_map(|link| link.towards(id)) {
            way.cut(is_cut);
        }
    }

    /// Has a node hear everything so much later.
    pub(crate) fn hears_late(&self, id: usize, by_ms: u64) {
        for way in self.links.iter().filter_map(|link| link.towards(id)) {
            way.is_late_by(by_ms);
        }
    }

    /// How many requests all nodes have held back since they were started.
    pub(crate) fn held_requests(&self) -> u64 {
        self.admins()
            .iter()
            .map(|admin| admin.held_requests().unwrap_or(0))
            .sum()
    }

    /// Where clients of the virtual cluster begin, at each node.
    pub(crate) fn client_addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let servers = self.admins()[0].bootstrap_servers()?;
        let addresses = servers.split(',').map(|server| {
            let port = server.rsplit(':').next().context("a port")?.parse()?;
            anyhow::Ok((Ipv4Addr::LOCALHOST, port).into())
        });
        addresses.collect()
    }

    /// The address on a node that stands for what a port of any node does.
    pub(crate) fn address_at(&self, id: usize, port: u16) -> SocketAddr {
        let place = usize::from(port - self.ports.port(0)) % PORTS_OF_A_NODE;
        let place = u16::try_from(place).unwrap_or_default();
        (Ipv4Addr::LOCALHOST, self.ports.port(first_port(id) + place)).into()
    }

    pub(crate) fn is_running(&self, id: usize) -> bool {
        self.nodes[id].process.is_some() && !self.nodes[id].is_paused
    }

    pub(crate) fn is_paused(&self, id: usize) -> bool {
        self.nodes[id].is_paused
    }

    pub(crate) fn start_node(&mut self, id: usize) -> anyhow::Result<()> {
        self.nodes[id].start()
    }

    /// Has a node be another program when it is started next.
    pub(crate) fn install(&mut self, id: usize, binary: &Path) -> anyhow::Result<()> {
        self.nodes[id].binary = there(binary)?;
        Ok(())
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub(crate) fn kill_node(&mut self, id: usize) -> anyhow::Result<()> {
        self.nodes[id].kill()
    }

    /// SIGTERM, and `meanwhile` again and again until the process has ended.
    pub(crate) fn stop_node(&mut self, id: usize, mut meanwhile: impl FnMut()) -> anyhow::Result<()> {
        let node = &mut self.nodes[id];
        node.signal("-TERM")?;
        let deadline = Instant::now() + STOP_LIMIT;
        while let Some(process) = &mut node.process {
            if let Some(status) = process.try_wait()? {
                node.process = None;
                ensure!(status.success(), "node {} ended with {status}", id + 1);
            }
            ensure!(Instant::now() < deadline, "node {} does not stop", id + 1);
            meanwhile();
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Takes note of a node that has ended because its disk failed; whether it has.
    pub(crate) fn has_lost_its_disk(&mut self, id: usize) -> anyhow::Result<bool> {
        let node = &mut self.nodes[id];
        let ended = match &mut node.process {
            Some(process) => process.try_wait()?,
            None => None,
        };
        let is_lost = ended.is_some_and(|status| status.code() == Some(DISK_FAILED));
        if is_lost {
            node.process = None;
        }
        Ok(is_lost)
    }

    /// Throws away what a node that does not run has on its disk.
    pub(crate) fn wipe(&self, id: usize) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(&self.nodes[id].data)?)
    }

    pub(crate) fn volume(&self, id: usize) -> anyhow::Result<&Volume> {
        self.volumes
            .get(id)
            .context("nodes have no file systems of their own")
    }

    pub(crate) fn process_id(&self, id: usize) -> anyhow::Result<u32> {
        let process = self.nodes[id].process.as_ref();
        Ok(process
            .with_context(|| format!("node {} does not run", id + 1))?
            .id())
    }

    /// SIGSTOP: the node is silent, and does not know it.
    pub(crate) fn pause_node(&mut self, id: usize) -> anyhow::Result<()> {
        self.nodes[id].signal("-STOP")?;
        self.nodes[id].is_paused = true;
        Ok(())
    }

    /// SIGCONT.
    pub(crate) fn resume_node(&mut self, id: usize) -> anyhow::Result<()> {
        self.nodes[id].signal("-CONT")?;
        self.nodes[id].is_paused = false;
        Ok(())
    }

    /// Ends every fault and waits until all nodes serve.
    pub(crate) fn heal(&mut self) -> anyhow::Result<()> {
        for id in 0..NODES {
            if self.nodes[id].is_paused {
                self.resume_node(id)?;
            }
            if self.nodes[id].process.is_none() {
                self.start_node(id)?;
            }
        }
        self.wait_until_healed()
    }

    /// Waits until all nodes serve.
    pub(crate) fn wait_until_healed(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + HEAL_LIMIT;
        while !self.admins().iter().all(Admin::sees_all_nodes_up) {
            for node in &mut self.nodes {
                if let Some(process) = &mut node.process
                    && let Some(status) = process.try_wait()?
                {
                    bail!(
                        "node {} has stopped unexpectedly ({status}): see {}",
                        node.id + 1,
                        node.log.display()
                    );
                }
            }
            if Instant::now() > deadline {
                let kept = self.keep();
                bail!(
                    "the cluster did not heal within {} s: the nodes' logs and data are kept in {}",
                    HEAL_LIMIT.as_secs(),
                    kept.display()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// The node that the others follow, as far as one of them says.
    pub(crate) fn leader(&self) -> Option<usize> {
        let admins = self.admins();
        let running = (0..NODES).filter(|&id| self.is_running(id));
        running.filter_map(|id| admins[id].leader()).next()
    }

    /// The highest term that a node knows.
    pub(crate) fn term(&self) -> u64 {
        let admins = self.admins();
        let running = (0..NODES).filter(|&id| self.is_running(id));
        running
            .filter_map(|id| admins[id].term())
            .max()
            .unwrap_or_default()
    }

    /// How many snapshots of the state a node has got since its log began.
    pub(crate) fn snapshots(&self, id: usize) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(&self.nodes[id].log)?;
        Ok(log.matches(SNAPSHOT_GOT).count())
    }

    pub(crate) fn admins(&self) -> Vec<Admin> {
        Admin::all(self.nodes.iter().map(|node| node.admin_port))
    }

    /// The accounts that each node shows.
    pub(crate) fn accounts_everywhere(&self) -> anyhow::Result<Vec<BTreeSet<String>>> {
        self.admins().iter().map(Admin::accounts).collect()
    }

    /// Keeps logs and data after the run.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }
}

/// A program, by a path that holds wherever one is.
fn there(binary: &Path) -> anyhow::Result<PathBuf> {
    binary
        .canonicalize()
        .with_context(|| format!("{} is missing; make it with: cargo build", binary.display()))
}

/// A relay for each node to each other one.
fn relays(ports: &PortBlock) -> anyhow::Result<Vec<Link>> {
    let mut links = Vec::new();
    for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
        if from != to {
            links.push(Link::new(from, to, peer_address(ports, to))?);
        }
    }
    Ok(links)
}

/// The configuration of a node.
fn variables(id: usize, data: &Path, ports: &PortBlock, links: &[Link]) -> Vec<(String, String)> {
    let port = |place: u16| ports.port(first_port(id) + place).to_string();
    let peers = (0..NODES).map(|to| {
        let link = links.iter().find(|link| link.is(id, to));
        let address = link.map_or_else(|| peer_address(ports, to), |link| link.address);
        format!("{}={address}", to + 1)
    });
    [
        ("KAFKA_MAIN_BOOTSTRAP_SERVERS", "127.0.0.1:9".to_owned()),
        ("KLAMM_NODE_ID", (id + 1).to_string()),
        ("KLAMM_DATA_DIR", data.display().to_string()),
        ("KLAMM_RAFT_LISTEN", peer_address(ports, id).to_string()),
        ("KLAMM_RAFT_PEERS", peers.collect::<Vec<_>>().join(",")),
        ("GATEWAY_HTTP_PORT", port(ADMIN_PORT)),
        ("GATEWAY_PORT_START", port(2)),
        ("GATEWAY_PORT_COUNT", CLIENT_PORTS.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Where a node listens for its peers.
fn peer_address(ports: &PortBlock, id: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, ports.port(first_port(id))).into()
}

/// The place of a node's first port in the block.
fn first_port(id: usize) -> u16 {
    (0..).step_by(PORTS_OF_A_NODE).nth(id).unwrap_or_default()
}

impl Drop for World {
    fn drop(&mut self) {
        for node in self.nodes.iter_mut().chain([&mut self.guest]) {
            // Nothing more can be done about one that cannot be ended.
            let _ = node.kill();
        }
    }
}

impl Node {
    fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        self.is_paused = false;
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        // It ends with this program, however that ends: the thread that starts it is the one that lives longest.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.binary)
            .arg("serve")
            .env_clear()
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("setpriv cannot be run: it is in the package util-linux")?;
        self.process = Some(process);
        Ok(())
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let Some(process) = &self.process else {
            bail!("node {} does not run", self.id + 1)
        };
        let status = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status()?;
        if !status.success() {
            bail!("node {} could not be signalled", self.id + 1);
        }
        Ok(())
    }
}
