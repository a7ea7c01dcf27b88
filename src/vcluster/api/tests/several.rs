//! One virtual cluster over two physical clusters: `orders` is at home on `main`, `returns` is `int-foreign` on
//! `clusterB`, whose broker 101 is virtual broker 5.

use bytes::Bytes;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DeleteTopicsRequest, FetchRequest, HeartbeatRequest,
    HeartbeatResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, ProduceRequest,
};
use klamm_raft::model::{ClusterId, Operation};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::{CallResult, Place, To, Unanswered};

fn world() -> World {
    World::over_two().asked_by_super_user()
}

fn is_main(cluster: &ClusterId) -> bool {
    cluster.as_str() == "main"
}

/// The metadata that a broker of a cluster gives.
fn metadata(cluster: &ClusterId) -> CallResult {
    let topic = if is_main(cluster) {
        "int-orders"
    } else {
        "int-foreign"
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(101))
        .with_host(text("b101.broker.internal"))
        .with_port(9092);
    let partition = MetadataResponsePartition::default()
        .with_leader_id(BrokerId(101))
        .with_replica_nodes(vec![BrokerId(101)])
        .with_isr_nodes(vec![BrokerId(101)]);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(topic_name(topic)))
        .with_topic_id(uuid::Uuid::from_bytes(
            [if is_main(cluster) { 0xa1 } else { 0xb1 }; 16],
        ))
        .with_partitions(vec![partition]);
    let answer = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text("physicalClusterId")))
        .with_controller_id(BrokerId(101))
        .with_topics(vec![topic]);
    Ok(encode_response::<MetadataRequest>(12, &answer))
}

fn told(answer: &MetadataResponse) -> Vec<(String, i16, Option<i32>)> {
    let topics = answer.topics.iter().map(|topic| {
        let name = topic.name.as_ref().map(|name| name.0.to_string());
        let leader = topic.partitions.first().map(|partition| partition.leader_id.0);
        (name.unwrap_or_default(), topic.error_code, leader)
    });
    let mut topics: Vec<_> = topics.collect();
    topics.sort();
    topics
}

#[test]
fn metadata_is_put_together() {
    let world = world();
    let ask = || world.ask(12, &MetadataRequest::default().with_topics(None));
    let answer = ask().gathered(|to, _| metadata(to.cluster()));
    assert_eq!(
        told(&answer),
        [
            ("orders".to_owned(), 0, Some(1)),
            ("returns".to_owned(), 0, Some(5))
        ]
    );
    let brokers: Vec<i32> = answer.brokers.iter().map(|broker| broker.node_id.0).collect();
    assert_eq!(brokers, [1, 5], "the same physical id is two brokers");
    assert_eq!(answer.controller_id.0, 1);
}

#[test]
fn a_cluster_that_is_away_costs_its_own_topics() {
    let world = world();
    for away in ["main", "clusterB"] {
        let asked = world.ask(12, &MetadataRequest::default().with_topics(None));
        let answer = asked.gathered(|to, _| match to.cluster().as_str() == away {
            true => Err(Unanswered),
            false => metadata(to.cluster()),
        });
        let (orders, returns) = match away {
            "main" => ((5, None), (0, Some(5))),
            _ => ((0, Some(1)), (5, None)),
        };
        let expected = [
            ("bills".to_owned(), 5, None),
            ("orders".to_owned(), orders.0, orders.1),
            ("returns".to_owned(), returns.0, returns.1),
        ];
        let expected = if away == "main" {
            &expected[..]
        } else {
            &expected[1..]
        };
        assert_eq!(told(&answer), expected, "without {away}");
        assert_eq!(answer.cluster_id.as_deref(), Some("virtualClusterId"));
    }
}

#[test]
fn when_all_clusters_are_away_the_brokers_are_those_that_are_known() {
    let world = world();
    let brokers_without = |away: &[&str], request: &MetadataRequest| -> Vec<i32> {
        let answer = world
            .ask(12, request)
            .gathered(|to, _| match away.contains(&to.cluster().as_str()) {
                true => Err(Unanswered),
                false => metadata(to.cluster()),
            });
        answer.brokers.iter().map(|broker| broker.node_id.0).collect()
    };
    let brokers_alone = MetadataRequest::default().with_topics(Some(Vec::new()));
    assert_eq!(brokers_without(&["main"], &brokers_alone), [5]);
    assert_eq!(brokers_without(&["main", "clusterB"], &brokers_alone), [1, 2, 5]);
    let all_topics = MetadataRequest::default().with_topics(None);
    assert!(brokers_without(&["main", "clusterB"], &all_topics).is_empty());
}

