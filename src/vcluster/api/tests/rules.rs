//! Rules of policies on requests: what a broker gets of a request, and what the client is told, in versions that differ.

mod groups;
mod records;
mod whole;

use bytes::Bytes;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, BrokerId, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, CreateAclsRequest, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteAclsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    FetchRequest, FetchResponse, HeartbeatRequest, HeartbeatResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, JoinGroupRequest, JoinGroupResponse, MetadataRequest,
    OffsetCommitRequest, OffsetFetchRequest, ProduceRequest, ProduceResponse, TxnOffsetCommitRequest,
    alter_configs_request, incremental_alter_configs_request,
};
use klamm_raft::model::{
    Policy, PolicyAction, PolicyId, PolicyPhase, RequestKind, RequestRule, RequestSetting, RuleEffect,
    TopicPattern,
};

use super::world::*;
use crate::policy::RequestOutcomes;
use crate::records::tests::sample::SampleBatch;
use crate::vcluster::plan::{CloseReason, Plan};

const POLICY_VIOLATION: i16 = 44;
const TOPIC_DENIED: i16 = 29;
const GROUP_DENIED: i16 = 30;

/// The words of each refusal.
const WORDS: &str = "ask the platform team";

pub(super) fn policy(action: PolicyAction) -> Policy {
    Policy::new(PolicyPhase::Cluster, action)
}

fn rule(kinds: &[RequestKind], rule: &str, otherwise: RuleEffect) -> Policy {
    let rule = RequestRule {
        requests: kinds.iter().copied().collect(),
        rule: rule.to_owned(),
        description: WORDS.to_owned(),
        otherwise,
    };
    policy(PolicyAction::RequestRules { rules: vec![rule] })
}

fn demand(kind: RequestKind, text: &str) -> Policy {
    rule(&[kind], text, RuleEffect::Refuse)
}

fn set(kind: RequestKind, text: &str, settings: &[(RequestSetting, &str)]) -> Policy {
    let settings = settings
        .iter()
        .map(|(setting, value)| (setting.clone(), (*value).to_owned()));
    let settings = settings.collect();
    rule(&[kind], text, RuleEffect::Override { settings })
}

/// Puts policies, the first of which takes effect first.
pub(super) fn under(mut world: World, policies: &[Policy]) -> World {
    for (number, policy) in policies.iter().enumerate() {
        crate::policy::check(policy).unwrap();
        let id = PolicyId::of_all(format!("policy-{number}").parse().unwrap());
        world.change(|state| {
            state.policies.insert(id, policy.clone());
        });
    }
    world
}

/// The physical cluster, for somebody who may do everything.
fn whole(policies: &[Policy]) -> World {
    under(World::passthrough().asked_by_super_user(), policies)
}

fn partner(policies: &[Policy]) -> World {
    under(World::new().asked_by_super_user(), policies)
}

/// The outcomes of policies on a request.
fn outcomes<Q: kafka_protocol::protocol::Request>(asked: &Asked<'_, Q>) -> Vec<RequestOutcomes> {
    asked
        .planned
        .ruled
        .outcomes()
        .iter()
        .map(|(_, outcomes)| *outcomes)
        .collect()
}

fn topic(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
}

fn assigned(name: &str, partitions: i32) -> CreatableTopic {
    let assignments = (0..partitions).map(|index| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index)
            .with_broker_ids(vec![BrokerId(1), BrokerId(2)])
    });
    topic(name, -1, -1).with_assignments(assignments.collect())
}

fn config(name: &str, value: &str) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
}

fn create(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest::default().with_topics(topics)
}

