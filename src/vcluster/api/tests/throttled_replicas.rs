//! Lists of brokers inside of values: clients write and read virtual ids, brokers physical ones. Virtual broker 1 is 101
//! and 2 is 102; 103 has no slot.

use std::collections::BTreeSet;

use kafka_protocol::messages::alter_configs_request;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse,
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use klamm_raft::model::{Namespace, Standard, VclusterKind};

use super::world::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;
const LEADERS: &str = "leader.replication.throttled.replicas";
const FOLLOWERS: &str = "follower.replication.throttled.replicas";
const INVALID_CONFIG: i16 = 40;
const INVALID_REQUEST: i16 = 42;
const POLICY_VIOLATION: i16 = 44;

fn change(kind: i8, name: &str, configs: &[(&str, i8, Option<&str>)]) -> IncrementalAlterConfigsRequest {
    let configs = configs.iter().map(|(key, operation, value)| {
        AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect());
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

/// The values of a change as a broker sees them.
fn sent(world: &World, request: &IncrementalAlterConfigsRequest) -> Vec<Option<String>> {
    let mut values = Vec::new();
    world.exchange(1, request, |upstream| {
        let configs = &upstream.resources[0].configs;
        values.extend(
            configs
                .iter()
                .map(|config| config.value.as_ref().map(ToString::to_string)),
        );
        IncrementalAlterConfigsResponse::default()
    });
    values
}

/// Error and words of a change that is not sent.
fn refused(world: &World, request: &IncrementalAlterConfigsRequest) -> (i16, String) {
    let answer = world.ask(1, request).replied();
    let message = answer.responses[0].error_message.as_ref();
    (
        answer.responses[0].error_code,
        message.map(ToString::to_string).unwrap_or_default(),
    )
}

#[test]
fn what_is_set_added_and_taken_away_is_of_physical_brokers() {
    let world = World::passthrough().asked_by_super_user();
    for operation in [0, 2, 3] {
        let request = change(
            TOPIC,
            "int-orders",
            &[
                (LEADERS, operation, Some("0:2,1:1")),
                (FOLLOWERS, operation, Some("*")),
                ("retention.ms", operation, Some("0:2")),
            ],
        );
        let expected = ["0:102,1:101", "*", "0:2"].map(|value| Some(value.to_owned()));
        assert_eq!(sent(&world, &request), expected, "{operation}");
    }
    let deleted = change(TOPIC, "int-orders", &[(LEADERS, 1, None)]);
    assert_eq!(sent(&world, &deleted), [None]);
    let whole = AlterConfigsRequest::default().with_resources(vec![
        alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text("int-orders"))
            .with_configs(vec![
                alter_configs_request::AlterableConfig::default()
                    .with_name(text(FOLLOWERS))
                    .with_value(Some(text("3:1"))),
            ]),
    ]);
    world.exchange(2, &whole, |upstream| {
        assert_eq!(upstream.resources[0].configs[0].value, Some(text("3:101")));
        AlterConfigsResponse::default()
    });
}

#[test]
fn a_broker_that_does_not_exist_is_named_in_the_refusal() {
    let world = World::passthrough().asked_by_super_user();
    let request = change(TOPIC, "int-orders", &[(LEADERS, 0, Some("0:2,1:9"))]);
    let said = "leader.replication.throttled.replicas names the broker 9, which does not exist.";
    assert_eq!(refused(&world, &request), (INVALID_CONFIG, said.to_owned()));
}

#[test]
fn clients_are_told_their_own_ids() {
    let asked = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("orders"))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![asked])
        .with_include_synonyms(true);
    for version in [1, 4] {
        let world = World::new().asked_by_super_user();
        let seen: DescribeConfigsResponse = world.exchange(version, &request, |upstream| {
            assert_eq!(upstream.resources[0].resource_name, text("int-orders"));
            let config = |name: &str, value: &str| {
                let synonym = DescribeConfigsSynonym::default()
                    .with_name(text(name))
                    .with_value(Some(text(value)));
                DescribeConfigsResourceResult::default()
                    .with_name(text(name))
                    .with_value(Some(text(value)))
                    .with_synonyms(vec![synonym])
            };
            let result = DescribeConfigsResult::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text("int-orders"))
                .with_configs(vec![config(LEADERS, "0:102,1:103,1:101"), config(FOLLOWERS, "")]);
            DescribeConfigsResponse::default().with_results(vec![result])
        });
        let configs = &seen.results[0].configs;
        assert_eq!(configs[0].value, Some(text("0:2,1:1")), "v{version}");
        assert_eq!(configs[0].synonyms[0].value, Some(text("0:2,1:1")), "v{version}");
        assert_eq!(configs[1].value, Some(text("")), "v{version}");
    }
}

