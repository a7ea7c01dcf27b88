//! A survey of what groups have committed for a topic, where its partitions begin and end, and how far groups are from the ends of
//! all their topics: asked of the brokers for an operator, not for a client. It changes nothing.

mod positions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, GroupId, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetFetchRequest,
    TopicName as WireTopic,
};
use kafka_protocol::protocol::{Request, StrBytes};
use klamm_raft::model::TopicName;
use tokio::time::timeout;

use super::channel::ChannelError;
use super::dial::{DialError, Dialer};
use super::{Dialled, Topology};
use crate::address::HostPort;

pub use positions::GroupPositions;

/// How long one survey may take.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(10);

/// Brokers that are asked at the same time.
const MAX_BROKERS: usize = 8;

/// Groups of one broker whose offsets are read. Of others, only how many there are is said.
const MAX_GROUPS: usize = 500;

const LIST_GROUPS: (i16, i16) = (0, 4);
/// From version 2 on, all topics can be asked for; up to version 7, one group is.
const OFFSET_FETCH: (i16, i16) = (2, 7);
const LIST_OFFSETS: (i16, i16) = (1, 7);
const METADATA: (i16, i16) = (9, 12);

/// In the place of a time: the first offset of a partition, and the one after the last.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// Why a survey came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    #[error("a broker cannot be reached")]
    Dial(#[from] DialError),
    #[error("a broker did not answer")]
    Channel(#[from] ChannelError),
    #[error("no answer within {} s", SURVEY_TIMEOUT.as_secs())]
    Timeout,
    #[error("a broker is too old: it does not support the request")]
    TooOld,
    #[error("a broker answered with error code {0}")]
    Code(i16),
    #[error("no broker is known")]
    NoBroker,
}

/// The offsets of a partition: of its first record, and of the next one that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub start: i64,
    pub end: i64,
}

/// The offsets that groups have committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Offsets, by group and partition.
    pub offsets: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Groups that were not looked at, because there are too many.
    pub unread: usize,
}

/// Offsets, by topic and partition.
type PartitionOffsets = BTreeMap<(String, i32), i64>;

/// The partitions of each topic.
type PartitionsOfTopics = BTreeMap<String, Vec<i32>>;

/// The fate of a survey in which a topic is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenMissing {
    Fails,
    IsLeftOut,
}

/// Asks the brokers of one physical cluster.
#[derive(Debug)]
pub struct Survey {
    dialer: Arc<Dialer>,
    brokers: BTreeMap<i32, HostPort>,
}

impl Survey {
    pub(super) fn new(dialer: Arc<Dialer>, topology: &Topology) -> Self {
        let brokers = topology.brokers.iter();
        Self {
            dialer,
            brokers: brokers.map(|(id, broker)| (*id, broker.address())).collect(),
        }
    }

