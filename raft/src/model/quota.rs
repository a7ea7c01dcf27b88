//! Client quotas, as Kafka has them: how much of something users, clients and addresses may use in a second.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Limit, PolicyId, VclusterName};

/// The name of somebody whom a quota is for, or everybody of the kind who has none of his own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaName {
    Default,
    Named(String),
}

/// Whom quotas are for. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaEntity {
    User(QuotaName),
    /// Whoever says that this is his client id.
    Client(QuotaName),
    UserAndClient(QuotaName, QuotaName),
    /// Whoever connects from an address.
    Address(QuotaName),
}

/// The thing that is used. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaKey {
    /// Bytes of Produce requests in a second.
    ProducerByteRate,
    /// Bytes of answers to Fetch in a second.
    ConsumerByteRate,
    /// Time of threads, as a percentage of that of one.
    RequestPercentage,
    /// Partitions that are created and deleted in a second.
    ControllerMutationRate,
    /// Connections that are made in a second.
    ConnectionCreationRate,
}

impl QuotaKey {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ProducerByteRate,
        Self::ConsumerByteRate,
        Self::RequestPercentage,
        Self::ControllerMutationRate,
        Self::ConnectionCreationRate,
    ];

    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ConnectionCreationRate => "connection_creation_rate",
        }
    }
}

/// How much of it, as Kafka has it: a floating-point number. Two are equal that have the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QuotaValue(u64);

impl QuotaValue {
    /// That much.
    pub fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    /// How much.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// The quotas of a virtual cluster.
pub type ClientQuotas = BTreeMap<QuotaEntity, BTreeMap<QuotaKey, QuotaValue>>;

/// The change of one quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaChange {
    pub entity: QuotaEntity,
    pub key: QuotaKey,
    /// None: there is none any more.
    pub value: Option<QuotaValue>,
}

/// The quota or the limit that something is counted for. Append-only: nodes tell each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaKind {
    /// Clients have it.
    Client(QuotaKey),
    /// The operator has set it for the virtual cluster.
    Vcluster(Limit),
    /// It is of a policy, for all whom that concerns in the virtual cluster.
    Policy(PolicyId),
}

/// Those in a virtual cluster whose use of something counts together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QuotaHolder {
    pub vcluster: VclusterName,
    pub kind: QuotaKind,
    /// None: whoever it is.
    pub user: Option<String>,
    pub client: Option<String>,
    pub address: Option<IpAddr>,
}

/// How much somebody wants to use on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaDemand {
    pub holder: QuotaHolder,
    /// In a second, in thousandths.
    pub thousandths: u64,
    /// Whether somebody has to wait, so that more is wanted than is had.
    pub waits: bool,
}

impl QuotaDemand {
    /// So many of a node are told at once.
    pub const MOST: usize = 1_000;
}
