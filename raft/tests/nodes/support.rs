//! Nodes of one cluster in this process, on loopback ports, each in a directory of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use klamm_raft::command::Command;
use klamm_raft::model::{
    Liveness, NodeId, NodeRecord, Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase, State,
    VclusterKind, VirtualCluster,
};
use klamm_raft::{Applied, ClusterSecret, Node, ProposeError, RaftConfig, StartError, StoreError, Tuning};

use crate::ports::PortBlock;

/// For anything that is to happen at all; the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<u64, Node>,
    directory: tempfile::TempDir,
    /// Held, so that a node which comes back finds its port free.
    ports: PortBlock,
    pub(crate) peers: BTreeMap<NodeId, String>,
    pub(crate) secret: Option<ClusterSecret>,
    pub(crate) tuning: Tuning,
}

impl Cluster {
    /// Three configured nodes, none of them started.
    pub(crate) fn configured() -> Self {
        let ports = PortBlock::take().unwrap();
        let address = |at: u16| format!("127.0.0.1:{}", ports.port(at));
        let peers = (0..3)
            .map(|at| (NodeId(u64::from(at) + 1), address(at)))
            .collect();
        let directory = tempfile::tempdir().unwrap();
        Self {
            nodes: BTreeMap::new(),
            directory,
            ports,
            peers,
            secret: Some(ClusterSecret::generate().unwrap()),
            tuning: tuning(),
        }
    }

    /// Three nodes that have found each other.
    pub(crate) async fn started() -> Self {
        let mut cluster = Self::configured();
        cluster.start_all().await;
        cluster
    }

    pub(crate) async fn start_all(&mut self) {
        for id in 1..=3 {
            self.start(id);
        }
        for node in self.nodes.values() {
            node.wait_ready(LIMIT).await.unwrap();
        }
    }

    pub(crate) fn data_dir(&self, id: u64) -> PathBuf {
        self.directory.path().join(format!("node{id}"))
    }

    /// An address that no configured node has.
    pub(crate) fn spare_address(&self, at: u16) -> String {
        format!("127.0.0.1:{}", self.ports.port(10 + at))
    }

    pub(crate) fn address(&self, id: u64) -> SocketAddr {
        self.peers[&NodeId(id)].parse().unwrap()
    }

    pub(crate) fn config(&self, id: u64) -> RaftConfig {
        RaftConfig {
            secret: self.secret.clone(),
            tuning: self.tuning.clone(),
            ..config_of(id, self.peers.clone(), self.data_dir(id))
        }
    }

    pub(crate) fn start(&mut self, id: u64) -> Node {
        let node = Node::start(self.config(id)).unwrap();
        self.nodes.insert(id, node.clone());
        node
    }

    pub(crate) async fn stop(&mut self, id: u64) {
        self.nodes.remove(&id).unwrap().shutdown().await;
    }

    /// Stops a node without a word to the others.
    pub(crate) fn kill(&mut self, id: u64) {
        self.nodes.remove(&id).unwrap();
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        &self.nodes[&id]
    }

    /// The node that all running ones follow.
    pub(crate) async fn leader(&self) -> u64 {
        let mut leader = None;
        eventually("all follow one leader", || {
            let leaders: BTreeSet<_> = self.nodes.values().map(|node| node.status().leader).collect();
            leader = leaders.first().copied().flatten().map(|id| id.0);
            leaders.len() == 1 && leader.is_some_and(|leader| self.nodes.contains_key(&leader))
        })
        .await;
        leader.unwrap()
    }

    /// The state that all running nodes come to.
    pub(crate) async fn agreed(&self) -> Arc<State> {
        let state = |node: &Node| node.states().borrow().clone();
        eventually("all show the same state", || {
            let mut states = self.nodes.values().map(state);
            let first = states.next().unwrap();
            states.all(|other| other == first)
        })
        .await;
        state(self.nodes.values().next().unwrap())
    }
}

/// A node of a cluster, also in another process.
pub(crate) fn config_of(id: u64, peers: BTreeMap<NodeId, String>, data_dir: PathBuf) -> RaftConfig {
    let record = NodeRecord::with_ports(format!("gateway{id}"), 6969, 50_000);
    RaftConfig {
        listen: Some(peers[&NodeId(id)].parse().unwrap()),
        peers,
        tuning: tuning(),
        ..RaftConfig::single(NodeId(id), data_dir, record)
    }
}

fn tuning() -> Tuning {
    Tuning {
        silence: Duration::from_millis(1500),
        recovery: Duration::from_millis(500),
        propose: Duration::from_secs(20),
        ..Tuning::default()
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn put(name: &str) -> Command {
    Command::PutVcluster {
        name: name.parse().unwrap(),
        spec: VirtualCluster {
            super_users: ["admin".parse().unwrap()].into(),
            ..VirtualCluster::new(VclusterKind::Partner)
        },
        kafka_cluster_id: format!("id-of-{name}"),
        at_s: 0,
        beside: None,
    }
}

pub(crate) fn put_policy(name: &str) -> Command {
    let policy = Policy {
        condition: Some("true".to_owned()),
        ..Policy::new(PolicyPhase::Consume, PolicyAction::SkipRecord)
    };
    Command::PutPolicy {
        key: PolicyKey::Everywhere(PolicyId::of_all(name.parse().unwrap())),
        policy,
    }
}

pub(crate) async fn propose(node: &Node, name: &str) -> Result<Applied, ProposeError> {
    node.propose_own(put(name)).await
}

pub(crate) fn liveness(node: &Node, of: u64) -> Option<Liveness> {
    node.states()
        .borrow()
        .nodes
        .get(&NodeId(of))
        .map(|record| record.liveness)
}

/// Starts a node on a directory that one may still be about to leave.
pub(crate) async fn restart(config: RaftConfig) -> Node {
    let start = Instant::now();
    loop {
        match Node::start(config.clone()) {
            Ok(node) => return node,
            Err(StartError::Store(StoreError::InUse { .. })) if start.elapsed() < LIMIT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}