/// Name, error and words of what is answered, by name.
fn created(response: &CreateTopicsResponse) -> Vec<(String, i16, Option<String>)> {
    let told = response.topics.iter().map(|topic| {
        let words = topic.error_message.as_ref().map(ToString::to_string);
        (topic.name.to_string(), topic.error_code, words)
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

/// A batch with these attributes and this producer.
fn batch(attributes: u8, producer: i64) -> Vec<u8> {
    let mut batch = SampleBatch::of(0, &["value"]).bytes();
    batch[22] = attributes;
    batch[43..51].copy_from_slice(&producer.to_be_bytes());
    batch
}

fn fetch(world: &World, version: i16, topics: &[&str]) -> FetchRequest {
    let topics = topics.iter().map(|name| {
        let topic = match version {
            13.. => FetchTopic::default().with_topic_id(world.virtual_id(name)),
            _ => FetchTopic::default().with_topic(topic_name(name)),
        };
        topic.with_partitions(vec![FetchPartition::default()])
    });
    FetchRequest::default()
        .with_max_bytes(1 << 30)
        .with_min_bytes(1)
        .with_max_wait_ms(500)
        .with_topics(topics.collect())
}

#[test]
fn topics_are_created_as_rules_demand() {
    let sizes =
        "request.partitions <= 6 && request.replicationFactor == 2 && context.topic.name.startsWith('a')
        && (!('retention.ms' in request.configs) || int(request.configs['retention.ms']) <= 1000)";
    let world = whole(&[demand(RequestKind::CreateTopics, sizes)]);
    for version in 2..=7 {
        let kept = |topic: CreatableTopic, ms: &str| topic.with_configs(vec![config("retention.ms", ms)]);
        let request = create(vec![
            kept(topic("a-good", 6, 2), "1000"),
            topic("a-many", 7, 2),
            topic("a-few", 6, 1),
            topic("b", 6, 2),
            kept(topic("a-long", 6, 2), "1001"),
            kept(topic("a-odd", 6, 2), "a day"),
            // The number of assignments counts, not what stands beside it.
            assigned("a-assigned", 6),
            assigned("a-hidden", 7),
        ]);
        let asked = world.ask(version, &request);
        let counted = RequestOutcomes {
            passed: 2,
            refused: 6,
            failed: 1,
            ..RequestOutcomes::default()
        };
        assert_eq!(outcomes(&asked), [counted]);
        let refused = asked.planned.ruled.refused();
        assert_eq!(refused[0].item, "topic a-many");
        let response = asked.forwarded(|upstream| {
            let names: Vec<_> = upstream
                .topics
                .iter()
                .map(|topic| topic.name.to_string())
                .collect();
            assert_eq!(names, ["a-good", "a-assigned"], "version {version}");
            CreateTopicsResponse::default()
        });
        let told = created(&response);
        let names: Vec<_> = told.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["a-few", "a-hidden", "a-long", "a-many", "a-odd", "b"]);
        for (name, error, words) in &told {
            assert_eq!(*error, POLICY_VIOLATION);
            assert!(words.as_ref().unwrap().starts_with(WORDS), "{name}: {words:?}");
        }
    }
}

#[test]
fn topics_get_what_rules_set_and_later_rules_see_it() {
    let world = whole(&[
        set(
            RequestKind::CreateTopics,
            "request.partitions <= 6 && request.replicationFactor == 3",
            &[
                (RequestSetting::Partitions, "${request.partitions > 6 ? 6 : request.partitions}"),
                (RequestSetting::ReplicationFactor, "3"),
            ],
        ),
        set(
            RequestKind::CreateTopics,
            "'retention.ms' in request.configs && request.configs['retention.ms'] == '5'",
            &[
                (RequestSetting::Config("retention.ms".into()), "5"),
                (RequestSetting::Config("cleanup.policy".into()), "delete"),
            ],
        ),
        demand(
            RequestKind::CreateTopics,
            "request.partitions <= 6 && request.replicationFactor == 3 && request.configs['retention.ms'] == '5'
                && request.configs['cleanup.policy'] == 'delete' && size(request.configs) == 2",
        ),
    ]);
    for version in 2..=7 {
        let request = create(vec![
            topic("many", 100, 1).with_configs(vec![config("retention.ms", "9")]),
            assigned("assigned", 7),
        ]);
        let asked = world.ask(version, &request);
        let set = RequestOutcomes {
            overridden: 2,
            ..RequestOutcomes::default()
        };
        let passed = RequestOutcomes {
            passed: 2,
            ..RequestOutcomes::default()
        };
        assert_eq!(outcomes(&asked), [set, set, passed]);
        asked.forwarded(|upstream| {
            assert_eq!(upstream.topics.len(), 2);
            for topic in &upstream.topics {
                assert_eq!(
                    (topic.num_partitions, topic.replication_factor),
                    (6, 3),
                    "version {version}"
                );
                assert_eq!(topic.assignments, []);
                let mut configs = topic.configs.clone();
                configs.sort_by(|a, b| a.name.cmp(&b.name));
                assert_eq!(
                    configs,
                    [config("cleanup.policy", "delete"), config("retention.ms", "5")]
                );
            }
            CreateTopicsResponse::default()
        });
    }
}

#[test]
fn a_setting_that_has_no_value_refuses() {
    let world = whole(&[set(
        RequestKind::CreateTopics,
        "false",
        &[(RequestSetting::Partitions, "${request.configs['partitions']}")],
    )]);
    let request = create(vec![
        topic("none", 1, 1),
        topic("odd", 1, 1).with_configs(vec![config("partitions", "0")]),
        topic("good", 1, 1).with_configs(vec![config("partitions", "4")]),
    ]);
    let response = world.exchange(7, &request, |upstream| {
        assert_eq!(upstream.topics.len(), 1);
        assert_eq!(upstream.topics[0].num_partitions, 4);
        CreateTopicsResponse::default()
    });
    let told = created(&response);
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(_, error, _)| *error == POLICY_VIOLATION));
}

