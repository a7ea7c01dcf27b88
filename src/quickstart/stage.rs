//! Everything that runs together: Kafka clusters, gateway nodes and the directory that they share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::quickstart::admin::Admin;
use crate::quickstart::error::QuickstartError;
use crate::quickstart::kafka::{Cluster, Kafka};
use crate::quickstart::node::{GatewayNode, NodeSettings, write_clusters};
use crate::quickstart::ports::{self, PortBlock};

/// How many ports for clients each node has in the port block.
pub const CLIENT_PORTS: u16 = 72;

/// How many ports for clients each node has at the usual place.
const USUAL_CLIENT_PORTS: u16 = 64;

/// Where in the port block things begin: Kafka first (four clusters fit), then whatever else, Raft, the admin APIs and
/// the clients' ports.
const KAFKA_OFFSET: u16 = 0;
const SPARE_OFFSET: u16 = 8;
const RAFT_OFFSET: u16 = 16;
const HTTP_OFFSET: u16 = 20;
const CLIENT_OFFSET: u16 = 24;

/// The ports that the documentation shows; used when they are free.
const USUAL_HTTP: u16 = 8888;
const USUAL_CLIENTS: u16 = 6969;

/// The nodes that fit into a port block.
pub const MAX_NODES: u16 = 3;

/// The processes of a demonstration. Dropping it ends everything in order and deletes the directory.
#[derive(Debug)]
pub struct Stage {
    nodes: Vec<GatewayNode>,
    clusters: Vec<(String, Cluster)>,
    kafka: Kafka,
    directory: Scratch,
    ports: PortBlock,
}

/// How the gateway nodes are set up.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// The `klamm` executable.
    pub program: PathBuf,
    /// 1 to [`MAX_NODES`].
    pub count: u16,
    /// The host that clients are told.
    pub advertised_host: String,
    pub ports: PortChoice,
    /// Further environment variables for every node.
    pub more: Vec<(String, String)>,
}

/// Which ports nodes listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortChoice {
    /// Those that the documentation shows, if they are free.
    Usual,
    /// Any free ones.
    Any,
}

impl Stage {
    /// An empty stage with Kafka installed.
    ///
    /// # Errors
    /// When Kafka cannot be installed or there are no free ports.
    pub fn new() -> Result<Self, QuickstartError> {
        let directory = Scratch::new()?;
        let kafka = Kafka::install(&directory.path)?;
        Ok(Self {
            nodes: Vec::new(),
            clusters: Vec::new(),
            kafka,
            directory,
            ports: PortBlock::take()?,
        })
    }

