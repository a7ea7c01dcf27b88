//! Produce: renaming, mixed rights, transactions, acks=0.

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{BrokerId, ProduceRequest, ProduceResponse, TransactionalId};
use klamm_raft::model::Operation::{Describe, Write};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::{Answer, Attempt, CloseReason, Plan};

const VERSIONS: [i16; 4] = [3, 8, 12, 13];

/// A batch of record format 2 without records, and without a producer's id.
fn batch(attributes: u16) -> Bytes {
    let mut batch = vec![0; 61];
    batch[8..12].copy_from_slice(&49_u32.to_be_bytes());
    batch[16] = 2;
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[43..57].fill(0xff);
    Bytes::from(batch)
}

const TRANSACTIONAL: u16 = 0x10;

/// A request for partitions 0 and 1 of each topic. Names without an id are given the id of no topic.
fn produce(world: &World, version: i16, topics: &[&str]) -> ProduceRequest {
    let topic_data = topics.iter().map(|name| {
        let topic = match version {
            13.. if *name == "nowhere" => {
                TopicProduceData::default().with_topic_id(uuid::Uuid::from_bytes([9; 16]))
            }
            13.. => TopicProduceData::default().with_topic_id(world.virtual_id(name)),
            _ => TopicProduceData::default().with_name(topic_name(name)),
        };
        let partition = |index| {
            PartitionProduceData::default()
                .with_index(index)
                .with_records(Some(batch(0)))
        };
        topic.with_partition_data(vec![partition(0), partition(1)])
    });
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(1000)
        .with_topic_data(topic_data.collect())
}

/// The topic as the broker sees it: name or id.
fn seen(topic: &TopicProduceData) -> String {
    match topic.name.0.as_str() {
        "" if topic.topic_id == physical_id("int-orders") => "int-orders".into(),
        "" if topic.topic_id == physical_id("int-bills") => "int-bills".into(),
        name => name.into(),
    }
}

fn accept(version: i16, request: &ProduceRequest) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            let mut accepted = PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_base_offset(42);
            if version >= 8 {
                accepted = accepted
                    .with_error_message(Some(text("int-orders at b101.broker.internal")))
                    .with_record_errors(vec![
                        BatchIndexAndErrorMessage::default()
                            .with_batch_index_error_message(Some(text("topic int-orders"))),
                    ]);
            }
            if version >= 10 {
                let leader = LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(102))
                    .with_leader_epoch(5);
                accepted = accepted.with_current_leader(leader);
            }
            accepted
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    let mut response = ProduceResponse::default().with_responses(responses.collect());
    if version >= 10 {
        let endpoint = |id| {
            let host = text(&format!("b{id}.broker.internal"));
            NodeEndpoint::default()
                .with_node_id(BrokerId(id))
                .with_host(host)
                .with_port(9092)
        };
        response = response.with_node_endpoints(vec![endpoint(102), endpoint(103)]);
    }
    response
}

/// `topic/partition → error` of a response, sorted.
fn errors(world: &World, response: &ProduceResponse) -> Vec<String> {
    let mut errors = Vec::new();
    for topic in &response.responses {
        let name = ["orders", "bills"]
            .into_iter()
            .find(|name| topic.topic_id == world.virtual_id(name))
            .map_or_else(|| topic.name.0.to_string(), str::to_owned);
        for partition in &topic.partition_responses {
            errors.push(format!("{name}/{} {}", partition.index, partition.error_code));
        }
    }
    errors.sort();
    errors
}

#[test]
fn allowed_topics_go_upstream_and_refused_ones_are_answered() {
    let world = World::new()
        .allow(Write, Resource::topic("orders"))
        .allow(Describe, Resource::topic("bills"));
    for version in VERSIONS {
        let request = produce(&world, version, &["bills", "orders"]);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Write Topic bills"]);
        let response = asked.forwarded(|upstream: ProduceRequest| {
            assert_eq!(
                upstream.topic_data.iter().map(seen).collect::<Vec<_>>(),
                ["int-orders"]
            );
            assert_eq!(
                upstream.topic_data[0].partition_data,
                request.topic_data[1].partition_data
            );
            accept(version, &upstream)
        });
        assert_eq!(
            errors(&world, &response),
            ["bills/0 29", "bills/1 29", "orders/0 0", "orders/1 0"],
            "version {version}"
        );
        let refused = response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses);
        assert!(
            refused
                .filter(|partition| partition.error_code == 29)
                .all(|p| p.base_offset == -1)
        );
    }
}

