//! The replicated control state of a Klamm cluster.
//!
//! Reading order: [`model`] is the state (pure data), [`command`] and [`outcome`] are the closed sets of changes and
//! answers, [`machine`] applies one to the other (pure, total, deterministic). The data plane imports only [`model`], and asks its [`Lease`].
//! Everything else makes that durable and the same on every node; [`Node`] is the way in. [`seats`] and [`seldom`] keep a
//! port of use to those it is for, this one and the gateway's.
//!
//! # Threads and channels
//! ```text
//!  any thread                  klamm-raft: one thread, one current-thread runtime            klamm-store: one thread
//!  ┌──────┐  calls (256)  ┌─────────┐ 128 at once ┌──────┐  ┌──────────┐  jobs (1024)  ┌────────┐
//!  │ Node ├──────────────▶│ calls   ├────────────▶│ core ├─▶│ openraft ├──────────────▶│ writer │──▶ klamm.redb
//!  │      │◀─── watch ────┤         │             └──┬───┘  └──┬────▲──┘  log, vote,   └────────┘
//!  └──────┘ state, status └─────────┘                │         │    │     snapshot      one fsync for all jobs
//!                         ┌─────────┐ own record,    │         │    │                   that are waiting
//!                         │ keeper  ├─liveness───────┘         ▼    │
//!                         └─────────┘             ┌──────────────┐ ┌┴────────┐
//!                         ┌─────────┐             │ peers        │ │ server  │  other nodes
//!                         │ pollers ├────────────▶│ (call, pool) │ │         │◀─── TCP, Noise
//!                         └─────────┘ what shows? └──────┬───────┘ └─────────┘
//!                                                        └─────────────────────▶ TCP
//! ```
//! # What holds
//! * A change is acknowledged when it is on disk on a majority, and shown by the node that was asked and by every node
//!   that holds a lease ([`Lease`]). A node that is silent, or does not keep up, has none any more by then, and may decide
//!   nothing.
//! * A node that says that its state is the newest has asked the leader after the question ([`Node::confirm`]).
//! * A proposal is applied once, however often it is sent: it carries (node, boot, sequence), and what it came to is
//!   kept in the state until the proposer has the answer.
//! * A restarted node shows at least the state that it showed before: the committed index is durable before anything
//!   is applied.
//! * Nothing that is damaged is served: each log entry and snapshot has its own checksum, all of them are looked at on
//!   start, and damage ends the start with its name. A failed write ends the process (exit code 74).
//! * With a storage key, all values on the disk are encrypted, each bound to its place; a wrong key is told from damage.
//! * A node that lost its disk does not vote before it holds all that it may have acknowledged, and a cluster is
//!   founded only while no node remembers one.
//! * A process that began with an old copy of its directory, or beside another one with the same directory, is told so by
//!   whoever has met the node since, and ends.
//! * A cluster that is [restored](restore()) or [recovered](recover()) has an id of its own: no node of the one before can
//!   come into it.
//! * A number is given to one node and never again. Who was removed is told so, and takes no part.

pub mod command;
pub mod machine;
pub mod model;
pub mod outcome;
#[cfg(feature = "planted")]
pub mod planted;
pub mod seats;
pub mod seldom;

mod backup;
mod boots;
mod clock;
mod cluster_secret;
mod codec;
mod config;
mod demands;
mod disk_space;
mod founding;
#[cfg(test)]
mod fuzz;
mod inquiries;
mod lease;
mod members;
mod network;
mod node;
mod offline;
mod sequence;
mod standing;
mod status;
mod store;
mod types;
mod visibility;

pub use backup::{Backup, BackupError, BackupHeader, read_backup_header};
pub use cluster_secret::{ClusterSecret, InvalidSecret, NoRandomness};
pub use config::{OwnId, PeerTls, RaftConfig, Tuning, Upgrade};
pub use demands::NodeDemands;
pub use inquiries::{AnswerInquiry, InquiryError};
pub use lease::Lease;
pub use network::PeerRefusal;
pub use node::{Applied, ConfirmError, Node, NotReady, ProposeError, StartError};
pub use offline::{
    FoundedCluster, Inspection, NodeHome, OfflineError, RecoveryOutcome, RestoreChoices, fingerprint,
    inspect, recover, restore,
};
pub use status::{PeerStatus, Readiness, Status};
pub use store::StoreError;
pub use store::{Storage, StorageKey};
pub use visibility::Visibility;