    /// Starts a Kafka cluster of one broker; returns its address. `options` are those of `kafka.sh run`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_kafka(&mut self, name: &str, options: &[&str]) -> Result<String, QuickstartError> {
        // A broker uses two ports.
        let offset = KAFKA_OFFSET + 2 * u16::try_from(self.clusters.len()).unwrap_or(u16::MAX / 4);
        let cluster = self.kafka.cluster(name, self.ports.port(offset), options)?;
        let bootstrap = cluster.bootstrap().to_owned();
        self.clusters.push((name.to_owned(), cluster));
        Ok(bootstrap)
    }

    /// Ends a Kafka cluster and builds it anew, empty, where it was: to Kafka it is another one.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn rebuild_kafka(&mut self, name: &str) -> Result<(), QuickstartError> {
        let Some(at) = self.clusters.iter().position(|(known, _)| known == name) else {
            return Ok(());
        };
        let (name, cluster) = self.clusters.remove(at);
        let port = cluster.port();
        // What is left of it ends, and its data goes.
        drop(cluster);
        let cluster = self.kafka.cluster(&name, port, &[])?;
        self.clusters.insert(at, (name, cluster));
        Ok(())
    }

    /// Writes down which physical clusters the gateway will know, each with Kafka client properties.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(&self, clusters: &[(&str, &[(&str, &str)])]) -> Result<(), QuickstartError> {
        write_clusters(&self.clusters_file(), clusters)
    }

    /// Starts the gateway nodes and waits until all serve.
    ///
    /// # Errors
    /// When one does not come up.
    pub fn start_nodes(&mut self, nodes: &Nodes) -> Result<(), QuickstartError> {
        let (http, clients, port_count) = self.node_ports(nodes);
        let raft_ports: Vec<u16> = match nodes.count {
            1 => Vec::new(),
            count => (0..count)
                .map(|index| self.ports.port(RAFT_OFFSET + index))
                .collect(),
        };
        for index in 0..nodes.count {
            self.nodes.push(GatewayNode::start(NodeSettings {
                program: nodes.program.clone(),
                id: index + 1,
                data_dir: self.directory.path.join(format!("node{}", index + 1)),
                clusters: self.clusters_file(),
                http_port: http + index,
                advertised_host: nodes.advertised_host.clone(),
                port_start: clients + index * port_count,
                port_count,
                raft_ports: raft_ports.clone(),
                more: nodes.more.clone(),
            })?);
        }
        self.nodes.iter_mut().try_for_each(GatewayNode::await_ready)
    }

    /// A port for something else, 0 to 7.
    #[must_use]
    pub fn spare_port(&self, number: u16) -> u16 {
        self.ports.port(SPARE_OFFSET + number)
    }

    /// One of the ports for clients of a node with listeners of its own, 0 to 215.
    #[must_use]
    pub fn client_port(&self, number: u16) -> u16 {
        self.ports.port(CLIENT_OFFSET + number)
    }

    /// The admin API of a node, counted from 1.
    #[must_use]
    pub fn admin(&self, node: usize) -> Admin {
        Admin::new(&self.nodes[node - 1].admin_url())
    }

    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    #[must_use]
    pub fn nodes(&self) -> &[GatewayNode] {
        &self.nodes
    }

    /// A node, counted from 1.
    pub fn node_mut(&mut self, node: usize) -> &mut GatewayNode {
        &mut self.nodes[node - 1]
    }

    pub fn nodes_mut(&mut self) -> &mut [GatewayNode] {
        &mut self.nodes
    }

    /// A directory for files; it goes with the stage.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.path
    }

    /// The address of a Kafka cluster that was started here.
    #[must_use]
    pub fn bootstrap(&self, cluster: &str) -> Option<&str> {
        self.clusters
            .iter()
            .find(|(name, _)| name == cluster)
            .map(|(_, cluster)| cluster.bootstrap())
    }

    /// Where a Kafka cluster that was started here keeps its data and logs.
    #[must_use]
    pub fn data_of(&self, cluster: &str) -> Option<&Path> {
        self.clusters
            .iter()
            .find(|(name, _)| name == cluster)
            .map(|(_, cluster)| cluster.directory())
    }

    fn clusters_file(&self) -> PathBuf {
        self.directory.path.join("clusters.yaml")
    }

    /// The first port of the admin APIs, the first of the clients, and how many of those each node has.
    fn node_ports(&self, nodes: &Nodes) -> (u16, u16, u16) {
        let usual = nodes.ports == PortChoice::Usual
            && (USUAL_HTTP..USUAL_HTTP + nodes.count).all(ports::is_free)
            && (USUAL_CLIENTS..USUAL_CLIENTS + nodes.count * USUAL_CLIENT_PORTS).all(ports::is_free);
        if usual {
            (USUAL_HTTP, USUAL_CLIENTS, USUAL_CLIENT_PORTS)
        } else {
            (
                self.ports.port(HTTP_OFFSET),
                self.ports.port(CLIENT_OFFSET),
                CLIENT_PORTS,
            )
        }
    }
}

/// How the names of all scratch directories begin; a process id follows.
const PREFIX: &str = "klamm-quickstart.";

/// A directory that is deleted with the value.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self, QuickstartError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "klamm-quickstart.{}.{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        remove_orphans();
        fs::create_dir_all(&path).map_err(QuickstartError::io("make a directory"))?;
        Ok(Self { path })
    }
}

/// Deletes the files that processes which were killed could not delete.
fn remove_orphans() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('.').next());
        let alive =
            |pid: &str| pid == std::process::id().to_string() || Path::new("/proc").join(pid).exists();
        // Without /proc nobody can be known to be dead.
        if Path::new("/proc/self").exists() && pid.is_some_and(|pid| !alive(pid)) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}
