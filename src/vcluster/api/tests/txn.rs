//! Requests of transactional producers, in the lowest and the highest version of each API and where something changes.

use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse, ProducerId,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use klamm_raft::model::Operation::{ClusterAction, Describe, Read, Write};

use super::world::*;
use crate::authz::Resource;

/// A world in which alice may use the transactional id `txn`.
fn transactional() -> World {
    World::new().allow(Write, Resource::transactional_id("txn"))
}

fn init(id: &str) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(Some(transactional_id(id)))
        .with_transaction_timeout_ms(1000)
}

#[test]
fn a_transactional_producer_gets_its_id_under_the_physical_name() {
    for version in [0, 2, 3, 5] {
        let response = transactional().exchange(version, &init("txn"), |upstream: InitProducerIdRequest| {
            assert_eq!(upstream.transactional_id, Some(transactional_id("partner:txn")));
            assert_eq!(upstream.transaction_timeout_ms, 1000);
            InitProducerIdResponse::default()
                .with_producer_id(ProducerId(9))
                .with_producer_epoch(3)
        });
        assert_eq!(
            (
                response.error_code,
                response.producer_id.0,
                response.producer_epoch
            ),
            (0, 9, 3)
        );
        let refused = |world: &World, id| {
            let response = world.ask(version, &init(id)).replied();
            (
                response.error_code,
                response.producer_id.0,
                response.producer_epoch,
            )
        };
        let world = World::new().allow(Describe, Resource::transactional_id("txn"));
        assert_eq!(refused(&world, "txn"), (53, -1, -1));
        assert_eq!(refused(&transactional(), "other"), (53, -1, -1));
        assert_eq!(refused(&World::new().asked_by_super_user(), ""), (42, -1, -1));
        assert_eq!(
            refused(&World::without_home().asked_by_super_user(), "txn"),
            (15, -1, -1)
        );
    }
}

fn add_partitions(topics: &[&str]) -> AddPartitionsToTxnRequest {
    let topic = |name: &&str| {
        AddPartitionsToTxnTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![0, 1])
    };
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional_id("txn"))
        .with_v3_and_below_producer_id(ProducerId(9))
        .with_v3_and_below_topics(topics.iter().map(topic).collect())
}

fn added(request: &AddPartitionsToTxnRequest, error: i16) -> AddPartitionsToTxnResponse {
    let topics = request.v3_and_below_topics.iter().map(|topic| {
        let partition = |index: &i32| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(error)
        };
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(topic.partitions.iter().map(partition).collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics.collect())
}

/// `topic/partition error` of an answer.
fn results(response: &AddPartitionsToTxnResponse) -> Vec<String> {
    let mut results = Vec::new();
    for topic in &response.results_by_topic_v3_and_below {
        for partition in &topic.results_by_partition {
            let (index, error) = (partition.partition_index, partition.partition_error_code);
            results.push(format!("{}/{index} {error}", topic.name.0));
        }
    }
    results
}

#[test]
fn partitions_are_added_all_or_none() {
    let world = transactional()
        .allow(Write, Resource::topic("orders"))
        .allow(Write, Resource::topic("ghost"))
        .allow(Write, Resource::topic("nowhere"))
        .allow(Write, Resource::topic("__consumer_offsets"));
    for version in 0..=3 {
        let response = world.exchange(
            version,
            &add_partitions(&["orders"]),
            |upstream: AddPartitionsToTxnRequest| {
                assert_eq!(
                    upstream.v3_and_below_transactional_id,
                    transactional_id("partner:txn")
                );
                assert_eq!(upstream.v3_and_below_producer_id, ProducerId(9));
                assert_eq!(upstream.v3_and_below_topics[0].name, topic_name("int-orders"));
                assert_eq!(upstream.v3_and_below_topics[0].partitions, [0, 1]);
                added(&upstream, 51)
            },
        );
        assert_eq!(results(&response), ["orders/0 51", "orders/1 51"]);
        for (bad, error) in [("bills", 29), ("nowhere", 3), ("__consumer_offsets", 29)] {
            let request = add_partitions(&["orders", "ghost", bad]);
            let expected = [
                "orders/0 55".to_owned(),
                "orders/1 55".to_owned(),
                "ghost/0 3".to_owned(),
                "ghost/1 3".to_owned(),
                format!("{bad}/0 {error}"),
                format!("{bad}/1 {error}"),
            ];
            assert_eq!(results(&world.ask(version, &request).replied()), expected);
        }
        let world = World::new().allow(Write, Resource::topic("orders"));
        let asked = world.ask(version, &add_partitions(&["orders", "bills"]));
        assert_eq!(asked.denied(), ["Write TransactionalId txn"]);
        assert_eq!(
            results(&asked.replied()),
            ["orders/0 53", "orders/1 53", "bills/0 53", "bills/1 53"]
        );
    }
}

#[test]
fn what_brokers_add_for_producers_is_for_no_client() {
    let transaction = AddPartitionsToTxnTransaction::default()
        .with_transactional_id(transactional_id("txn"))
        .with_verify_only(true);
    let request = AddPartitionsToTxnRequest::default().with_transactions(vec![transaction]);
    for version in [4, 5] {
        let world = transactional();
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["ClusterAction Cluster kafka-cluster"]);
        let response = asked.replied();
        assert_eq!(response.error_code, 31);
        assert!(response.results_by_transaction.is_empty());
        let world = transactional().allow(ClusterAction, Resource::CLUSTER);
        assert_eq!(world.ask(version, &request).replied().error_code, 31);
    }
}

