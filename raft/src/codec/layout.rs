//! Our own structs for what openraft wants kept, and the conversions. Their field order is the disk format.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::{BasicNode, EntryPayload};
use serde::{Deserialize, Serialize};

use super::{CodecError, Format};
use crate::command::Proposal;
use crate::model::{Level, NodeId, State};
use crate::types::{LeaderId, LogEntry, LogId, Membership, SnapshotMeta, StoredMembership, Vote};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdV1 {
    term: u64,
    node: u64,
    index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteV1 {
    term: u64,
    node: u64,
    committed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembershipV1 {
    configs: Vec<BTreeSet<u64>>,
    addresses: BTreeMap<u64, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryV1 {
    id: LogIdV1,
    payload: PayloadV1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum PayloadV1 {
    Blank,
    Proposal(Box<Proposal>),
    Membership(MembershipV1),
}

/// The state as of `last`, and the membership that holds there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotV1 {
    last: Option<LogIdV1>,
    membership_id: Option<LogIdV1>,
    membership: MembershipV1,
    pub(crate) state: Arc<State>,
}

impl Format for LogIdV1 {}

impl Format for VoteV1 {}

/// Whose a data directory is.
impl Format for NodeId {}

impl Format for EntryV1 {
    fn level(&self) -> Level {
        match &self.payload {
            PayloadV1::Proposal(proposal) => proposal.level(),
            PayloadV1::Blank | PayloadV1::Membership(_) => Level::FIRST,
        }
    }
}

/// Before a proposal has its place in the log.
impl Format for Proposal {
    fn level(&self) -> Level {
        self.command.level()
    }
}

/// A state is written as the level of its cluster has it.
impl Format for SnapshotV1 {
    fn level(&self) -> Level {
        self.state.level
    }

    #[cfg(feature = "next-level")]
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        super::write(self, bytes)?;
        if self.level() >= Level::NEXT {
            super::write(&self.state.next, bytes)?;
        }
        Ok(())
    }

    #[cfg(feature = "next-level")]
    fn read(level: Level, content: &[u8]) -> Result<(Self, usize), CodecError> {
        let (mut snapshot, read): (Self, usize) = super::read(content)?;
        if level < Level::NEXT {
            return Ok((snapshot, read));
        }
        let (next, more): (Option<String>, usize) = super::read(&content[read..])?;
        Arc::make_mut(&mut snapshot.state).next = next;
        Ok((snapshot, read + more))
    }
}

impl From<LogId> for LogIdV1 {
    fn from(id: LogId) -> Self {
        Self {
            term: id.leader_id.term,
            node: id.leader_id.node_id,
            index: id.index,
        }
    }
}

impl From<LogIdV1> for LogId {
    fn from(id: LogIdV1) -> Self {
        Self {
            leader_id: LeaderId {
                term: id.term,
                node_id: id.node,
            },
            index: id.index,
        }
    }
}

impl From<Vote> for VoteV1 {
    fn from(vote: Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            node: vote.leader_id.node_id,
            committed: vote.committed,
        }
    }
}

impl From<VoteV1> for Vote {
    fn from(vote: VoteV1) -> Self {
        Self {
            leader_id: LeaderId {
                term: vote.term,
                node_id: vote.node,
            },
            committed: vote.committed,
        }
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().clone(),
            addresses: membership
                .nodes()
                .map(|(id, node)| (*id, node.addr.clone()))
                .collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(membership: MembershipV1) -> Result<Self, CodecError> {
        let nodes: BTreeMap<u64, BasicNode> = membership
            .addresses
            .into_iter()
            .map(|(id, addr)| (id, BasicNode { addr }))
            .collect();
        if membership.configs.is_empty() && nodes.is_empty() {
            return Ok(Self::default());
        }
        Self::new(membership.configs, nodes).map_err(|error| CodecError::Membership(error.to_string()))
    }
}

impl From<&LogEntry> for EntryV1 {
    fn from(entry: &LogEntry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(proposal) => PayloadV1::Proposal(Box::new(proposal.clone())),
            EntryPayload::Membership(membership) => PayloadV1::Membership(membership.into()),
        };
        Self {
            id: entry.log_id.into(),
            payload,
        }
    }
}

impl EntryV1 {
    pub(crate) fn id(&self) -> LogIdV1 {
        self.id
    }

    /// The entry as openraft has it.
    pub(crate) fn into_entry(self) -> Result<LogEntry, CodecError> {
        let payload = match self.payload {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Proposal(proposal) => EntryPayload::Normal(*proposal),
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
        };
        Ok(LogEntry {
            log_id: self.id.into(),
            payload,
        })
    }
}

impl SnapshotV1 {
    /// A snapshot of `state`.
    pub(crate) fn new(meta: &SnapshotMeta, state: Arc<State>) -> Self {
        Self {
            last: meta.last_log_id.map(Into::into),
            membership_id: meta.last_membership.log_id().map(Into::into),
            membership: meta.last_membership.membership().into(),
            state,
        }
    }

    /// The description of the snapshot for openraft.
    pub(crate) fn meta(&self) -> Result<SnapshotMeta, CodecError> {
        let membership = self.membership.clone().try_into()?;
        Ok(SnapshotMeta {
            last_log_id: self.last.map(Into::into),
            last_membership: StoredMembership::new(self.membership_id.map(Into::into), membership),
        })
    }
}
