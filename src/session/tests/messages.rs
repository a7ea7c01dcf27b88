//! Messages with records, in versions without tagged fields and with topic names, and their answers.

use bytes::BytesMut;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::testing::PHYSICAL_TOPIC;
use super::*;

pub(super) const PRODUCE: i16 = 0;
pub(super) const PRODUCE_VERSION: i16 = 7;
pub(super) const FETCH: i16 = 1;
pub(super) const FETCH_VERSION: i16 = 11;

pub(super) fn topic(name: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(name))
}

pub(super) fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut body = BytesMut::new();
    message.encode(&mut body, version).unwrap();
    body.to_vec()
}

/// Bytes that differ from place to place.
pub(super) fn records(length: usize) -> Bytes {
    (0..length)
        .map(|index| (index * 31 % 251) as u8)
        .collect::<Vec<u8>>()
        .into()
}

/// Writes records to `topic1`.
pub(super) fn produce(correlation_id: i32, acks: i16, records: Bytes) -> Vec<u8> {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic("topic1"))
        .with_partition_data(vec![partition]);
    let body = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(1000)
        .with_topic_data(vec![topic]);
    let body = encoded(&body, PRODUCE_VERSION);
    request(PRODUCE, PRODUCE_VERSION, correlation_id, &body)
}

/// Reads `topic1`.
pub(super) fn fetch(correlation_id: i32) -> Vec<u8> {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic("topic1"))
        .with_partitions(vec![partition]);
    let body = FetchRequest::default()
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let body = encoded(&body, FETCH_VERSION);
    request(FETCH, FETCH_VERSION, correlation_id, &body)
}

/// The broker has written them from this offset on.
pub(super) fn written(base_offset: i64) -> Deed {
    let partition = PartitionProduceResponse::default().with_base_offset(base_offset);
    let topic = TopicProduceResponse::default()
        .with_name(topic(PHYSICAL_TOPIC))
        .with_partition_responses(vec![partition]);
    let answer = ProduceResponse::default().with_responses(vec![topic]);
    Deed::Answer(encoded(&answer, PRODUCE_VERSION))
}

/// The broker gives these records.
pub(super) fn read(records: Bytes) -> Deed {
    let topic = FetchableTopicResponse::default()
        .with_topic(topic(PHYSICAL_TOPIC))
        .with_partitions(vec![PartitionData::default().with_records(Some(records))]);
    let answer = FetchResponse::default().with_responses(vec![topic]);
    Deed::Answer(encoded(&answer, FETCH_VERSION))
}
