//! The members of the cluster, as the log of a node has them: committed or not, as Raft counts them.

use std::collections::BTreeSet;

use crate::model::NodeId;
use crate::types::Membership;

/// Who votes, and who learns what is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClusterMembers {
    /// One set; two while the voters change. None before the cluster is founded.
    configs: Vec<BTreeSet<NodeId>>,
    learners: BTreeSet<NodeId>,
}

impl ClusterMembers {
    pub(crate) fn of(membership: &Membership) -> Self {
        let configs = membership.get_joint_config().iter();
        Self {
            configs: configs
                .map(|voters| voters.iter().copied().map(NodeId).collect())
                .collect(),
            learners: membership.learner_ids().map(NodeId).collect(),
        }
    }

    #[cfg(test)]
    pub(crate) fn new(configs: &[&[u64]], learners: &[u64]) -> Self {
        let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
        Self {
            configs: configs.iter().map(|voters| ids(voters)).collect(),
            learners: ids(learners),
        }
    }

    /// Whether there is a cluster.
    pub(crate) fn are_known(&self) -> bool {
        !self.configs.is_empty()
    }

    /// Whether the voters are about to change: a majority of the old ones and of the new ones is needed.
    pub(crate) fn are_joint(&self) -> bool {
        self.configs.len() > 1
    }

    /// All that vote, in whichever set.
    pub(crate) fn voters(&self) -> BTreeSet<NodeId> {
        self.configs.iter().flatten().copied().collect()
    }

    pub(crate) fn learners(&self) -> &BTreeSet<NodeId> {
        &self.learners
    }

    pub(crate) fn all(&self) -> BTreeSet<NodeId> {
        self.voters().union(&self.learners).copied().collect()
    }

    pub(crate) fn contains(&self, id: NodeId) -> bool {
        self.learners.contains(&id) || self.configs.iter().any(|voters| voters.contains(&id))
    }

    /// Whether a node is all there is.
    pub(crate) fn are_only(&self, id: NodeId) -> bool {
        self.are_known() && self.all() == BTreeSet::from([id])
    }
}
