//! The members of the cluster, as the log of a node has them: committed or not, as Raft counts them.

use std::collections::{BTreeMap, BTreeSet};

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

    /// The least of what voters say, so that a majority of them says no more; while the voters change, of the old ones and of the
    /// new ones. None where no majority says anything.
    pub(crate) fn by_majority<T: Ord + Copy>(&self, said: &BTreeMap<NodeId, T>) -> Option<T> {
        let of_config = |voters: &BTreeSet<NodeId>| {
            let mut said: Vec<T> = voters.iter().filter_map(|id| said.get(id).copied()).collect();
            said.sort_unstable();
            said.get(voters.len() / 2).copied()
        };
        let by_config = self.configs.iter().map(of_config);
        by_config.collect::<Option<Vec<T>>>()?.into_iter().max()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(all: &[(u64, u32)]) -> BTreeMap<NodeId, u32> {
        all.iter().map(|(id, said)| (NodeId(*id), *said)).collect()
    }

    #[test]
    fn a_majority_of_each_set_of_voters_says_no_more() {
        let three = ClusterMembers::new(&[&[1, 2, 3]], &[4]);
        assert_eq!(three.by_majority(&said(&[(1, 5)])), None);
        // Learners have no say.
        assert_eq!(three.by_majority(&said(&[(1, 5), (4, 1)])), None);
        assert_eq!(three.by_majority(&said(&[(1, 5), (2, 9)])), Some(9));
        assert_eq!(three.by_majority(&said(&[(1, 5), (2, 9), (3, 6)])), Some(6));
        let four = ClusterMembers::new(&[&[1, 2, 3, 4]], &[]);
        assert_eq!(four.by_majority(&said(&[(1, 1), (2, 2)])), None);
        assert_eq!(
            four.by_majority(&said(&[(1, 1), (2, 2), (3, 3), (4, 4)])),
            Some(3)
        );
        let joint = ClusterMembers::new(&[&[1, 2, 3], &[3, 4, 5]], &[]);
        assert_eq!(joint.by_majority(&said(&[(1, 1), (2, 2), (3, 3)])), None);
        assert_eq!(
            joint.by_majority(&said(&[(1, 1), (2, 2), (3, 3), (5, 7)])),
            Some(7)
        );
        assert_eq!(ClusterMembers::default().by_majority(&said(&[(1, 1)])), None);
        assert_eq!(
            ClusterMembers::new(&[&[1]], &[2]).by_majority(&said(&[(1, 4)])),
            Some(4)
        );
    }
}
