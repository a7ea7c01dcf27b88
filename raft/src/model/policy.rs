//! Policies: what a virtual cluster does with requests and with records on their way, beside what rights allow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    AccountName, GroupName, HeaderKey, KeyName, Operation, PatternType, Permission, PolicyName, RegexText,
    RegistryName, ResourceType, Times, TopicName, VclusterName,
};

/// The name of a policy with its scope. Where a client is in the scope of several of one name, the narrowest hold: that
/// of its account, those of its groups, that of everybody. Of two that are for the same, that of the virtual cluster
/// holds in the place of that of all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyKey {
    /// In all virtual clusters.
    Everywhere(PolicyId),
    /// In one virtual cluster.
    In(VclusterName, PolicyId),
}

/// The name of a policy in its virtual cluster, or in all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyId {
    pub name: PolicyName,
    pub scope: PolicyScope,
}

/// The clients that a policy concerns. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyScope {
    /// Everybody.
    All,
    /// The members of a group.
    Group(GroupName),
    /// One account; where the policy is one of all virtual clusters, those of this name.
    Account(AccountName),
}

/// A policy as an operator writes it. Policies of one phase take effect by priority, the lowest first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub phase: PolicyPhase,
    pub priority: i32,
    pub enabled: bool,
    pub description: String,
    pub labels: BTreeMap<String, String>,
    /// The topics that it concerns, as clients of the virtual cluster call them; empty stands for all.
    pub topics: BTreeSet<TopicPattern>,
    /// The expression that says for which records or requests it acts; none stands for all.
    pub condition: Option<String>,
    pub action: PolicyAction,
    /// Its treatment of a record that it cannot judge; none stands for what is safest.
    pub failure_mode: Option<FailureMode>,
    /// The words of somebody else that it was put in, to be shown in them again. They decide nothing.
    pub spelling: Option<PolicySpelling>,
    /// Whoever puts it says when that is; when it was made is kept from before.
    pub times: Times,
}

/// The words that a policy was put in, where they are not its own. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicySpelling {
    /// A plugin, and its configuration in JSON.
    Interceptor { plugin_class: String, config: String },
}

/// A policy of a virtual cluster that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPolicy {
    pub vcluster: VclusterName,
    pub id: PolicyId,
    /// It has the priority that the order takes.
    pub policy: Policy,
    /// The order of all its policies of the phase, with this one.
    pub order: Vec<PolicyId>,
}

/// The policies of a phase that a virtual cluster has of its own, in an order of effect: each of them once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedPolicies {
    pub vcluster: VclusterName,
    pub phase: PolicyPhase,
    pub order: Vec<PolicyId>,
}

/// The things that a policy looks at. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyPhase {
    /// Records from clients.
    Produce,
    /// Records to clients.
    Consume,
    /// Requests.
    Cluster,
}

/// One topic, those whose names begin alike, or those whose whole names match an expression. Append-only: the order is on
/// disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TopicPattern {
    Literal(TopicName),
    Prefixed(TopicName),
    Regex(RegexText),
}

/// The effect of a policy. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyAction {
    /// Changes headers, one action after the other.
    ModifyHeaders { actions: Vec<HeaderAction> },
    /// Withholds the record.
    SkipRecord,
    /// Refuses a batch with a record for which the condition does not hold. The description tells the client why.
    Require { description: String },
    /// Demands something of requests, one rule after the other.
    RequestRules { rules: Vec<RequestRule> },
    /// Refuses whatever changes the topics.
    ReadOnly,
    /// Stands for ACLs of the virtual cluster, beside all others that it has. The condition of the policy says the same
    /// as `principals`, for people.
    Acls {
        /// As `User:alice`, or `User:*` for all.
        principals: BTreeSet<String>,
        rules: Vec<AclRule>,
    },
    /// Encrypts parts of the record with a key that each node has in its configuration.
    Encrypt { key: KeyName, parts: SealedParts },
    /// Decrypts what was encrypted with one of these keys; with any, if none is named.
    Decrypt {
        keys: BTreeSet<KeyName>,
        parts: OpenedParts,
    },
    /// Has those whom the policy concerns wait where all of them together would use more than so much in a second.
    LimitRate { of: LimitedRate, per_second: u64 },
    /// Looks whether parts of the record are what they are to be.
    ValidateSchema {
        parts: ValidatedParts,
        check: SchemaCheck,
    },
}

/// The parts of a record that are looked at. One that is null is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatedParts {
    pub value: bool,
    pub key: bool,
}

