//! Every answer of the state machine, as a closed set. A refusal is an outcome, not an error.

use serde::{Deserialize, Serialize};

use crate::model::{
    AccountName, ClusterId, DnsLabel, GroupName, KeyId, Level, NamePrefix, NameSelector, NodeId, OverLimit,
    PhysicalCluster, Policy, PolicyKey, Revision, Roster, TooLong, TopicName, VclusterName,
};

/// The effect of applying a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Refused(Refusal),
}

/// Why a command changed nothing. Append-only, like the commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("virtual cluster {0} does not exist")]
    NoSuchVcluster(VclusterName),
    #[error("alias topic {name} does not exist in virtual cluster {vcluster}")]
    NoSuchAlias { vcluster: VclusterName, name: TopicName },
    #[error("service account {name} does not exist in virtual cluster {vcluster}")]
    NoSuchAccount {
        vcluster: VclusterName,
        name: AccountName,
    },
    /// The virtual cluster still has alias topics or service accounts; `by` lists some, as `AliasTopic/topic1`.
    #[error("virtual cluster {vcluster} is still referenced by {}", by.join(", "))]
    StillReferenced { vcluster: VclusterName, by: Vec<String> },
    #[error(
        "physical topic {physical} is already shown as {taken_by}: a virtual cluster can show it under one name only"
    )]
    PhysicalTopicTaken { physical: TopicName, taken_by: String },
    #[error(
        "virtual cluster {vcluster} has logins that its physical cluster judges (passthrough or validate_forward), so it cannot be on both {first} and {other}"
    )]
    Relayed {
        vcluster: VclusterName,
        first: ClusterId,
        other: ClusterId,
    },
    #[error(
        "virtual cluster {vcluster} has no topic on physical cluster {cluster}, so it has none of its brokers"
    )]
    OutOfReach {
        vcluster: VclusterName,
        cluster: ClusterId,
    },
    #[error("no port slot is left: every node's GATEWAY_PORT_COUNT must be larger than {in_use}")]
    NoSlotLeft { in_use: u16 },
    #[error("physical cluster {cluster} was pinned to the Kafka cluster id {pinned}")]
    PinnedElsewhere { cluster: ClusterId, pinned: String },
    #[error("the account changed while the token was being created: try again")]
    AccountChanged,
    #[error("node {0} is unknown")]
    NoSuchNode(u64),
    /// The late copy of a proposal that was answered long ago; nobody waits for this answer.
    #[error("this proposal has already been applied")]
    Duplicate,
    #[error(
        "node {node} offers {port_count} ports, but port slot {highest} is in use: raise the port count of its listeners (GATEWAY_PORT_COUNT) to more than {highest}"
    )]
    TooFewPorts {
        node: u64,
        port_count: u16,
        highest: u16,
    },
    #[error("the DNS label {label} belongs to virtual cluster {holder}: set another spec.dnsLabel")]
    LabelTaken { label: DnsLabel, holder: VclusterName },
    #[error("virtual cluster {0} is built in: it cannot be put or deleted, and has no alias topics")]
    BuiltIn(VclusterName),
    #[error(
        "virtual cluster {0} was created with another type or backend, which cannot change: delete it first"
    )]
    Fixed(VclusterName),
    #[error(
        "selector {selector} would let in names that begin with {prefix}, which the namespace of the virtual cluster already shows"
    )]
    SelectorInNamespace {
        selector: NameSelector,
        prefix: NamePrefix,
    },
    #[error("external name {name:?} already belongs to service account {taken_by}")]
    ExternalNameTaken { name: String, taken_by: AccountName },
    #[error(
        "service account {name} of virtual cluster {vcluster} is EXTERNAL: the gateway has no credentials for it"
    )]
    ExternalAccount {
        vcluster: VclusterName,
        name: AccountName,
    },
    /// `theirs` is a prefix, or what begins the ids of a virtual cluster without one.
    #[error(
        "prefix {prefix} overlaps with {theirs} of virtual cluster {other}: names that begin with both would belong to both"
    )]
    NamespaceTaken {
        prefix: NamePrefix,
        other: VclusterName,
        theirs: String,
    },
    #[error("topic {name} of virtual cluster {vcluster} is already let in under its own name by a selector")]
    NameTaken { vcluster: VclusterName, name: TopicName },
    #[error(transparent)]
    OverLimit(OverLimit),
    #[error(transparent)]
    TooLong(TooLong),
    #[error("there is already a virtual cluster {0}: use PUT to change it")]
    VclusterExists(VclusterName),
    #[error(
        "virtual cluster {vcluster} was created with aclMode {mode}, which cannot change: use aclMode {mode}, or delete it first"
    )]
    AclModeFixed { vcluster: VclusterName, mode: String },
    #[error(
        "the ACLs of virtual cluster {0} are declared in its spec.acls (aclMode REST_API): change them there, with klamm apply or PUT /gateway/v2/virtual-cluster"
    )]
    AclsDeclared(VclusterName),
    #[error(
        "alias topic {name} of virtual cluster {vcluster} stands for {physical} on {cluster}: its consumers would skip records or read some again if it stood for another topic. To do so anyway, put it with spec.repoint: true (in topic_aliases, with repoint: true)"
    )]
    WouldRepoint {
        vcluster: VclusterName,
        name: TopicName,
        cluster: ClusterId,
        physical: TopicName,
    },
    #[error("physical cluster {0} has never been seen: there is no Kafka cluster id to replace")]
    NeverSeen(ClusterId),
    #[error(
        "topic {0} is one of Kafka's own, and holds data about all clients of the physical cluster: only the virtual cluster passthrough shows it"
    )]
    KafkasOwn(TopicName),
    #[error(
        "selector {selector} of virtual cluster {lets_in} would let in groups that begin with {prefix}, which belong to virtual cluster {owner}: remove it from the list, or choose another prefix"
    )]
    GroupsTaken {
        selector: NameSelector,
        lets_in: VclusterName,
        prefix: NamePrefix,
        owner: VclusterName,
    },
    #[error(
        "prefix {prefix} collides with {theirs} of virtual cluster {other}: brokers refuse a topic whose name differs from that of another one only in '.' and '_'. Set another spec.namespace.prefix"
    )]
    NamespaceCollides {
        prefix: NamePrefix,
        other: VclusterName,
        theirs: NamePrefix,
    },
    #[error("no key signs tokens yet: the gateway cluster is still being formed")]
    NoSigningKey,
    #[error(
        "another signing key, {signs}, signs by now: somebody rotated the key in the meantime. Check the keys, and try again"
    )]
    KeyRotated { signs: KeyId },
    #[error(
        "{tokens} live tokens were signed by the old key {key}, and this rotation would end them: replace them (klamm get tokens lists them with their keys), retire that key (klamm run retireSigningKey), or rotate with retireOld, which ends the tokens of all keys"
    )]
    TokensOfOldKey { key: KeyId, tokens: u64 },
    #[error("the key {key} signs tokens: rotate it before you retire it, or rotate with retireOld")]
    KeySigns { key: KeyId },
    #[error(
        "this needs feature level {needs}, and the cluster is at {level}: the upgrade is not finished. Bring every node to a version of klamm that supports level {needs} (klamm cluster upgrade status), then run klamm cluster upgrade finalize"
    )]
    LevelTooLow { needs: Level, level: Level },
    #[error(
        "node {node} runs a version of klamm that supports feature levels up to {knows}, but the cluster is at {level}: start the node with the version that the others run. There is no way back to an older version once the level has been raised"
    )]
    NodeTooOld { node: u64, knows: Level, level: Level },
    #[error("{}", not_everywhere(*to, nodes))]
    LevelNotEverywhere { to: Level, nodes: Vec<u64> },
    #[error("{0} does not exist")]
    NoSuchPolicy(PolicyKey),
    #[error("{0} would take more than {most} bytes: make its texts shorter", most = Policy::MAX_BYTES)]
    PolicyTooLarge(PolicyKey),
    #[error("group {0} does not exist")]
    NoSuchGroup(GroupName),
    /// Policies are for its members; `by` lists some.
    #[error("group {group} is still the scope of {}", by.join(", "))]
    GroupInUse { group: GroupName, by: Vec<String> },
    #[error("there is already a {0}: use PUT to change it")]
    PolicyExists(PolicyKey),
    #[error(
        "the order must name each policy of this phase that virtual cluster {0} has of its own, once: some came or went in the meantime. Read them again, and try again"
    )]
    OrderOfOthers(VclusterName),
    #[error(
        "virtual cluster {0} checks no ACLs (aclEnabled, acl_mode), so that a policy that brings some would do nothing: turn them on first, or put the policy as one that is not enabled"
    )]
    AclsOff(VclusterName),
    /// Whoever proposed it judges it again.
    #[error(
        "rights were taken away while this change was under way, so that it has to be judged again: nothing was done. Try again"
    )]
    Outdated,
    #[error(
        "node {node} was removed from the gateway cluster at revision {at}, and its number is not given again: to bring it back, delete its data directory and start it with klamm.raft.join and klamm.node.id: auto, so that it joins as a new node"
    )]
    NodeRemoved { node: u64, at: Revision },
    #[error(
        "the number {wanted} may have been in use before, and a number is never given twice: set klamm.node.id to auto, or to a number above {last}"
    )]
    NodeIdUsed { wanted: u64, last: u64 },
    #[error("node {0} is the last one of the gateway cluster, which cannot be without a node")]
    LastNode(u64),
    #[error("node {0} is leaving the gateway cluster")]
    NodeLeaves(u64),
    #[error("nobody would vote any more in the gateway cluster: promote another node first")]
    NoVoters,
    #[error("an address of more than {most} bytes is not one", most = Roster::MAX_ADDRESS_BYTES)]
    AddressTooLong,
    #[error("there is no physical cluster {0} among the resources")]
    NoSuchPhysicalCluster(ClusterId),
    #[error("there is already a physical cluster {0}: use PUT to change it")]
    PhysicalClusterExists(ClusterId),
    #[error(
        "physical cluster {0} would take more than {most} bytes: make its texts shorter",
        most = PhysicalCluster::MAX_BYTES
    )]
    PhysicalClusterTooLarge(ClusterId),
    /// `by` lists some of what reaches it, as `AliasTopic/mypartner/topic1`.
    #[error("physical cluster {cluster} is still used by {}", by.join(", "))]
    PhysicalClusterInUse { cluster: ClusterId, by: Vec<String> },
    #[error(
        "physical cluster {cluster} is part of the configuration of node {node}, which counts there: change it in the configuration of every node, or make a resource of it (klamm cluster adopt {cluster}) and remove it from there"
    )]
    PhysicalClusterConfigured { cluster: ClusterId, node: NodeId },
    #[error(
        "physical cluster {target} does not stand in for {cluster}: no node has it with gateway.roles: failover and gateway.failover.for: {cluster}"
    )]
    NoStandIn { cluster: ClusterId, target: ClusterId },
    #[error(
        "the route of physical cluster {cluster} was switched in the meantime, and is at generation {generation} by now: look at it (klamm cluster routes), and try again"
    )]
    RouteChanged { cluster: ClusterId, generation: u32 },
}

