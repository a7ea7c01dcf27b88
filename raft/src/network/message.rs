//! The messages between nodes, in our own structs: openraft's types do not go over the wire either.

use std::collections::BTreeSet;

use openraft::errors::{RPCError, Unreachable};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use super::pieces::Piece;
use crate::codec::layout::{EntryV1, LogIdV1, VoteV1};
use crate::codec::{self, CodecError, Format};
use crate::command::Proposal;
use crate::founding::FoundingId;
use crate::lease::ProcessId;
use crate::model::{Level, NewNode, NodeId, QuotaDemand, Revision};
use crate::outcome::{Outcome, Refusal};
use crate::types::TypeConfig;

impl Format for Request {
    fn level(&self) -> Level {
        match self {
            Self::Append(message) => message
                .entries
                .iter()
                .map(Format::level)
                .max()
                .unwrap_or_default(),
            Self::Propose(proposal) => proposal.level(),
            Self::Vote(_)
            | Self::PreVote(_)
            | Self::Snapshot(_)
            | Self::TransferLeader { .. }
            | Self::Show { .. }
            | Self::Describe
            | Self::Join { .. }
            | Self::Floor => Level::FIRST,
            Self::Lease { .. }
            | Self::Shows { .. }
            | Self::Release { .. }
            | Self::Settled { .. }
            | Self::Acknowledged { .. } => Level::LEASES,
            Self::Members | Self::Admit(_) => Level::MEMBERS,
            Self::Demands(_) => Level::QUOTAS,
            Self::Inquire(_) => Level::INQUIRIES,
        }
    }
}

impl Format for Response {
    fn level(&self) -> Level {
        match self {
            Self::Taken(TakeAnswer::Committed { outcome, .. }) => outcome.level(),
            Self::Taken(TakeAnswer::NotLeader | TakeAnswer::DiskFull | TakeAnswer::Stopped)
            | Self::Append(_)
            | Self::Vote { .. }
            | Self::Snapshot { .. }
            | Self::TransferLeader { .. }
            | Self::Shown(_)
            | Self::Description(_)
            | Self::Join(_)
            | Self::Failed(_)
            | Self::Floor(_)
            | Self::Piece => Level::FIRST,
            Self::Lease(_) | Self::Settled(_) | Self::Noted | Self::Acknowledged { .. } => Level::LEASES,
            Self::Members(_) => Level::MEMBERS,
            Self::Told(_) => Level::INQUIRIES,
            Self::Admission(AdmissionAnswer::Refused(refusal)) => refusal.level().max(Level::MEMBERS),
            Self::Admission(AdmissionAnswer::Admitted { .. } | AdmissionAnswer::NotNow(_)) => Level::MEMBERS,
        }
    }
}

