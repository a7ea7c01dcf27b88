//! Produce, Fetch, ListOffsets, OffsetForLeaderEpoch and InitProducerId.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, InitProducerIdRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
    ProduceRequest,
};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

use super::world::{VIRTUAL, World, topic, world};

fn records() -> Bytes {
    let record = Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: 0,
        sequence: -1,
        timestamp: 1,
        key: None,
        value: Some(Bytes::from_static(b"hello")),
        headers: Default::default(),
    };
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &[record], &options).unwrap();
    batch.freeze()
}

fn produce(world: &World, version: i16) -> i64 {
    let partition = PartitionProduceData::default().with_records(Some(records()));
    let named = if version >= 13 {
        TopicProduceData::default().with_topic_id(world.topic_id())
    } else {
        TopicProduceData::default().with_name(topic(VIRTUAL))
    };
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![named.with_partition_data(vec![partition])]);
    let response = world.ask(version, &request);
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, 0, "version {version}");
    partition.base_offset
}

pub(crate) fn records_are_produced() {
    let world = world();
    let mut before = -1;
    for version in 3..=13 {
        let offset = produce(world, version);
        assert!(offset > before, "version {version}");
        before = offset;
    }
}

pub(crate) fn records_are_fetched() {
    let world = world();
    produce(world, 9);
    for version in 4..=18 {
        let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
        let named = if version >= 13 {
            FetchTopic::default().with_topic_id(world.topic_id())
        } else {
            FetchTopic::default().with_topic(topic(VIRTUAL))
        };
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(100)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_session_epoch(if version >= 7 { 0 } else { -1 })
            .with_topics(vec![named.with_partitions(vec![partition])]);
        let response = world.ask(version, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(
            (response.error_code, partition.error_code, response.session_id),
            (0, 0, 0),
            "version {version}"
        );
        let records = partition.records.as_ref().unwrap();
        assert!(
            records.windows(5).any(|window| window == b"hello"),
            "version {version}"
        );
    }
}

pub(crate) fn offsets_are_listed() {
    let world = world();
    let before = produce(world, 9);
    for version in 1..=10 {
        let partition = ListOffsetsPartition::default().with_timestamp(-1);
        let asked = ListOffsetsTopic::default()
            .with_name(topic(VIRTUAL))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![asked]);
        let response = world.ask(version, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!(
            (&response.topics[0].name, partition.error_code),
            (&topic(VIRTUAL), 0)
        );
        assert!(partition.offset > before, "version {version}");
    }
}

pub(crate) fn leader_epochs_are_told() {
    let world = world();
    for version in 2..=4 {
        let partition = OffsetForLeaderPartition::default().with_leader_epoch(0);
        let asked = OffsetForLeaderTopic::default()
            .with_topic(topic(VIRTUAL))
            .with_partitions(vec![partition]);
        let response = world.ask(
            version,
            &OffsetForLeaderEpochRequest::default().with_topics(vec![asked]),
        );
        assert_eq!(
            response.topics[0].partitions[0].error_code, 0,
            "version {version}"
        );
    }
}

pub(crate) fn producer_ids_are_given() {
    let world = world();
    for version in 0..=5 {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(1000);
        let response = world.ask_until(version, &request, |response| response.error_code);
        assert_eq!(response.error_code, 0, "version {version}");
        assert!(response.producer_id.0 >= 0);
    }
}
