//! Requests of administrators about transactions.

use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::list_transactions_response::TransactionState as ListedTransaction;
use kafka_protocol::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse, ProducerId,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use klamm_raft::model::Operation::{Alter, ClusterAction, Describe, Read, Write};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api;
use crate::vcluster::plan::{Attempt, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::{Item, Value, field};

fn described(id: &str, error: i16) -> TransactionState {
    let topics = ["int-orders", "int-bills", "int-foreign", "__consumer_offsets"];
    let topic = |name| {
        TopicData::default()
            .with_topic(topic_name(name))
            .with_partitions(vec![0, 1])
    };
    TransactionState::default()
        .with_transactional_id(transactional_id(id))
        .with_error_code(error)
        .with_transaction_state(text("Ongoing"))
        .with_topics(if error == 0 {
            topics.map(topic).to_vec()
        } else {
            vec![]
        })
}

#[test]
fn transactions_are_described_with_the_topics_that_may_be() {
    let world = World::new()
        .allow(Write, Resource::transactional_id("txn"))
        .allow(Describe, Resource::transactional_id("gone"))
        .allow(Describe, Resource::transactional_id(""))
        .allow(Describe, Resource::topic("orders"));
    let ids = ["other", "txn", "gone", ""].map(transactional_id).to_vec();
    let request = DescribeTransactionsRequest::default().with_transactional_ids(ids);
    let asked = world.ask(0, &request);
    assert_eq!(asked.denied(), ["Describe TransactionalId other"]);
    let response = asked.forwarded(|upstream: DescribeTransactionsRequest| {
        let physical = ["partner:txn", "partner:gone"].map(transactional_id);
        assert_eq!(upstream.transactional_ids, physical);
        let states = vec![described("partner:txn", 0), described("partner:gone", 105)];
        DescribeTransactionsResponse::default().with_transaction_states(states)
    });
    let told: Vec<_> = response
        .transaction_states
        .iter()
        .map(|state| (state.transactional_id.0.as_str(), state.error_code))
        .collect();
    assert_eq!(told, [("txn", 0), ("gone", 105), ("other", 53), ("", 42)]);
    let topics = &response.transaction_states[0].topics;
    assert_eq!(topics.len(), 1, "{topics:?}");
    assert_eq!(
        (&topics[0].topic, &topics[0].partitions),
        (&topic_name("orders"), &vec![0, 1])
    );

    let response = World::new().ask(0, &request).replied();
    assert!(
        response
            .transaction_states
            .iter()
            .all(|state| state.error_code == 53)
    );
    assert_eq!(response.transaction_states.len(), 4);
}

fn listed(world: &World, version: i16, pattern: Option<&str>) -> Vec<String> {
    let request = ListTransactionsRequest::default()
        .with_state_filters(vec![text("Ongoing")])
        .with_transactional_id_pattern(pattern.map(text));
    let response = world.exchange(version, &request, |upstream: ListTransactionsRequest| {
        assert_eq!(upstream.state_filters, [text("Ongoing")]);
        assert_eq!(upstream.transactional_id_pattern, None, "it is about virtual ids");
        let transaction = |id: &str| {
            ListedTransaction::default()
                .with_transactional_id(transactional_id(id))
                .with_producer_id(ProducerId(9))
        };
        let ids = ["partner:txn", "partner:txn-2", "partner2:txn", "txn", "partner:"];
        ListTransactionsResponse::default().with_transaction_states(ids.map(transaction).to_vec())
    });
    let states = response.transaction_states.iter();
    states.map(|state| state.transactional_id.to_string()).collect()
}

#[test]
fn lists_hold_this_virtual_clusters_transactions_that_may_be_described() {
    for version in 0..=2 {
        assert!(listed(&World::new(), version, None).is_empty());
        let world = World::new().allow(Write, Resource::transactional_id("txn"));
        assert_eq!(listed(&world, version, None), ["txn"]);
        let world = World::new().allow(Describe, Resource::CLUSTER);
        assert!(listed(&world, version, None).is_empty(), "unlike groups");
        assert!(
            World::without_home()
                .ask(version, &ListTransactionsRequest::default())
                .replied()
                .transaction_states
                .is_empty()
        );
    }
}

#[test]
fn a_pattern_is_about_virtual_ids() {
    let world = World::new().allow(Describe, Resource::transactional_id("*"));
    assert_eq!(listed(&world, 2, Some("")), ["txn", "txn-2", ""]);
    assert_eq!(listed(&world, 2, Some("^txn$")), ["txn"]);
    assert_eq!(listed(&world, 2, Some("txn.+")), ["txn-2"]);
    assert!(listed(&world, 2, Some("partner.*")).is_empty());
    let request = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text("a)|(b")));
    assert_eq!(world.ask(2, &request).replied().error_code, 128);
    let large = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text(r"\pL{900}")));
    assert_eq!(world.ask(2, &large).replied().error_code, 128);
    let mut busy = World::new();
    busy.is_busy = true;
    assert_eq!(busy.ask(2, &large).replied().error_code, 14, "clients try again");
}

