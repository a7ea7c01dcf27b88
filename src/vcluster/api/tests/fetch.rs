//! Fetch: sessions, replicas, renaming, mixed rights.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic, ReplicaState};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, ProducerId};
use klamm_raft::model::Operation::{ClusterAction, Read, Write};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

const VERSIONS: [i16; 6] = [4, 7, 11, 12, 13, 17];
const RECORDS: &[u8] = b"record batches";

fn topic(world: &World, version: i16, name: &str) -> FetchTopic {
    let topic = match version {
        13.. => FetchTopic::default().with_topic_id(world.virtual_id(name)),
        _ => FetchTopic::default().with_topic(topic_name(name)),
    };
    topic.with_partitions(vec![
        FetchPartition::default().with_partition(3).with_fetch_offset(17),
    ])
}

fn fetch(world: &World, version: i16, topics: &[&str]) -> FetchRequest {
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(1 << 20)
        .with_topics(topics.iter().map(|name| topic(world, version, name)).collect())
}

fn is_orders(topic: &FetchTopic) -> bool {
    topic.topic.0.as_str() == "int-orders" || topic.topic_id == physical_id("int-orders")
}

fn aborted() -> AbortedTransaction {
    AbortedTransaction::default()
        .with_producer_id(ProducerId(9))
        .with_first_offset(17)
}

fn serve(version: i16, request: &FetchRequest) -> FetchResponse {
    let responses = request.topics.iter().map(|topic| {
        let mut data = PartitionData::default()
            .with_partition_index(3)
            .with_high_watermark(99)
            .with_aborted_transactions(Some(vec![aborted()]))
            .with_records(Some(Bytes::from_static(RECORDS)));
        if version >= 11 {
            data = data.with_preferred_read_replica(BrokerId(102));
        }
        if version >= 12 {
            data = data.with_current_leader(LeaderIdAndEpoch::default().with_leader_id(BrokerId(103)));
        }
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(vec![data])
    });
    let mut response = FetchResponse::default().with_responses(responses.collect());
    if version >= 7 {
        response.session_id = 77;
    }
    if version >= 16 {
        let host = text("b101.broker.internal");
        let node = NodeEndpoint::default()
            .with_node_id(BrokerId(101))
            .with_host(host)
            .with_port(9092);
        response.node_endpoints = vec![node];
    }
    response
}

#[test]
fn allowed_topics_are_fetched_and_refused_ones_are_answered() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(Write, Resource::topic("bills"));
    for version in VERSIONS {
        let request = fetch(&world, version, &["orders", "bills"]);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Read Topic bills"]);
        let response = asked.forwarded(|upstream: FetchRequest| {
            assert_eq!(upstream.topics.len(), 1);
            assert!(is_orders(&upstream.topics[0]), "{:?}", upstream.topics);
            assert_eq!(upstream.topics[0].partitions, request.topics[0].partitions);
            assert_eq!((upstream.session_id, upstream.session_epoch), (0, -1));
            serve(version, &upstream)
        });
        let [served, refused] = &response.responses[..] else {
            panic!("{response:?}")
        };
        if version >= 13 {
            assert_eq!(
                (served.topic_id, refused.topic_id),
                (world.virtual_id("orders"), world.virtual_id("bills"))
            );
        } else {
            assert_eq!(
                (served.topic.0.as_str(), refused.topic.0.as_str()),
                ("orders", "bills")
            );
        }
        let partition = &refused.partitions[0];
        assert_eq!(
            (
                partition.error_code,
                partition.partition_index,
                partition.high_watermark
            ),
            (29, 3, -1)
        );
        assert!(partition.records.as_ref().is_none_or(Bytes::is_empty));
        assert_eq!(served.partitions[0].high_watermark, 99);
        assert_eq!((response.error_code, response.session_id), (0, 0));
    }
}

#[test]
fn replicas_leaders_and_endpoints_are_virtual() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    let request = fetch(&world, 17, &["orders"]);
    let response = world.exchange(17, &request, |upstream| serve(17, &upstream));
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.preferred_read_replica, BrokerId(2));
    assert_eq!(
        partition.current_leader.leader_id,
        BrokerId(-1),
        "broker 103 has no slot"
    );
    assert_eq!(partition.records.as_deref(), Some(RECORDS));
    let node = &response.node_endpoints[0];
    assert_eq!(
        (node.node_id.0, node.host.as_str(), node.port),
        (1, "gateway", 7001)
    );
}

