//! Every change of the replicated state, as a closed set.
//!
//! A command carries all that is random or read from a clock: applying it is deterministic.

mod change;
mod members;
mod physical;
mod route;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{
    AccessToken, AccessTokenId, AccountGroup, AccountName, AccountSpec, AclBinding, AliasTopic, Beside,
    BrokerKey, ClusterId, GroupName, Holder, KeyId, Level, Liveness, NewPolicy, NodeId, NodeRecord,
    OrderedPolicies, Policy, PolicyKey, QuotaChange, Revision, ScramCredential, ScramUser, SigningKey,
    TokenId, TokenRecord, TopicName, Unopened, VclusterName, VirtualCluster,
};

pub use change::{Author, AuthorKind, Change};
pub use members::MemberChange;
pub use physical::ClusterChange;
pub use route::RouteChange;

/// Names one proposal, so that one that is sent twice is applied once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProposalId {
    /// Random, made when the node's process started.
    pub boot: u64,
    /// Counts the proposals of that process.
    pub sequence: u64,
}

/// A command and who proposed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub node: NodeId,
    pub id: ProposalId,
    /// Every proposal of this process with a lower sequence has been answered and will not be sent again: what it came
    /// to need not be kept.
    pub settled: u64,
    pub author: Author,
    /// The newest state that the proposer had seen when it found that the author may make this change.
    pub judged_at: Revision,
    pub command: Command,
}

