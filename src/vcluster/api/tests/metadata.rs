//! Metadata and DescribeCluster: what is asked upstream, and how brokers, topics and rights come back.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataResponse,
};
use klamm_raft::model::Operation::{Alter, Create, Describe, Read};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

const VERSIONS: [i16; 9] = [0, 1, 3, 4, 7, 8, 9, 10, 13];
const NOT_ASKED: i32 = i32::MIN;

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names
        .iter()
        .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
    MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true)
}

fn by_id(id: uuid::Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
    MetadataRequest::default().with_topics(Some(vec![topic]))
}

fn all(version: i16) -> MetadataRequest {
    let request = MetadataRequest::default().with_allow_auto_topic_creation(true);
    if version == 0 {
        request.with_topics(Some(vec![]))
    } else {
        request.with_topics(None)
    }
}

fn names_of(request: &MetadataRequest) -> Vec<String> {
    let topics = request.topics.iter().flatten();
    topics
        .map(|topic| {
            topic
                .name
                .as_ref()
                .map_or_else(|| "by id".into(), |name| name.0.to_string())
        })
        .collect()
}

/// A broker's answer to existing, absent and impossible topics: leaders 101, 102 and 103, who has no slot.
fn serve(version: i16, request: &MetadataRequest) -> MetadataResponse {
    let broker = |id: i32| {
        let host = text(&format!("b{id}.broker.internal"));
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(host)
            .with_port(9092)
    };
    let partition = |index: i32| {
        let ids = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect();
        let mut partition = MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(101 + index))
            .with_replica_nodes(ids(&[101, 102, 103]))
            .with_isr_nodes(ids(&[101, 102]));
        if version >= 5 {
            partition.offline_replicas = ids(&[102]);
        }
        partition
    };
    let topics = request.topics.iter().flatten().map(|asked| {
        let name = match &asked.name {
            Some(name) => name.0.to_string(),
            None if asked.topic_id == physical_id("int-orders") => "int-orders".into(),
            None => "int-bills".into(),
        };
        let mut topic = MetadataResponseTopic::default().with_name(Some(topic_name(&name)));
        if !["int-orders", "int-bills"].contains(&name.as_str()) {
            return topic.with_error_code(if name.contains(':') { 17 } else { 3 });
        }
        if version >= 10 {
            topic.topic_id = physical_id(&name);
        }
        if version >= 8 {
            topic.topic_authorized_operations = 3576;
        }
        topic.with_partitions(vec![partition(0), partition(1), partition(2)])
    });
    let mut response = MetadataResponse::default()
        .with_brokers(vec![broker(101), broker(102), broker(103)])
        .with_topics(topics.collect());
    if version >= 1 {
        response.controller_id = BrokerId(102);
    }
    if version >= 2 {
        response.cluster_id = Some(text("physicalClusterId"));
    }
    if (8..=10).contains(&version) {
        response.cluster_authorized_operations = 8096;
    }
    response
}

fn brokers(response: &MetadataResponse) -> Vec<(i32, &str, i32)> {
    response
        .brokers
        .iter()
        .map(|node| (node.node_id.0, node.host.as_str(), node.port))
        .collect()
}

/// `name error` of each topic, sorted.
fn topics(response: &MetadataResponse) -> Vec<String> {
    let mut topics: Vec<_> = response
        .topics
        .iter()
        .map(|topic| {
            let name = topic
                .name
                .as_ref()
                .map_or_else(|| "null".into(), |name| name.0.to_string());
            format!("{name} {}", topic.error_code)
        })
        .collect();
    topics.sort();
    topics
}

#[test]
fn all_topics_are_the_aliases_that_the_caller_may_describe() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(Describe, Resource::topic("nowhere"));
    for version in VERSIONS {
        let asked = world.ask(version, &all(version));
        assert!(asked.denied().is_empty(), "what is only left out is no denial");
        let response = asked.forwarded(|upstream: MetadataRequest| {
            assert_eq!(names_of(&upstream), ["int-orders"]);
            if version >= 4 {
                assert!(!upstream.allow_auto_topic_creation);
            }
            serve(version, &upstream)
        });
        assert_eq!(topics(&response), ["orders 0"], "version {version}");
    }
}

