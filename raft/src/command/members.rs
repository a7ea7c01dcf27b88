//! Changes of who belongs to the gateway cluster.

use serde::{Deserialize, Serialize};

use crate::model::{Departure, NewNode, NodeId, VoterPlan};

/// A change of the nodes that there are, or of what they are for. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberChange {
    /// Gives a node that joins a number, and puts its record; refused where the cluster cannot work with it.
    Admit(Box<NewNode>),
    /// Says where the other nodes reach a node.
    Move { id: NodeId, address: String },
    /// Says who is to vote.
    Plan(VoterPlan),
    /// A node is to leave: no client is sent to it any more.
    Leave { id: NodeId, departure: Departure },
    /// Drops the record of a node that is not a member any more. Its number is never given again.
    Remove { id: NodeId },
}

impl MemberChange {
    /// The name for logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Admit(_) => "AdmitNode",
            Self::Move { .. } => "MoveNode",
            Self::Plan(_) => "PlanVoters",
            Self::Leave { .. } => "LeaveNode",
            Self::Remove { .. } => "RemoveNode",
        }
    }
}
