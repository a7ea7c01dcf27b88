//! Domain types of the replicated state. Plain ordered data: no clock, no randomness, no I/O.

mod access_token;
mod account;
mod acl;
mod alias;
mod authentication;
mod group;
mod holder;
mod internal;
mod level;
mod limit;
mod listener;
mod mark;
mod names;
mod neighbours;
mod node;
mod notes;
mod physical;
mod policy;
mod proposal;
mod quota;
mod roster;
mod route;
mod shared;
mod signing;
mod slot;
mod standard;
mod state;
mod token;
mod usage;
mod vcluster;

pub use access_token::{AccessRole, AccessToken, AccessTokenId, USE_GRAIN_S};
pub use account::{AccountKind, AccountSpec, ServiceAccount};
pub use acl::{
    AclBinding, AclEntry, AclPart, Operation, PatternType, Permission, ResourcePattern, ResourceType, TooLong,
};
pub use alias::AliasTopic;
pub use authentication::{
    Authentication, ClaimRule, Demand, Mediation, Method, OauthBearer, PasswordHash, ScramCredential,
    ScramHash, ScramUser,
};
pub use group::{AccountGroup, GroupMember};
pub use holder::Holder;
pub use internal::{CLUSTER_METADATA_TOPIC, INTERNAL_TOPICS, begins_kafkas_own, is_kafkas_own};
pub use level::{Ability, Level};
pub use limit::{Limit, Of};
pub use listener::{Encryption, Entry, ListenerRecord, Protocol, Routing, Sasl, Speech, UnknownProtocol};
pub use mark::ProducerMark;
pub use names::{
    AccessTokenName, AccountName, ClusterId, CredentialsName, DnsLabel, GroupName, HeaderKey, InvalidName,
    KeyName, ListenerName, NamePrefix, NameSelector, NodeId, PolicyName, ProviderName, RegexText,
    RegistryName, Revision, TopicName, VclusterName,
};
pub use neighbours::Neighbours;
pub use node::{Liveness, NodeRecord, Unopened};
pub use notes::{Beside, Conflict, Notes, SelectorForm, SelectorGroup, WrittenAlias, WrittenOauth};
pub use physical::{ClusterReport, ClusterReports, KafkaProperties, PhysicalCluster, ReportedReach};
pub use policy::{
    AclName, AclRule, FailureMode, HeaderAction, LimitedRate, NewPolicy, OpenedParts, OrderedPolicies,
    Policy, PolicyAction, PolicyId, PolicyKey, PolicyPhase, PolicyScope, PolicySpelling, RequestKind,
    RequestRule, RequestSetting, RuleEffect, SchemaCheck, SchemaFormat, SealedParts, TopicPattern,
    ValidatedParts,
};
pub use proposal::{BootRecord, ProposalRecord};
pub use quota::{
    ClientQuotas, QuotaChange, QuotaDemand, QuotaEntity, QuotaHolder, QuotaKey, QuotaKind, QuotaName,
    QuotaValue,
};
pub use roster::{Departure, NewNode, Roster, VoterGoal, VoterPlan};
pub use route::{ClusterRoute, ClusterRoutes, FirstTopicIds, RouteKey, RoutePhase};
pub use shared::Shared;
pub use signing::{InvalidKeyId, KeyId, SigningKey, SigningKeys};
pub use slot::{BrokerKey, BrokerSlot, PortSlot};
pub use standard::{Namespace, Standard};
pub use state::{PinnedCluster, State};
pub use token::{TokenId, TokenRecord};
pub use usage::{Limits, OverLimit};
pub use vcluster::{AclMode, MAIN_CLUSTER, PASSTHROUGH, Times, VclusterKind, VclusterState, VirtualCluster};