#[test]
fn a_rule_that_observes_only_counts() {
    let observing = rule(
        &[RequestKind::CreateTopics],
        "request.partitions < 2",
        RuleEffect::Observe,
    );
    let world = whole(&[observing]);
    let request = create(vec![topic("one", 1, 1), topic("two", 2, 1)]);
    let asked = world.ask(7, &request);
    let counted = RequestOutcomes {
        passed: 1,
        observed: 1,
        ..RequestOutcomes::default()
    };
    assert_eq!(outcomes(&asked), [counted]);
    assert_eq!(asked.planned.ruled.refused(), []);
    asked.forwarded(|upstream| {
        assert_eq!(upstream.topics.len(), 2);
        CreateTopicsResponse::default()
    });
}

#[test]
fn policies_act_for_their_topics_and_where_their_condition_holds() {
    let of = |topics: &[&str], condition: Option<&str>| Policy {
        topics: topics
            .iter()
            .map(|prefix| TopicPattern::Prefixed(prefix.parse().unwrap()))
            .collect(),
        condition: condition.map(str::to_owned),
        ..demand(RequestKind::CreateTopics, "false")
    };
    let refused = |policy: &Policy| {
        let world = whole(std::slice::from_ref(policy));
        let request = create(vec![topic("a-1", 1, 1), topic("b-1", 1, 1)]);
        let told = match world.ask(7, &request).planned.plan {
            Plan::Reply(_) => created(&world.ask(7, &request).replied()),
            _ => created(&world.exchange(7, &request, |_| CreateTopicsResponse::default())),
        };
        told.into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
    };
    assert_eq!(refused(&of(&["a-"], None)), ["a-1"]);
    assert_eq!(refused(&of(&[], None)), ["a-1", "b-1"]);
    let not_for_me = "context.auth.principal.name != 'admin'";
    assert_eq!(refused(&of(&[], Some(not_for_me))), Vec::<String>::new());
    assert_eq!(refused(&of(&[], Some("context.topic.name == 'b-1'"))), ["b-1"]);
    // Whether it acts nobody knows: what it demands must hold.
    assert_eq!(refused(&of(&[], Some("context.topic.name > 5"))), ["a-1", "b-1"]);
    let off = Policy {
        enabled: false,
        ..of(&[], None)
    };
    assert_eq!(refused(&off), Vec::<String>::new());
}

#[test]
fn whoever_has_no_right_learns_nothing_of_rules() {
    let world = under(
        World::passthrough(),
        &[
            demand(RequestKind::CreateTopics, "false"),
            demand(RequestKind::JoinGroup, "false"),
        ],
    );
    let asked = world.ask(7, &create(vec![topic("a", 1, 1)]));
    assert_eq!(outcomes(&asked), []);
    assert_eq!(asked.replied().topics[0].error_code, TOPIC_DENIED);
    let join = JoinGroupRequest::default().with_group_id(group_id("app"));
    assert_eq!(world.ask(5, &join).replied().error_code, GROUP_DENIED);
}