/// librdkafka asks for all topics with three bytes too many (a length of four bytes where one is meant); brokers take it.
#[test]
fn what_follows_a_request_is_not_read_and_not_sent_on() {
    let world = World::new().allow(Read, Resource::topic("orders"));
    for more in [&[0][..], &[1, 0, 0], &[0xff; 40]] {
        let frame = [&encode_request(13, &all(13))[..], more].concat();
        let response = world
            .ask_frame(13, frame.into(), Attempt::First)
            .forwarded(|upstream: MetadataRequest| serve(13, &upstream));
        assert_eq!(topics(&response), ["orders 0"]);
    }
}

#[test]
fn who_may_describe_nothing_sees_brokers_all_the_same() {
    let world = World::new();
    for version in VERSIONS {
        let response = world.exchange(version, &all(version), |upstream: MetadataRequest| {
            if version == 0 {
                assert_eq!(
                    names_of(&upstream),
                    ["partner:"],
                    "an empty list would be all topics"
                );
                return serve(version, &upstream);
            }
            assert_eq!(upstream.topics, Some(vec![]));
            serve(version, &upstream)
        });
        assert!(response.topics.is_empty());
        assert_eq!(brokers(&response), [(1, "gateway", 7001), (2, "gateway", 7002)]);
    }
}

#[test]
fn brokers_topics_and_partitions_are_virtual() {
    let world = World::new().asked_by_super_user();
    for version in VERSIONS {
        let response = world.exchange(version, &named(&["orders"]), |upstream| serve(version, &upstream));
        assert_eq!(brokers(&response), [(1, "gateway", 7001), (2, "gateway", 7002)]);
        if version >= 1 {
            assert_eq!(response.controller_id, BrokerId(2));
        }
        if version >= 2 {
            assert_eq!(response.cluster_id, Some(text("virtualClusterId")));
        }
        let topic = &response.topics[0];
        assert_eq!(topic.name, Some(topic_name("orders")));
        if version >= 10 {
            assert_eq!(topic.topic_id, world.virtual_id("orders"));
        }
        let leaders: Vec<_> = topic
            .partitions
            .iter()
            .map(|p| (p.leader_id.0, p.error_code))
            .collect();
        assert_eq!(leaders, [(1, 0), (2, 0), (-1, 5)], "103 has no slot");
        assert_eq!(
            topic.partitions[0].replica_nodes,
            [BrokerId(1), BrokerId(2), BrokerId(-1)]
        );
        assert_eq!(topic.partitions[0].isr_nodes, [BrokerId(1), BrokerId(2)]);
        if version >= 5 {
            assert_eq!(topic.partitions[0].offline_replicas, [BrokerId(2)]);
        }
    }
}

#[test]
fn named_topics_are_refused_unknown_or_asked_for() {
    let world = World::new()
        .allow(Describe, Resource::topic("orders"))
        .allow(Describe, Resource::topic("nowhere"));
    for version in VERSIONS {
        let request = named(&["bills", "orders", "nowhere", "hidden"]);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Describe Topic bills", "Describe Topic hidden"]);
        let response = asked.forwarded(|upstream: MetadataRequest| {
            assert_eq!(names_of(&upstream), ["int-orders"]);
            serve(version, &upstream)
        });
        let expected = ["bills 29", "hidden 29", "nowhere 3", "orders 0"];
        assert_eq!(topics(&response), expected);
    }
}

#[test]
fn what_cannot_be_a_name_is_told_only_to_those_who_may_describe_it() {
    let answer = |world: &World| {
        let request = named(&["a/b"]).with_include_topic_authorized_operations(true);
        let response = world.exchange(9, &request, |upstream| serve(9, &upstream));
        (topics(&response), response.topics[0].topic_authorized_operations)
    };
    assert_eq!(answer(&World::new()), (vec!["a/b 29".to_owned()], NOT_ASKED));
    let world = World::new().allow(Describe, Resource::topic("a/b"));
    assert_eq!(answer(&world), (vec!["a/b 17".to_owned()], 256));
}

#[test]
fn nothing_left_still_asks_for_brokers() {
    let world = World::new();
    for version in VERSIONS {
        let response = world.exchange(version, &named(&["orders"]), |upstream: MetadataRequest| {
            assert!(version == 0 || upstream.topics == Some(vec![]));
            serve(version, &upstream)
        });
        assert_eq!(topics(&response), ["orders 29"]);
        assert_eq!(brokers(&response).len(), 2);
    }
}

