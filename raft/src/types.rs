//! The names of openraft's types as this crate uses them. It fixes no format: that is the codec's.

use crate::command::Proposal;
use crate::outcome::Outcome;

openraft::declare_raft_types!(
    /// The types that openraft is instantiated with.
    pub(crate) TypeConfig:
        D = Proposal,
        R = Outcome,
        Node = openraft::BasicNode,
        AsyncRuntime = openraft_rt_tokio::TokioRuntime,
);

pub(crate) type LogId = openraft::type_config::alias::LogIdOf<TypeConfig>;
pub(crate) type LeaderId = openraft::type_config::alias::LeaderIdOf<TypeConfig>;
pub(crate) type Vote = openraft::type_config::alias::VoteOf<TypeConfig>;
pub(crate) type LogEntry = openraft::type_config::alias::EntryOf<TypeConfig>;
pub(crate) type StoredMembership = openraft::type_config::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<TypeConfig>;
pub(crate) type Snapshot = openraft::type_config::alias::SnapshotOf<TypeConfig, Vec<u8>>;
pub(crate) type Membership = openraft::Membership<u64, openraft::BasicNode>;