#[test]
fn a_topic_is_created_with_them_and_they_are_told() {
    let world = World::passthrough().asked_by_super_user();
    let topic = |value: &str| {
        let config = CreatableTopicConfig::default()
            .with_name(text(LEADERS))
            .with_value(Some(text(value)));
        let topic = CreatableTopic::default()
            .with_name(topic_name("new"))
            .with_configs(vec![config]);
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    let seen: CreateTopicsResponse = world.exchange(7, &topic("0:2"), |upstream| {
        assert_eq!(upstream.topics[0].configs[0].value, Some(text("0:102")));
        let config = CreatableTopicConfigs::default()
            .with_name(text(LEADERS))
            .with_value(Some(text("0:102")));
        let made = CreatableTopicResult::default()
            .with_name(topic_name("new"))
            .with_configs(Some(vec![config]));
        CreateTopicsResponse::default().with_topics(vec![made])
    });
    let configs = seen.topics[0].configs.as_ref().unwrap();
    assert_eq!(configs[0].value, Some(text("0:2")));
    let refused = world.ask(7, &topic("0:9")).replied();
    assert_eq!(refused.topics[0].error_code, INVALID_CONFIG);
}

#[test]
fn a_broker_of_another_cluster_is_none_of_this_one() {
    let standard = VclusterKind::Standard(Standard {
        backend: "main".parse().unwrap(),
        namespace: Namespace::HidePrefix("own-".parse().unwrap()),
        topics: BTreeSet::new(),
        groups: BTreeSet::new(),
    });
    let world = World::over_two().of_kind(standard).asked_by_super_user();
    let on = CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(1), BrokerId(5)]);
    let topic = CreatableTopic::default()
        .with_name(topic_name("new"))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(vec![on]);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    world.exchange(7, &request, |upstream| {
        let on = &upstream.topics[0].assignments[0].broker_ids;
        assert_eq!(on, &[BrokerId(101), BrokerId(i32::MAX)]);
        CreateTopicsResponse::default()
    });
}

#[test]
fn addresses_of_brokers_are_not_changed_here() {
    let world = World::passthrough().asked_by_super_user();
    for key in ["listeners", "advertised.listeners"] {
        let request = change(BROKER, "2", &[(key, 0, Some("PLAINTEXT://b.example:9092"))]);
        let (error, words) = refused(&world, &request);
        assert_eq!(error, POLICY_VIOLATION);
        assert!(words.starts_with(key), "{words}");
    }
    let rate = change(
        BROKER,
        "2",
        &[("leader.replication.throttled.rate", 0, Some("1000"))],
    );
    assert_eq!(sent(&world, &rate), [Some("1000".to_owned())]);
}

/// A configuration of groups of a later release could be the name of a topic.
#[test]
fn a_tenant_configures_of_groups_what_groups_have() {
    let key = "errors.deadletterqueue.topic.name";
    let request = change(GROUP, "app", &[(key, 0, Some("int-orders"))]);
    let partner = World::new().asked_by_super_user();
    let said = format!("Unknown group config name: {key}");
    assert_eq!(refused(&partner, &request), (INVALID_CONFIG, said));
    let whole = World::passthrough().asked_by_super_user();
    assert_eq!(sent(&whole, &request), [Some("int-orders".to_owned())]);
    let nameless = change(GROUP, "", &[("consumer.session.timeout.ms", 0, Some("50000"))]);
    assert_eq!(refused(&partner, &nameless).0, INVALID_REQUEST);
}
