//! Changes of topics, configurations and replicas: through the whole physical cluster, and refused in a Partner.

use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse, BrokerId,
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    ElectLeadersRequest, ElectLeadersResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use klamm_raft::model::Operation::{All, Alter, AlterConfigs, Create, Delete, Describe, DescribeConfigs};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const GROUP: i8 = 32;

fn create(names: &[&str]) -> CreateTopicsRequest {
    let topics = names.iter().map(|name| {
        let on = CreatableReplicaAssignment::default().with_broker_ids(vec![BrokerId(2), BrokerId(9)]);
        CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(vec![on])
    });
    CreateTopicsRequest::default().with_topics(topics.collect())
}

fn created(request: &CreateTopicsRequest, version: i16) -> CreateTopicsResponse {
    let topics = request.topics.iter().map(|topic| {
        let made = CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_message(None);
        match version {
            ..5 => made,
            _ => made.with_num_partitions(1).with_replication_factor(2),
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

/// Name and error, by name.
fn sorted<'a>(items: impl Iterator<Item = (&'a str, i16)>) -> Vec<(String, i16)> {
    let mut items: Vec<_> = items.map(|(name, error)| (name.to_owned(), error)).collect();
    items.sort();
    items
}

fn pairs(of: &[(&str, i16)]) -> Vec<(String, i16)> {
    sorted(of.iter().copied())
}

fn of_created(response: &CreateTopicsResponse) -> Vec<(String, i16)> {
    sorted(
        response
            .topics
            .iter()
            .map(|topic| (topic.name.0.as_str(), topic.error_code)),
    )
}

#[test]
fn topics_are_created_by_those_who_may() {
    let world = World::passthrough()
        .allow(Create, Resource::topic("mine"))
        .allow(Create, Resource::topic("a b"))
        .allow(Create, Resource::topic("told"))
        .allow(DescribeConfigs, Resource::topic("told"));
    for version in [2, 4, 5, 7] {
        let request = create(&[
            "mine",
            "told",
            "other",
            "twice",
            "twice",
            "a b",
            "__cluster_metadata",
        ]);
        let seen = world.exchange(version, &request, |upstream| {
            let topics: Vec<_> = upstream
                .topics
                .iter()
                .map(|topic| topic.name.0.as_str())
                .collect();
            assert_eq!(topics, ["mine", "told"]);
            let on = &upstream.topics[0].assignments[0].broker_ids;
            assert_eq!(
                on,
                &[BrokerId(102), BrokerId(i32::MAX)],
                "one broker, and one that is none"
            );
            created(&upstream, version)
        });
        let expected = [
            ("__cluster_metadata", 42),
            ("a b", 17),
            ("mine", 0),
            ("other", 29),
            ("told", 0),
            ("twice", 42),
        ];
        assert_eq!(of_created(&seen), pairs(&expected), "v{version}");
        let of = |name: &str| {
            let topic = seen
                .topics
                .iter()
                .find(|topic| topic.name == topic_name(name))
                .unwrap();
            (
                topic.topic_config_error_code,
                topic.num_partitions,
                topic.replication_factor,
            )
        };
        if version >= 5 {
            assert_eq!(of("mine"), (29, -1, -1), "without DESCRIBE_CONFIGS");
            assert_eq!(of("told"), (0, 1, 2));
        }
        let other = seen.topics.iter().find(|topic| topic.error_code == 29).unwrap();
        assert!(other.error_message.is_some());
    }
}

#[test]
fn create_on_the_cluster_is_enough_for_any_topic_and_nothing_is_for_a_partners() {
    let request = create(&["any"]);
    for version in [2, 7] {
        let world = World::passthrough().allow(Create, Resource::CLUSTER);
        let seen = world.exchange(version, &request, |upstream| created(&upstream, version));
        assert_eq!(of_created(&seen), pairs(&[("any", 0)]));
        let partner = World::new().ask(version, &request).replied();
        assert_eq!(of_created(&partner), pairs(&[("any", 29)]));
        let partner = World::new()
            .asked_by_super_user()
            .ask(version, &request)
            .replied();
        assert_eq!(of_created(&partner), pairs(&[("any", 44)]));
    }
}

fn of_deleted(response: &DeleteTopicsResponse) -> Vec<(String, i16)> {
    let name = |topic: &'_ DeletableTopicResult| topic.name.clone().map(|name| name.0.to_string());
    let mut seen: Vec<_> = response
        .responses
        .iter()
        .map(|topic| (name(topic).unwrap_or_default(), topic.error_code))
        .collect();
    seen.sort();
    seen
}

fn deleted(upstream: &DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = upstream.topic_names.iter().cloned().map(Some);
    let by_state = upstream.topics.iter().map(|topic| topic.name.clone());
    let names: Vec<_> = by_name.chain(by_state).collect();
    let responses = names
        .into_iter()
        .map(|name| DeletableTopicResult::default().with_name(name));
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

fn delete(version: i16, names: &[&str]) -> DeleteTopicsRequest {
    let names = names.iter().map(|name| topic_name(name));
    match version {
        ..6 => DeleteTopicsRequest::default().with_topic_names(names.collect()),
        _ => {
            let state = |name| DeleteTopicState::default().with_name(Some(name));
            DeleteTopicsRequest::default().with_topics(names.map(state).collect())
        }
    }
}

#[test]
fn topics_are_deleted_by_name_by_those_who_may() {
    let world = World::passthrough()
        .allow(Delete, Resource::topic("int-orders"))
        .allow(Describe, Resource::topic("int-bills"))
        .allow(Describe, Resource::topic("absent"));
    for version in [1, 5, 6] {
        let request = delete(
            version,
            &["int-orders", "int-bills", "absent", "hidden", "x", "x"],
        );
        world.ask(version, &request).needs_fresh_topics();
        let again = world.ask_again(version, &request, Attempt::AfterRefresh);
        let seen = again.forwarded(|upstream| deleted(&upstream));
        let expected = [
            ("absent", 3),
            ("hidden", 29),
            ("int-bills", 29),
            ("int-orders", 0),
            ("x", 42),
        ];
        assert_eq!(of_deleted(&seen), pairs(&expected), "v{version}");
    }
}

#[test]
fn topics_are_deleted_by_id_and_named_to_those_who_may_describe_them() {
    let request = |world: &World, name: &str| {
        let id = world.virtual_id(name);
        let state = DeleteTopicState::default().with_name(None).with_topic_id(id);
        DeleteTopicsRequest::default().with_topics(vec![state])
    };
    let world = World::passthrough().allow(Delete, Resource::topic("int-orders"));
    let seen = world.exchange(6, &request(&world, "int-orders"), |upstream| {
        let id = upstream.topics[0].topic_id;
        assert_eq!(id, physical_id("int-orders"));
        let done = DeletableTopicResult::default()
            .with_name(Some(topic_name("int-orders")))
            .with_topic_id(id);
        DeleteTopicsResponse::default().with_responses(vec![done])
    });
    assert_eq!(of_deleted(&seen), pairs(&[("int-orders", 0)]));
    let hidden = world.ask(6, &request(&world, "int-bills")).replied();
    assert_eq!(
        (hidden.responses[0].error_code, hidden.responses[0].name.is_none()),
        (29, true)
    );
    let world = world.allow(Describe, Resource::topic("int-bills"));
    let told = world.ask(6, &request(&world, "int-bills")).replied();
    assert_eq!(of_deleted(&told), pairs(&[("int-bills", 29)]));
    let both = DeleteTopicState::default()
        .with_name(Some(topic_name("int-orders")))
        .with_topic_id(physical_id("int-orders"));
    let neither = DeleteTopicState::default().with_name(None);
    let invalid = DeleteTopicsRequest::default().with_topics(vec![both, neither]);
    let errors: Vec<_> = of_deleted(&world.ask(6, &invalid).replied());
    assert_eq!(errors, pairs(&[("", 42), ("int-orders", 42)]));
    // A Partner's topics stay, whoever asks.
    let partner = World::new().asked_by_super_user();
    let kept = partner.ask(6, &request(&partner, "orders")).replied();
    assert_eq!(of_deleted(&kept), pairs(&[("orders", 44)]));
    let kept = partner.ask(1, &delete(1, &["orders", "absent"])).replied();
    assert_eq!(of_deleted(&kept), pairs(&[("absent", 3), ("orders", 44)]));
}

#[test]
fn records_are_deleted_by_those_who_may_but_not_behind_aliases() {
    let request = |names: &[&str]| {
        let topics = names.iter().map(|name| {
            let partition = DeleteRecordsPartition::default()
                .with_partition_index(0)
                .with_offset(7);
            DeleteRecordsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition])
        });
        DeleteRecordsRequest::default().with_topics(topics.collect())
    };
    let errors = |response: &DeleteRecordsResponse| {
        sorted(response.topics.iter().map(|topic| {
            let partition = &topic.partitions[0];
            assert!(partition.error_code == 0 || partition.low_watermark == -1);
            (topic.name.0.as_str(), partition.error_code)
        }))
    };
    for version in [0, 2] {
        let world = World::passthrough().allow(Delete, Resource::topic("int-orders"));
        let seen = world.exchange(version, &request(&["int-orders", "int-bills"]), |upstream| {
            assert_eq!(upstream.topics.len(), 1);
            DeleteRecordsResponse::default()
        });
        assert_eq!(errors(&seen), pairs(&[("int-bills", 29)]));
        let partner = World::new().allow(Delete, Resource::topic("orders"));
        let seen = partner.ask(version, &request(&["orders", "bills"])).replied();
        assert_eq!(errors(&seen), pairs(&[("bills", 29), ("orders", 44)]));
    }
}

#[test]
fn partitions_are_added_by_those_who_may() {
    let request = |names: &[&str]| {
        let topics = names.iter().map(|name| {
            CreatePartitionsTopic::default()
                .with_name(topic_name(name))
                .with_count(9)
                .with_assignments(None)
        });
        CreatePartitionsRequest::default().with_topics(topics.collect())
    };
    let errors = |response: &CreatePartitionsResponse| {
        sorted(
            response
                .results
                .iter()
                .map(|topic| (topic.name.0.as_str(), topic.error_code)),
        )
    };
    for version in [0, 3] {
        let world = World::passthrough().allow(Alter, Resource::topic("int-orders"));
        let asked = request(&["int-orders", "int-bills", "x", "x"]);
        let seen = world.exchange(version, &asked, |upstream| {
            let done = |topic: &CreatePartitionsTopic| {
                CreatePartitionsTopicResult::default().with_name(topic.name.clone())
            };
            CreatePartitionsResponse::default().with_results(upstream.topics.iter().map(done).collect())
        });
        assert_eq!(
            errors(&seen),
            pairs(&[("int-bills", 29), ("int-orders", 0), ("x", 42)])
        );
        let partner = World::new().asked_by_super_user();
        let seen = partner.ask(version, &request(&["orders", "absent"])).replied();
        assert_eq!(errors(&seen), pairs(&[("absent", 3), ("orders", 44)]));
    }
}

fn configure(of: &[(i8, &str)]) -> AlterConfigsRequest {
    let resources = of.iter().map(|(kind, name)| {
        let key = match *kind {
            GROUP => "consumer.session.timeout.ms",
            _ => "retention.ms",
        };
        let config = AlterableConfig::default()
            .with_name(text(key))
            .with_value(Some(text("1")));
        AlterConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(name))
            .with_configs(vec![config])
    });
    AlterConfigsRequest::default().with_resources(resources.collect())
}

