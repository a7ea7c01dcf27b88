//! Domain types of the replicated state. Plain ordered data: no clock, no randomness, no I/O.

mod access_token;
mod account;
mod acl;
mod alias;
mod authentication;
mod holder;
mod internal;
mod listener;
mod names;
mod neighbours;
mod node;
mod notes;
mod proposal;
mod shared;
mod slot;
mod standard;
mod state;
mod token;
mod vcluster;

pub use access_token::{AccessRole, AccessToken, AccessTokenId, MAX_ACCESS_TOKENS, USE_GRAIN_S};
pub use account::{AccountKind, AccountSpec, ServiceAccount};
pub use acl::{
    AclBinding, AclEntry, MAX_ACLS, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};
pub use alias::{AliasTopic, MAX_ALIASES};
pub use authentication::{
    Authentication, ClaimRule, Demand, Mediation, Method, OauthBearer, PasswordHash, ScramCredential,
    ScramHash, ScramUser,
};
pub use holder::{Holder, MAX_HOLDERS};
pub use internal::{CLUSTER_METADATA_TOPIC, INTERNAL_TOPICS, begins_kafkas_own, is_kafkas_own};
pub use listener::{Encryption, Entry, ListenerRecord, Protocol, Routing, Sasl, Speech, UnknownProtocol};
pub use names::{
    AccessTokenName, AccountName, ClusterId, CredentialsName, DnsLabel, InvalidName, ListenerName,
    NamePrefix, NameSelector, NodeId, ProviderName, Revision, TopicName, VclusterName,
};
pub use neighbours::Neighbours;
pub use node::{Liveness, NodeRecord, Unopened};
pub use notes::{Beside, Conflict, Notes, SelectorForm, SelectorGroup, WrittenAlias, WrittenOauth};
pub use proposal::{BootRecord, ProposalRecord};
pub use shared::Shared;
pub use slot::{BrokerKey, BrokerSlot, PortSlot};
pub use standard::{Namespace, Standard};
pub use state::{PinnedCluster, SigningKey, State};
pub use token::{TokenId, TokenRecord};
pub use vcluster::{AclMode, MAIN_CLUSTER, PASSTHROUGH, Times, VclusterKind, VclusterState, VirtualCluster};
