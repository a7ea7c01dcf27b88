//! ListOffsets, OffsetForLeaderEpoch, OffsetCommit, OffsetDelete and OffsetFetch.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
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
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest, ListOffsetsResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};
use klamm_raft::model::Operation::{ClusterAction, Delete, Describe, Read, Write};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::{CloseReason, Plan};

fn list(topics: &[&str]) -> ListOffsetsRequest {
    let topics = topics.iter().map(|name| {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(4)
            .with_timestamp(-1);
        ListOffsetsTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    });
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(topics.collect())
}

#[test]
fn offsets_are_listed_to_those_who_may_describe() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    for version in [1, 4, 6, 10] {
        let request = list(&["orders", "bills"]).with_replica_id(BrokerId(7));
        let response = world.exchange(version, &request, |upstream: ListOffsetsRequest| {
            assert_eq!(
                upstream.replica_id,
                BrokerId(-1),
                "replicas see more than consumers may"
            );
            let [topic] = &upstream.topics[..] else {
                panic!("{upstream:?}")
            };
            assert_eq!(topic.name, topic_name("int-orders"));
            let partition = ListOffsetsPartitionResponse::default()
                .with_partition_index(4)
                .with_offset(8);
            let topic = ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(vec![partition]);
            ListOffsetsResponse::default().with_topics(vec![topic])
        });
        let listed: Vec<_> = response
            .topics
            .iter()
            .map(|t| {
                (
                    t.name.0.as_str(),
                    t.partitions[0].error_code,
                    t.partitions[0].offset,
                )
            })
            .collect();
        assert_eq!(listed, [("orders", 0, 8), ("bills", 29, -1)]);
        assert_eq!(response.topics[1].partitions[0].partition_index, 4);
    }
}

#[test]
fn leader_epochs_are_told_to_brokers_and_to_those_who_may_describe() {
    let topic = |name: &str| {
        let partition = OffsetForLeaderPartition::default().with_partition(4);
        OffsetForLeaderTopic::default()
            .with_topic(topic_name(name))
            .with_partitions(vec![partition])
    };
    let answer = |upstream: OffsetForLeaderEpochRequest| {
        let topics = upstream.topics.iter().map(|topic| {
            assert!(topic.topic.0.starts_with("int-"));
            let partition = EpochEndOffset::default()
                .with_partition(4)
                .with_leader_epoch(2)
                .with_end_offset(9);
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(vec![partition])
        });
        OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
    };
    let errors = |response: &OffsetForLeaderEpochResponse| -> Vec<i16> {
        response
            .topics
            .iter()
            .map(|topic| topic.partitions[0].error_code)
            .collect()
    };
    for version in [2, 3, 4] {
        let topics = vec![topic("orders"), topic("bills"), topic("nowhere")];
        let request = OffsetForLeaderEpochRequest::default().with_topics(topics);
        let world = World::new().allow(Describe, Resource::topic("bills"));
        let response = world.exchange(version, &request, answer);
        assert_eq!(errors(&response), [0, 29, 29]);
        assert_eq!(response.topics[1].partitions[0].end_offset, -1);
        let world = World::new().allow(ClusterAction, Resource::CLUSTER);
        assert_eq!(errors(&world.exchange(version, &request, answer)), [0, 0, 3]);
    }
}

fn commit(topics: &[&str]) -> OffsetCommitRequest {
    let topics = topics.iter().map(|name| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(4)
            .with_committed_offset(5);
        OffsetCommitRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    });
    OffsetCommitRequest::default()
        .with_group_id(group_id("app"))
        .with_member_id(text("member"))
        .with_topics(topics.collect())
}

fn committed(response: &OffsetCommitResponse) -> Vec<(&str, i16)> {
    response
        .topics
        .iter()
        .map(|topic| (topic.name.0.as_str(), topic.partitions[0].error_code))
        .collect()
}

