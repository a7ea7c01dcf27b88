//! What the gateway knows of a physical cluster. Pure data, replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{ClusterId, TopicName};

use crate::address::HostPort;

/// A picture of one physical cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topology {
    /// Kafka's own id of the cluster. Never shown to a client.
    pub kafka_cluster_id: String,
    pub controller: Option<i32>,
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics that some alias stands for, as far as they exist.
    pub topics: BTreeMap<TopicName, PhysicalTopic>,
    pub apis: ApiRanges,
    pub features: Features,
}

/// The pictures of several physical clusters, of those that are known.
pub type Topologies = BTreeMap<ClusterId, Arc<Topology>>;

/// A broker's own address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub host: String,
    pub port: u16,
    pub rack: Option<String>,
}

impl Broker {
    /// Where the broker says that it is to be reached.
    pub fn address(&self) -> HostPort {
        HostPort {
            host: self.host.clone(),
            port: self.port,
        }
    }
}

/// A topic of a physical cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhysicalTopic {
    /// All zero when the cluster is too old to have topic ids.
    pub id: [u8; 16],
    pub partitions: u32,
}

/// The versions that every known broker of the cluster offers, by API key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiRanges(pub BTreeMap<i16, (i16, i16)>);

/// What ApiVersions v3+ says of features (KIP-584); passed on, or clients fall back to older protocols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    pub supported: Vec<(String, i16, i16)>,
    pub finalized: Vec<(String, i16, i16)>,
    pub finalized_epoch: i64,
    pub zk_migration_ready: bool,
}