fn commit(world: &World, heartbeat: i16) -> (OffsetCommitResponse, Vec<To>, Vec<&'static str>) {
    let topic = |name: &str| {
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(7);
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    };
    let request = OffsetCommitRequest::default()
        .with_group_id(group_id("app"))
        .with_generation_id_or_member_epoch(3)
        .with_member_id(text("member"))
        .with_topics(vec![topic("orders"), topic("returns")]);
    let mut sent = Vec::new();
    let (answer, counted) = world.ask(8, &request).gathered_and_counted(|to, frame| {
        sent.push(to.clone());
        if frame.0[0][5] == 12 {
            let answer = HeartbeatResponse::default().with_error_code(heartbeat);
            return Ok(encode_response::<HeartbeatRequest>(4, &answer));
        }
        let request: OffsetCommitRequest = decode_request(8, frame);
        assert_eq!(request.group_id.0.as_str(), "partner:app");
        let (generation, member) = (request.generation_id_or_member_epoch, request.member_id.as_str());
        match is_main(to.cluster()) {
            true => assert_eq!((generation, member), (3, "member")),
            false => assert_eq!((generation, member), (-1, ""), "there it has no members"),
        }
        let topics = request.topics.into_iter().map(|topic| {
            OffsetCommitResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(vec![OffsetCommitResponsePartition::default()])
        });
        let answer = OffsetCommitResponse::default().with_topics(topics.collect());
        Ok(encode_response::<OffsetCommitRequest>(8, &answer))
    });
    (answer, sent, counted)
}

fn errors(answer: &OffsetCommitResponse) -> Vec<(String, i16)> {
    let topics = answer.topics.iter();
    let mut errors: Vec<_> = topics
        .map(|topic| (topic.name.0.to_string(), topic.partitions[0].error_code))
        .collect();
    errors.sort();
    errors
}

#[test]
fn offsets_are_committed_where_topics_are_once_the_home_agrees() {
    let world = world();
    let (answer, sent, counted) = commit(&world, 0);
    assert!(counted.is_empty(), "{counted:?}");
    assert_eq!(
        errors(&answer),
        [("orders".to_owned(), 0), ("returns".to_owned(), 0)]
    );
    let elsewhere = To::Coordinator("clusterB".parse().unwrap(), "partner:app".to_owned());
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2], elsewhere);
}

#[test]
fn a_member_that_is_none_commits_nowhere() {
    const UNKNOWN_MEMBER_ID: i16 = 25;
    let world = world();
    let (answer, sent, counted) = commit(&world, UNKNOWN_MEMBER_ID);
    assert_eq!(counted, ["UNKNOWN_MEMBER_ID"]);
    let refused = [
        ("orders".to_owned(), UNKNOWN_MEMBER_ID),
        ("returns".to_owned(), UNKNOWN_MEMBER_ID),
    ];
    assert_eq!(errors(&answer), refused);
    assert_eq!(sent.len(), 1, "only the home was asked");
}

#[test]
fn all_offsets_of_a_group_are_those_of_all_clusters() {
    let world = world();
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group_id("app"))
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![group]);
    let fetched = |away: Option<&'static str>| {
        let answer = world.ask(8, &request).gathered(|to, _| {
            if Some(to.cluster().as_str()) == away {
                return Err(Unanswered);
            }
            let topic = if is_main(to.cluster()) {
                "int-orders"
            } else {
                "int-foreign"
            };
            let topic = OffsetFetchResponseTopics::default()
                .with_name(topic_name(topic))
                .with_partitions(vec![
                    OffsetFetchResponsePartitions::default().with_committed_offset(7),
                ]);
            let group = OffsetFetchResponseGroup::default()
                .with_group_id(group_id("partner:app"))
                .with_topics(vec![topic]);
            let answer = OffsetFetchResponse::default().with_groups(vec![group]);
            Ok(encode_response::<OffsetFetchRequest>(8, &answer))
        });
        let group = answer.groups.into_iter().next().unwrap();
        let topics = group.topics.iter().map(|topic| topic.name.0.to_string());
        (group.error_code, topics.collect::<Vec<_>>())
    };
    assert_eq!(
        fetched(None),
        (0, vec!["orders".to_owned(), "returns".to_owned()])
    );
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    assert_eq!(
        fetched(Some("clusterB")).0,
        COORDINATOR_NOT_AVAILABLE,
        "half of the offsets is none"
    );
}