fn configured(upstream: &AlterConfigsRequest) -> AlterConfigsResponse {
    let done = |resource: &AlterConfigsResource| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    };
    AlterConfigsResponse::default().with_responses(upstream.resources.iter().map(done).collect())
}

fn of_configured(response: &AlterConfigsResponse) -> Vec<(String, i16)> {
    let responses = response.responses.iter();
    sorted(responses.map(|resource| (resource.resource_name.as_str(), resource.error_code)))
}

#[test]
fn configurations_are_changed_by_those_who_may() {
    for version in [0, 2] {
        let world = World::passthrough().allow(AlterConfigs, Resource::topic("int-orders"));
        let asked = configure(&[
            (TOPIC, "int-orders"),
            (TOPIC, "int-bills"),
            (BROKER, "2"),
            (GROUP, "app"),
            (TOPIC, "twice"),
            (TOPIC, "twice"),
            (99, "odd"),
        ]);
        let seen = world.exchange(version, &asked, |upstream| {
            assert_eq!(upstream.resources.len(), 1);
            configured(&upstream)
        });
        let expected = [
            ("2", 31),
            ("app", 30),
            ("int-bills", 29),
            ("int-orders", 0),
            ("odd", 42),
            ("twice", 42),
            ("twice", 42),
        ];
        assert_eq!(of_configured(&seen), pairs(&expected), "v{version}");
        let world = world.allow(AlterConfigs, Resource::CLUSTER);
        let seen = world.exchange(version, &configure(&[(BROKER, "2"), (BROKER, "9")]), |upstream| {
            assert_eq!(upstream.resources[0].resource_name, text("102"));
            configured(&upstream)
        });
        assert_eq!(of_configured(&seen), pairs(&[("2", 0), ("9", 42)]));
        // What is a Partner's own can be configured: its groups.
        let partner = World::new().asked_by_super_user();
        let asked = configure(&[
            (TOPIC, "orders"),
            (BROKER, "2"),
            (GROUP, "app"),
            (TOPIC, "absent"),
        ]);
        let seen = partner.exchange(version, &asked, |upstream| {
            let names: Vec<_> = upstream
                .resources
                .iter()
                .map(|r| r.resource_name.as_str())
                .collect();
            assert_eq!(names, ["partner:app"]);
            configured(&upstream)
        });
        assert_eq!(
            of_configured(&seen),
            pairs(&[("2", 44), ("absent", 3), ("app", 0), ("orders", 44)])
        );
    }
}

