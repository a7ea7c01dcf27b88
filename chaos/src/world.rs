//! Three gateway nodes as processes on loopback. The physical cluster is away on purpose: accounts need none.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::history::{Told, Wish};
use crate::ports::PortBlock;
use crate::relay::Link;

/// Nodes of the cluster.
pub(crate) const NODES: usize = 3;

/// Ports of a block that belong to a node: for its peers, for its admin API, and for clients.
const PORTS_OF_A_NODE: usize = 64;
const CLIENT_PORTS: usize = PORTS_OF_A_NODE - 2;

const VCLUSTER: &str = "chaos";

/// How long a change may take before a client gives up.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the cluster may take to serve after the last fault.
const HEAL_LIMIT: Duration = Duration::from_secs(60);

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Direct,
    /// Through relays, which can be cut.
    Relayed,
}

/// The nodes, and where they keep their data.
#[derive(Debug)]
pub(crate) struct World {
    binary: PathBuf,
    directory: Option<TempDir>,
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// Held, so that a node which comes back finds its ports free.
    _ports: PortBlock,
}

#[derive(Debug)]
struct Node {
    id: usize,
    variables: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Child>,
    is_paused: bool,
}

/// One node's admin API, as a client sees it.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    url: String,
    agent: ureq::Agent,
}

