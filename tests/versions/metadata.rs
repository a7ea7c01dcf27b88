//! Metadata, DescribeCluster and DescribeConfigs.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeConfigsRequest, MetadataRequest};

use super::world::{VIRTUAL, VIRTUAL_BROKER, text, topic, world};

pub(crate) fn metadata_and_cluster() {
    let world = world();
    for version in 0..=13 {
        let asked = MetadataRequestTopic::default().with_name(Some(topic(VIRTUAL)));
        for topics in [Some(vec![asked]), if version == 0 { Some(vec![]) } else { None }] {
            let response = world.ask(version, &MetadataRequest::default().with_topics(topics));
            let broker = &response.brokers[0];
            assert_eq!(
                (broker.node_id.0, broker.host.as_str(), broker.port),
                (VIRTUAL_BROKER, "gateway", 7001)
            );
            let [told] = &response.topics[..] else {
                panic!("{response:?}")
            };
            assert_eq!((told.error_code, &told.name), (0, &Some(topic(VIRTUAL))));
            assert_eq!(
                (told.partitions[0].error_code, told.partitions[0].leader_id.0),
                (0, VIRTUAL_BROKER)
            );
            assert!(version < 10 || told.topic_id == world.topic_id());
        }
    }
    for version in 12..=13 {
        let asked = MetadataRequestTopic::default()
            .with_name(None)
            .with_topic_id(world.topic_id());
        let response = world.ask(
            version,
            &MetadataRequest::default().with_topics(Some(vec![asked])),
        );
        assert_eq!(response.topics[0].name, Some(topic(VIRTUAL)), "version {version}");
    }
    for version in 0..=2 {
        let response = world.ask(version, &DescribeClusterRequest::default());
        assert_eq!(
            (response.cluster_id.as_str(), response.brokers[0].port),
            ("virtual", 7001)
        );
    }
}

pub(crate) fn configurations() {
    let world = world();
    let resource = |kind, name: &str| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    for version in 1..=4 {
        let resources = vec![resource(2, VIRTUAL), resource(4, &VIRTUAL_BROKER.to_string())];
        let response = world.ask(
            version,
            &DescribeConfigsRequest::default().with_resources(resources),
        );
        let told: Vec<_> = response
            .results
            .iter()
            .map(|r| (r.resource_name.as_str(), r.error_code))
            .collect();
        assert_eq!(told, [(VIRTUAL, 0), ("7", 0)], "version {version}");
        let value = |name: &str| {
            response.results[0]
                .configs
                .iter()
                .find(|config| config.name.as_str() == name)
        };
        assert!(value("retention.ms").is_some());
        // It is told since its brokers are told as virtual ones.
        assert!(value("leader.replication.throttled.replicas").is_some());
    }
}