    /// The offsets that groups have committed for a topic; of those only that `is_meant`.
    pub async fn committed(
        &self,
        topic: &TopicName,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Committed, SurveyError> {
        within(async {
            let asked = stream::iter(self.brokers.values())
                .map(|broker| self.committed_at(broker, topic, &is_meant))
                .buffer_unordered(MAX_BROKERS);
            let answers: Vec<_> = asked.collect().await;
            let mut committed = Committed::default();
            for answer in answers {
                let Committed { offsets, unread } = answer?;
                committed.offsets.extend(offsets);
                committed.unread += unread;
            }
            Ok(committed)
        })
        .await
    }

    /// A broker lists the groups that it coordinates, so that it knows their offsets, too.
    async fn committed_at(
        &self,
        broker: &HostPort,
        topic: &TopicName,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Committed, SurveyError> {
        let mut line = self.dialer.dial(broker).await?;
        let listed = ask(&mut line, LIST_GROUPS, &ListGroupsRequest::default()).await?;
        accepted(listed.error_code)?;
        let listed = listed.groups.into_iter().map(|group| group.group_id);
        let (groups, unread) = readable(listed.filter(|group| is_meant(group)).collect());
        let mut offsets = BTreeMap::new();
        for group in groups {
            let all = committed_by(&mut line, &group).await?.into_iter();
            let of_topic = all.filter(|((of, _), _)| of == topic.as_str());
            let of_group: BTreeMap<i32, i64> = of_topic
                .map(|((_, partition), offset)| (partition, offset))
                .collect();
            if !of_group.is_empty() {
                offsets.insert(group.to_string(), of_group);
            }
        }
        Ok(Committed { offsets, unread })
    }

    /// Where the partitions of a topic begin and end.
    pub async fn bounds(&self, topic: &TopicName) -> Result<BTreeMap<i32, Bounds>, SurveyError> {
        within(async {
            let led = self.led([topic.as_str()], WhenMissing::Fails).await?;
            let mut bounds = BTreeMap::new();
            for (leader, partitions) in led {
                let broker = self.brokers.get(&leader).ok_or(SurveyError::NoBroker)?;
                let mut line = self.dialer.dial(broker).await?;
                let starts = offsets(&mut line, &partitions, EARLIEST).await?;
                let ends = offsets(&mut line, &partitions, LATEST).await?;
                bounds.extend(starts.into_iter().filter_map(|(partition, start)| {
                    let end = *ends.get(&partition)?;
                    Some((partition.1, Bounds { start, end }))
                }));
            }
            Ok(bounds)
        })
        .await
    }

    /// The partitions of topics that each broker leads, by topic.
    async fn led(
        &self,
        topics: impl IntoIterator<Item = &str>,
        missing: WhenMissing,
    ) -> Result<BTreeMap<i32, PartitionsOfTopics>, SurveyError> {
        let broker = self.brokers.values().next().ok_or(SurveyError::NoBroker)?;
        let mut line = self.dialer.dial(broker).await?;
        let topics = topics
            .into_iter()
            .map(|topic| MetadataRequestTopic::default().with_name(Some(wire(topic))));
        let request = MetadataRequest::default()
            .with_topics(Some(topics.collect()))
            .with_allow_auto_topic_creation(false);
        let answer = ask(&mut line, METADATA, &request).await?;
        let mut led: BTreeMap<i32, PartitionsOfTopics> = BTreeMap::new();
        for told in &answer.topics {
            match missing {
                WhenMissing::Fails => accepted(told.error_code)?,
                WhenMissing::IsLeftOut if told.error_code != 0 => continue,
                WhenMissing::IsLeftOut => {}
            }
            let name = told
                .name
                .as_ref()
                .map(|name| name.as_str().to_owned())
                .unwrap_or_default();
            for partition in &told.partitions {
                let of_leader = led.entry(partition.leader_id.0).or_default();
                let of_topic = of_leader.entry(name.clone()).or_default();
                of_topic.push(partition.partition_index);
            }
        }
        Ok(led)
    }
}

/// The groups whose offsets are read, and how many others there are.
fn readable(mut groups: Vec<GroupId>) -> (Vec<GroupId>, usize) {
    let unread = groups.len().saturating_sub(MAX_GROUPS);
    groups.truncate(MAX_GROUPS);
    (groups, unread)
}

/// The offsets that one group has committed, for all topics.
async fn committed_by(line: &mut Dialled, group: &GroupId) -> Result<PartitionOffsets, SurveyError> {
    let request = OffsetFetchRequest::default()
        .with_group_id(group.clone())
        .with_topics(None);
    let answer = ask(line, OFFSET_FETCH, &request).await?;
    accepted(answer.error_code)?;
    let mut offsets = PartitionOffsets::new();
    for topic in &answer.topics {
        let partitions = topic.partitions.iter();
        let committed =
            partitions.filter(|partition| partition.error_code == 0 && partition.committed_offset >= 0);
        offsets.extend(committed.map(|partition| {
            let key = (topic.name.as_str().to_owned(), partition.partition_index);
            (key, partition.committed_offset)
        }));
    }
    Ok(offsets)
}

/// The offsets at a time, or at one of the ends, on the broker that leads the partitions.
async fn offsets(
    line: &mut Dialled,
    partitions: &PartitionsOfTopics,
    at: i64,
) -> Result<PartitionOffsets, SurveyError> {
    let partition = |index: &i32| {
        ListOffsetsPartition::default()
            .with_partition_index(*index)
            .with_timestamp(at)
    };
    let topics = partitions.iter().map(|(topic, partitions)| {
        ListOffsetsTopic::default()
            .with_name(wire(topic))
            .with_partitions(partitions.iter().map(partition).collect())
    });
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(topics.collect());
    let answer = ask(line, LIST_OFFSETS, &request).await?;
    let mut offsets = PartitionOffsets::new();
    for topic in &answer.topics {
        for partition in &topic.partitions {
            accepted(partition.error_code)?;
            let key = (topic.name.as_str().to_owned(), partition.partition_index);
            offsets.insert(key, partition.offset);
        }
    }
    Ok(offsets)
}

/// One request and its answer, in the newest version that both sides know.
async fn ask<R: Request>(
    line: &mut Dialled,
    versions: (i16, i16),
    request: &R,
) -> Result<R::Response, SurveyError> {
    let version = line.login.offer.version(R::KEY, versions);
    let version = version.ok_or(SurveyError::TooOld)?;
    Ok(line.channel.call(version, request).await?)
}

async fn within<T>(asking: impl Future<Output = Result<T, SurveyError>>) -> Result<T, SurveyError> {
    let answer = timeout(SURVEY_TIMEOUT, asking).await;
    answer.unwrap_or(Err(SurveyError::Timeout))
}

fn accepted(code: i16) -> Result<(), SurveyError> {
    match code {
        0 => Ok(()),
        code => Err(SurveyError::Code(code)),
    }
}

fn wire(topic: &str) -> WireTopic {
    WireTopic(StrBytes::from_string(topic.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_are_too_many_are_counted() {
        for (all, expected) in [(0, (0, 0)), (500, (500, 0)), (507, (500, 7))] {
            let group = |number: usize| GroupId(StrBytes::from_string(format!("group-{number}")));
            let (read, unread) = readable((0..all).map(group).collect());
            assert_eq!((read.len(), unread), expected);
        }
    }
}
