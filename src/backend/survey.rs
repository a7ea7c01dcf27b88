//! A survey of what groups have committed for a topic, and where its partitions begin and end: asked of the brokers for
//! an operator, not for a client. It changes nothing.

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
            let of_group = committed_by(&mut line, &group, topic).await?;
            if !of_group.is_empty() {
                offsets.insert(group.to_string(), of_group);
            }
        }
        Ok(Committed { offsets, unread })
    }

    /// Where the partitions of a topic begin and end.
    pub async fn bounds(&self, topic: &TopicName) -> Result<BTreeMap<i32, Bounds>, SurveyError> {
        within(async {
            let leaders = self.leaders(topic).await?;
            let mut bounds = BTreeMap::new();
            for (leader, partitions) in leaders {
                let broker = self.brokers.get(&leader).ok_or(SurveyError::NoBroker)?;
                let mut line = self.dialer.dial(broker).await?;
                let starts = offsets(&mut line, topic, &partitions, EARLIEST).await?;
                let ends = offsets(&mut line, topic, &partitions, LATEST).await?;
                bounds.extend(starts.into_iter().filter_map(|(partition, start)| {
                    let end = *ends.get(&partition)?;
                    Some((partition, Bounds { start, end }))
                }));
            }
            Ok(bounds)
        })
        .await
    }

    /// The partitions of a topic that each broker leads.
    async fn leaders(&self, topic: &TopicName) -> Result<BTreeMap<i32, Vec<i32>>, SurveyError> {
        let broker = self.brokers.values().next().ok_or(SurveyError::NoBroker)?;
        let mut line = self.dialer.dial(broker).await?;
        let request = MetadataRequest::default()
            .with_topics(Some(vec![
                MetadataRequestTopic::default().with_name(Some(wire(topic))),
            ]))
            .with_allow_auto_topic_creation(false);
        let answer = ask(&mut line, METADATA, &request).await?;
        let mut leaders: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for told in &answer.topics {
            accepted(told.error_code)?;
            for partition in &told.partitions {
                let led = leaders.entry(partition.leader_id.0).or_default();
                led.push(partition.partition_index);
            }
        }
        Ok(leaders)
    }
}

/// The groups whose offsets are read, and how many others there are.
fn readable(mut groups: Vec<GroupId>) -> (Vec<GroupId>, usize) {
    let unread = groups.len().saturating_sub(MAX_GROUPS);
    groups.truncate(MAX_GROUPS);
    (groups, unread)
}

/// The offsets that one group has committed for a topic.
async fn committed_by(
    line: &mut Dialled,
    group: &GroupId,
    topic: &TopicName,
) -> Result<BTreeMap<i32, i64>, SurveyError> {
    let request = OffsetFetchRequest::default()
        .with_group_id(group.clone())
        .with_topics(None);
    let answer = ask(line, OFFSET_FETCH, &request).await?;
    accepted(answer.error_code)?;
    let of_topic = answer
        .topics
        .iter()
        .filter(|told| told.name.as_str() == topic.as_str());
    let partitions = of_topic.flat_map(|told| &told.partitions);
    let committed =
        partitions.filter(|partition| partition.error_code == 0 && partition.committed_offset >= 0);
    Ok(committed
        .map(|partition| (partition.partition_index, partition.committed_offset))
        .collect())
}

/// The offsets at a time, or at one of the ends.
async fn offsets(
    line: &mut Dialled,
    topic: &TopicName,
    partitions: &[i32],
    at: i64,
) -> Result<BTreeMap<i32, i64>, SurveyError> {
    let partition = |index: &i32| {
        ListOffsetsPartition::default()
            .with_partition_index(*index)
            .with_timestamp(at)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(wire(topic))
        .with_partitions(partitions.iter().map(partition).collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![topic]);
    let answer = ask(line, LIST_OFFSETS, &request).await?;
    let mut offsets = BTreeMap::new();
    for partition in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        accepted(partition.error_code)?;
        offsets.insert(partition.partition_index, partition.offset);
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

fn wire(topic: &TopicName) -> WireTopic {
    WireTopic(StrBytes::from_string(topic.as_str().to_owned()))
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
