//! Virtual clusters, and everything that belongs to one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    AccountName, AclBinding, AliasTopic, Authentication, BrokerKey, BrokerSlot, ClientQuotas, ClusterId,
    DnsLabel, Holder, Limits, NamePrefix, Notes, Policy, PolicyId, PortSlot, ProducerMark, Revision,
    ScramCredential, ScramUser, ServiceAccount, Shared, Standard, TokenId, TokenRecord, TopicName,
    VclusterName,
};

/// The name of the virtual cluster that is always there.
pub const PASSTHROUGH: &str = "passthrough";

/// The physical cluster that [`PASSTHROUGH`] shows.
pub const MAIN_CLUSTER: &str = "main";

/// The kind of a virtual cluster, which says what it may do. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VclusterKind {
    /// Shows alias topics only; topics cannot be created through it.
    Partner,
    /// The physical cluster `main` under its own names: built in, there is exactly one.
    Passthrough,
    /// A part of one physical cluster, with topics of its own.
    Standard(Standard),
}

/// Who says what the ACLs of a virtual cluster are. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AclMode {
    /// Kafka clients with the right to do so.
    KafkaApi,
    /// Whoever puts the virtual cluster: there are these, and no others.
    RestApi(Shared<BTreeSet<AclBinding>>),
}

impl AclMode {
    /// Its name for operators.
    pub fn name(&self) -> &'static str {
        match self {
            Self::KafkaApi => "KAFKA_API",
            Self::RestApi(_) => "REST_API",
        }
    }
}

impl VclusterKind {
    /// The beginning of its names and the physical cluster that they are on, if they have a prefix.
    pub fn border(&self) -> Option<(&ClusterId, &NamePrefix)> {
        match self {
            Self::Standard(standard) => Some((&standard.backend, standard.namespace.prefix()?)),
            Self::Partner | Self::Passthrough => None,
        }
    }
}

/// A virtual cluster as an operator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualCluster {
    pub kind: VclusterKind,
    pub acl_enabled: bool,
    /// As it was said; none stands for [`AclMode::KafkaApi`]. Which of the two it is, stays.
    pub acl_mode: Option<AclMode>,
    pub super_users: BTreeSet<AccountName>,
    pub authentication: Authentication,
    /// The label of this virtual cluster in host names (TLS SNI). Without one its name is the label, if it can be one.
    pub dns_label: Option<DnsLabel>,
    pub limits: Limits,
}

impl VirtualCluster {
    /// One of this kind: ACLs decide, nobody is a super user, and all else is as it is where nothing is said.
    pub fn new(kind: VclusterKind) -> Self {
        Self {
            kind,
            acl_enabled: true,
            acl_mode: None,
            super_users: BTreeSet::new(),
            authentication: Authentication::default(),
            dns_label: None,
            limits: Limits::default(),
        }
    }

    /// The ACLs that are declared here, if they are.
    pub fn declared_acls(&self) -> Option<&Shared<BTreeSet<AclBinding>>> {
        match &self.acl_mode {
            Some(AclMode::RestApi(acls)) => Some(acls),
            Some(AclMode::KafkaApi) | None => None,
        }
    }

    /// The name of the virtual cluster `name` in host names. None when it has no label, and its name is none.
    pub fn label(&self, name: &VclusterName) -> Option<DnsLabel> {
        self.dns_label.clone().or_else(|| name.as_str().parse().ok())
    }
}