#[test]
fn producers_of_topics_that_may_be_read_are_described() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(Describe, Resource::topic("bills"))
        .allow(Read, Resource::topic("nowhere"));
    let topic = |name: &str| {
        TopicRequest::default()
            .with_name(topic_name(name))
            .with_partition_indexes(vec![1])
    };
    let topics = ["bills", "orders", "nowhere", "no/topic"].map(topic).to_vec();
    let request = DescribeProducersRequest::default().with_topics(topics);
    let response = world.exchange(0, &request, |upstream: DescribeProducersRequest| {
        assert_eq!(upstream.topics.len(), 1);
        assert_eq!(upstream.topics[0].name, topic_name("int-orders"));
        let producer = |id| ProducerState::default().with_producer_id(ProducerId(id));
        // One of a transaction, and one that is marked by another virtual cluster between two of this one.
        let producers = [9, marked_id(10), marked_id(11) + (1 << 42), marked_id(12)].map(producer);
        let partition = PartitionResponse::default()
            .with_partition_index(1)
            .with_error_message(Some(text("int-orders on broker.internal")))
            .with_active_producers(producers.into());
        let topic = TopicResponse::default()
            .with_name(topic_name("int-orders"))
            .with_partitions(vec![partition]);
        DescribeProducersResponse::default().with_topics(vec![topic])
    });
    let told: Vec<_> = response
        .topics
        .iter()
        .map(|topic| (topic.name.0.as_str(), topic.partitions[0].error_code))
        .collect();
    assert_eq!(
        told,
        [("orders", 0), ("bills", 29), ("nowhere", 3), ("no/topic", 17)]
    );
    let producers = &response.topics[0].partitions[0].active_producers;
    let ids: Vec<i64> = producers.iter().map(|producer| producer.producer_id.0).collect();
    assert_eq!(ids, [9, 10, 12]);
    let words = |at: usize| response.topics[at].partitions[0].error_message.as_deref();
    assert_eq!((words(0), words(1)), (None, Some("Topic authorization failed.")));
    let response = World::new().ask(0, &request).replied();
    let errors: Vec<_> = response
        .topics
        .iter()
        .map(|topic| topic.partitions[0].error_code)
        .collect();
    assert_eq!(
        errors,
        [29, 29, 29, 17],
        "rights come after what is no name at all"
    );
}

/// Errors of an answer to WriteTxnMarkers, with producers and topics.
fn marked(response: &WriteTxnMarkersResponse) -> Vec<(i64, String, i16)> {
    let mut marked = Vec::new();
    for marker in &response.markers {
        for topic in &marker.topics {
            let error = topic.partitions[0].error_code;
            marked.push((marker.producer_id.0, topic.name.to_string(), error));
        }
    }
    marked
}

#[test]
fn no_client_ends_transactions_of_producers_that_may_be_others() {
    let topic = WritableTxnMarkerTopic::default()
        .with_name(topic_name("orders"))
        .with_partition_indexes(vec![0]);
    let marker = WritableTxnMarker::default()
        .with_producer_id(ProducerId(9))
        .with_topics(vec![topic]);
    let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
    let refused = |world: World| marked(&world.ask(1, &request).replied());
    let expected = |error| [(9, "orders".to_owned(), error)];
    assert_eq!(refused(World::new()), expected(31));
    assert_eq!(
        refused(World::new().allow(Alter, Resource::CLUSTER)),
        expected(44)
    );
    assert_eq!(
        refused(World::new().allow(ClusterAction, Resource::CLUSTER)),
        expected(44)
    );

    let world = World::passthrough().allow(Alter, Resource::CLUSTER);
    let response = world.exchange(1, &request, |upstream: WriteTxnMarkersRequest| {
        assert_eq!(upstream, request);
        let partition = WritableTxnMarkerPartitionResult::default().with_error_code(47);
        let topic = WritableTxnMarkerTopicResult::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![partition]);
        let marker = WritableTxnMarkerResult::default()
            .with_producer_id(ProducerId(9))
            .with_topics(vec![topic]);
        WriteTxnMarkersResponse::default().with_markers(vec![marker])
    });
    assert_eq!(marked(&response), expected(47), "all producers are its own");
    assert_eq!(refused(World::passthrough()), expected(31));

    let mut request = Item::request(27, 2).unwrap();
    let mut marker = request.item(field::MARKERS);
    marker
        .set(field::PRODUCER_ID, 9_i64)
        .set(field::TRANSACTION_VERSION, 2_i8);
    let mut topic = marker.item(field::TOPICS);
    topic
        .set(field::NAME, "orders")
        .set(field::PARTITION_INDEXES, vec![Value::from(0)]);
    marker.push(field::TOPICS, topic);
    request.push(field::MARKERS, marker);
    let frame = request
        .request_frame((27, 2), CORRELATION_ID, "client")
        .unwrap()
        .joined()
        .slice(4..);
    let world = World::new();
    let planned = api::request(
        &world.view,
        &world.caller,
        &mut Subscriptions::default(),
        (frame, &RecordResults::NONE),
        Attempt::First,
    );
    let Plan::Reply(reply) = planned.plan else {
        panic!("{:?}", planned.plan)
    };
    let response = decode_response::<WriteTxnMarkersRequest>(1, &reply);
    assert_eq!(
        marked(&response),
        expected(31),
        "an answer is the same in version 2"
    );
}