/// The demand on a part of a record. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaCheck {
    /// It is JSON, whatever that says.
    JsonSyntax,
    /// It says of which schema it is; where a registry is named, of one that this knows.
    Id { registry: Option<RegistryName> },
    /// It is as the schema says that it names, and that is of one of these formats; of any, if none is named.
    Schema {
        registry: RegistryName,
        formats: BTreeSet<SchemaFormat>,
    },
}

/// The language of a schema. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SchemaFormat {
    JsonSchema,
    Avro,
    Protobuf,
}

/// The thing that a policy limits. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LimitedRate {
    /// Bytes of Produce requests.
    ProducedBytes,
    /// Bytes of answers to Fetch.
    ConsumedBytes,
    /// Connections that log in.
    NewConnections,
}

/// The parts of a record that are encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedParts {
    pub value: bool,
    /// Whoever sees two encrypted keys sees whether they are alike.
    pub key: bool,
    /// The values of these headers.
    pub headers: BTreeSet<HeaderKey>,
}

/// The parts of a record that are decrypted, as far as they are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedParts {
    pub value: bool,
    pub key: bool,
    pub headers: bool,
}

/// A demand on requests of some kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRule {
    pub requests: BTreeSet<RequestKind>,
    /// The expression that must hold for each item of such a request.
    pub rule: String,
    /// Tells the client what is demanded.
    pub description: String,
    pub otherwise: RuleEffect,
}

/// A kind of requests that rules can be about. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RequestKind {
    CreateTopics,
    CreatePartitions,
    AlterConfigs,
    IncrementalAlterConfigs,
    Produce,
    Fetch,
    JoinGroup,
    ConsumerGroupHeartbeat,
    OffsetCommit,
    OffsetFetch,
    TxnOffsetCommit,
    CreateAcls,
    DeleteAcls,
    /// Whatever a client asks once it is logged in.
    Any,
    /// Of a member of a classic group.
    Heartbeat,
}

/// The effect of a rule on an item for which it does not hold. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleEffect {
    /// The item is refused.
    Refuse,
    /// The item goes on with these settings.
    Override {
        settings: BTreeMap<RequestSetting, String>,
    },
    /// The item is counted, and goes on as it is.
    Observe,
}

/// A setting of a request that a rule can give another value. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RequestSetting {
    Partitions,
    ReplicationFactor,
    /// A configuration, by its name.
    Config(String),
    IsolationLevel,
    MaxBytes,
    MinBytes,
    MaxWaitMs,
}

/// Rights of some principals, or their denial. Lists are in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclRule {
    pub permission: Permission,
    pub resource_type: ResourceType,
    pub operations: Vec<Operation>,
    pub names: Vec<AclName>,
}

/// The name of a resource, or the beginning of the names of some. `*` alone stands for all names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AclName {
    pub pattern_type: PatternType,
    pub name: String,
}

/// A change of a header. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderAction {
    /// The header has this value then, and only this.
    Set {
        key: HeaderKey,
        value: String,
    },
    Remove {
        key: HeaderKey,
    },
    /// A record without this header gets it; one that has it keeps its own.
    SetIfAbsent {
        key: HeaderKey,
        value: String,
    },
    /// Removes the headers whose whole keys match, but for those in which the gateway itself says something.
    RemoveMatching {
        pattern: RegexText,
    },
}

/// The treatment of a record that a policy cannot judge. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureMode {
    /// The producer's batch is refused; the consumer gets an error in the record's place.
    Refuse,
    /// The record is withheld.
    Skip,
    /// It goes through, with a header that says so.
    Mark,
    /// It goes through as it is.
    Passthrough,
}

impl RequestKind {
    /// The word for it in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateTopics => "create_topics",
            Self::CreatePartitions => "create_partitions",
            Self::AlterConfigs => "alter_configs",
            Self::IncrementalAlterConfigs => "incremental_alter_configs",
            Self::Produce => "produce",
            Self::Fetch => "fetch",
            Self::JoinGroup => "join_group",
            Self::ConsumerGroupHeartbeat => "consumer_group_heartbeat",
            Self::OffsetCommit => "offset_commit",
            Self::OffsetFetch => "offset_fetch",
            Self::TxnOffsetCommit => "txn_offset_commit",
            Self::CreateAcls => "create_acls",
            Self::DeleteAcls => "delete_acls",
            Self::Any => "any",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Whether each of its items is a topic, or may be one.
    pub const fn is_of_topics(self) -> bool {
        match self {
            Self::CreateTopics
            | Self::CreatePartitions
            | Self::AlterConfigs
            | Self::IncrementalAlterConfigs
            | Self::Produce
            | Self::Fetch => true,
            Self::JoinGroup
            | Self::ConsumerGroupHeartbeat
            | Self::OffsetCommit
            | Self::OffsetFetch
            | Self::TxnOffsetCommit
            | Self::CreateAcls
            | Self::DeleteAcls
            | Self::Any
            | Self::Heartbeat => false,
        }
    }
}

