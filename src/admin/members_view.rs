//! The members of the gateway cluster as one node sees them, as JSON for operators.

use klamm_raft::Status;
use klamm_raft::model::{Departure, NodeId, State, VoterGoal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cluster_view::{LivenessView, NodeView};

/// The answer to `GET /gateway/v2/cluster/members`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ClusterMembers")]
pub struct MembersView {
    pub leader: Option<u64>,
    /// Whether the voters are about to change.
    pub is_changing: bool,
    /// How many nodes are to vote; `null` where it is not a number that was asked for.
    pub target: Option<u8>,
    /// The nodes that are on record or among the members, by id.
    pub members: Vec<MemberView>,
    /// Nodes that were removed.
    pub removed: Vec<RemovedView>,
}

/// The part that a node has in the decisions of the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum RoleView {
    Voter,
    /// It follows, and does not vote.
    Learner,
    /// It was taken in, and has no part yet.
    #[default]
    Joining,
}

/// One node of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct MemberView {
    pub id: u64,
    pub role: RoleView,
    /// Whether it is to vote: it does not yet where the role says otherwise.
    pub is_to_vote: bool,
    /// Whether it is about to leave.
    pub is_leaving: bool,
    pub liveness: LivenessView,
    /// Where the node that answers looks for it.
    pub peer_address: Option<String>,
    /// Where it says that other nodes reach it.
    pub recorded_address: Option<String>,
    /// The revision that it showed last.
    pub applied: Option<u64>,
    /// How many entries its log is behind that of the leader; `null` unless the leader answers.
    pub entries_behind: Option<u64>,
    pub silent_for_ms: Option<u64>,
}

/// A node that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RemovedView {
    pub id: u64,
    pub revision: u64,
}

impl MembersView {
    pub(super) fn of(status: &Status, state: &State) -> Self {
        let members = NodeView::all(status, state);
        let removed = state.roster.removed.iter();
        Self {
            leader: status.leader.map(|id| id.0),
            is_changing: status.is_joint,
            target: match state.roster.voters {
                Some(VoterGoal::Count(count)) => Some(count),
                Some(VoterGoal::Nodes(_)) | None => None,
            },
            members: members
                .into_iter()
                .map(|node| MemberView::of(node, status, state))
                .collect(),
            removed: removed
                .map(|(id, at)| RemovedView {
                    id: id.0,
                    revision: at.0,
                })
                .collect(),
        }
    }
}

impl MemberView {
    fn of(node: NodeView, status: &Status, state: &State) -> Self {
        let id = NodeId(node.id);
        let votes = status.voters.contains(&id);
        let departure: Option<&Departure> = state.roster.leaving.get(&id);
        let peer = status.peers.iter().find(|peer| peer.id == id);
        let log = peer.and_then(|peer| peer.log);
        Self {
            id: node.id,
            role: match (votes, status.learners.contains(&id)) {
                (true, _) => RoleView::Voter,
                (false, true) => RoleView::Learner,
                (false, false) => RoleView::Joining,
            },
            is_to_vote: match &state.roster.voters {
                Some(VoterGoal::Nodes(nodes)) => nodes.contains(&id),
                Some(VoterGoal::Count(_)) | None => votes && departure.is_none(),
            },
            is_leaving: departure.is_some(),
            liveness: node.liveness,
            peer_address: node.peer_address,
            recorded_address: state.roster.addresses.get(&id).cloned(),
            applied: node.applied,
            entries_behind: log.map(|log| status.last_log.unwrap_or_default().saturating_sub(log)),
            silent_for_ms: node.silent_for_ms,
        }
    }
}