#[test]
fn sessions_are_not_granted_and_not_found() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    for (id, epoch) in [(0, 0), (0, -1), (5, 0), (5, -1)] {
        let request = fetch(&world, 12, &["orders"])
            .with_session_id(id)
            .with_session_epoch(epoch);
        let response = world.exchange(12, &request, |upstream| serve(12, &upstream));
        assert_eq!(
            (response.error_code, response.session_id),
            (0, 0),
            "a full fetch: {id} {epoch}"
        );
    }
    for (id, epoch) in [(5, 1), (0, 1)] {
        let request = fetch(&world, 12, &["orders"])
            .with_session_id(id)
            .with_session_epoch(epoch);
        let response = world.ask(12, &request).replied();
        assert_eq!(
            (response.error_code, response.session_id),
            (70, 0),
            "an incremental fetch: {id} {epoch}"
        );
        assert!(response.responses.is_empty());
    }
}

#[test]
fn forgotten_topics_stay_here() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    let forgotten = ForgottenTopic::default()
        .with_topic(topic_name("bills"))
        .with_partitions(vec![1]);
    let request = fetch(&world, 12, &["orders"])
        .with_session_epoch(0)
        .with_forgotten_topics_data(vec![forgotten]);
    world.exchange(12, &request, |upstream: FetchRequest| {
        assert!(upstream.forgotten_topics_data.is_empty());
        serve(12, &upstream)
    });
}

#[test]
fn replicas_are_refused_whatever_they_may() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(ClusterAction, Resource::CLUSTER);
    let state = ReplicaState::default().with_replica_id(BrokerId(2));
    let requests = [
        (4, fetch(&world, 4, &["orders"]).with_replica_id(BrokerId(2))),
        (14, fetch(&world, 14, &["orders"]).with_replica_id(BrokerId(2))),
        (15, fetch(&world, 15, &["orders"]).with_replica_state(state)),
    ];
    for (version, request) in requests {
        let response = world.ask(version, &request).replied();
        assert_eq!(
            response.responses[0].partitions[0].error_code, 29,
            "version {version}"
        );
    }
}

#[test]
fn an_unknown_id_is_looked_up_once() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    let mut request = fetch(&world, 13, &["orders", "bills"]);
    request.topics[1].topic_id = uuid::Uuid::from_bytes([9; 16]);
    world.ask(13, &request).needs_fresh_topics();
    let response = world
        .ask_again(13, &request, Attempt::AfterRefresh)
        .forwarded(|upstream| serve(13, &upstream));
    let errors: Vec<_> = response
        .responses
        .iter()
        .map(|topic| topic.partitions[0].error_code)
        .collect();
    assert_eq!(errors, [0, 100]);
}

#[test]
fn readers_of_what_is_committed_are_told_what_was_aborted() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    for version in VERSIONS {
        let request = fetch(&world, version, &["orders"]).with_isolation_level(1);
        let response = world.exchange(version, &request, |upstream: FetchRequest| {
            assert_eq!(upstream.isolation_level, 1);
            serve(version, &upstream)
        });
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.aborted_transactions, Some(vec![aborted()]));
    }
}

/// A fetch may wait for seconds: what it brings is judged by the rights of the moment when it is answered.
#[test]
fn a_right_that_is_taken_away_while_somebody_waits_is_missing_in_the_answer() {
    for version in VERSIONS {
        let topics = |world: World| {
            world
                .allow(Read, Resource::topic("orders"))
                .allow(Read, Resource::topic("bills"))
        };
        let mut world = topics(World::new());
        let request = fetch(&world, version, &["orders", "bills"]);
        let waiting = world.ask(version, &request).waiting();
        world = world.deny(Read, Resource::topic("bills"));
        let response: FetchResponse =
            world.answers::<FetchRequest>(version, waiting, |upstream| serve(version, &upstream));
        assert_eq!(response.responses.len(), 2, "{version}");
        for answered in &response.responses {
            let is_orders =
                answered.topic.0.as_str() == "orders" || answered.topic_id == world.virtual_id("orders");
            let partition = &answered.partitions[0];
            let (error, records): (i16, &[u8]) = if is_orders { (0, RECORDS) } else { (29, b"") };
            assert_eq!(partition.error_code, error, "{version}");
            assert_eq!(
                partition.records.as_deref().unwrap_or_default(),
                records,
                "{version}"
            );
            if !is_orders {
                let bills = (topic_name("bills"), world.virtual_id("bills"));
                assert!(
                    answered.topic == bills.0 || answered.topic_id == bills.1,
                    "{version}"
                );
                assert_eq!(partition.partition_index, 3);
            }
        }
    }
}
