//! Who belongs to the gateway cluster, beside what Raft itself keeps: where nodes are, who is to vote, who leaves, who has
//! left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{NodeId, NodeRecord, Revision};

/// The nodes that come and go. What is wanted is here; the leader brings the membership of Raft to it, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Where the other nodes reach a node, as `host:port`, as it says itself.
    pub addresses: BTreeMap<NodeId, String>,
    /// The latest admissions, oldest first: one that is asked for twice gives the same number.
    pub admissions: VecDeque<(u64, NodeId)>,
    /// Who is to vote; none for those who do.
    pub voters: Option<VoterGoal>,
    pub leaving: BTreeMap<NodeId, Departure>,
    /// Nodes that were removed, with when. A number is never given twice.
    pub removed: BTreeMap<NodeId, Revision>,
    /// The highest number that was ever given.
    pub last_id: u64,
}

/// Who is to vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoterGoal {
    /// These nodes.
    Nodes(BTreeSet<NodeId>),
    /// So many of them, as they come and go.
    Count(u8),
}

/// How a node leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Departure {
    /// Once its clients are elsewhere.
    Drained,
    /// At once.
    Now,
}

/// A node that wants to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNode {
    /// Tells one admission from others. Random.
    pub admission: u64,
    /// The number that it is configured with; none if it takes any.
    pub wants: Option<NodeId>,
    /// The highest number that the proposer knows to be in use.
    pub above: NodeId,
    pub address: String,
    pub record: NodeRecord,
}

/// A change of who is to vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoterPlan {
    /// Those who are to vote by now, or who do as the proposer has seen it, with these changes.
    Change {
        seen: BTreeSet<NodeId>,
        add: BTreeSet<NodeId>,
        drop: BTreeSet<NodeId>,
    },
    Count(u8),
}

impl Roster {
    /// The longest address of a node: a name of 253 bytes and a port.
    pub const MAX_ADDRESS_BYTES: usize = 260;

    /// The number that an admission came to.
    pub fn admitted(&self, admission: u64) -> Option<NodeId> {
        let known = self.admissions.iter().find(|(known, _)| *known == admission);
        known.map(|(_, id)| *id)
    }
}