/// A question to a peer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Append(AppendMessage),
    Vote(Ballot),
    PreVote(Ballot),
    Snapshot(Piece),
    TransferLeader {
        from: VoteV1,
        to: u64,
        last: Option<LogIdV1>,
    },
    /// To the leader: commit this.
    Propose(Box<Proposal>),
    /// Answered when the peer shows more than `after`, or after a short while.
    Show {
        after: Revision,
    },
    /// Answered also by a node that does not take part yet.
    Describe,
    /// The sender is about to found the cluster, which gets this id.
    Join {
        cluster: FoundingId,
    },
    /// To the leader: what does everybody show who shows the newest state?
    Floor,
    /// To the leader: may this process of the sender decide by what it shows?
    Lease {
        process: ProcessId,
        shows: Revision,
    },
    /// To the leader: this process of the sender shows this much.
    Shows {
        process: ProcessId,
        shows: Revision,
    },
    /// To the leader: this process of the sender decides nothing any more.
    Release {
        process: ProcessId,
    },
    /// To the leader: does anybody still decide by what was before this revision? Answered when nobody does, or after a
    /// while.
    Settled {
        revision: Revision,
    },
    /// Answered also by a node that does not take part yet.
    Members,
    /// The sender wants to join the cluster.
    Admit(Box<NewNode>),
    /// How long is it since a leader of a term before this one was acknowledged?
    Acknowledged {
        before: u64,
    },
    /// So much is wanted on the sender of what quotas are for.
    Demands(Vec<QuotaDemand>),
    /// From the application of the sender to that of the peer.
    Inquire(Vec<u8>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    Append(AppendAnswer),
    Vote {
        vote: VoteV1,
        granted: bool,
        last: Option<LogIdV1>,
    },
    /// The snapshot is whole, and installed if the vote is that of its sender.
    Snapshot {
        vote: VoteV1,
    },
    /// Whether the peer stands for election now.
    TransferLeader {
        accepted: bool,
    },
    Taken(TakeAnswer),
    Shown(Revision),
    Description(PeerDescription),
    Join(JoinAnswer),
    Failed(Failure),
    Floor(FloorAnswer),
    /// A piece of a snapshot has come.
    Piece,
    Lease(LeaseAnswer),
    Settled(SettledAnswer),
    Noted,
    Members(KnownMembers),
    Admission(AdmissionAnswer),
    /// So many milliseconds, or less.
    Acknowledged {
        millis: u64,
    },
    /// The words of the peer's application.
    Told(Vec<u8>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AppendMessage {
    vote: VoteV1,
    prev: Option<LogIdV1>,
    entries: Vec<EntryV1>,
    commit: Option<LogIdV1>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ballot {
    vote: VoteV1,
    last: Option<LogIdV1>,
    transfer: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AppendAnswer {
    Success,
    Partial(Option<LogIdV1>),
    Conflict,
    HigherVote(VoteV1),
}

/// A leader's answer to a proposal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TakeAnswer {
    Committed {
        outcome: Outcome,
        revision: Revision,
    },
    /// It was not committed, or nobody knows: propose it again, under the same id.
    NotLeader,
    DiskFull,
    Stopped,
}

/// A leader's answer to what the newest state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FloorAnswer {
    /// A majority said, after the question, that this leader leads: nothing later was acknowledged before the question.
    At(Revision),
    NotLeader,
}

/// A leader's answer to who asks for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LeaseAnswer {
    /// The lease lasts so many milliseconds from the moment before it was asked for, once its holder shows the floor.
    Granted {
        floor: Revision,
        millis: u32,
        /// The leader's clock of the day, in milliseconds since the Unix epoch.
        clock_ms: u64,
    },
    NotLeader,
    /// Another process of that node may still hold one.
    AnotherProcess,
}

/// A leader's answer to who still decides by what was before a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SettledAnswer {
    /// Nobody does.
    Everywhere,
    Waiting(Vec<NodeId>),
    NotLeader,
}

/// The cluster as a node knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownMembers {
    /// None if it knows none.
    pub(crate) cluster: Option<FoundingId>,
    pub(crate) members: BTreeSet<NodeId>,
    /// Those of them that vote.
    pub(crate) voters: BTreeSet<NodeId>,
}

/// The answer to a node that wants to join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AdmissionAnswer {
    /// It is this node of that cluster.
    Admitted {
        id: NodeId,
        cluster: FoundingId,
    },
    Refused(Refusal),
    /// Nobody can say now, for this reason.
    NotNow(String),
}

/// The contents of a node's disk, in short.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PeerDescription {
    /// Whether the node may vote, so that what follows is all that it ever promised.
    pub(crate) member: bool,
    /// The cluster that the node belongs to, if it knows.
    pub(crate) cluster: Option<FoundingId>,
    pub(crate) vote: Option<VoteV1>,
    pub(crate) last: Option<LogIdV1>,
}

impl PeerDescription {
    /// Whether the node has never promised anything.
    pub(crate) fn is_pristine(&self) -> bool {
        self.vote.is_none() && self.last.is_none()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JoinAnswer {
    /// The peer will vote in the new cluster.
    Joined,
    /// The peer is in a cluster already.
    HasCluster,
}

/// Why a peer does not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the peer is not taking part yet")]
    NotTakingPart,
    #[error("the peer lost its data and does not vote until it has caught up")]
    Rejoining,
    #[error("the peer's disk is full")]
    DiskFull,
    #[error("the peer has stopped")]
    Stopped,
    #[error("the peer did not understand the request")]
    NotUnderstood,
}

impl Request {
    /// Whether nodes may ask each other this of which one does not know yet which cluster it belongs to.
    pub(super) fn is_of_strangers(&self) -> bool {
        matches!(
            self,
            Self::Describe | Self::Join { .. } | Self::Members | Self::Admit(_)
        )
    }
}

impl AppendMessage {
    /// Of the leader that sent it.
    pub(super) fn term(&self) -> u64 {
        self.vote.term()
    }

    pub(crate) fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    pub(super) fn new(request: AppendEntriesRequest<TypeConfig>) -> Self {
        Self {
            vote: request.vote.into(),
            prev: request.prev_log_id.map(Into::into),
            entries: request.entries.iter().map(Into::into).collect(),
            commit: request.leader_commit.map(Into::into),
        }
    }