#[test]
fn offsets_join_a_transaction_of_the_same_virtual_cluster() {
    let request = AddOffsetsToTxnRequest::default()
        .with_transactional_id(transactional_id("txn"))
        .with_group_id(group_id("app"));
    for version in [0, 2, 3, 4] {
        let world = transactional().allow(Read, Resource::group("app"));
        let response = world.exchange(version, &request, |upstream: AddOffsetsToTxnRequest| {
            assert_eq!(upstream.transactional_id, transactional_id("partner:txn"));
            assert_eq!(upstream.group_id, group_id("partner:app"));
            AddOffsetsToTxnResponse::default().with_error_code(47)
        });
        assert_eq!(response.error_code, 47);
        assert_eq!(transactional().ask(version, &request).replied().error_code, 30);
        let world = World::new().allow(Read, Resource::group("app"));
        assert_eq!(world.ask(version, &request).replied().error_code, 53);
    }
}

#[test]
fn a_transaction_ends_under_its_physical_id() {
    let request = EndTxnRequest::default()
        .with_transactional_id(transactional_id("txn"))
        .with_committed(true);
    for version in [0, 3, 4, 5] {
        let response = transactional().exchange(version, &request, |upstream: EndTxnRequest| {
            assert_eq!(upstream.transactional_id, transactional_id("partner:txn"));
            assert!(upstream.committed);
            let ended = EndTxnResponse::default();
            match version {
                5.. => ended.with_producer_id(ProducerId(9)).with_producer_epoch(4),
                _ => ended,
            }
        });
        let epoch = if version >= 5 { 4 } else { -1 };
        assert_eq!((response.error_code, response.producer_epoch), (0, epoch));
        let refused = World::new().ask(version, &request).replied();
        assert_eq!(
            (refused.error_code, refused.producer_id.0, refused.producer_epoch),
            (53, -1, -1)
        );
    }
}

fn commit(topics: &[&str]) -> TxnOffsetCommitRequest {
    let topic = |name: &&str| {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(1)
            .with_committed_offset(42);
        TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    };
    TxnOffsetCommitRequest::default()
        .with_transactional_id(transactional_id("txn"))
        .with_group_id(group_id("app"))
        .with_topics(topics.iter().map(topic).collect())
}

/// `topic/partition error` of an answer.
fn committed(response: &TxnOffsetCommitResponse) -> Vec<String> {
    let topics = response.topics.iter();
    topics
        .flat_map(|topic| {
            let name = &topic.name.0;
            let partitions = topic.partitions.iter();
            partitions.map(move |one| format!("{name}/{} {}", one.partition_index, one.error_code))
        })
        .collect()
}

#[test]
fn offsets_are_committed_where_they_may_be_read() {
    for version in 0..=5 {
        let world = transactional()
            .allow(Read, Resource::group("app"))
            .allow(Read, Resource::topic("orders"))
            .allow(Write, Resource::topic("bills"));
        let response = world.exchange(
            version,
            &commit(&["bills", "orders", "nowhere"]),
            |upstream: TxnOffsetCommitRequest| {
                assert_eq!(upstream.transactional_id, transactional_id("partner:txn"));
                assert_eq!(upstream.group_id, group_id("partner:app"));
                let topics = upstream.topics.iter().map(|topic| {
                    let index = topic.partitions[0].partition_index;
                    let partition = TxnOffsetCommitResponsePartition::default().with_partition_index(index);
                    TxnOffsetCommitResponseTopic::default()
                        .with_name(topic.name.clone())
                        .with_partitions(vec![partition])
                });
                TxnOffsetCommitResponse::default().with_topics(topics.collect())
            },
        );
        assert_eq!(committed(&response), ["orders/1 0", "bills/1 29", "nowhere/1 29"]);
        let refused = |world: World| committed(&world.ask(version, &commit(&["orders"])).replied());
        assert_eq!(refused(transactional()), ["orders/1 30"]);
        assert_eq!(
            refused(World::new().allow(Read, Resource::group("app"))),
            ["orders/1 53"]
        );
        let world = transactional().allow(Read, Resource::group("app"));
        assert_eq!(refused(world), ["orders/1 29"], "nothing is left to send");
    }
}