#[test]
fn leaders_and_endpoints_are_the_gateways_and_messages_have_virtual_names() {
    let world = World::new().allow(Write, Resource::topic("orders"));
    let request = produce(&world, 12, &["orders"]);
    let response = world.exchange(12, &request, |upstream| accept(12, &upstream));
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.current_leader.leader_id, BrokerId(2));
    assert_eq!(partition.error_message, None);
    let told = &partition.record_errors[0].batch_index_error_message;
    assert_eq!(*told, Some(text("topic orders")));
    let endpoints: Vec<_> = response
        .node_endpoints
        .iter()
        .map(|node| (node.node_id.0, node.host.to_string(), node.port))
        .collect();
    assert_eq!(
        endpoints,
        [(2, "gateway".to_owned(), 7002)],
        "broker 103 has no slot"
    );
}

#[test]
fn nothing_allowed_is_answered_without_a_broker() {
    let world = World::new();
    for version in VERSIONS {
        let response = world
            .ask(version, &produce(&world, version, &["orders"]))
            .replied();
        assert_eq!(errors(&world, &response), ["orders/0 29", "orders/1 29"]);
    }
}

#[test]
fn existence_is_told_only_to_those_who_may_write() {
    let request = |world: &World| produce(world, 9, &["nowhere"]);
    let world = World::new();
    assert_eq!(
        errors(&world, &world.ask(9, &request(&world)).replied()),
        ["nowhere/0 29", "nowhere/1 29"]
    );
    let world = World::new().allow(Write, Resource::topic("nowhere"));
    assert_eq!(
        errors(&world, &world.ask(9, &request(&world)).replied()),
        ["nowhere/0 3", "nowhere/1 3"]
    );
}

#[test]
fn a_physical_name_is_no_name_here() {
    let world = World::new().asked_by_super_user();
    let response = world.ask(9, &produce(&world, 9, &["int-orders"])).replied();
    assert_eq!(errors(&world, &response), ["int-orders/0 3", "int-orders/1 3"]);
}

#[test]
fn an_unknown_id_is_looked_up_once_and_then_unknown_to_everybody() {
    let world = World::new();
    let request = produce(&world, 13, &["nowhere"]);
    world.ask(13, &request).needs_fresh_topics();
    let asked = world.ask_again(13, &request, Attempt::AfterRefresh);
    assert!(asked.denied().is_empty());
    let response = asked.replied();
    assert_eq!(response.responses[0].topic_id, uuid::Uuid::from_bytes([9; 16]));
    assert_eq!(response.responses[0].partition_responses[0].error_code, 100);
}

#[test]
fn one_transactional_batch_puts_the_whole_request_to_the_question() {
    let world = World::new().allow(Write, Resource::topic("orders"));
    let mut request = produce(&world, 9, &["orders"]);
    request.topic_data[0].partition_data[1].records = Some(batch(TRANSACTIONAL));
    request.transactional_id = Some(TransactionalId(text("txn")));
    let asked = world.ask(9, &request);
    assert_eq!(asked.denied(), ["Write TransactionalId txn"]);
    assert_eq!(errors(&world, &asked.replied()), ["orders/0 53", "orders/1 53"]);

    let world = world.allow(Write, Resource::transactional_id("txn"));
    let response = world.exchange(9, &request, |upstream: ProduceRequest| {
        assert_eq!(
            upstream.transactional_id,
            Some(TransactionalId(text("partner:txn")))
        );
        accept(9, &upstream)
    });
    assert_eq!(errors(&world, &response), ["orders/0 0", "orders/1 0"]);
    request.transactional_id = None;
    let response = world.ask(9, &request).replied();
    assert_eq!(
        errors(&world, &response),
        ["orders/0 53", "orders/1 53"],
        "no id to be authorized"
    );
}

#[test]
fn a_transactional_id_without_transactional_batches_is_not_asked_about() {
    let world = World::new().allow(Write, Resource::topic("orders"));
    let mut request = produce(&world, 9, &["orders"]);
    request.transactional_id = Some(TransactionalId(text("txn")));
    let response = world.exchange(9, &request, |upstream: ProduceRequest| {
        assert_eq!(upstream.transactional_id, None);
        accept(9, &upstream)
    });
    assert_eq!(errors(&world, &response), ["orders/0 0", "orders/1 0"]);
}

#[test]
fn without_acks_a_refusal_closes_the_connection_after_the_rest_is_written() {
    let world = World::new().allow(Write, Resource::topic("orders"));
    let ask = |topics: &[&str]| {
        let request = produce(&world, 9, topics).with_acks(0);
        world.ask(9, &request).planned.plan
    };
    let Plan::Forward(all) = ask(&["orders"]) else {
        panic!("not forwarded")
    };
    assert!(matches!(all.answer, Answer::None(_)));
    let Plan::Forward(part) = ask(&["orders", "bills"]) else {
        panic!("not forwarded")
    };
    assert!(matches!(part.answer, Answer::NoneThenClose(_)));
    assert_eq!(
        decode_request::<ProduceRequest>(9, &part.request.into_frame())
            .topic_data
            .len(),
        1
    );
    assert!(matches!(
        ask(&["bills"]),
        Plan::Close(CloseReason::UnansweredRefusal)
    ));
}