    /// Leaves out the last entries, so that the others take no more than `bytes`, but one. Says which is the last that is
    /// left, if any was left out.
    pub(super) fn keep_within(&mut self, bytes: u64) -> Option<LogIdV1> {
        let mut taken = 0;
        let mut fits = |entry: &EntryV1| {
            taken += codec::size(entry);
            taken <= bytes
        };
        let kept = self.entries.iter().position(|entry| !fits(entry))?.max(1);
        if kept == self.entries.len() {
            return None;
        }
        self.entries.truncate(kept);
        self.entries.last().map(EntryV1::id)
    }

    pub(super) fn into_openraft(self) -> Result<AppendEntriesRequest<TypeConfig>, CodecError> {
        let entries = self.entries.into_iter().map(EntryV1::into_entry);
        Ok(AppendEntriesRequest {
            vote: self.vote.into(),
            prev_log_id: self.prev.map(Into::into),
            entries: entries.collect::<Result<_, _>>()?,
            leader_commit: self.commit.map(Into::into),
        })
    }
}

impl From<AppendEntriesResponse<TypeConfig>> for AppendAnswer {
    fn from(response: AppendEntriesResponse<TypeConfig>) -> Self {
        match response {
            AppendEntriesResponse::Success => Self::Success,
            AppendEntriesResponse::PartialSuccess(id) => Self::Partial(id.map(Into::into)),
            AppendEntriesResponse::Conflict => Self::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Self::HigherVote(vote.into()),
        }
    }
}

impl From<AppendAnswer> for AppendEntriesResponse<TypeConfig> {
    fn from(answer: AppendAnswer) -> Self {
        match answer {
            AppendAnswer::Success => Self::Success,
            AppendAnswer::Partial(id) => Self::PartialSuccess(id.map(Into::into)),
            AppendAnswer::Conflict => Self::Conflict,
            AppendAnswer::HigherVote(vote) => Self::HigherVote(vote.into()),
        }
    }
}

impl From<VoteRequest<TypeConfig>> for Ballot {
    fn from(request: VoteRequest<TypeConfig>) -> Self {
        Self {
            vote: request.vote.into(),
            last: request.last_log_id.map(Into::into),
            transfer: request.leadership_transfer,
        }
    }
}

impl From<Ballot> for VoteRequest<TypeConfig> {
    fn from(ballot: Ballot) -> Self {
        Self {
            vote: ballot.vote.into(),
            last_log_id: ballot.last.map(Into::into),
            leadership_transfer: ballot.transfer,
        }
    }
}

impl Response {
    pub(super) fn vote(response: &VoteResponse<TypeConfig>) -> Self {
        Self::Vote {
            vote: response.vote.into(),
            granted: response.vote_granted,
            last: response.last_log_id.map(Into::into),
        }
    }
}

impl Request {
    pub(super) fn transfer(request: &TransferLeaderRequest<TypeConfig>) -> Self {
        Self::TransferLeader {
            from: (*request.from_leader()).into(),
            to: *request.to_node_id(),
            last: request.last_log_id().map(|id| (*id).into()),
        }
    }
}

impl From<Failure> for RPCError<TypeConfig> {
    fn from(failure: Failure) -> Self {
        Unreachable::new(&failure).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::entry;
    use crate::command::Command;

    fn message(entries: u64) -> AppendMessage {
        let command = Command::InitSigningKey {
            key: crate::model::SigningKey(vec![7; 50]),
            decoy: crate::model::SigningKey(vec![7; 49]),
        };
        let entries =
            (1..=entries).map(|index| (&entry((usize::try_from(index).unwrap(), command.clone()))).into());
        AppendMessage {
            vote: crate::types::Vote::new(1, 1).into(),
            prev: None,
            entries: entries.collect(),
            commit: None,
        }
    }

    #[test]
    fn a_message_to_a_follower_is_not_large_unless_one_entry_is() {
        let one = codec::size(&message(1).entries[0]);
        for (within, kept) in [(0, 1), (one, 1), (2 * one, 2), (3 * one, 3)] {
            let mut message = message(4);
            let last = message.keep_within(within + 5);
            assert_eq!(message.entries.len(), kept, "{within}");
            assert_eq!(last, message.entries.last().map(EntryV1::id));
        }
        let mut whole = message(4);
        assert_eq!(whole.keep_within(5 * one), None);
        assert_eq!(whole.entries.len(), 4);
        assert_eq!(message(1).keep_within(0), None, "there is no less than one");
    }
}

#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod fuzz;