#[test]
fn a_cluster_is_asked_for_offsets_of_its_own_topics_alone() {
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    let world = world();
    let group = |id: &str, topic: &str| {
        let topic = OffsetFetchRequestTopics::default()
            .with_name(topic_name(topic))
            .with_partition_indexes(vec![0]);
        OffsetFetchRequestGroup::default()
            .with_group_id(group_id(id))
            .with_topics(Some(vec![topic]))
    };
    let request =
        OffsetFetchRequest::default().with_groups(vec![group("app", "orders"), group("other", "returns")]);
    let answer = world.ask(8, &request).gathered(|to, _| {
        if !is_main(to.cluster()) {
            return Err(Unanswered);
        }
        let known = |id: &str| OffsetFetchResponseGroup::default().with_group_id(group_id(id));
        let answer =
            OffsetFetchResponse::default().with_groups(vec![known("partner:app"), known("partner:other")]);
        Ok(encode_response::<OffsetFetchRequest>(8, &answer))
    });
    let errors: Vec<i16> = answer.groups.iter().map(|group| group.error_code).collect();
    assert_eq!(errors, [0, COORDINATOR_NOT_AVAILABLE]);
}

/// Deletes offsets of `topics` of group `app`; what the home, and where `returns` is, say of the group. Gives the error
/// of the whole and of each topic.
fn delete_offsets(
    world: &World,
    topics: &[&str],
    (home, there): (Option<i16>, Option<i16>),
) -> (i16, Vec<(String, i16)>) {
    let topic = |name: &&str| {
        OffsetDeleteRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![OffsetDeleteRequestPartition::default()])
    };
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id("app"))
        .with_topics(topics.iter().map(topic).collect());
    let answer = world.ask(0, &request).gathered(|to, frame| {
        let request: OffsetDeleteRequest = decode_request(0, frame);
        let error = if is_main(to.cluster()) { home } else { there };
        let error = error.ok_or(Unanswered)?;
        let topics = request.topics.into_iter().map(|topic| {
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(vec![OffsetDeleteResponsePartition::default()])
        });
        let topics = if error == 0 { topics.collect() } else { Vec::new() };
        let answer = OffsetDeleteResponse::default()
            .with_error_code(error)
            .with_topics(topics);
        Ok(encode_response::<OffsetDeleteRequest>(0, &answer))
    });
    let topics = answer.topics.iter();
    let errors = topics.map(|topic| (topic.name.0.to_string(), topic.partitions[0].error_code));
    (answer.error_code, errors.collect())
}

#[test]
fn the_home_says_whether_a_group_may_lose_offsets() {
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    const NON_EMPTY_GROUP: i16 = 68;
    const GROUP_ID_NOT_FOUND: i16 = 69;
    let world = world();
    let both = vec![("orders".to_owned(), 0), ("returns".to_owned(), 0)];
    let deleted = |home, there| delete_offsets(&world, &["orders", "returns"], (home, there));
    assert_eq!(deleted(Some(0), Some(0)), (0, both.clone()));
    assert_eq!(
        deleted(Some(0), Some(GROUP_ID_NOT_FOUND)),
        (0, both),
        "none were ever committed there"
    );
    // Who is away says nothing, and nothing is asked of the other before the home agrees.
    assert_eq!(deleted(None, Some(0)).0, COORDINATOR_NOT_AVAILABLE);
    assert_eq!(deleted(Some(0), None).0, COORDINATOR_NOT_AVAILABLE);
    let mut asked = Vec::new();
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic_name("returns"))
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id("app"))
        .with_topics(vec![topic]);
    let answer = world.ask(0, &request).gathered(|to, _| {
        asked.push(to.cluster().to_string());
        let answer = OffsetDeleteResponse::default().with_error_code(NON_EMPTY_GROUP);
        Ok(encode_response::<OffsetDeleteRequest>(0, &answer))
    });
    assert_eq!((answer.error_code, answer.topics.len()), (NON_EMPTY_GROUP, 0));
    assert_eq!(asked, ["main"], "offsets elsewhere stay");
}