impl Outcome {
    /// The lowest feature level that has everything in it.
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::Created | Self::Updated | Self::Unchanged | Self::Deleted => Level::FIRST,
            Self::Refused(refusal) => refusal.level(),
        }
    }
}

impl Refusal {
    /// Whether it says that something that is named does not exist: then who wanted it gone has what he wanted.
    pub fn is_of_absence(&self) -> bool {
        self.about().1
    }

    /// Whether a node that cannot work with its cluster for this reason is refused however often it is started: somebody must change
    /// its version, configuration or data directory first.
    pub fn is_final_for_node(&self) -> bool {
        matches!(
            self,
            Self::NodeRemoved { .. }
                | Self::NodeIdUsed { .. }
                | Self::NodeTooOld { .. }
                | Self::TooFewPorts { .. }
        )
    }

    /// The lowest feature level that has everything in it. Only what has that level is refused with it: answers are
    /// remembered in the state.
    pub(crate) fn level(&self) -> Level {
        self.about().0
    }

    /// Its level, and whether it is of absence.
    fn about(&self) -> (Level, bool) {
        match self {
            Self::NoSuchVcluster(_) | Self::NoSuchAlias { .. } | Self::NoSuchAccount { .. } => {
                (Level::FIRST, true)
            }
            Self::NoSuchPolicy(_) | Self::NoSuchGroup(_) => (Level::POLICIES, true),
            Self::PolicyTooLarge(_)
            | Self::GroupInUse { .. }
            | Self::PolicyExists(_)
            | Self::OrderOfOthers(_)
            | Self::AclsOff(_) => (Level::POLICIES, false),
            Self::Outdated => (Level::LEASES, false),
            Self::NodeRemoved { .. }
            | Self::NodeIdUsed { .. }
            | Self::LastNode(_)
            | Self::NodeLeaves(_)
            | Self::NoVoters
            | Self::AddressTooLong => (Level::MEMBERS, false),
            Self::NoSuchPhysicalCluster(_) => (Level::PHYSICAL_CLUSTERS, true),
            Self::PhysicalClusterExists(_)
            | Self::PhysicalClusterTooLarge(_)
            | Self::PhysicalClusterInUse { .. }
            | Self::PhysicalClusterConfigured { .. }
            | Self::NoStandIn { .. }
            | Self::RouteChanged { .. } => (Level::PHYSICAL_CLUSTERS, false),
            Self::OverLimit(over) => (over.limit.level(), false),
            Self::StillReferenced { .. }
            | Self::PhysicalTopicTaken { .. }
            | Self::Relayed { .. }
            | Self::OutOfReach { .. }
            | Self::NoSlotLeft { .. }
            | Self::PinnedElsewhere { .. }
            | Self::AccountChanged
            | Self::NoSuchNode(_)
            | Self::Duplicate
            | Self::TooFewPorts { .. }
            | Self::LabelTaken { .. }
            | Self::BuiltIn(_)
            | Self::Fixed(_)
            | Self::SelectorInNamespace { .. }
            | Self::ExternalNameTaken { .. }
            | Self::ExternalAccount { .. }
            | Self::NamespaceTaken { .. }
            | Self::NameTaken { .. }
            | Self::TooLong(_)
            | Self::VclusterExists(_)
            | Self::AclModeFixed { .. }
            | Self::AclsDeclared(_)
            | Self::WouldRepoint { .. }
            | Self::NeverSeen(_)
            | Self::KafkasOwn(_)
            | Self::GroupsTaken { .. }
            | Self::NamespaceCollides { .. }
            | Self::NoSigningKey
            | Self::KeyRotated { .. }
            | Self::TokensOfOldKey { .. }
            | Self::KeySigns { .. }
            | Self::LevelTooLow { .. }
            | Self::NodeTooOld { .. }
            | Self::LevelNotEverywhere { .. } => (Level::FIRST, false),
        }
    }
}

fn not_everywhere(to: Level, nodes: &[u64]) -> String {
    if nodes.is_empty() {
        return "no node has joined the cluster yet".to_owned();
    }
    let nodes: Vec<String> = nodes.iter().map(u64::to_string).collect();
    format!(
        "nodes that do not support feature level {to}: {}. Bring them to a version of klamm that supports it first",
        nodes.join(", ")
    )
}

impl From<OverLimit> for Refusal {
    fn from(over: OverLimit) -> Self {
        Self::OverLimit(over)
    }
}

impl From<TooLong> for Refusal {
    fn from(long: TooLong) -> Self {
        Self::TooLong(long)
    }
}
