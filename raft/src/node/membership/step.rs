//! The next step from the members that there are to those that are wanted. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::members::ClusterMembers;
use crate::model::{Departure, Liveness, NodeId, NodeRecord, Roster, VoterGoal};

/// The cluster as the leader sees it.
#[derive(Debug)]
pub(super) struct MembershipPicture<'a> {
    pub(super) own: NodeId,
    /// Whether other nodes may come to vote.
    pub(super) may_share: bool,
    pub(super) members: &'a ClusterMembers,
    pub(super) roster: &'a Roster,
    pub(super) nodes: &'a BTreeMap<NodeId, NodeRecord>,
    /// Those that could vote at once.
    pub(super) ready: BTreeSet<NodeId>,
    /// Those that answer, the leader included.
    pub(super) reachable: BTreeSet<NodeId>,
}

/// One change, which is whole by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MembershipStep {
    /// The old voters do not count any more.
    Finish,
    /// A node that was admitted is sent the log.
    Learn(NodeId),
    /// Another node leads.
    Lead(NodeId),
    /// These vote, and no others.
    Vote(BTreeSet<NodeId>),
    /// A node is sent the log no more.
    Dismiss(NodeId),
    /// A node is on record no more.
    Forget(NodeId),
}

impl fmt::Display for MembershipStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finish => f.write_str("the old voters do not count any more"),
            Self::Learn(id) => write!(f, "node {id} becomes a learner"),
            Self::Lead(id) => write!(f, "node {id} is to lead"),
            Self::Vote(voters) => {
                let voters: Vec<String> = voters.iter().map(NodeId::to_string).collect();
                write!(f, "the voters become nodes {}", voters.join(", "))
            }
            Self::Dismiss(id) => write!(f, "node {id} is no member any more"),
            Self::Forget(id) => write!(f, "node {id} is removed"),
        }
    }
}

/// None while there is nothing to do, or something to wait for.
pub(super) fn next(seen: &MembershipPicture<'_>) -> Option<MembershipStep> {
    if seen.members.are_joint() {
        return Some(MembershipStep::Finish);
    }
    let newcomer = seen.nodes.keys().find(|id| {
        let is_on_its_way = seen.roster.addresses.contains_key(id) && !seen.roster.leaving.contains_key(id);
        is_on_its_way && !seen.members.contains(**id)
    });
    if let Some(id) = newcomer {
        return Some(MembershipStep::Learn(*id));
    }
    seen.voters().or_else(|| seen.departure())
}

