//! The gateway cluster as one node sees it, as JSON for operators.

use std::collections::BTreeSet;

use klamm_raft::model::{Liveness, NodeId, NodeRecord, Routing, State};
use klamm_raft::{PeerStatus, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::here::{DecidingView, Here, PhysicalView, UnopenedView};

/// The answer to `GET /gateway/v2/cluster`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Cluster")]
pub struct ClusterView {
    /// The id that the cluster got when it was founded; `null` before the node that answers knows it.
    #[serde(default)]
    pub cluster_id: Option<String>,
    /// The node that answers.
    pub node_id: u64,
    pub leader: Option<u64>,
    pub term: u64,
    /// The last entry of this node's log.
    pub last_log: Option<u64>,
    pub committed: Option<u64>,
    /// The revision that this node has applied.
    pub applied: u64,
    /// The part of what the nodes know that may be used.
    #[serde(default)]
    pub feature_level: u8,
    #[serde(default)]
    pub deciding: DecidingView,
    /// All nodes that have joined and were not removed, by id.
    pub nodes: Vec<NodeView>,
    /// The physical clusters, as the node that answers sees them.
    #[serde(default)]
    pub physical_clusters: Vec<PhysicalView>,
    /// Addresses that the node that answers cannot open.
    #[serde(default)]
    pub unopened: Vec<UnopenedView>,
}

/// The liveness of a node, on which all nodes agree; but one that does not answer the node that tells of it is down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum LivenessView {
    Up,
    Down,
    Draining,
    /// It has not joined yet.
    #[default]
    Unknown,
}

/// One listener of a node, with what clients are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ListenerView {
    pub name: String,
    /// As in `security.protocol`; both, where the methods of the virtual cluster decide.
    pub protocol: String,
    /// Where each virtual broker has a port of its own.
    pub advertised_host: Option<String>,
    pub port_start: Option<u16>,
    pub port_count: Option<u16>,
    /// Where names tell virtual brokers apart, at one port.
    pub domain: Option<String>,
    pub port: Option<u16>,
}

/// One node of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct NodeView {
    pub id: u64,
    pub liveness: LivenessView,
    /// Of klamm; `null` until it has joined.
    #[serde(default)]
    pub version: Option<String>,
    /// The highest feature level that it knows; `null` until it has joined.
    #[serde(default)]
    pub highest_level: Option<u8>,
    /// The listeners that it opens for Kafka clients; empty until it has joined.
    pub listeners: Vec<ListenerView>,
    /// Where the other nodes reach it; `null` for a single node.
    pub peer_address: Option<String>,
    /// The revision that it showed last.
    pub applied: Option<u64>,
    /// How long ago it answered this node last; `null` for this node, or when it never did.
    pub silent_for_ms: Option<u64>,
}

impl ClusterView {
    pub(super) fn of(status: Status, state: &State, here: Here) -> Self {
        let nodes = NodeView::all(&status, state);
        Self {
            cluster_id: status.cluster_id,
            node_id: status.id.0,
            leader: status.leader.map(|id| id.0),
            term: status.term,
            last_log: status.last_log,
            committed: status.committed,
            applied: status.applied.0,
            feature_level: state.level.0,
            deciding: here.deciding,
            nodes,
            physical_clusters: here.physical_clusters,
            unopened: here.unopened,
        }
    }
}

impl NodeView {
    /// All nodes, by id.
    pub(super) fn all(status: &Status, state: &State) -> Vec<Self> {
        let peers = status.peers.iter().map(|peer| peer.id);
        let ids: BTreeSet<NodeId> = state
            .nodes
            .keys()
            .copied()
            .chain(peers)
            .chain([status.id])
            .collect();
        ids.into_iter().map(|id| Self::of(id, status, state)).collect()
    }

    fn of(id: NodeId, status: &Status, state: &State) -> Self {
        let record = state.nodes.get(&id);
        let peer: Option<&PeerStatus> = status.peers.iter().find(|peer| peer.id == id);
        let applied = if id == status.id {
            Some(status.visible)
        } else {
            peer.map(|peer| peer.visible)
        };
        Self {
            id: id.0,
            liveness: match record.map(|record| record.liveness) {
                Some(_) if peer.is_some_and(|peer| !peer.answers) => LivenessView::Down,
                Some(Liveness::Up) => LivenessView::Up,
                Some(Liveness::Down) => LivenessView::Down,
                Some(Liveness::Draining) => LivenessView::Draining,
                None => LivenessView::Unknown,
            },
            version: record.map(|record| record.ability.version.clone()),
            highest_level: record.map(|record| record.ability.highest.0),
            listeners: record.map(listeners).unwrap_or_default(),
            peer_address: peer.map(|peer| peer.address.clone()),
            applied: applied.map(|revision| revision.0),
            silent_for_ms: peer
                .and_then(|peer| peer.silent_for)
                .map(|silent| u64::try_from(silent.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

fn listeners(record: &NodeRecord) -> Vec<ListenerView> {
    let listeners = record.listeners.iter().map(|(name, listener)| {
        let view = ListenerView {
            name: name.to_string(),
            protocol: listener.speech.to_string(),
            ..ListenerView::default()
        };
        match &listener.routing {
            Routing::Port { host, start, count } => ListenerView {
                advertised_host: Some(host.clone()),
                port_start: Some(*start),
                port_count: Some(*count),
                ..view
            },
            Routing::Sni { domain, port } => ListenerView {
                domain: Some(domain.clone()),
                port: Some(*port),
                ..view
            },
        }
    });
    listeners.collect()
}
