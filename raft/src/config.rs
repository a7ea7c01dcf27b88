//! The settings that a node is started with. It reads no file and no environment variable.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::cluster_secret::ClusterSecret;
use crate::model::{NodeId, NodeRecord};
use crate::store::Storage;

/// The settings that a node is started with.
#[derive(Debug, Clone)]
pub struct RaftConfig {
    pub id: OwnId,
    /// Where `klamm.redb` is; made (0700) when it does not exist. It belongs to this node for ever.
    pub data_dir: PathBuf,
    /// Under what the data directory is encrypted.
    pub storage: Storage,
    /// Where this node listens for others. A node without it stays alone.
    pub listen: Option<SocketAddr>,
    /// Where the other nodes reach this one, as `host:port`; its entry in `peers` by default.
    pub address: Option<String>,
    /// The nodes that found the cluster as `host:port`, this one included; empty where one node founds it. They must all be
    /// given the same ids. Later the addresses count, and not who is listed. An address may change with a restart.
    pub peers: BTreeMap<NodeId, String>,
    /// Addresses of nodes of a cluster that a node with an empty data directory joins.
    pub seeds: Vec<String>,
    /// The secret that the nodes of one cluster share. Without it and certificates, peers must be on loopback.
    pub secret: Option<ClusterSecret>,
    /// By which certificates nodes know each other as well, or instead.
    pub tls: Option<PeerTls>,
    /// The record of this node, which the other nodes tell clients. Its liveness counts only when the node is new to
    /// the cluster.
    pub record: NodeRecord,
    pub upgrade: Upgrade,
    pub tuning: Tuning,
}

/// The number of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnId {
    Fixed(NodeId),
    /// The one that its data directory has, or that the cluster gives it. One of the nodes that found the cluster has that of
    /// the list.
    Given {
        founding: Option<NodeId>,
    },
}

impl fmt::Display for OwnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(id) => id.fmt(f),
            None => f.write_str("(its number comes from the cluster)"),
        }
    }
}

impl OwnId {
    /// The number by the configuration, if it says one.
    pub(crate) fn number(self) -> Option<NodeId> {
        match self {
            Self::Fixed(id) => Some(id),
            Self::Given { founding } => founding,
        }
    }
}

/// When the feature level of the cluster is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// When every node has known the next level for so long.
    After(Duration),
    /// When somebody says so.
    Manual,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self::After(Duration::from_secs(24 * 60 * 60))
    }
}

impl RaftConfig {
    /// Where the other nodes reach node `id`, which this is.
    pub(crate) fn address_of(&self, id: NodeId) -> Option<String> {
        self.address.clone().or_else(|| self.peers.get(&id).cloned())
    }

    /// A cluster of one node.
    pub fn single(id: NodeId, data_dir: PathBuf, record: NodeRecord) -> Self {
        let peers = BTreeMap::new();
        Self {
            id: OwnId::Fixed(id),
            data_dir,
            storage: Storage::default(),
            listen: None,
            address: None,
            peers,
            seeds: Vec::new(),
            secret: None,
            tls: None,
            record,
            upgrade: Upgrade::default(),
            tuning: Tuning::default(),
        }
    }
}

/// TLS between nodes, where both sides show a certificate. Asked before each connection, so that files may change.
#[derive(Clone)]
pub struct PeerTls {
    /// For a peer that calls. It must demand a certificate.
    pub server: Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>,
    /// For a peer that is called.
    pub client: Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>,
}

impl fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerTls(..)")
    }
}

/// How long things take. The defaults are for production.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// How often a leader shows that it lives.
    pub heartbeat: Duration,
    /// A follower that has not heard a leader for a random time between this and one and a half times it stands for
    /// election.
    pub election: Duration,
    /// A node that is silent for this long leaves the set of live nodes.
    pub silence: Duration,
    /// How long a node must have been in contact before it counts as live again.
    pub recovery: Duration,
    /// For how long a node may decide without having heard from the leader.
    pub lease: Duration,
    /// How often a node asks for a lease.
    pub renewal: Duration,
    /// How long a proposal is tried, and waited for on all live nodes.
    pub propose: Duration,
    /// A snapshot is made after so many log entries; as many are kept for followers that lag.
    pub snapshot_entries: u64,
    /// New proposals are refused when the data directory's file system has less than this left, in bytes.
    pub disk_reserve_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election: Duration::from_millis(500),
            silence: Duration::from_secs(2),
            recovery: Duration::from_secs(2),
            lease: Duration::from_millis(2500),
            renewal: Duration::from_millis(250),
            propose: Duration::from_secs(10),
            snapshot_entries: 1000,
            disk_reserve_bytes: 32 * 1024 * 1024,
        }
    }
}

impl Tuning {
    /// The longest time that a follower waits for a leader before it stands for election.
    pub(crate) fn election_max(&self) -> Duration {
        self.election + self.election / 2
    }

    /// The shortest lease that lasts while the leader changes, so that nobody need wait for that: followers wait once for as
    /// long as a leader counts as one, and once before they stand for election.
    pub fn shortest_lease(&self) -> Duration {
        self.election_max() * 2 + self.heartbeat + self.renewal + ELECTED
    }
}

/// The time to be elected, and to grant the first leases.
const ELECTED: Duration = Duration::from_millis(500);
