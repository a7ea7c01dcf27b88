//! Producer ids: marked for brokers where they are those of idempotent producers, and as they are in transactions.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData as Fetched,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProducerId,
};
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use klamm_raft::model::VclusterKind;

use super::world::*;
use crate::vcluster::producer::TransactionIds;

const UNKNOWN_PRODUCER_ID: i16 = 59;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Idempotent,
    Transactional,
}

/// A batch of two records.
fn batch(kind: Kind, producer_id: i64) -> Bytes {
    let record = |number: i64| Record {
        transactional: kind == Kind::Transactional,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id,
        producer_epoch: 2,
        timestamp_type: TimestampType::Creation,
        offset: number,
        sequence: 40 + i32::try_from(number).unwrap(),
        timestamp: 1,
        key: None,
        value: Some(Bytes::from(vec![7; 3_000])),
        headers: Default::default(),
    };
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    RecordBatchEncoder::encode(&mut batch, &[record(0), record(1)], &options).unwrap();
    batch.freeze()
}

/// A request with a batch for each partition of `orders`.
fn produce(batches: &[Bytes]) -> ProduceRequest {
    let data = batches.iter().zip(0..).map(|(batch, index)| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(batch.clone()))
    });
    let topic = TopicProduceData::default()
        .with_name(topic_name("orders"))
        .with_partition_data(data.collect());
    ProduceRequest::default()
        .with_transactional_id(Some(transactional_id("txn")))
        .with_acks(-1)
        .with_topic_data(vec![topic])
}

/// The request that a broker is sent: its check sums are right.
fn written(world: &World, request: &ProduceRequest) -> Vec<Bytes> {
    let mut written = Vec::new();
    world.ask(9, request).forwarded(|request: ProduceRequest| {
        for data in &request.topic_data[0].partition_data {
            let records = data.records.clone().unwrap();
            RecordBatchDecoder::decode(&mut records.clone()).expect("the check sum is right");
            written.push(records);
        }
        Default::default()
    });
    written
}

#[test]
fn ids_of_idempotent_producers_are_marked_and_those_of_transactions_are_not() {
    let world = World::new().asked_by_super_user();
    for id in [0, 7, (1 << 42) - 1] {
        let sent = [batch(Kind::Idempotent, id), batch(Kind::Transactional, id)];
        let written = written(&world, &produce(&sent));
        assert_eq!(written, [batch(Kind::Idempotent, marked_id(id)), sent[1].clone()]);
    }
    let none = [batch(Kind::Idempotent, -1)];
    assert_eq!(written(&world, &produce(&none)), none, "it is not idempotent");
}

/// Java's producer sends a batch again if the log begins beyond what it was told of, and if nobody knows where.
#[test]
fn a_transaction_is_written_under_the_id_of_the_coordinator_that_serves_and_under_no_other() {
    let mut world = World::new().asked_by_super_user();
    world.view.transactions = TransactionIds::Marked(marked_id(0));
    let sent = [
        batch(Kind::Transactional, marked_id(7)),
        batch(Kind::Idempotent, 7),
    ];
    let there = [
        batch(Kind::Transactional, 7),
        batch(Kind::Idempotent, marked_id(7)),
    ];
    assert_eq!(written(&world, &produce(&sent)), there);
    for id in [7, 2 * marked_id(7)] {
        let request = produce(&[batch(Kind::Transactional, id)]);
        let answer = world.ask(9, &request).replied();
        let partition = &answer.responses[0].partition_responses[0];
        let said = (partition.error_code, partition.log_start_offset);
        assert_eq!(said, (UNKNOWN_PRODUCER_ID, -2));
    }
}

#[test]
fn through_passthrough_ids_are_as_they_are() {
    let world = World::passthrough().asked_by_super_user();
    let mut request = produce(&[batch(Kind::Idempotent, 7)]);
    request.topic_data[0].name = topic_name("int-orders");
    assert_eq!(written(&world, &request), [batch(Kind::Idempotent, 7)]);
}

#[test]
fn nobody_forges_a_mark() {
    let errors = |world: &World, name: &str, kind, id| {
        let mut request = produce(&[batch(Kind::Idempotent, 7), batch(kind, id)]);
        request.topic_data[0].name = topic_name(name);
        let answer = world.ask(9, &request).replied();
        let partitions = answer.responses[0].partition_responses.iter();
        partitions
            .map(|partition| partition.error_code)
            .collect::<Vec<_>>()
    };
    let partner = World::new().asked_by_super_user();
    let passthrough = World::passthrough().asked_by_super_user();
    for (world, name) in [(&partner, "orders"), (&passthrough, "int-orders")] {
        for id in [marked_id(7), marked_id(7) + (1 << 42), 1 << 42, 1 << 62, i64::MAX] {
            for kind in [Kind::Idempotent, Kind::Transactional] {
                assert_eq!(errors(world, name, kind, id), [UNKNOWN_PRODUCER_ID; 2]);
            }
        }
    }
}

#[test]
fn what_clients_are_told_of_ids_is_what_they_know() {
    let world = World::new().asked_by_super_user();
    // KIP-360: a producer goes on with its id and the next epoch.
    let bump = InitProducerIdRequest::default()
        .with_transactional_id(Some(transactional_id("txn")))
        .with_producer_id(ProducerId(7))
        .with_producer_epoch(2);
    let bumped = world.exchange(4, &bump, |request: InitProducerIdRequest| {
        assert_eq!((request.producer_id, request.producer_epoch), (ProducerId(7), 2));
        InitProducerIdResponse::default()
            .with_producer_id(ProducerId(7))
            .with_producer_epoch(3)
    });
    assert_eq!((bumped.producer_id, bumped.producer_epoch), (ProducerId(7), 3));

    // What was aborted is told by the ids that the batches of transactions have.
    let topic = FetchTopic::default()
        .with_topic(topic_name("orders"))
        .with_partitions(vec![FetchPartition::default()]);
    let fetch = FetchRequest::default().with_topics(vec![topic]);
    let fetched = world.exchange(11, &fetch, |_: FetchRequest| {
        let aborted = AbortedTransaction::default().with_producer_id(ProducerId(7));
        let partition = Fetched::default()
            .with_aborted_transactions(Some(vec![aborted]))
            .with_records(Some(batch(Kind::Idempotent, marked_id(7))));
        let topic = FetchableTopicResponse::default()
            .with_topic(topic_name("int-orders"))
            .with_partitions(vec![partition]);
        FetchResponse::default().with_responses(vec![topic])
    });
    let partition = &fetched.responses[0].partitions[0];
    let aborted = partition.aborted_transactions.as_ref().unwrap();
    assert_eq!(aborted[0].producer_id, ProducerId(7));
    let records = partition.records.as_ref().unwrap();
    assert_eq!(producer_id(records), marked_id(7), "records are not touched");
}

#[test]
fn where_there_is_no_home_nobody_has_an_id() {
    let world = World::without_home().asked_by_super_user();
    assert_eq!(world.view.producers.to_physical(7), None);
    let standard = World::standard();
    assert_eq!(standard.view.producers.to_physical(7), Some(marked_id(7)));
    let foreign = &World::over_two().view;
    let parts = foreign.foreign().iter().chain([foreign]);
    assert!(
        parts
            .into_iter()
            .all(|part| part.producers.to_physical(7) == Some(marked_id(7)))
    );
    // A virtual cluster that should have a mark and has none writes no id, instead of a plain one.
    let unmarked = World::passthrough().of_kind(VclusterKind::Partner);
    assert_eq!(unmarked.view.producers.to_physical(7), None);
}