#[test]
fn ids_are_resolved_and_names_behind_refused_ids_stay_hidden() {
    for version in [12, 13] {
        let world = World::new().allow(Describe, Resource::topic("orders"));
        let request = by_id(world.virtual_id("orders"));
        let response = world.exchange(version, &request, |upstream: MetadataRequest| {
            let asked = &upstream.topics.as_ref().unwrap()[0];
            assert_eq!((asked.topic_id, &asked.name), (physical_id("int-orders"), &None));
            serve(version, &upstream)
        });
        assert_eq!(topics(&response), ["orders 0"]);
        assert_eq!(response.topics[0].topic_id, world.virtual_id("orders"));

        let request = by_id(world.virtual_id("bills"));
        let response = world.exchange(version, &request, |upstream| serve(version, &upstream));
        assert_eq!(topics(&response), ["null 29"]);
        assert_eq!(response.topics[0].topic_id, world.virtual_id("bills"));

        let unknown = uuid::Uuid::from_bytes([9; 16]);
        world.ask(version, &by_id(unknown)).needs_fresh_topics();
        let asked = world.ask_again(version, &by_id(unknown), Attempt::AfterRefresh);
        let response = asked.forwarded(|upstream| serve(version, &upstream));
        assert_eq!(topics(&response), ["null 100"]);
        assert_eq!(response.topics[0].topic_id, unknown);
    }
}

#[test]
fn ids_in_versions_that_only_have_the_field_spoil_the_request() {
    let world = World::new().asked_by_super_user();
    let id = world.virtual_id("orders");
    let named_with_id = MetadataRequestTopic::default()
        .with_name(Some(topic_name("orders")))
        .with_topic_id(id);
    let nameless = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
    for version in [10, 11] {
        for (asked, told) in [(&named_with_id, "orders 42"), (&nameless, " 42")] {
            let request = MetadataRequest::default().with_topics(Some(vec![asked.clone()]));
            let response = world.ask(version, &request).replied();
            assert_eq!(topics(&response), [told]);
            assert_eq!((response.brokers.len(), response.topics[0].topic_id), (0, id));
        }
    }
}

#[test]
fn bitfields_are_the_callers() {
    let world = World::new()
        .allow(Read, Resource::topic("orders"))
        .allow(Describe, Resource::topic("ghost"))
        .allow(Describe, Resource::CLUSTER);
    for version in [8, 10, 13] {
        let mut request = named(&["orders", "bills", "ghost"]).with_include_topic_authorized_operations(true);
        if version <= 10 {
            request.include_cluster_authorized_operations = true;
        }
        let response = world.exchange(version, &request, |upstream| serve(version, &upstream));
        let operations = |name: &str| {
            let mut topics = response.topics.iter();
            topics
                .find(|topic| topic.name == Some(topic_name(name)))
                .unwrap()
                .topic_authorized_operations
        };
        assert_eq!(operations("orders"), 264);
        assert_eq!(operations("ghost"), 256, "told with an error 3 too");
        assert_eq!(operations("bills"), NOT_ASKED);
        if version <= 10 {
            assert_eq!(response.cluster_authorized_operations, 256);
        }
        let response = world.exchange(version, &named(&["orders"]), |upstream| serve(version, &upstream));
        assert_eq!(response.topics[0].topic_authorized_operations, NOT_ASKED);
        assert_eq!(response.cluster_authorized_operations, NOT_ASKED);
    }
    let request = named(&[]).with_include_cluster_authorized_operations(true);
    let response = World::new().exchange(8, &request, |upstream| serve(8, &upstream));
    assert_eq!(response.cluster_authorized_operations, 0, "needs DESCRIBE");
}

#[test]
fn before_the_first_alias_the_bootstrap_address_is_the_only_broker() {
    let world = World::without_home().allow(Describe, Resource::topic("orders"));
    for version in VERSIONS {
        let response = world.ask(version, &named(&["orders", "bills"])).replied();
        assert_eq!(brokers(&response), [(0, "gateway", 7000)]);
        assert_eq!(topics(&response), ["bills 29", "orders 3"]);
        if version >= 1 {
            assert_eq!(response.controller_id, BrokerId(0));
        }
        let response = world.ask(version, &all(version)).replied();
        assert!(response.topics.is_empty());
    }
}

fn describe(include: bool) -> DescribeClusterRequest {
    DescribeClusterRequest::default().with_include_cluster_authorized_operations(include)
}