#[test]
fn commits_need_the_group_and_then_each_topic() {
    let request = commit(&["orders", "bills", "nowhere"]);
    for version in [2, 5, 8, 9] {
        let world = World::new().allow(Read, Resource::topic("orders"));
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Read Group app"]);
        assert_eq!(
            committed(&asked.replied()),
            [("orders", 30), ("bills", 30), ("nowhere", 30)]
        );

        let world = world
            .allow(Read, Resource::group("app"))
            .allow(Read, Resource::topic("nowhere"));
        let response = world.exchange(version, &request, |upstream: OffsetCommitRequest| {
            assert_eq!(upstream.group_id, group_id("partner:app"));
            assert_eq!(upstream.topics.len(), 1);
            let partition = OffsetCommitResponsePartition::default().with_partition_index(4);
            let topic = OffsetCommitResponseTopic::default()
                .with_name(upstream.topics[0].name.clone())
                .with_partitions(vec![partition]);
            OffsetCommitResponse::default().with_topics(vec![topic])
        });
        assert_eq!(
            committed(&response),
            [("orders", 0), ("bills", 29), ("nowhere", 3)]
        );
    }
}

#[test]
fn a_group_id_that_would_not_fit_is_invalid() {
    let world = World::new().asked_by_super_user();
    let request = commit(&["orders"]).with_group_id(group_id(&"g".repeat(32_764)));
    assert_eq!(committed(&world.ask(2, &request).replied()), [("orders", 24)]);
}

#[test]
fn offsets_are_deleted_with_delete_on_the_group_and_read_on_topics() {
    let topic = |name: &str| {
        let partition = OffsetDeleteRequestPartition::default().with_partition_index(4);
        OffsetDeleteRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(vec![partition])
    };
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id("app"))
        .with_topics(vec![topic("orders")]);
    let world = World::new()
        .allow(Read, Resource::group("app"))
        .allow(Write, Resource::topic("orders"));
    let response = world.ask(0, &request).replied();
    assert_eq!((response.error_code, response.topics.len()), (30, 0));
    let world = world.allow(Delete, Resource::group("app"));
    let answered = |error: i16| {
        world.exchange(0, &request, |upstream: OffsetDeleteRequest| {
            assert!(upstream.topics.is_empty(), "the group is left to judge");
            OffsetDeleteResponse::default().with_error_code(error)
        })
    };
    let response = answered(0);
    assert_eq!(
        (response.error_code, response.topics[0].partitions[0].error_code),
        (0, 29)
    );
    let response = answered(69);
    assert_eq!((response.error_code, response.topics.len()), (69, 0));
    let nameless = request.clone().with_group_id(group_id(""));
    assert_eq!(world.ask(0, &nameless).replied().error_code, 30);
}