#[test]
fn a_group_without_members_may_have_offsets_away_from_home_alone() {
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    const GROUP_ID_NOT_FOUND: i16 = 69;
    let world = world();
    let deleted = |topics: &[&str], there| delete_offsets(&world, topics, (Some(GROUP_ID_NOT_FOUND), there));
    let gone = |topic: &str| (topic.to_owned(), 0);
    assert_eq!(deleted(&["returns"], Some(0)), (0, vec![gone("returns")]));
    assert_eq!(
        deleted(&["orders", "returns"], Some(0)),
        (0, vec![gone("orders"), gone("returns")])
    );
    for topics in [&["returns"][..], &["orders", "returns"]] {
        let nowhere = deleted(topics, Some(GROUP_ID_NOT_FOUND));
        assert_eq!(nowhere, (GROUP_ID_NOT_FOUND, Vec::new()));
        assert_eq!(deleted(topics, None).0, COORDINATOR_NOT_AVAILABLE, "nobody knows");
    }
    // Where nothing of it may be deleted, a broker still knows the group.
    let world = World::over_two().allow(Operation::Delete, Resource::group("app"));
    let deleted = |there| delete_offsets(&world, &["returns"], (Some(GROUP_ID_NOT_FOUND), there));
    let refused = ("returns".to_owned(), TOPIC_AUTHORIZATION_FAILED);
    assert_eq!(deleted(Some(0)), (0, vec![refused]));
    assert_eq!(
        deleted(Some(GROUP_ID_NOT_FOUND)),
        (GROUP_ID_NOT_FOUND, Vec::new())
    );
}

#[test]
fn what_the_gateway_puts_into_an_answer_of_several_clusters_is_counted_once() {
    let world = World::over_two()
        .allow(Operation::Describe, Resource::topic("orders"))
        .allow(Operation::Describe, Resource::topic("returns"))
        .allow(Operation::Delete, Resource::group("app"));
    let asked = |away: &'static str| {
        let topics = ["orders", "returns", "bills"]
            .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
        let request = MetadataRequest::default().with_topics(Some(topics.to_vec()));
        let asked = world.ask(12, &request);
        let (_, mut counted) = asked.gathered_and_counted(|to, _| match to.cluster().as_str() == away {
            true => Err(Unanswered),
            false => metadata(to.cluster()),
        });
        counted.sort_unstable();
        counted
    };
    assert_eq!(asked("none"), ["TOPIC_AUTHORIZATION_FAILED"]);
    for away in ["main", "clusterB"] {
        assert_eq!(
            asked(away),
            ["LEADER_NOT_AVAILABLE", "TOPIC_AUTHORIZATION_FAILED"],
            "without {away}"
        );
    }
    let deleted = |away: &'static str| {
        let groups = ["app", "hidden"].map(group_id).to_vec();
        let request = DeleteGroupsRequest::default().with_groups_names(groups);
        let asked = world.ask(2, &request);
        let (_, mut counted) = asked.gathered_and_counted(|to, _| {
            if to.cluster().as_str() == away {
                return Err(Unanswered);
            }
            let result = DeletableGroupResult::default().with_group_id(group_id("partner:app"));
            let answer = DeleteGroupsResponse::default().with_results(vec![result]);
            Ok(encode_response::<DeleteGroupsRequest>(2, &answer))
        });
        counted.sort_unstable();
        counted
    };
    assert_eq!(deleted("none"), ["GROUP_AUTHORIZATION_FAILED"]);
    for away in ["main", "clusterB"] {
        assert_eq!(
            deleted(away),
            ["COORDINATOR_NOT_AVAILABLE", "GROUP_AUTHORIZATION_FAILED"],
            "without {away}"
        );
    }
}