fn cluster(_: DescribeClusterRequest) -> DescribeClusterResponse {
    let broker = |id: i32| {
        let host = text(&format!("b{id}.broker.internal"));
        DescribeClusterBroker::default()
            .with_broker_id(BrokerId(id))
            .with_host(host)
            .with_port(9092)
    };
    DescribeClusterResponse::default()
        .with_cluster_id(text("physicalClusterId"))
        .with_controller_id(BrokerId(101))
        .with_brokers(vec![broker(101), broker(102), broker(103)])
        .with_cluster_authorized_operations(8096)
}

#[test]
fn the_cluster_is_described_to_everybody_and_its_bitfield_to_some() {
    for version in 0..=2 {
        let world = World::new();
        let response = world.exchange(version, &describe(true), cluster);
        assert_eq!(response.cluster_id, text("virtualClusterId"));
        assert_eq!(response.controller_id, BrokerId(1));
        let brokers: Vec<_> = response
            .brokers
            .iter()
            .map(|b| (b.broker_id.0, b.host.as_str(), b.port))
            .collect();
        assert_eq!(brokers, [(1, "gateway", 7001), (2, "gateway", 7002)]);
        assert_eq!(response.cluster_authorized_operations, 0);
        let response = world.exchange(version, &describe(false), cluster);
        assert_eq!(response.cluster_authorized_operations, NOT_ASKED);
        let world = world
            .allow(Alter, Resource::CLUSTER)
            .allow(Create, Resource::CLUSTER);
        let response = world.exchange(version, &describe(true), cluster);
        assert_eq!(response.cluster_authorized_operations, 1 << 5 | 1 << 7 | 1 << 8);
    }
}

#[test]
fn controllers_are_not_described_here() {
    let world = World::new();
    let response = world.ask(1, &describe(false).with_endpoint_type(2)).replied();
    assert_eq!(response.error_code, 114);
    let response = world.ask(1, &describe(false).with_endpoint_type(9)).replied();
    assert_eq!(response.error_code, 115);
    let response = World::without_home().ask(1, &describe(false)).replied();
    assert_eq!((response.brokers.len(), response.controller_id.0), (1, 0));
}

#[test]
fn who_asks_for_brokers_alone_is_told_of_them_although_none_answers() {
    let known = [(1, "gateway", 7001), (2, "gateway", 7002)];
    for version in VERSIONS.into_iter().filter(|version| *version > 0) {
        let world = World::new().allow(Read, Resource::topic("orders"));
        let response = world.ask(version, &named(&[])).otherwise().expect("an answer");
        assert_eq!(brokers(&response), known, "version {version}");
        assert_eq!((response.controller_id, response.topics.len()), (BrokerId(2), 0));
        let id = (version >= 2).then(|| text("virtualClusterId"));
        assert_eq!(response.cluster_id, id);
        for about_topics in [all(version), named(&["orders"]), named(&["nowhere"])] {
            let answer = world.ask(version, &about_topics).otherwise();
            assert_eq!(answer, None, "nobody can say what is with topics");
        }
    }
    assert_eq!(World::new().ask(0, &all(0)).otherwise(), None);
    for version in 0..=2 {
        let world = World::new().allow(Alter, Resource::CLUSTER);
        let response = world
            .ask(version, &describe(true))
            .otherwise()
            .expect("an answer");
        let told: Vec<_> = response
            .brokers
            .iter()
            .map(|broker| (broker.broker_id.0, broker.host.as_str(), broker.port))
            .collect();
        assert_eq!((told.as_slice(), response.controller_id.0), (&known[..], 2));
        assert_eq!(response.cluster_id, text("virtualClusterId"));
        assert_ne!(response.cluster_authorized_operations, NOT_ASKED);
    }
}

#[test]
fn where_no_broker_was_ever_seen_the_bootstrap_address_stands_for_them() {
    let mut world = World::new();
    world.change(|state| state.brokers.clear());
    let response = world.ask(13, &named(&[])).otherwise().expect("an answer");
    assert_eq!(brokers(&response), [(0, "gateway", 7000)]);
    assert_eq!(response.controller_id, BrokerId(0));
    let response = world.ask(2, &describe(false)).otherwise().expect("an answer");
    assert_eq!((response.brokers.len(), response.controller_id.0), (1, 0));
}
