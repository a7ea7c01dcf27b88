//! From a broker's answers to a picture of the cluster. Pure. The answers may lie: what cannot be is refused.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use klamm_raft::model::TopicName;

use crate::backend::login::Offer;
use crate::backend::topology::{ApiRanges, Broker, Features, News, PhysicalTopic, Topics, Topology};

/// More brokers than any cluster has.
const MAX_BROKERS: usize = 2_000;

const NO_ERROR: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// The report of a broker on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TopicReport {
    Exists(PhysicalTopic),
    Missing,
    /// The gateway's own account may not describe it.
    Denied,
    /// The broker could not say (this error code).
    Unclear(i16),
}

/// One answer to Metadata, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sketch {
    pub(super) kafka_cluster_id: String,
    pub(super) controller: Option<i32>,
    pub(super) brokers: BTreeMap<i32, Broker>,
    pub(super) topics: HashMap<TopicName, TopicReport>,
    /// Whether all topics were asked for: one of which nothing is said does not exist.
    pub(super) is_complete: bool,
}

/// A broker's answer that no Kafka cluster gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer to Metadata is invalid: {0}")]
pub struct Implausible(&'static str);

impl Sketch {
    /// Checks an answer to Metadata. Topics that were not asked for are kept: the caller picks.
    pub(super) fn read(answer: &MetadataResponse) -> Result<Self, Implausible> {
        let kafka_cluster_id = match answer.cluster_id.as_deref() {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ => return Err(Implausible("it has no cluster id")),
        };
        if answer.brokers.is_empty() || answer.brokers.len() > MAX_BROKERS {
            return Err(Implausible("the number of brokers"));
        }
        let mut brokers = BTreeMap::new();
        for broker in &answer.brokers {
            let port = u16::try_from(broker.port).ok().filter(|&port| port > 0);
            let (Some(port), 0.., false) = (port, broker.node_id.0, broker.host.is_empty()) else {
                return Err(Implausible("a broker's id or address"));
            };
            let broker_of_id = Broker {
                host: broker.host.to_string(),
                port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            };
            if brokers.insert(broker.node_id.0, broker_of_id).is_some() {
                return Err(Implausible("a broker appears twice"));
            }
        }
        Ok(Self {
            kafka_cluster_id,
            controller: Some(answer.controller_id.0).filter(|id| brokers.contains_key(id)),
            brokers,
            topics: answer.topics.iter().filter_map(report).collect(),
            is_complete: false,
        })
    }

    /// The topics that exist, those among them of which the broker could not say more.
    pub(super) fn existing(&self) -> Topics {
        let topics = self.topics.iter();
        let existing = topics.filter_map(|(name, report)| match report {
            TopicReport::Exists(topic) => Some((name.clone(), *topic)),
            TopicReport::Unclear(_) => Some((
                name.clone(),
                PhysicalTopic {
                    id: [0; 16],
                    partitions: 0,
                },
            )),
            TopicReport::Missing | TopicReport::Denied => None,
        });
        existing.collect()
    }

    /// The picture, with the topics that exist. A topic that nothing clear was said of stays as it was in `last`.
    pub(super) fn topology(&self, offers: &[Offer], last: Option<&Topology>) -> Topology {
        let topics = self.topics.iter().filter_map(|(name, report)| {
            let topic = match report {
                TopicReport::Exists(topic) => Some(*topic),
                TopicReport::Missing | TopicReport::Denied => None,
                TopicReport::Unclear(_) => last.and_then(|last| last.topics.get(name).copied()),
            };
            Some((name.clone(), topic?))
        });
        Topology {
            kafka_cluster_id: self.kafka_cluster_id.clone(),
            controller: self.controller,
            brokers: self.brokers.clone(),
            topics: Arc::new(topics.collect()),
            apis: common_apis(offers),
            features: common_features(offers),
            news: News::default(),
        }
    }
}

fn report(topic: &MetadataResponseTopic) -> Option<(TopicName, TopicReport)> {
    let name = topic.name.as_ref()?.parse().ok()?;
    let report = match topic.error_code {
        NO_ERROR => TopicReport::Exists(PhysicalTopic {
            id: topic.topic_id.into_bytes(),
            partitions: u32::try_from(topic.partitions.len()).ok()?,
        }),
        UNKNOWN_TOPIC_OR_PARTITION | INVALID_TOPIC => TopicReport::Missing,
        TOPIC_AUTHORIZATION_FAILED => TopicReport::Denied,
        code => TopicReport::Unclear(code),
    };
    Some((name, report))
}

/// The versions that every broker offers.
fn common_apis(offers: &[Offer]) -> ApiRanges {
    let Some((first, others)) = offers.split_first() else {
        return ApiRanges::default();
    };
    let mut common = first.apis.0.clone();
    for other in others {
        common.retain(|key, (lowest, highest)| {
            let Some(&(low, high)) = other.apis.0.get(key) else {
                return false;
            };
            (*lowest, *highest) = ((*lowest).max(low), (*highest).min(high));
            lowest <= highest
        });
    }
    ApiRanges(common)
}

/// The levels that every broker supports, and the latest that the cluster has settled on.
fn common_features(offers: &[Offer]) -> Features {
    let Some(latest) = offers.iter().max_by_key(|offer| offer.features.finalized_epoch) else {
        return Features::default();
    };
    let mut common = latest.features.clone();
    for other in offers {
        common.supported.retain_mut(|(name, lowest, highest)| {
            let Some((_, low, high)) = other
                .features
                .supported
                .iter()
                .find(|(known, _, _)| known == name)
            else {
                return false;
            };
            (*lowest, *highest) = ((*lowest).max(*low), (*highest).min(*high));
            lowest <= highest
        });
    }
    common
}

#[cfg(test)]
mod tests;