/// A virtual cluster with all that belongs to it. What may be large is shared between states, so that a change of one
/// part does not copy the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VclusterState {
    pub spec: Shared<VirtualCluster>,
    /// The cluster id that clients see: 22 characters of URL-safe base64 of 16 random bytes, made by the proposer.
    pub kafka_cluster_id: String,
    pub aliases: Shared<BTreeMap<TopicName, AliasTopic>>,
    pub accounts: Shared<BTreeMap<AccountName, ServiceAccount>>,
    pub tokens: Shared<BTreeMap<TokenId, TokenRecord>>,
    pub scram: Shared<BTreeMap<ScramUser, ScramCredential>>,
    /// Those that Kafka clients made. [`VclusterState::acls`] says which hold.
    pub acls: Shared<BTreeSet<AclBinding>>,
    /// The physical cluster that groups and transactions live on: that of a Partner's first alias, until the last alias
    /// is gone; that of other kinds stays for ever. Further aliases may be on other clusters.
    pub home: Option<ClusterId>,
    /// The mark of producer ids that are not those of transactions: of its home, or of the one that it had
    /// last. None before there is a home, and where ids are as the physical cluster gave them out.
    pub mark: Option<ProducerMark>,
    pub bootstrap: PortSlot,
    /// The brokers that clients may be shown, by physical broker.
    pub brokers: BTreeMap<BrokerKey, BrokerSlot>,
    /// The virtual id that the next new broker gets. Ids start at 1 and are never reused; 0 is the bootstrap address.
    pub next_broker_id: i32,
    /// Who has the names that a topic of its namespace and one that is let in would both have. It is on record while both
    /// are there; the other one is hidden.
    pub holders: Shared<BTreeMap<TopicName, Holder>>,
    /// Its notes, which decide nothing.
    pub notes: Shared<Notes>,
    pub times: Times,
    /// Policies of its own. Level 1 does not have them: `codec/layout.rs` writes them behind the state.
    #[serde(skip)]
    pub policies: Shared<BTreeMap<PolicyId, Policy>>,
    /// The last revision at which a client of it may have lost the right to make a change. Level 1 does not have it.
    #[serde(skip)]
    pub rights_withdrawn: Revision,
    /// Client quotas. Level 1 does not have them.
    #[serde(skip)]
    pub quotas: Shared<ClientQuotas>,
}

/// When something was made and changed, in seconds since the Unix epoch, by the clock of the node that was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    pub created_s: u64,
    pub updated_s: u64,
}

impl VclusterState {
    /// One that nothing belongs to yet.
    pub fn new(spec: VirtualCluster, kafka_cluster_id: String, bootstrap: PortSlot) -> Self {
        Self {
            spec: spec.into(),
            kafka_cluster_id,
            aliases: Shared::default(),
            accounts: Shared::default(),
            tokens: Shared::default(),
            scram: Shared::default(),
            acls: Shared::default(),
            home: None,
            mark: None,
            bootstrap,
            brokers: BTreeMap::new(),
            next_broker_id: 1,
            holders: Shared::default(),
            notes: Shared::default(),
            times: Times::default(),
            policies: Shared::default(),
            rights_withdrawn: Revision::default(),
            quotas: Shared::default(),
        }
    }

    /// The ACLs that hold: those that are declared, or those that Kafka clients made.
    pub fn acls(&self) -> &Shared<BTreeSet<AclBinding>> {
        self.spec.declared_acls().unwrap_or(&self.acls)
    }

    /// Whether ACLs decide. Those of a Partner are always in force.
    pub fn has_acls_in_force(&self) -> bool {
        self.spec.acl_enabled || self.spec.kind == VclusterKind::Partner
    }

    /// Whether it shows something of this physical cluster.
    pub fn reaches(&self, cluster: &ClusterId) -> bool {
        let mut of_aliases = self.aliases.values().map(|alias| &alias.physical_cluster);
        self.home.as_ref() == Some(cluster) || of_aliases.any(|reached| reached == cluster)
    }

    /// The physical clusters that it shows something of.
    pub fn reached(&self) -> BTreeSet<&ClusterId> {
        let of_aliases = self.aliases.values().map(|alias| &alias.physical_cluster);
        of_aliases.chain(&self.home).collect()
    }

    /// The physical clusters beside its home that its aliases are on.
    pub fn foreign_clusters(&self) -> BTreeSet<&ClusterId> {
        let mut clusters = self.reached();
        clusters.retain(|cluster| self.home.as_ref() != Some(cluster));
        clusters
    }
}
