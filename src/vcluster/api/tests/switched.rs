//! Answers while, and after, another physical cluster takes over.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, FetchRequest, InitProducerIdRequest,
    InitProducerIdResponse, OffsetCommitRequest, OffsetCommitResponse, OffsetForLeaderEpochRequest,
    ProducerId,
};

use super::world::*;
use crate::vcluster::producer::ProducerIds;
use crate::vcluster::view::RouteSight;

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const UNKNOWN_MEMBER_ID: i16 = 25;
const GROUP_ID_NOT_FOUND: i16 = 69;

/// The bit that ids of a stand-in have.
const STAND_IN: i64 = 1 << 41;

fn switched(route: RouteSight) -> World {
    let mut world = World::new().asked_by_super_user();
    world.view.route = route;
    world
}

#[test]
fn nothing_is_read_before_members_have_had_the_time_to_rejoin() {
    let world = switched(RouteSight {
        is_rejoining: true,
        ..RouteSight::default()
    });
    let topic = FetchTopic::default()
        .with_topic(topic_name("orders"))
        .with_partitions(vec![FetchPartition::default()]);
    let fetch = FetchRequest::default().with_topics(vec![topic]);
    let fetched = world.ask(11, &fetch).replied();
    assert_eq!(
        fetched.responses[0].partitions[0].error_code,
        NOT_LEADER_OR_FOLLOWER
    );
    let topic = OffsetForLeaderTopic::default()
        .with_topic(topic_name("orders"))
        .with_partitions(vec![OffsetForLeaderPartition::default()]);
    let epochs = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    let epochs = world.ask(4, &epochs).replied();
    assert_eq!(epochs.topics[0].partitions[0].error_code, NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn members_of_a_group_that_is_not_there_are_to_rejoin_once_another_cluster_serves() {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name("orders"))
        .with_partitions(vec![partition]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(group_id("app"))
        .with_member_id(text("m"))
        .with_topics(vec![topic]);
    let heartbeat = ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id("app"))
        .with_member_id(text("m"))
        .with_member_epoch(7);
    for (was_switched, error) in [(false, GROUP_ID_NOT_FOUND), (true, UNKNOWN_MEMBER_ID)] {
        let world = switched(RouteSight {
            was_switched,
            ..RouteSight::default()
        });
        let committed = world.exchange(9, &commit, |_: OffsetCommitRequest| {
            let partition = OffsetCommitResponsePartition::default().with_error_code(GROUP_ID_NOT_FOUND);
            let topic = OffsetCommitResponseTopic::default()
                .with_name(topic_name("int-orders"))
                .with_partitions(vec![partition]);
            OffsetCommitResponse::default().with_topics(vec![topic])
        });
        assert_eq!(committed.topics[0].partitions[0].error_code, error);
        let beat = world.exchange(0, &heartbeat, |_: ConsumerGroupHeartbeatRequest| {
            ConsumerGroupHeartbeatResponse::default().with_error_code(GROUP_ID_NOT_FOUND)
        });
        assert_eq!(beat.error_code, error);
    }
}

/// Those of transactions are the coordinator's, which ends them.
#[test]
fn ids_that_a_stand_in_gives_out_are_told_apart_but_for_those_of_transactions() {
    let mut world = World::new().asked_by_super_user();
    let given = |world: &World, transaction: Option<&str>| {
        let init = InitProducerIdRequest::default()
            .with_transactional_id(transaction.map(transactional_id))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let given = world.exchange(4, &init, |_: InitProducerIdRequest| {
            InitProducerIdResponse::default().with_producer_id(ProducerId(9))
        });
        given.producer_id.0
    };
    assert_eq!((given(&world, None), given(&world, Some("txn"))), (9, 9));
    world.view.producers = ProducerIds::MarkedElsewhere(marked_id(0));
    assert_eq!(
        (given(&world, None), given(&world, Some("txn"))),
        (9 | STAND_IN, 9)
    );
}
