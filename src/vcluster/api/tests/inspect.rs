//! Inspection of the cluster: pages of topics, log directories, the quorum, resources with a configuration.

use kafka_protocol::messages::describe_log_dirs_response::{DescribeLogDirsResult, DescribeLogDirsTopic};
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::describe_topic_partitions_response as pages;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::list_partition_reassignments_response::OngoingTopicReassignment;
use kafka_protocol::messages::{
    BrokerId, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, ListConfigResourcesRequest,
    ListConfigResourcesResponse, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use klamm_raft::model::Operation::{Describe, Read};

use super::world::*;
use crate::authz::Resource;

fn page(names: &[&str]) -> DescribeTopicPartitionsRequest {
    let topics = names
        .iter()
        .map(|name| TopicRequest::default().with_name(topic_name(name)));
    DescribeTopicPartitionsRequest::default().with_topics(topics.collect())
}

fn served(names: &[&str], next: Option<&str>) -> DescribeTopicPartitionsResponse {
    let topics = names.iter().map(|name| {
        let partition = pages::DescribeTopicPartitionsResponsePartition::default()
            .with_leader_id(BrokerId(102))
            .with_replica_nodes(vec![BrokerId(101), BrokerId(102)]);
        pages::DescribeTopicPartitionsResponseTopic::default()
            .with_name(Some(topic_name(name)))
            .with_partitions(vec![partition])
    });
    let cursor = next.map(|name| pages::Cursor::default().with_topic_name(topic_name(name)));
    DescribeTopicPartitionsResponse::default()
        .with_topics(topics.collect())
        .with_next_cursor(cursor)
}

fn seen(response: &DescribeTopicPartitionsResponse) -> Vec<(String, i16)> {
    let name = |topic: &pages::DescribeTopicPartitionsResponseTopic| {
        let name = topic.name.as_ref().map(|name| name.0.to_string());
        (name.unwrap_or_default(), topic.error_code)
    };
    let mut seen: Vec<_> = response.topics.iter().map(name).collect();
    seen.sort();
    seen
}

fn pairs(of: &[(&str, i16)]) -> Vec<(String, i16)> {
    of.iter()
        .map(|(name, error)| ((*name).to_owned(), *error))
        .collect()
}

#[test]
fn pages_hold_aliases_and_begin_where_the_last_one_ended() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(Describe, Resource::topic("waste"));
    let cursor = Cursor::default()
        .with_topic_name(topic_name("orders"))
        .with_partition_index(1);
    let asked = page(&["orders", "bills", "tills", "waste"]).with_cursor(Some(cursor.clone()));
    let answer = world.exchange(0, &asked, |upstream| {
        let names: Vec<_> = upstream
            .topics
            .iter()
            .map(|topic| topic.name.0.as_str())
            .collect();
        assert_eq!(names, ["int-orders"]);
        assert_eq!(upstream.cursor.unwrap().topic_name, topic_name("int-orders"));
        served(&["int-orders"], Some("int-orders"))
    });
    // What comes before the cursor was told before.
    assert_eq!(
        seen(&answer),
        pairs(&[("orders", 0), ("tills", 29), ("waste", 3)])
    );
    assert_eq!(answer.next_cursor.unwrap().topic_name, topic_name("orders"));
    let topic = answer.topics.iter().find(|topic| topic.error_code == 0).unwrap();
    assert_eq!(topic.topic_authorized_operations, 264, "READ and DESCRIBE");
    assert_eq!(topic.partitions[0].leader_id, BrokerId(2));
    assert_eq!(topic.partitions[0].replica_nodes, [BrokerId(1), BrokerId(2)]);
    // The page begins at a topic that the caller may not know.
    let hidden = Cursor::default()
        .with_topic_name(topic_name("bills"))
        .with_partition_index(1);
    let asked = page(&["orders", "bills"]).with_cursor(Some(hidden));
    let answer = world.exchange(0, &asked, |upstream| {
        let begin = upstream.cursor.unwrap();
        assert_eq!(
            (begin.topic_name, begin.partition_index),
            (topic_name("int-orders"), 0)
        );
        served(&["int-orders"], None)
    });
    assert_eq!(seen(&answer), pairs(&[("bills", 29), ("orders", 0)]));
    // All of them.
    let all = world.exchange(0, &page(&[]), |upstream| {
        assert_eq!(upstream.topics.len(), 1);
        served(&["int-orders"], None)
    });
    assert_eq!(seen(&all), pairs(&[("orders", 0)]));
    assert!(World::new().ask(0, &page(&[])).replied().topics.is_empty());
    // A cursor that points to nothing that is asked for.
    let stray = page(&["bills"]).with_cursor(Some(cursor.clone()));
    assert_eq!(seen(&world.ask(0, &stray).replied()), pairs(&[("bills", 42)]));
    let negative = page(&["orders"]).with_cursor(Some(cursor.with_partition_index(-1)));
    assert_eq!(seen(&world.ask(0, &negative).replied()), pairs(&[("orders", 42)]));
}

#[test]
fn pages_of_everything_are_filtered() {
    let world = World::passthrough().allow(Describe, Resource::topic("int-bills"));
    let all = world.exchange(0, &page(&[]), |upstream| {
        assert!(upstream.topics.is_empty());
        served(&["int-bills", "int-orders"], Some("int-orders"))
    });
    assert_eq!(seen(&all), pairs(&[("int-bills", 0)]));
}