impl World {
    /// Starts the nodes and creates the virtual cluster that the clients use.
    pub(crate) fn start(binary: &Path, more: &[(&str, &str)], links: Links) -> anyhow::Result<Self> {
        let binary = binary
            .canonicalize()
            .with_context(|| format!("{} is missing; make it with: cargo build", binary.display()))?;
        let directory = tempfile::Builder::new().prefix("klamm-chaos-").tempdir()?;
        let ports = PortBlock::take()?;
        let links = match links {
            Links::Direct => Vec::new(),
            Links::Relayed => relays(&ports)?,
        };
        let nodes = (0..NODES)
            .map(|id| Node {
                id,
                variables: variables(id, directory.path(), &ports, &links)
                    .into_iter()
                    .chain(
                        more.iter()
                            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
                    )
                    .collect(),
                log: directory.path().join(format!("node-{}.log", id + 1)),
                process: None,
                is_paused: false,
            })
            .collect();
        let mut world = Self {
            binary,
            directory: Some(directory),
            nodes,
            links,
            _ports: ports,
        };
        for id in 0..NODES {
            world.start_node(id)?;
        }
        world.wait_until_healed()?;
        let created = world.admins()[0].put(
            "virtual-cluster",
            &json!({
                "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": VCLUSTER},
                "spec": {"type": "Partner", "aclEnabled": true, "superUsers": ["super-user"]},
            }),
        );
        if created != Told::Acknowledged {
            bail!("the virtual cluster could not be created");
        }
        Ok(world)
    }

    /// Cuts a node off from all others, or not.
    pub(crate) fn isolate(&self, id: usize, is_cut: bool) {
        for link in self.links.iter().filter(|link| link.from == id || link.to == id) {
            link.cut(is_cut);
        }
    }

    /// How many requests all nodes have held back since they were started.
    pub(crate) fn held_requests(&self) -> u64 {
        let of_node = |admin: Admin| {
            let text = admin.metrics().unwrap_or_default();
            let lines = text.lines().filter_map(|line| {
                let (name, count) = line.rsplit_once(' ')?;
                name.starts_with("klamm_requests_held_total{")
                    .then(|| count.parse::<u64>().ok())?
            });
            lines.sum::<u64>()
        };
        self.admins().into_iter().map(of_node).sum()
    }

    /// Where clients of the virtual cluster begin, at each node.
    pub(crate) fn client_addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let path = format!("virtual-cluster/{VCLUSTER}");
        let vcluster = self.admins()[0].get(&path)?;
        let servers = vcluster["spec"]["bootstrapServers"]
            .as_str()
            .context("addresses")?;
        let addresses = servers.split(',').map(|server| {
            let port = server.rsplit(':').next().context("a port")?.parse()?;
            anyhow::Ok((Ipv4Addr::LOCALHOST, port).into())
        });
        addresses.collect()
    }

    pub(crate) fn is_running(&self, id: usize) -> bool {
        self.nodes[id].process.is_some() && !self.nodes[id].is_paused
    }

    pub(crate) fn is_paused(&self, id: usize) -> bool {
        self.nodes[id].is_paused
    }

    pub(crate) fn start_node(&mut self, id: usize) -> anyhow::Result<()> {
        let node = &mut self.nodes[id];
        let log = File::options().create(true).append(true).open(&node.log)?;
        let process = Command::new(&self.binary)
            .arg("serve")
            .env_clear()
            .envs(node.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be run", self.binary.display()))?;
        node.process = Some(process);
        Ok(())
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    pub(crate) fn kill_node(&mut self, id: usize) -> anyhow::Result<()> {
        let node = &mut self.nodes[id];
        if let Some(mut process) = node.process.take() {
            process.kill()?;
            process.wait()?;
        }
        node.is_paused = false;
        Ok(())
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

    fn wait_until_healed(&mut self) -> anyhow::Result<()> {
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
                bail!("the cluster did not heal within {} s", HEAL_LIMIT.as_secs());
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

    pub(crate) fn admins(&self) -> Vec<Admin> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(CLIENT_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        let port = |node: &Node| {
            node.variables
                .iter()
                .find(|(name, _)| name == "GATEWAY_HTTP_PORT")
                .map(|(_, port)| port.clone())
        };
        let admin = |port| Admin {
            url: format!("http://127.0.0.1:{port}"),
            agent: agent.clone(),
        };
        self.nodes.iter().filter_map(port).map(admin).collect()
    }

    /// The accounts that each node shows.
    pub(crate) fn accounts_everywhere(&self) -> anyhow::Result<Vec<BTreeSet<String>>> {
        self.admins().iter().map(Admin::accounts).collect()
    }

    /// Keeps logs and data after the run.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.directory.take().map(TempDir::keep).unwrap_or_default()
    }
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
fn variables(id: usize, directory: &Path, ports: &PortBlock, links: &[Link]) -> Vec<(String, String)> {
    let port = |place: u16| ports.port(first_port(id) + place).to_string();
    let data = directory.join(format!("data-{}", id + 1));
    let peers = (0..NODES).map(|to| {
        let link = links.iter().find(|link| (link.from, link.to) == (id, to));
        let address = link.map_or_else(|| peer_address(ports, to), |link| link.address);
        format!("{}={address}", to + 1)
    });
    [
        ("KAFKA_MAIN_BOOTSTRAP_SERVERS", "127.0.0.1:9".to_owned()),
        ("KLAMM_NODE_ID", (id + 1).to_string()),
        ("KLAMM_DATA_DIR", data.display().to_string()),
        ("KLAMM_RAFT_LISTEN", peer_address(ports, id).to_string()),
        ("KLAMM_RAFT_PEERS", peers.collect::<Vec<_>>().join(",")),
        ("GATEWAY_HTTP_PORT", port(1)),
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
        for id in 0..self.nodes.len() {
            // Nothing more can be done about one that cannot be ended.
            let _ = self.kill_node(id);
        }
    }
}

impl Node {
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

impl Admin {
    /// A token of an account, which is made if it is not there.
    pub(crate) fn token(&self, account: &str) -> anyhow::Result<String> {
        self.change(account, Wish::Create);
        let body = json!({"username": account, "vCluster": VCLUSTER, "lifeTimeSeconds": 24 * 3600});
        let request = self
            .agent
            .post(self.path("token"))
            .header("Authorization", AUTHORIZATION);
        let answer: Value = request.send_json(body)?.body_mut().read_json()?;
        Ok(answer["token"].as_str().context("a token")?.to_owned())
    }

    pub(crate) fn change(&self, account: &str, wish: Wish) -> Told {
        match wish {
            Wish::Create => self.put(
                "service-account",
                &json!({
                    "kind": "GatewayServiceAccount", "apiVersion": "gateway/v2",
                    "metadata": {"name": account, "vCluster": VCLUSTER}, "spec": {"type": "LOCAL"},
                }),
            ),
            Wish::Delete => {
                let request = self
                    .agent
                    .delete(self.path("service-account"))
                    .header("Authorization", AUTHORIZATION);
                told(
                    request
                        .force_send_body()
                        .send_json(json!({"name": account, "vCluster": VCLUSTER})),
                )
            }
        }
    }

    /// Whether the node lists an account; none when it does not say.
    pub(crate) fn shows(&self, account: &str) -> Option<bool> {
        let path = format!("service-account?vcluster={VCLUSTER}&name={account}");
        Some(!self.get(&path).ok()?.as_array()?.is_empty())
    }

    fn put(&self, path: &str, resource: &Value) -> Told {
        told(
            self.agent
                .put(self.path(path))
                .header("Authorization", AUTHORIZATION)
                .send_json(resource),
        )
    }

    fn path(&self, path: &str) -> String {
        format!("{}/gateway/v2/{path}", self.url)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self
            .agent
            .get(self.path(path))
            .header("Authorization", AUTHORIZATION);
        Ok(request.call()?.body_mut().read_json()?)
    }

    fn metrics(&self) -> anyhow::Result<String> {
        let request = self
            .agent
            .get(format!("{}/metrics", self.url))
            .header("Authorization", AUTHORIZATION);
        Ok(request.call()?.body_mut().read_to_string()?)
    }

    fn leader(&self) -> Option<usize> {
        let id = self.get("cluster").ok()?["leader"].as_u64()?;
        usize::try_from(id).ok()?.checked_sub(1)
    }

    fn sees_all_nodes_up(&self) -> bool {
        let Ok(status) = self.get("cluster") else {
            return false;
        };
        let nodes = status["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let up = nodes.iter().filter(|node| node["liveness"] == "UP").count();
        status["leader"].is_u64() && up == NODES
    }

    fn accounts(&self) -> anyhow::Result<BTreeSet<String>> {
        let list = self.get(&format!("service-account?vcluster={VCLUSTER}"))?;
        let names = list.as_array().context("the list of accounts is no list")?.iter();
        Ok(names
            .filter_map(|account| account["metadata"]["name"].as_str())
            .map(str::to_owned)
            .collect())
    }
}

/// The admin user that a node on loopback has by default.
const AUTHORIZATION: &str = "Basic YWRtaW46Y29uZHVrdG9y";

fn told(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Told {
    match answer.map(|answer| answer.status().as_u16()) {
        Ok(200..=299) => Told::Acknowledged,
        Ok(400..=499) => Told::Refused,
        // A closed port: nothing was sent.
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Told::Refused,
        Ok(_) | Err(_) => Told::Unknown,
    }
}
