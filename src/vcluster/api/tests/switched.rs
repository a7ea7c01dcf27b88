//! Answers while, and after, another physical cluster takes over.

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, BrokerId, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, EndTxnRequest, EndTxnResponse, FetchRequest, InitProducerIdRequest,
    InitProducerIdResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetForLeaderEpochRequest, ProducerId, TxnOffsetCommitRequest,
};

use super::world::*;
use crate::vcluster::epochs::LeaderEpochs;
use crate::vcluster::producer::{ProducerIds, TransactionIds};
use crate::vcluster::view::RouteSight;

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const UNKNOWN_MEMBER_ID: i16 = 25;
const CONCURRENT_TRANSACTIONS: i16 = 51;
const UNKNOWN_PRODUCER_ID: i16 = 59;
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

/// A world whose home was switched.
fn with_marked_transactions() -> World {
    let mut world = World::new().asked_by_super_user();
    world.view.transactions = TransactionIds::Marked(marked_id(0));
    world
}

fn init(id: i64) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(Some(transactional_id("txn")))
        .with_producer_id(ProducerId(id))
        .with_producer_epoch(5)
}

fn end(id: i64, commits: bool) -> EndTxnRequest {
    EndTxnRequest::default()
        .with_transactional_id(transactional_id("txn"))
        .with_producer_id(ProducerId(id))
        .with_committed(commits)
}

#[test]
fn ids_of_transactions_say_who_gave_them_out_once_another_cluster_has_served() {
    let world = with_marked_transactions();
    let given = world.exchange(4, &init(marked_id(9)), |upstream: InitProducerIdRequest| {
        assert_eq!((upstream.producer_id.0, upstream.producer_epoch), (9, 5));
        InitProducerIdResponse::default().with_producer_id(ProducerId(9))
    });
    assert_eq!(given.producer_id.0, marked_id(9));
    let ended = world.exchange(5, &end(marked_id(9), true), |upstream: EndTxnRequest| {
        assert_eq!((upstream.producer_id.0, upstream.committed), (9, true));
        EndTxnResponse::default().with_producer_id(ProducerId(10))
    });
    assert_eq!(ended.producer_id.0, marked_id(10));
    let refused = world.exchange(4, &init(-1), |_: InitProducerIdRequest| {
        InitProducerIdResponse::default()
            .with_error_code(51)
            .with_producer_id(ProducerId(-1))
    });
    assert_eq!(refused.producer_id.0, -1, "none");
}

/// Of what another cluster has given out, clients may abort transactions and get another id, and are told nothing that ends them.
#[test]
fn a_transaction_that_was_left_on_another_cluster_can_be_aborted_and_nothing_else() {
    let world = with_marked_transactions();
    for left in [7, marked_id(7) * 2] {
        world.exchange(4, &init(left), |upstream: InitProducerIdRequest| {
            assert_eq!((upstream.producer_id.0, upstream.producer_epoch), (-1, -1));
            InitProducerIdResponse::default()
        });
        let ended = |commits| world.ask(4, &end(left, commits)).replied();
        assert_eq!(ended(true).error_code, UNKNOWN_PRODUCER_ID);
        assert_eq!(ended(false).error_code, 0);
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![0]);
        let add = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id("txn"))
            .with_v3_and_below_producer_id(ProducerId(left))
            .with_v3_and_below_topics(vec![topic]);
        let added = world.ask(3, &add).replied();
        let partition = &added.results_by_topic_v3_and_below[0].results_by_partition[0];
        assert_eq!(partition.partition_error_code, UNKNOWN_PRODUCER_ID);
        let offsets = AddOffsetsToTxnRequest::default()
            .with_transactional_id(transactional_id("txn"))
            .with_producer_id(ProducerId(left))
            .with_group_id(group_id("app"));
        let added = world.ask(3, &offsets).replied();
        assert_eq!(added.error_code, UNKNOWN_PRODUCER_ID);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![TxnOffsetCommitRequestPartition::default()]);
        let commit = TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional_id("txn"))
            .with_group_id(group_id("app"))
            .with_producer_id(ProducerId(left))
            .with_topics(vec![topic]);
        let committed = world.ask(3, &commit).replied();
        assert_eq!(committed.topics[0].partitions[0].error_code, UNKNOWN_MEMBER_ID);
    }
}