impl MembershipPicture<'_> {
    /// A step towards the voters that are wanted.
    fn voters(&self) -> Option<MembershipStep> {
        let current = self.members.voters();
        let wanted = self.wanted(&current);
        let are_ready = wanted.difference(&current).all(|id| self.ready.contains(id));
        let answering = wanted.intersection(&self.reachable).count();
        let have_majority = answering > wanted.len() / 2;
        if wanted == current || wanted.is_empty() || !are_ready || !have_majority || !self.may_share {
            return None;
        }
        if wanted.contains(&self.own) {
            return Some(MembershipStep::Vote(wanted));
        }
        let successors = wanted.intersection(&current);
        let successor = successors.copied().find(|id| self.ready.contains(id));
        // Where none of those who stay votes yet, they all come in beside this node first.
        Some(match successor {
            Some(id) => MembershipStep::Lead(id),
            None => MembershipStep::Vote(wanted.into_iter().chain([self.own]).collect()),
        })
    }

    /// Who is to vote: those who leave only until they have no clients any more.
    fn wanted(&self, current: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let is_there = |id: &NodeId| self.members.contains(*id) && !self.has_gone(*id);
        match &self.roster.voters {
            None => current.iter().copied().filter(is_there).collect(),
            Some(VoterGoal::Nodes(nodes)) => {
                // Who leaves is not among them, and votes until then.
                let leaving = current.iter().filter(|id| self.roster.leaving.contains_key(id));
                nodes.iter().chain(leaving).copied().filter(is_there).collect()
            }
            Some(VoterGoal::Count(count)) => self.counted(current, usize::from(*count)),
        }
    }

    fn counted(&self, current: &BTreeSet<NodeId>, count: usize) -> BTreeSet<NodeId> {
        let stays = |id: &NodeId| !self.roster.leaving.contains_key(id);
        let (staying, leaving): (Vec<NodeId>, Vec<NodeId>) =
            current.iter().copied().partition(|id| stays(id));
        let mut voters: BTreeSet<NodeId> = staying.into_iter().collect();
        let spare = voters.len().saturating_sub(count);
        // Those that do not answer go first, and the leader last.
        let mut order: Vec<NodeId> = voters.iter().copied().collect();
        order.sort_by_key(|id| {
            (
                *id == self.own,
                self.reachable.contains(id),
                std::cmp::Reverse(*id),
            )
        });
        for id in order.into_iter().take(spare) {
            voters.remove(&id);
        }
        let learners = self.members.learners().iter().copied();
        let mut able: Vec<NodeId> = learners
            .filter(|id| stays(id) && self.ready.contains(id))
            .collect();
        able.truncate(count.saturating_sub(voters.len()));
        // An even number is no better than one less, unless somebody asked for it.
        if (voters.len() + able.len()).is_multiple_of(2) && voters.len() + able.len() != count {
            able.pop();
        }
        voters.extend(able);
        voters.extend(leaving.into_iter().filter(|id| !self.has_gone(*id)));
        voters
    }

    /// A step towards the end of a node that leaves.
    fn departure(&self) -> Option<MembershipStep> {
        let voters = self.members.voters();
        let gone = self
            .roster
            .leaving
            .keys()
            .copied()
            .filter(|id| self.has_gone(*id));
        // The others have no majority yet without one that still votes.
        let id = gone.into_iter().find(|id| !voters.contains(id))?;
        Some(match self.members.contains(id) {
            true => MembershipStep::Dismiss(id),
            false => MembershipStep::Forget(id),
        })
    }

    /// Whether a node that leaves serves no clients any more, or nobody cares.
    fn has_gone(&self, id: NodeId) -> bool {
        match self.roster.leaving.get(&id) {
            None => false,
            Some(Departure::Now) => true,
            Some(Departure::Drained) => {
                let record = self.nodes.get(&id);
                record.is_none_or(|record| record.liveness == Liveness::Down)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cluster in which all is well.
    struct World {
        own: u64,
        members: ClusterMembers,
        roster: Roster,
        nodes: BTreeMap<NodeId, NodeRecord>,
        silent: BTreeSet<NodeId>,
    }

    fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    fn vote(voters: &[u64]) -> Option<MembershipStep> {
        Some(MembershipStep::Vote(ids(voters)))
    }

    fn world(voters: &[u64], learners: &[u64]) -> World {
        let all = voters.iter().chain(learners);
        let record = |id: &u64| (NodeId(*id), NodeRecord::with_ports("gateway", 6969, 20));
        World {
            own: 1,
            members: ClusterMembers::new(&[voters], learners),
            roster: Roster {
                addresses: all
                    .clone()
                    .map(|id| (NodeId(*id), format!("node{id}:1")))
                    .collect(),
                ..Roster::default()
            },
            nodes: all.map(record).collect(),
            silent: BTreeSet::new(),
        }
    }

    impl World {
        fn next(&self) -> Option<MembershipStep> {
            let there = self.nodes.keys().filter(|id| !self.silent.contains(id));
            let reachable: BTreeSet<NodeId> = there.copied().collect();
            next(&MembershipPicture {
                own: NodeId(self.own),
                may_share: true,
                members: &self.members,
                roster: &self.roster,
                nodes: &self.nodes,
                ready: reachable.clone(),
                reachable,
            })
        }

        fn counting(mut self, count: u8) -> Self {
            self.roster.voters = Some(VoterGoal::Count(count));
            self
        }

        fn leaving(mut self, id: u64, departure: Departure) -> Self {
            self.roster.leaving.insert(NodeId(id), departure);
            self
        }

        fn down(mut self, id: u64) -> Self {
            if let Some(record) = self.nodes.get_mut(&NodeId(id)) {
                record.liveness = Liveness::Down;
            }
            self.silent.insert(NodeId(id));
            self
        }

        fn led_by(mut self, own: u64) -> Self {
            self.own = own;
            self
        }
    }

    #[test]
    fn nothing_is_done_unasked() {
        assert_eq!(world(&[1, 2, 3], &[4, 5]).next(), None);
        assert_eq!(
            world(&[1, 2, 3], &[4]).down(3).next(),
            None,
            "a dead voter stays one"
        );
    }

    #[test]
    fn whoever_leads_finishes_what_was_begun() {
        let mut world = world(&[1], &[2, 3]).counting(5);
        world.members = ClusterMembers::new(&[&[1], &[1, 2, 3]], &[]);
        assert_eq!(world.next(), Some(MembershipStep::Finish));
    }

    #[test]
    fn a_node_that_was_admitted_learns() {
        let mut world = world(&[1], &[2]);
        world.members = ClusterMembers::new(&[&[1]], &[]);
        assert_eq!(world.next(), Some(MembershipStep::Learn(NodeId(2))));
        assert_eq!(
            world.leaving(2, Departure::Now).next(),
            Some(MembershipStep::Forget(NodeId(2)))
        );
    }

    #[test]
    fn a_number_of_voters_is_reached_at_once_and_never_by_an_even_one() {
        assert_eq!(world(&[1], &[2, 3]).counting(3).next(), vote(&[1, 2, 3]));
        assert_eq!(
            world(&[1], &[2]).counting(3).next(),
            None,
            "two are no better than one"
        );
        assert_eq!(
            world(&[1], &[2]).counting(2).next(),
            vote(&[1, 2]),
            "as it was asked"
        );
        assert_eq!(
            world(&[1, 2, 3], &[4, 5]).counting(5).next(),
            vote(&[1, 2, 3, 4, 5])
        );
        assert_eq!(world(&[1, 2, 3, 4, 5], &[]).counting(3).next(), vote(&[1, 2, 3]));
        assert_eq!(
            world(&[1, 2, 3, 4, 5], &[]).counting(3).down(2).next(),
            vote(&[1, 3, 4]),
            "who does not answer goes first"
        );
        assert_eq!(world(&[1, 2, 3], &[]).counting(1).led_by(3).next(), vote(&[3]));
        assert_eq!(
            world(&[1, 2], &[3, 4]).counting(3).down(3).next(),
            vote(&[1, 2, 4])
        );
    }

    #[test]
    fn nobody_votes_who_is_not_ready_and_no_majority_is_lost() {
        let mut planned = world(&[1, 2, 3], &[4]);
        planned.roster.voters = Some(VoterGoal::Nodes(ids(&[1, 2, 4])));
        assert_eq!(planned.next(), vote(&[1, 2, 4]));
        assert_eq!(planned.down(4).next(), None);
        let mut planned = world(&[1, 2, 3], &[]);
        planned.roster.voters = Some(VoterGoal::Nodes(ids(&[1, 2])));
        assert_eq!(planned.down(2).next(), None, "the rest would have no majority");
    }

    #[test]
    fn a_leader_that_is_to_vote_no_more_hands_over_first() {
        let mut planned = world(&[1, 2, 3], &[]);
        planned.roster.voters = Some(VoterGoal::Nodes(ids(&[2, 3])));
        assert_eq!(planned.next(), Some(MembershipStep::Lead(NodeId(2))));
        let mut planned = world(&[1], &[2]);
        planned.roster.voters = Some(VoterGoal::Nodes(ids(&[2])));
        assert_eq!(planned.next(), vote(&[1, 2]), "there is nobody to hand over to");
    }

    #[test]
    fn a_node_leaves_once_its_clients_have() {
        let leaving = world(&[1, 2, 3], &[]).leaving(3, Departure::Drained);
        assert_eq!(leaving.next(), None, "it still serves clients");
        let mut gone = leaving.down(3);
        assert_eq!(gone.next(), vote(&[1, 2]));
        gone.members = ClusterMembers::new(&[&[1, 2]], &[3]);
        assert_eq!(gone.next(), Some(MembershipStep::Dismiss(NodeId(3))));
        gone.members = ClusterMembers::new(&[&[1, 2]], &[]);
        assert_eq!(gone.next(), Some(MembershipStep::Forget(NodeId(3))));
        let at_once = world(&[1, 2, 3], &[]).leaving(3, Departure::Now);
        assert_eq!(at_once.next(), vote(&[1, 2]));
        let learner = world(&[1], &[2]).leaving(2, Departure::Now);
        assert_eq!(learner.next(), Some(MembershipStep::Dismiss(NodeId(2))));
        let replaced = world(&[1, 2, 3], &[4])
            .counting(3)
            .leaving(3, Departure::Now)
            .down(3);
        assert_eq!(replaced.next(), vote(&[1, 2, 4]), "another one takes its place");
    }

    #[test]
    fn a_dead_node_is_replaced_by_one_change() {
        let mut planned = world(&[1, 2, 3], &[4]).leaving(3, Departure::Now).down(3);
        planned.roster.voters = Some(VoterGoal::Nodes(ids(&[1, 2, 4])));
        assert_eq!(planned.next(), vote(&[1, 2, 4]));
    }
}