/// As brokers do, who put them together where they refuse others.
#[test]
fn topics_that_are_named_twice_are_answered_once_beside_refused_ones() {
    for (named, said, expected) in [
        (
            vec!["orders", "orders"],
            0,
            vec![("orders", vec![0]), ("orders", vec![0])],
        ),
        (
            vec!["orders", "bills", "orders"],
            0,
            vec![("orders", vec![0, 0]), ("bills", vec![29])],
        ),
        (
            vec!["orders", "bills", "orders"],
            12,
            vec![("orders", vec![12, 12]), ("bills", vec![29])],
        ),
        // Whom the broker refuses is the gateway.
        (
            vec!["orders", "bills", "orders"],
            29,
            vec![("orders", vec![-1, -1]), ("bills", vec![29])],
        ),
    ] {
        let world = World::new()
            .allow(Read, Resource::group("app"))
            .allow(Read, Resource::topic("orders"));
        let response = world.exchange(8, &commit(&named), |upstream: OffsetCommitRequest| {
            let topics = upstream.topics.into_iter().map(|topic| {
                let partition = OffsetCommitResponsePartition::default()
                    .with_partition_index(4)
                    .with_error_code(said);
                OffsetCommitResponseTopic::default()
                    .with_name(topic.name)
                    .with_partitions(vec![partition])
            });
            OffsetCommitResponse::default().with_topics(topics.collect())
        });
        let answered: Vec<_> = response
            .topics
            .iter()
            .map(|topic| {
                let errors = topic.partitions.iter().map(|partition| partition.error_code);
                (topic.name.0.as_str(), errors.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(answered, expected);
    }
}

#[test]
fn naming_a_partition_twice_is_a_fault_whether_there_is_such_a_topic_or_not() {
    let world = World::new().allow(Describe, Resource::topic("nowhere"));
    let errors = |names: &[&str]| -> Vec<i16> {
        let response = world.ask(6, &list(names)).replied();
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.error_code).collect()
    };
    assert_eq!(errors(&["nowhere"]), [3]);
    assert_eq!(errors(&["nowhere", "nowhere"]), [42], "once");
    assert_eq!(errors(&["bills", "bills"]), [29, 29], "it may not be known");
    assert_eq!(
        world.ask(6, &list(&["nowhere", "nowhere"])).errors(),
        ["INVALID_REQUEST"]
    );
}

/// A fetch of one group's offsets in the shape of the version. `None` is all topics.
fn fetch(version: i16, group: &str, topics: Option<&[&str]>) -> OffsetFetchRequest {
    if version < 8 {
        let topics = topics.map(|topics| {
            let topic = |name: &&str| {
                OffsetFetchRequestTopic::default()
                    .with_name(topic_name(name))
                    .with_partition_indexes(vec![4, 5])
            };
            topics.iter().map(topic).collect()
        });
        return OffsetFetchRequest::default()
            .with_group_id(group_id(group))
            .with_topics(topics);
    }
    OffsetFetchRequest::default().with_groups(vec![fetch_group(group, topics)])
}

fn fetch_group(group: &str, topics: Option<&[&str]>) -> OffsetFetchRequestGroup {
    let topics = topics.map(|topics| {
        let topic = |name: &&str| {
            OffsetFetchRequestTopics::default()
                .with_name(topic_name(name))
                .with_partition_indexes(vec![4, 5])
        };
        topics.iter().map(topic).collect()
    });
    OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_topics(topics)
}

/// The topics that a broker has for every group.
const STORED: [&str; 3] = ["int-orders", "int-bills", "int-foreign"];

fn fetched(version: i16, request: &OffsetFetchRequest, error: i16) -> OffsetFetchResponse {
    if version < 8 {
        let asked: Option<Vec<_>> = request
            .topics
            .as_ref()
            .map(|topics| topics.iter().map(|topic| topic.name.to_string()).collect());
        let named = asked.unwrap_or_else(|| STORED.map(String::from).to_vec());
        let topics = named.iter().map(|name| {
            let partition = OffsetFetchResponsePartition::default()
                .with_partition_index(4)
                .with_committed_offset(6);
            OffsetFetchResponseTopic::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition])
        });
        return OffsetFetchResponse::default()
            .with_topics(topics.collect())
            .with_error_code(error);
    }
    let groups = request.groups.iter().map(|group| {
        let asked: Option<Vec<_>> = group
            .topics
            .as_ref()
            .map(|topics| topics.iter().map(|topic| topic.name.to_string()).collect());
        let named = asked.unwrap_or_else(|| STORED.map(String::from).to_vec());
        let topics = named.iter().map(|name| {
            let partition = OffsetFetchResponsePartitions::default()
                .with_partition_index(4)
                .with_committed_offset(6);
            OffsetFetchResponseTopics::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition])
        });
        let topics = if error == 0 { topics.collect() } else { Vec::new() };
        OffsetFetchResponseGroup::default()
            .with_group_id(group.group_id.clone())
            .with_error_code(error)
            .with_topics(topics)
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

/// `group error`, and `topic error offset` of each first partition.
fn told(version: i16, response: &OffsetFetchResponse) -> Vec<String> {
    if version < 8 {
        let topics = response.topics.iter().map(|topic| {
            let partition = &topic.partitions[0];
            format!(
                "{} {} {}",
                topic.name.0, partition.error_code, partition.committed_offset
            )
        });
        return [format!("{}", response.error_code)]
            .into_iter()
            .chain(topics)
            .collect();
    }
    let mut told = Vec::new();
    for group in &response.groups {
        told.push(format!("{}", group.error_code));
        for topic in &group.topics {
            let partition = &topic.partitions[0];
            told.push(format!(
                "{} {} {}",
                topic.name.0, partition.error_code, partition.committed_offset
            ));
        }
    }
    told
}

const FETCH_VERSIONS: [i16; 6] = [1, 2, 5, 7, 8, 9];

#[test]
fn named_offsets_are_told_refused_or_unknown() {
    for version in FETCH_VERSIONS {
        let world = World::new()
            .allow(Describe, Resource::group("app"))
            .allow(Describe, Resource::topic("orders"))
            .allow(Describe, Resource::topic("nowhere"));
        let request = fetch(version, "app", Some(&["bills", "orders", "nowhere"]));
        let response = world.exchange(version, &request, |upstream| fetched(version, &upstream, 0));
        let expected = ["0", "orders 0 6", "bills 29 -1", "nowhere 0 -1"];
        assert_eq!(told(version, &response), expected, "version {version}");
    }
}

#[test]
fn all_offsets_are_those_that_may_be_described() {
    for version in FETCH_VERSIONS.into_iter().filter(|version| *version >= 2) {
        let world = World::new()
            .allow(Read, Resource::group("app"))
            .allow(Read, Resource::topic("orders"));
        let request = fetch(version, "app", None);
        let response = world.exchange(version, &request, |upstream| fetched(version, &upstream, 0));
        assert_eq!(told(version, &response), ["0", "orders 0 6"], "version {version}");
    }
}

#[test]
fn a_refused_group_is_told_where_the_version_has_room() {
    let world = World::new().allow(Describe, Resource::topic("orders"));
    let reply = |version| {
        let response = world
            .ask(version, &fetch(version, "app", Some(&["orders"])))
            .replied();
        told(version, &response)
    };
    assert_eq!(reply(1), ["0", "orders 30 -1"]);
    assert_eq!(reply(2), ["30"]);
    assert_eq!(reply(7), ["30"]);
    assert_eq!(reply(9), ["30"]);
}

#[test]
fn an_error_of_the_group_replaces_its_topics() {
    let world = World::new().allow(Describe, Resource::group("app"));
    let request = fetch(9, "app", Some(&["bills"]));
    let response = world.exchange(9, &request, |upstream| fetched(9, &upstream, 16));
    assert_eq!(told(9, &response), ["16"]);
}

#[test]
fn several_groups_are_judged_one_by_one() {
    let world = World::new()
        .allow(Describe, Resource::group("app"))
        .allow(Describe, Resource::topic("orders"));
    let groups = vec![
        fetch_group("other", None),
        fetch_group("app", Some(&["orders", "bills"])),
    ];
    let request = OffsetFetchRequest::default().with_groups(groups);
    let response = world.exchange(8, &request, |upstream: OffsetFetchRequest| {
        assert_eq!(upstream.groups.len(), 1);
        assert_eq!(upstream.groups[0].group_id, group_id("partner:app"));
        fetched(8, &upstream, 0)
    });
    let groups: Vec<_> = response
        .groups
        .iter()
        .map(|group| (group.group_id.0.as_str(), group.error_code))
        .collect();
    assert_eq!(groups, [("app", 0), ("other", 30)]);
    assert_eq!(told(8, &response)[1..3], ["orders 0 6", "bills 29 -1"]);
}

#[test]
fn more_partitions_than_can_be_answered_close_the_connection() {
    let world = World::new().asked_by_super_user();
    let asked = |partitions: usize| {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partition_indexes(vec![0; partitions]);
        let request = OffsetFetchRequest::default().with_topics(Some(vec![topic; 2]));
        matches!(
            world.ask(7, &request).planned.plan,
            Plan::Close(CloseReason::BadRequest)
        )
    };
    assert!(!asked(1 << 17));
    assert!(asked((1 << 17) + 1));
}
