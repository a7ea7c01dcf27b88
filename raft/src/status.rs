//! The knowledge that a node has of itself and its peers, for operators and metrics.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::{Liveness, NodeId, Revision};
use crate::network::PeerRefusal;
use crate::outcome::Refusal;

/// A node's picture of the cluster at one moment.
#[derive(Debug, Clone)]
pub struct Status {
    pub id: NodeId,
    /// The id that the cluster got when it was founded; `None` before this node knows it.
    pub cluster_id: Option<String>,
    /// The leader that this node follows, and hears; itself when it leads.
    pub leader: Option<NodeId>,
    pub term: u64,
    /// The index of the last entry in this node's log.
    pub last_log: Option<u64>,
    /// The highest index that this node knows to be committed.
    pub committed: Option<u64>,
    pub applied: Revision,
    /// The revision that the application has reported; that of the state when it reports none.
    pub visible: Revision,
    /// The last index in the latest snapshot.
    pub snapshot: Option<u64>,
    /// The nodes that vote, by this node's log; while they change, the old and the new ones.
    pub voters: Vec<NodeId>,
    /// The members that do not vote.
    pub learners: Vec<NodeId>,
    /// Whether the voters are about to change.
    pub is_joint: bool,
    pub peers: Vec<PeerStatus>,
    /// How many callers of the port for peers were turned away since the node began, by reason.
    pub refused_peers: Vec<(PeerRefusal, u64)>,
    /// The address for peers, for as long as another process has it.
    pub taken_port: Option<SocketAddr>,
    /// How often in a row no snapshot of the state could be made.
    pub snapshot_failures: u64,
    /// Whether another process has this node's number and is at work, so that this one waits.
    pub beside_another: bool,
    pub readiness: Readiness,
}

/// A node's picture of a peer.
#[derive(Debug, Clone)]
pub struct PeerStatus {
    pub id: NodeId,
    pub address: String,
    /// The liveness that all nodes agree on; `None` before the peer has joined.
    pub liveness: Option<Liveness>,
    /// How long ago the peer answered last; `None` when it never did.
    pub silent_for: Option<Duration>,
    /// Whether that is recent enough to call it alive.
    pub answers: bool,
    /// The revision that the peer showed then.
    pub visible: Revision,
    /// How far the peer's log is; none where another node leads.
    pub log: Option<u64>,
}

/// Whether a node may be sent clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It has not yet agreed with the other nodes on where they are and that it lives.
    Starting,
    Ready,
    /// It was told to stop taking clients.
    Draining,
    /// The other nodes cannot work with what this node was configured with.
    Refused(Refusal),
    /// The node does not belong to its cluster any more.
    Removed {
        at: Revision,
    },
    /// Another node says that this one began with an old copy of its data directory.
    OldCopy {
        by: NodeId,
    },
}
