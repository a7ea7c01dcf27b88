//! The gateway's knowledge of a physical cluster. Pure data, replaced as a whole.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::{ClusterId, TopicName};

use crate::address::HostPort;

/// Topics of a physical cluster.
pub type Topics = BTreeMap<TopicName, PhysicalTopic>;

/// A picture of one physical cluster.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// Kafka's own id of the cluster. Never shown to a client.
    pub kafka_cluster_id: String,
    pub controller: Option<i32>,
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics that some alias stands for, as far as they exist.
    pub topics: Arc<Topics>,
    pub apis: ApiRanges,
    pub features: Features,
    pub news: News,
}

/// How a picture follows the one before, so that those who saw that one need not compare all topics.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// One more than the number of the picture before.
    pub number: u64,
    /// The topics that came, went or changed.
    pub topics: Vec<TopicName>,
}

impl Topology {
    /// Whether two pictures of a cluster differ in nothing but their topics.
    pub fn is_same_but_for_topics(&self, other: &Self) -> bool {
        let Self {
            kafka_cluster_id,
            controller,
            brokers,
            topics: _,
            apis,
            features,
            news: _,
        } = self;
        *kafka_cluster_id == other.kafka_cluster_id
            && *controller == other.controller
            && *brokers == other.brokers
            && *apis == other.apis
            && *features == other.features
    }

    /// Names of topics that are not the same in both. Takes time in the number of topics.
    pub fn different_topics(&self, other: &Self) -> Vec<TopicName> {
        if Arc::ptr_eq(&self.topics, &other.topics) {
            return Vec::new();
        }
        let (mut mine, mut theirs) = (self.topics.iter().peekable(), other.topics.iter().peekable());
        let mut different = Vec::new();
        loop {
            // Both are in order: what is behind is in one of them only.
            let order = match (mine.peek(), theirs.peek()) {
                (Some((mine, _)), Some((theirs, _))) => mine.cmp(theirs),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return different,
            };
            let before = if order.is_le() { mine.next() } else { None };
            let after = if order.is_ge() { theirs.next() } else { None };
            if before != after {
                different.extend(before.or(after).map(|(name, _)| name.clone()));
            }
        }
    }
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

/// The features of ApiVersions v3+ (KIP-584); passed on, or clients fall back to older protocols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    pub supported: Vec<(String, i16, i16)>,
    pub finalized: Vec<(String, i16, i16)>,
    pub finalized_epoch: i64,
    pub zk_migration_ready: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(topics: &[(&str, u32)]) -> Topology {
        let topic = |(name, partitions): &(&str, u32)| {
            let topic = PhysicalTopic {
                id: [1; 16],
                partitions: *partitions,
            };
            (name.parse().unwrap(), topic)
        };
        Topology {
            topics: Arc::new(topics.iter().map(topic).collect()),
            ..Topology::default()
        }
    }

    #[test]
    fn different_topics_came_went_or_changed() {
        let check = |before: &[(&str, u32)], after: &[(&str, u32)], expected: &[&str]| {
            let different = of(before).different_topics(&of(after));
            let names: Vec<&str> = different.iter().map(TopicName::as_str).collect();
            assert_eq!(names, expected, "{before:?} {after:?}");
        };
        check(&[], &[], &[]);
        check(&[("a", 1), ("b", 1)], &[("a", 1), ("b", 1)], &[]);
        check(
            &[("a", 1), ("c", 1)],
            &[("b", 1), ("c", 2), ("d", 1)],
            &["a", "b", "c", "d"],
        );
        check(&[("b", 1)], &[], &["b"]);
        check(&[], &[("a", 1), ("b", 1)], &["a", "b"]);
    }
}