/// From version 5 on EndTxn gives out the id of the next transaction, and clients ask for none in another way.
#[test]
fn to_abort_a_transaction_that_was_left_brings_another_id_where_nothing_else_does() {
    let world = with_marked_transactions();
    let (pending, upstream) = world.ask(5, &end(7, false)).waiting();
    let init: InitProducerIdRequest = decode_request(4, &upstream);
    assert_eq!(init.transactional_id, Some(transactional_id("partner:txn")));
    assert_eq!((init.producer_id.0, init.producer_epoch), (-1, -1));
    assert_eq!(init.transaction_timeout_ms, 60_000);
    let given = InitProducerIdResponse::default()
        .with_producer_id(ProducerId(9))
        .with_producer_epoch(3);
    let frame = encode_response::<InitProducerIdRequest>(4, &given);
    let ended = world.told::<EndTxnRequest>(5, pending, frame);
    assert_eq!(
        (ended.error_code, ended.producer_id.0, ended.producer_epoch),
        (0, marked_id(9), 3)
    );
    let (pending, _) = world.ask(5, &end(7, false)).waiting();
    let busy = InitProducerIdResponse::default()
        .with_error_code(CONCURRENT_TRANSACTIONS)
        .with_producer_id(ProducerId(-1));
    let frame = encode_response::<InitProducerIdRequest>(4, &busy);
    let ended = world.told::<EndTxnRequest>(5, pending, frame);
    assert_eq!(
        (ended.error_code, ended.producer_id.0),
        (CONCURRENT_TRANSACTIONS, -1)
    );
}

/// Clients take what has a lower epoch than they know for old.
#[test]
fn epochs_of_leaders_are_raised_for_clients_and_lowered_for_brokers() {
    let mut world = World::new().asked_by_super_user();
    world.view.epochs = LeaderEpochs::since(2);
    let told = |epoch: i32| i32::try_from(LeaderEpochs::since(2).told(epoch.into())).unwrap();
    let topic = || topic_name("orders");
    let asked = MetadataRequestTopic::default().with_name(Some(topic()));
    let metadata = MetadataRequest::default().with_topics(Some(vec![asked]));
    let answer = world.exchange(12, &metadata, |upstream: MetadataRequest| {
        let partition = MetadataResponsePartition::default()
            .with_leader_epoch(7)
            .with_leader_id(BrokerId(101));
        let name = upstream.topics.unwrap()[0].name.clone();
        let topic = MetadataResponseTopic::default()
            .with_name(name)
            .with_topic_id(physical_id("int-orders"))
            .with_partitions(vec![partition]);
        MetadataResponse::default().with_topics(vec![topic])
    });
    assert_eq!(answer.topics[0].partitions[0].leader_epoch, told(7));

    let partition = |epoch| {
        OffsetForLeaderPartition::default()
            .with_current_leader_epoch(epoch)
            .with_leader_epoch(3)
    };
    let partitions = [told(7), 7, -1].map(partition).into();
    let of_orders = OffsetForLeaderTopic::default()
        .with_topic(topic())
        .with_partitions(partitions);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![of_orders]);
    let (_, upstream) = world.ask(4, &request).waiting();
    let upstream: OffsetForLeaderEpochRequest = decode_request(4, &upstream);
    let sent = upstream.topics[0].partitions.iter();
    let sent: Vec<(i32, i32)> = sent
        .map(|partition| (partition.current_leader_epoch, partition.leader_epoch))
        .collect();
    assert_eq!(sent, [(7, 3), (-1, 3), (-1, 3)]);
}