/// A change of the replicated state. Append-only: variants are never removed or reordered, their order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Creates or changes a virtual cluster. `kafka_cluster_id` is used when it is created. What is kept beside it
    /// stays as it is when nothing is said of it.
    PutVcluster {
        name: VclusterName,
        spec: VirtualCluster,
        kafka_cluster_id: String,
        /// Seconds since the Unix epoch.
        at_s: u64,
        beside: Option<Box<Beside>>,
    },
    DeleteVcluster {
        name: VclusterName,
    },
    /// Creates an alias topic; refused when it stands for another physical topic. The proposer has checked that the
    /// physical topic exists, and that no topic of the physical cluster has the name.
    PutAlias {
        vcluster: VclusterName,
        name: TopicName,
        alias: AliasTopic,
    },
    DeleteAlias {
        vcluster: VclusterName,
        name: TopicName,
    },
    PutAccount {
        vcluster: VclusterName,
        name: AccountName,
        spec: AccountSpec,
    },
    DeleteAccount {
        vcluster: VclusterName,
        name: AccountName,
    },
    /// Records an issued token; refused unless the account exists and was created at `record.account_created`.
    /// Drops records that expired before `record.issued_at_s`.
    PutToken {
        vcluster: VclusterName,
        id: TokenId,
        record: TokenRecord,
    },
    /// Adds ACLs, all or nothing. An ACL that exists already is no change.
    CreateAcls {
        vcluster: VclusterName,
        acls: Vec<AclBinding>,
    },
    /// Removes exactly these ACLs. One that is gone already is no change.
    DeleteAcls {
        vcluster: VclusterName,
        acls: Vec<AclBinding>,
    },
    /// Gives slots and virtual ids to brokers that have none yet, all or nothing. Refused unless they belong to the
    /// virtual cluster's home.
    AssignBrokers {
        vcluster: VclusterName,
        brokers: Vec<BrokerKey>,
    },
    /// Adds or updates a gateway node's own record. A node that is known keeps its liveness and what it cannot open.
    /// Refused when `record.port_count` does not cover the slots in use.
    PutNode {
        id: NodeId,
        record: NodeRecord,
    },
    SetLiveness {
        id: NodeId,
        liveness: Liveness,
    },
    /// Pins Kafka's cluster id of a physical cluster; refused when another one is pinned.
    PinCluster {
        cluster: ClusterId,
        kafka_cluster_id: String,
    },
    /// Sets the token signing key if none is set.
    InitSigningKey {
        key: SigningKey,
        decoy: SigningKey,
    },
    /// Drops records of tokens: no login with them holds any longer. One that is gone already is no change.
    RevokeTokens {
        vcluster: VclusterName,
        tokens: Revoked,
    },
    /// Puts and removes SCRAM credentials, all or nothing. Whoever has no account gets a local one. One that is gone
    /// already is no change.
    AlterScramCredentials {
        vcluster: VclusterName,
        put: Vec<(ScramUser, ScramCredential)>,
        delete: Vec<ScramUser>,
    },
    /// Creates a virtual cluster; refused if there is one of this name.
    CreateVcluster {
        name: VclusterName,
        spec: VirtualCluster,
        kafka_cluster_id: String,
        /// Seconds since the Unix epoch.
        at_s: u64,
        beside: Option<Box<Beside>>,
    },
    /// Records an issued access token of the admin API. Drops records that expired before it was issued.
    PutAccessToken {
        id: AccessTokenId,
        token: AccessToken,
    },
    /// Drops the record of an access token: it lets nobody in any longer. One that is gone already is no change.
    RevokeAccessToken {
        id: AccessTokenId,
    },
    /// Writes down that an access token was used. No change when the last use that is known was shortly before.
    UseAccessToken {
        id: AccessTokenId,
        /// Seconds since the Unix epoch.
        at_s: u64,
    },
    /// Like `PutAlias`, but the alias topic may come to stand for another physical topic.
    RepointAlias {
        vcluster: VclusterName,
        name: TopicName,
        alias: AliasTopic,
    },
    /// Puts on record who has names that two topics would have. A name that is on record already keeps its holder.
    /// Records are dropped first; one that names another holder stays.
    SettleNames {
        vcluster: VclusterName,
        held: BTreeMap<TopicName, Holder>,
        released: BTreeMap<TopicName, Holder>,
    },
    /// From now on a physical cluster is the Kafka cluster `to`, which was made anew where `from` was; refused when it is
    /// another one than `from` now. It gets a new number.
    AcceptCluster {
        cluster: ClusterId,
        from: String,
        to: String,
    },
    /// Says which addresses a gateway node cannot open now: these, and no others.
    SetUnopened {
        id: NodeId,
        unopened: Unopened,
    },
    /// From now on another key signs tokens; refused when `replaced` is not the one that signs now.
    RotateSigningKey {
        replaced: KeyId,
        key: SigningKey,
        old: OldKeys,
    },
    /// Drops the key that signed before, and all tokens that it signed. One that is gone already is no change.
    RetireSigningKey {
        key: KeyId,
    },
    /// Raises the feature level of the cluster; refused while a node does not know it. One that is reached is no change.
    RaiseLevel {
        to: Level,
    },
    /// Creates or changes a policy. The proposer has checked that it can be carried out.
    PutPolicy {
        key: PolicyKey,
        policy: Policy,
    },
    DeletePolicy {
        key: PolicyKey,
    },
    /// Creates a group of accounts, or changes who is in it.
    PutGroup {
        name: GroupName,
        group: AccountGroup,
    },
    DeleteGroup {
        name: GroupName,
    },
    /// Creates a policy of a virtual cluster at its place; refused if there is one of this name.
    CreatePolicy(Box<NewPolicy>),
    /// From now on policies of a virtual cluster take effect in this order.
    OrderPolicies(OrderedPolicies),
    /// Nodes come and go, or vote or not.
    ChangeMembers(MemberChange),
    PhysicalCluster(Box<ClusterChange>),
    /// Changes client quotas, all or nothing. One that is gone already is no change.
    AlterQuotas {
        vcluster: VclusterName,
        changes: Vec<QuotaChange>,
    },
    /// A command of the level after the newest.
    #[cfg(feature = "next-level")]
    Next {
        text: String,
    },
}

/// The fate of the keys that signed until a rotation. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OldKeys {
    /// The one that signed last goes on verifying. The one before it goes; refused while tokens of it hold.
    Kept {
        /// Seconds since the Unix epoch.
        at_s: u64,
    },
    /// They go, and all tokens that they signed.
    Retired,
}

/// Which tokens are revoked. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revoked {
    One(TokenId),
    AllOf(AccountName),
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from node {}", self.command.name(), self.node)
    }
}