#[test]
fn a_topic_that_is_only_mentioned_is_created_as_rules_demand() {
    let mention = |policies: &[Policy]| {
        let world = whole(policies);
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name("fresh")));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(true);
        let asked = world.ask_again(9, &request, crate::vcluster::plan::Attempt::AfterRefresh);
        match &asked.planned.plan {
            Plan::Forward(_) => {
                let mut wanted = 0;
                asked.forwarded(|upstream| {
                    wanted = upstream.topics.unwrap_or_default().len();
                    Default::default()
                });
                wanted
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(mention(&[]), 1);
    assert_eq!(
        mention(&[demand(RequestKind::CreateTopics, "request.partitions <= 6")]),
        1
    );
    assert_eq!(
        mention(&[demand(
            RequestKind::CreateTopics,
            "request.replicationFactor == 3"
        )]),
        0
    );
    assert_eq!(
        mention(&[demand(RequestKind::CreateTopics, "context.topic.name == 'other'")]),
        0
    );
    let settings = [(RequestSetting::Partitions, "6")];
    assert_eq!(
        mention(&[set(
            RequestKind::CreateTopics,
            "request.partitions > 0",
            &settings
        )]),
        0
    );
    assert_eq!(mention(&[policy(PolicyAction::ReadOnly)]), 0);
}

#[test]
fn topics_grow_as_rules_demand() {
    let grow = |count| {
        let on = CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1)]);
        CreatePartitionsTopic::default()
            .with_name(topic_name("int-orders"))
            .with_count(count)
            .with_assignments(Some(vec![on]))
    };
    let refusing = whole(&[demand(RequestKind::CreatePartitions, "request.partitions <= 6")]);
    let setting = whole(&[set(
        RequestKind::CreatePartitions,
        "request.partitions <= 6",
        &[(RequestSetting::Partitions, "6")],
    )]);
    for version in 0..=3 {
        let request = CreatePartitionsRequest::default().with_topics(vec![grow(7)]);
        let told = refusing.ask(version, &request).replied();
        assert_eq!(told.results[0].error_code, POLICY_VIOLATION);
        assert_eq!(told.results[0].error_message.as_deref(), Some(WORDS));
        setting.exchange(version, &request, |upstream| {
            assert_eq!(upstream.topics[0].count, 6, "version {version}");
            assert_eq!(upstream.topics[0].assignments, None);
            CreatePartitionsResponse::default()
        });
        let request = CreatePartitionsRequest::default().with_topics(vec![grow(6)]);
        refusing.exchange(version, &request, |upstream| {
            assert_eq!(upstream.topics[0].assignments.as_ref().map(Vec::len), Some(1));
            CreatePartitionsResponse::default()
        });
    }
}

#[test]
fn configurations_are_changed_as_rules_demand() {
    let kinds = [RequestKind::AlterConfigs, RequestKind::IncrementalAlterConfigs];
    let text_of = "request.resourceType == 'topic' && int(request.configs['retention.ms']) <= 10";
    let refusing = whole(&[rule(&kinds, text_of, RuleEffect::Refuse)]);
    let settings = [(RequestSetting::Config("retention.ms".into()), "10".to_owned())];
    let setting = whole(&[rule(
        &kinds,
        text_of,
        RuleEffect::Override {
            settings: settings.into(),
        },
    )]);
    for version in 0..=2 {
        let config = alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("11")));
        let resource = alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("int-orders"))
            .with_configs(vec![config]);
        let request = AlterConfigsRequest::default().with_resources(vec![resource]);
        let told = refusing.ask(version, &request).replied();
        assert_eq!(told.responses[0].error_code, POLICY_VIOLATION);
        assert_eq!(told.responses[0].error_message.as_deref(), Some(WORDS));
        setting.exchange(version, &request, |upstream| {
            let value = upstream.resources[0].configs[0].value.as_deref();
            assert_eq!(value, Some("10"), "version {version}");
            AlterConfigsResponse::default()
        });
    }
    for version in 0..=1 {
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_config_operation(1)
            .with_value(None);
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("int-orders"))
            .with_configs(vec![config]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let told = refusing.ask(version, &request).replied();
        assert_eq!(told.responses[0].error_code, POLICY_VIOLATION);
        setting.exchange(version, &request, |upstream| {
            let config = &upstream.resources[0].configs[0];
            assert_eq!(
                (config.config_operation, config.value.as_deref()),
                (0, Some("10"))
            );
            IncrementalAlterConfigsResponse::default()
        });
        let keeping = whole(&[demand(
            RequestKind::IncrementalAlterConfigs,
            "request.configOperations.all(name, request.configOperations[name] != 'delete')",
        )]);
        assert_eq!(
            keeping.ask(version, &request).replied().responses[0].error_code,
            POLICY_VIOLATION
        );
    }
}