#[test]
fn log_directories_show_own_topics_and_paths_only_of_the_whole_cluster() {
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let answer = |world: &World, version: i16| {
        world.exchange(version, &request, |upstream| {
            assert!(upstream.topics.is_none());
            let topic = |name| DescribeLogDirsTopic::default().with_name(topic_name(name));
            let dir = |path| {
                let dir = DescribeLogDirsResult::default()
                    .with_log_dir(text(path))
                    .with_topics(vec![topic("int-orders"), topic("int-foreign")]);
                match version {
                    ..4 => dir,
                    _ => dir.with_total_bytes(1000).with_usable_bytes(10),
                }
            };
            DescribeLogDirsResponse::default().with_results(vec![dir("/var/a"), dir("/var/b")])
        })
    };
    for version in [1, 4] {
        let world = World::new();
        let denied = world.ask(version, &request).replied();
        assert!(denied.results.is_empty());
        assert_eq!(denied.error_code, if version < 3 { 0 } else { 31 });
        let seen = answer(&world.allow(Describe, Resource::CLUSTER), version);
        let dirs: Vec<_> = seen.results.iter().map(|dir| dir.log_dir.as_str()).collect();
        assert_eq!(dirs, ["log-dir-0", "log-dir-1"]);
        assert_eq!(seen.results[0].topics.len(), 1);
        assert_eq!(seen.results[0].topics[0].name, topic_name("orders"));
        assert_eq!(seen.results[0].total_bytes, -1);
        let whole = answer(&World::passthrough().asked_by_super_user(), version);
        assert_eq!(whole.results[0].topics.len(), 2);
        assert_eq!(whole.results[0].log_dir.as_str(), "/var/a");
        assert_eq!(whole.results[0].total_bytes, if version < 4 { -1 } else { 1000 });
    }
}

#[test]
fn the_quorum_is_the_physical_clusters_and_has_no_address() {
    for version in [0, 2] {
        let request = DescribeQuorumRequest::default();
        let denied = World::passthrough().ask(version, &request).replied();
        assert_eq!(denied.error_code, 31);
        let partner = World::new()
            .asked_by_super_user()
            .ask(version, &request)
            .replied();
        assert_eq!(partner.error_code, 44);
        let world = World::passthrough().allow(Describe, Resource::CLUSTER);
        let seen = world.exchange(version, &request, |_| {
            let partition = PartitionData::default()
                .with_leader_id(BrokerId(102))
                .with_current_voters(vec![ReplicaState::default().with_replica_id(BrokerId(102))]);
            let topic = TopicData::default()
                .with_topic_name(topic_name("__cluster_metadata"))
                .with_partitions(vec![partition]);
            let answer = DescribeQuorumResponse::default().with_topics(vec![topic]);
            if version < 2 {
                return answer;
            }
            let listener = Listener::default()
                .with_host(text("c1.broker.internal"))
                .with_port(9093);
            let node = Node::default()
                .with_node_id(BrokerId(102))
                .with_listeners(vec![listener]);
            answer.with_nodes(vec![node])
        });
        let partition = &seen.topics[0].partitions[0];
        assert_eq!(partition.leader_id, BrokerId(2));
        assert_eq!(partition.current_voters[0].replica_id, BrokerId(2));
        assert!(seen.nodes.iter().all(|node| node.listeners.is_empty()));
    }
}

#[test]
fn resources_with_a_configuration_are_those_of_the_virtual_cluster() {
    let request = ListConfigResourcesRequest::default();
    let listed = |world: &World| -> Vec<String> {
        let seen = world.exchange(1, &request, |_| {
            let resource = |(kind, name): (i8, &str)| {
                ConfigResource::default()
                    .with_resource_type(kind)
                    .with_resource_name(text(name))
            };
            let all = [
                (2, "int-orders"),
                (2, "int-foreign"),
                (4, "102"),
                (16, "metrics"),
                (32, "partner:app"),
                (32, "app"),
            ];
            ListConfigResourcesResponse::default().with_config_resources(all.map(resource).into())
        });
        let names = seen.config_resources.iter();
        names.map(|resource| resource.resource_name.to_string()).collect()
    };
    assert_eq!(World::new().ask(1, &request).replied().error_code, 31);
    assert_eq!(World::new().ask(0, &request).replied().error_code, 31);
    assert_eq!(
        listed(&World::new().asked_by_super_user()),
        ["orders", "2", "app"]
    );
    assert_eq!(
        listed(&World::passthrough().asked_by_super_user()),
        ["int-orders", "int-foreign", "2", "metrics", "partner:app", "app"]
    );
}

#[test]
fn reassignments_are_listed_of_own_topics() {
    let request = ListPartitionReassignmentsRequest::default().with_topics(None);
    assert_eq!(World::new().ask(0, &request).replied().error_code, 31);
    let world = World::new().allow(Describe, Resource::CLUSTER);
    let seen = world.exchange(0, &request, |_| {
        let topic = |name| OngoingTopicReassignment::default().with_name(topic_name(name));
        ListPartitionReassignmentsResponse::default()
            .with_topics(vec![topic("int-bills"), topic("int-foreign")])
    });
    let names: Vec<_> = seen.topics.iter().map(|topic| topic.name.0.as_str()).collect();
    assert_eq!(names, ["bills"]);
}