impl Command {
    /// The variant's name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PutVcluster { .. } => "PutVcluster",
            Self::DeleteVcluster { .. } => "DeleteVcluster",
            Self::PutAlias { .. } => "PutAlias",
            Self::DeleteAlias { .. } => "DeleteAlias",
            Self::PutAccount { .. } => "PutAccount",
            Self::DeleteAccount { .. } => "DeleteAccount",
            Self::PutToken { .. } => "PutToken",
            Self::CreateAcls { .. } => "CreateAcls",
            Self::DeleteAcls { .. } => "DeleteAcls",
            Self::AssignBrokers { .. } => "AssignBrokers",
            Self::PutNode { .. } => "PutNode",
            Self::SetLiveness { .. } => "SetLiveness",
            Self::PinCluster { .. } => "PinCluster",
            Self::InitSigningKey { .. } => "InitSigningKey",
            Self::RevokeTokens { .. } => "RevokeTokens",
            Self::AlterScramCredentials { .. } => "AlterScramCredentials",
            Self::CreateVcluster { .. } => "CreateVcluster",
            Self::PutAccessToken { .. } => "PutAccessToken",
            Self::RevokeAccessToken { .. } => "RevokeAccessToken",
            Self::UseAccessToken { .. } => "UseAccessToken",
            Self::RepointAlias { .. } => "RepointAlias",
            Self::SettleNames { .. } => "SettleNames",
            Self::AcceptCluster { .. } => "AcceptCluster",
            Self::SetUnopened { .. } => "SetUnopened",
            Self::RotateSigningKey { .. } => "RotateSigningKey",
            Self::RetireSigningKey { .. } => "RetireSigningKey",
            Self::RaiseLevel { .. } => "RaiseLevel",
            Self::PutPolicy { .. } => "PutPolicy",
            Self::DeletePolicy { .. } => "DeletePolicy",
            Self::PutGroup { .. } => "PutGroup",
            Self::DeleteGroup { .. } => "DeleteGroup",
            Self::CreatePolicy(_) => "CreatePolicy",
            Self::OrderPolicies(_) => "OrderPolicies",
            Self::ChangeMembers(change) => change.name(),
            Self::PhysicalCluster(change) => change.name(),
            Self::AlterQuotas { .. } => "AlterQuotas",
            #[cfg(feature = "next-level")]
            Self::Next { .. } => "Next",
        }
    }

    /// The lowest feature level that has everything in it. It is not proposed before the cluster is there.
    pub fn level(&self) -> Level {
        match self {
            #[cfg(feature = "next-level")]
            Self::Next { .. } => Level::NEXT,
            Self::PutPolicy { .. }
            | Self::DeletePolicy { .. }
            | Self::PutGroup { .. }
            | Self::DeleteGroup { .. }
            | Self::CreatePolicy(_)
            | Self::OrderPolicies(_) => Level::POLICIES,
            Self::ChangeMembers(_) => Level::MEMBERS,
            Self::PhysicalCluster(_) => Level::PHYSICAL_CLUSTERS,
            Self::AlterQuotas { .. } => Level::QUOTAS,
            Self::PutVcluster { spec, .. } | Self::CreateVcluster { spec, .. } => spec.limits.level(),
            Self::DeleteVcluster { .. }
            | Self::PutAlias { .. }
            | Self::DeleteAlias { .. }
            | Self::PutAccount { .. }
            | Self::DeleteAccount { .. }
            | Self::PutToken { .. }
            | Self::CreateAcls { .. }
            | Self::DeleteAcls { .. }
            | Self::AssignBrokers { .. }
            | Self::PutNode { .. }
            | Self::SetLiveness { .. }
            | Self::PinCluster { .. }
            | Self::InitSigningKey { .. }
            | Self::RevokeTokens { .. }
            | Self::AlterScramCredentials { .. }
            | Self::PutAccessToken { .. }
            | Self::RevokeAccessToken { .. }
            | Self::UseAccessToken { .. }
            | Self::RepointAlias { .. }
            | Self::SettleNames { .. }
            | Self::AcceptCluster { .. }
            | Self::SetUnopened { .. }
            | Self::RotateSigningKey { .. }
            | Self::RetireSigningKey { .. }
            | Self::RaiseLevel { .. } => Level::FIRST,
        }
    }
}