/// A record batch of an idempotent producer.
fn batch(producer_id: i64) -> Bytes {
    let mut batch = vec![0; 61];
    batch[8..12].copy_from_slice(&49_u32.to_be_bytes());
    batch[16] = 2;
    batch[43..51].copy_from_slice(&producer_id.to_be_bytes());
    batch.into()
}

fn produce(topic: &str) -> ProduceRequest {
    let data = PartitionProduceData::default().with_records(Some(batch(7)));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![topic])
}

#[test]
fn a_topic_is_written_at_its_leader_with_a_producer_id_of_this_virtual_cluster() {
    const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    let mut world = world();
    world.caller.place = Place::Broker(5);
    let mut written = None;
    world.ask(9, &produce("returns")).forwarded(|request| {
        let data = &request.topic_data[0];
        assert_eq!(data.name.0.as_str(), "int-foreign");
        written = data.partition_data[0].records.clone();
        Default::default()
    });
    let written = written.unwrap();
    assert_eq!(producer_id(&written), marked_id(7));
    let elsewhere = world.ask(9, &produce("orders")).replied();
    assert_eq!(
        elsewhere.responses[0].partition_responses[0].error_code,
        NOT_LEADER_OR_FOLLOWER
    );

    world.caller.place = Place::Broker(1);
    world.ask(9, &produce("orders")).forwarded(|request| {
        let records = request.topic_data[0].partition_data[0].records.clone();
        let records = records.unwrap();
        assert_eq!(producer_id(&records), marked_id(7), "the same on each cluster");
        Default::default()
    });
}

#[test]
fn brokers_of_other_clusters_coordinate_nothing() {
    const NOT_COORDINATOR: i16 = 16;
    let mut world = world();
    world.caller.place = Place::Broker(5);
    let heartbeat = HeartbeatRequest::default().with_group_id(group_id("app"));
    assert_eq!(world.ask(4, &heartbeat).replied().error_code, NOT_COORDINATOR);
    let listed = world
        .ask(4, &kafka_protocol::messages::ListGroupsRequest::default())
        .replied();
    assert!(listed.groups.is_empty());
}

/// As a broker does that does not lead the topic.
#[test]
fn what_is_elsewhere_is_judged_before_it_is_said_to_be_there() {
    const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    const POLICY_VIOLATION: i16 = 44;
    const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    let there = World::over_two();
    let id = there.view.foreign()[0].names.by_virtual_name("returns").unwrap();
    let id = uuid::Uuid::from_bytes(*id.ids.unwrap().virtual_id.bytes());
    let by_id = || DeleteTopicState::default().with_name(None).with_topic_id(id);
    let by_name = || DeleteTopicState::default().with_name(Some(topic_name("returns")));
    let deleted = |world: &World, state| {
        let request = DeleteTopicsRequest::default().with_topics(vec![state]);
        let answer = world.ask(6, &request).replied().responses.remove(0);
        (answer.error_code, answer.name.is_some())
    };
    let fetched = |world: &World| {
        let topic = FetchTopic::default()
            .with_topic_id(id)
            .with_partitions(vec![FetchPartition::default()]);
        let answer = world
            .ask(13, &FetchRequest::default().with_topics(vec![topic]))
            .replied();
        answer.responses[0].partitions[0].error_code
    };
    assert_eq!(fetched(&there), TOPIC_AUTHORIZATION_FAILED);
    assert_eq!(deleted(&there, by_id()), (TOPIC_AUTHORIZATION_FAILED, false));
    let there = there.allow(Operation::Describe, Resource::topic("returns"));
    assert_eq!(deleted(&there, by_id()), (TOPIC_AUTHORIZATION_FAILED, true));
    assert_eq!(deleted(&there, by_name()), (TOPIC_AUTHORIZATION_FAILED, true));
    let there = there.asked_by_super_user();
    assert_eq!(fetched(&there), NOT_LEADER_OR_FOLLOWER);
    assert_eq!(deleted(&there, by_id()), (POLICY_VIOLATION, true));
    assert_eq!(deleted(&there, by_name()), (POLICY_VIOLATION, true));
}