#[test]
fn a_change_of_one_key_needs_a_value_unless_it_deletes() {
    let config = |operation: i8, value: Option<&str>| {
        incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_config_operation(operation)
            .with_value(value.map(text))
    };
    let asked = |kind: i8, name: &str, configs| {
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configs(configs);
        IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
    };
    let world = World::passthrough().asked_by_super_user();
    for version in [0, 1] {
        for configs in [
            vec![config(0, None)],
            vec![config(0, Some("1")), config(0, Some("2"))],
        ] {
            let refused = world.ask(version, &asked(TOPIC, "int-orders", configs)).replied();
            assert_eq!(refused.responses[0].error_code, 42, "v{version}");
        }
        for (kind, name) in [(TOPIC, "int-orders"), (BROKER_LOGGER, "2")] {
            world.exchange(version, &asked(kind, name, vec![config(1, None)]), |upstream| {
                assert_eq!(upstream.resources.len(), 1);
                IncrementalAlterConfigsResponse::default()
            });
        }
    }
    let logger = configure(&[(BROKER_LOGGER, "2")]);
    assert_eq!(
        of_configured(&world.ask(2, &logger).replied()),
        pairs(&[("2", 42)])
    );
}

#[test]
fn leaders_are_elected_and_replicas_moved_by_those_who_may_alter_the_cluster() {
    let elect = ElectLeadersRequest::default().with_topic_partitions(Some(vec![
        TopicPartitions::default()
            .with_topic(topic_name("int-orders"))
            .with_partitions(vec![0, 1]),
    ]));
    let partition = ReassignablePartition::default().with_replicas(Some(vec![BrokerId(2), BrokerId(9)]));
    let reassign = AlterPartitionReassignmentsRequest::default().with_topics(vec![
        ReassignableTopic::default()
            .with_name(topic_name("int-orders"))
            .with_partitions(vec![partition]),
    ]);
    let moved = AlterReplicaLogDirTopic::default()
        .with_name(topic_name("int-orders"))
        .with_partitions(vec![0, 1]);
    let directory = AlterReplicaLogDir::default()
        .with_path(text("/var/b"))
        .with_topics(vec![moved]);
    let relocate = AlterReplicaLogDirsRequest::default().with_dirs(vec![directory]);
    let worlds = [
        (World::passthrough(), 31),
        (World::new().allow(Alter, Resource::CLUSTER), 44),
    ];
    for (world, error) in worlds {
        for version in [1, 2] {
            let refused = world.ask(version, &relocate).replied();
            let topic = &refused.results[0];
            assert_eq!(topic.topic_name, topic_name("int-orders"));
            let errors: Vec<_> = topic
                .partitions
                .iter()
                .map(|p| (p.partition_index, p.error_code))
                .collect();
            assert_eq!(errors, [(0, error), (1, error)]);
        }
        for version in [0, 2] {
            let refused = world.ask(version, &elect).replied();
            let partitions = &refused.replica_election_results[0].partition_result;
            assert!(partitions.len() == 2 && partitions.iter().all(|p| p.error_code == error));
            assert_eq!(refused.error_code, if version == 0 { 0 } else { error });
        }
        let refused = world.ask(0, &reassign).replied();
        assert_eq!(refused.error_code, error);
        assert_eq!(refused.responses[0].partitions[0].error_code, error);
    }
    let world = World::passthrough().allow(All, Resource::CLUSTER);
    world.exchange(2, &elect, |_| ElectLeadersResponse::default());
    world.exchange(0, &reassign, |upstream| {
        let replicas = upstream.topics[0].partitions[0].replicas.clone();
        assert_eq!(replicas, Some(vec![BrokerId(102), BrokerId(i32::MAX)]));
        AlterPartitionReassignmentsResponse::default()
    });
    world.exchange(2, &relocate, |upstream: AlterReplicaLogDirsRequest| {
        assert_eq!(upstream, relocate);
        AlterReplicaLogDirsResponse::default()
    });
}
