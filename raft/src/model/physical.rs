//! Physical clusters that are resources, and what each node says of the physical clusters that it knows. How one is
//! connected to is written in the words of Kafka's own clients, and not looked into here; secrets are never in it, only
//! references to what each node has of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ClusterId, CredentialsName, Times};

/// Properties of a Kafka client, by name.
pub type KafkaProperties = BTreeMap<String, String>;

/// A physical cluster that was put, instead of being part of the nodes' configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhysicalCluster {
    pub properties: KafkaProperties,
    /// Further credentials, which service accounts name: the properties that differ.
    pub credentials: BTreeMap<CredentialsName, KafkaProperties>,
    pub description: String,
    pub labels: BTreeMap<String, String>,
    pub times: Times,
}

impl PhysicalCluster {
    /// The most bytes that one may have: room for some certificates.
    pub const MAX_BYTES: u64 = 256 * 1024;

    /// Whether it is the same, whenever it was written.
    pub fn is_as(&self, other: &Self) -> bool {
        let Self {
            properties,
            credentials,
            description,
            labels,
            times: _,
        } = self;
        *properties == other.properties
            && *credentials == other.credentials
            && *description == other.description
            && *labels == other.labels
    }
}

/// The physical clusters that one node knows, and what it says of them.
pub type ClusterReports = BTreeMap<ClusterId, ClusterReport>;

/// The report of one node on one physical cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterReport {
    /// Whether it is part of the node's own configuration, which then counts.
    pub is_configured: bool,
    pub reach: ReportedReach,
    /// How many brokers the node saw last.
    pub brokers: u32,
    /// Why it is not reached, for people.
    pub fault: Option<String>,
    /// The references that the node cannot follow, as they are written.
    pub missing: BTreeSet<String>,
    /// The physical cluster that it stands in for, if it does not serve by itself.
    pub stands_in_for: Option<ClusterId>,
}

/// Whether a node reaches a physical cluster. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportedReach {
    /// It has not looked yet.
    #[default]
    Unknown,
    Reachable,
    Unreachable,
    /// Another Kafka cluster answers, and gets nothing.
    OtherCluster,
}