impl fmt::Display for RequestSetting {
    /// Where it stands in a rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions => f.write_str("partitions"),
            Self::ReplicationFactor => f.write_str("replicationFactor"),
            Self::Config(name) => write!(f, "configs[{name:?}]"),
            Self::IsolationLevel => f.write_str("isolationLevel"),
            Self::MaxBytes => f.write_str("maxBytes"),
            Self::MinBytes => f.write_str("minBytes"),
            Self::MaxWaitMs => f.write_str("maxWaitMs"),
        }
    }
}

impl Policy {
    /// The most bytes that one takes.
    pub const MAX_BYTES: u64 = 64 * 1024;
    /// The priority of those that say none.
    pub const DEFAULT_PRIORITY: i32 = 100;

    /// One for all topics and everything in them: it is in force, and all else is as it is where nothing is said.
    pub fn new(phase: PolicyPhase, action: PolicyAction) -> Self {
        Self {
            phase,
            priority: Self::DEFAULT_PRIORITY,
            enabled: true,
            description: String::new(),
            labels: BTreeMap::new(),
            topics: BTreeSet::new(),
            condition: None,
            action,
            failure_mode: None,
            spelling: None,
            times: Times::default(),
        }
    }

    /// Whether `other` says this policy, in the same words or in none but its own.
    pub fn is_said_by(&self, other: &Self) -> bool {
        let in_its_own_words = || Self {
            spelling: None,
            ..self.clone()
        };
        self == other || other.spelling.is_none() && in_its_own_words() == *other
    }
}

impl PolicyAction {
    /// The keys that it names.
    pub fn keys(&self) -> impl Iterator<Item = &KeyName> {
        let (one, several) = match self {
            Self::Encrypt { key, .. } => (Some(key), None),
            Self::Decrypt { keys, .. } => (None, Some(keys)),
            _ => (None, None),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// The schema registry that it names.
    pub fn registry(&self) -> Option<&RegistryName> {
        match self {
            Self::ValidateSchema { check, .. } => match check {
                SchemaCheck::JsonSyntax => None,
                SchemaCheck::Id { registry } => registry.as_ref(),
                SchemaCheck::Schema { registry, .. } => Some(registry),
            },
            _ => None,
        }
    }
}

impl PolicyId {
    /// That of the policy for everybody.
    pub fn of_all(name: PolicyName) -> Self {
        Self {
            name,
            scope: PolicyScope::All,
        }
    }
}

impl PolicyScope {
    /// The group that it is for, if it is for one.
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Self::Group(group) => Some(group),
            Self::All | Self::Account(_) => None,
        }
    }

    /// The account that it is for, if it is for one.
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Account(account) => Some(account),
            Self::All | Self::Group(_) => None,
        }
    }
}

impl PolicyKey {
    /// The name and the clients, without the virtual cluster.
    pub fn id(&self) -> &PolicyId {
        match self {
            Self::Everywhere(id) | Self::In(_, id) => id,
        }
    }

    /// The name without its scope.
    pub fn name(&self) -> &PolicyName {
        &self.id().name
    }

    /// The virtual cluster that it is in, if it is in one.
    pub fn vcluster(&self) -> Option<&VclusterName> {
        match self {
            Self::Everywhere(_) => None,
            Self::In(vcluster, _) => Some(vcluster),
        }
    }

    /// The clients that it is for.
    pub fn scope(&self) -> &PolicyScope {
        &self.id().scope
    }
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy {}", self.name())?;
        match self.scope() {
            PolicyScope::All => {}
            PolicyScope::Group(group) => write!(f, " for the group {group}")?,
            PolicyScope::Account(account) => write!(f, " for {account}")?,
        }
        match self.vcluster() {
            Some(vcluster) => write!(f, " of virtual cluster {vcluster}"),
            None => f.write_str(" of all virtual clusters"),
        }
    }
}
