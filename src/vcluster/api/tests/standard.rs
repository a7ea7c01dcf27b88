//! A part of a physical cluster: topics, groups and transactions of its namespace are its own, what is let in and what
//! aliases stand for is not.

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_transactions_response::TransactionState;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, IncrementalAlterConfigsRequest, ListGroupsRequest,
    ListGroupsResponse, ListTransactionsRequest, ListTransactionsResponse, MetadataRequest, MetadataResponse,
    find_coordinator_response::Coordinator,
};

use super::world::*;
use crate::vcluster::plan::Attempt;

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const POLICY_VIOLATION: i16 = 44;

fn metadata(names: &[&str]) -> MetadataResponse {
    let topics = names
        .iter()
        .map(|name| MetadataResponseTopic::default().with_name(Some(topic_name(name))));
    MetadataResponse::default().with_topics(topics.collect())
}

#[test]
fn all_topics_are_those_of_the_namespace_with_what_is_beside_it() {
    let world = World::standard().asked_by_super_user();
    for version in [1, 4, 9, 13] {
        let seen = world.exchange(
            version,
            &MetadataRequest::default().with_topics(None),
            |upstream| {
                assert_eq!(upstream.topics, None);
                metadata(&[
                    "int-orders",
                    "int-new",
                    "test-orders",
                    "shared",
                    "elsewhere",
                    "__consumer_offsets",
                ])
            },
        );
        let names: Vec<_> = seen
            .topics
            .iter()
            .map(|topic| topic.name.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(names, ["orders", "new", "shared", "bought"], "v{version}");
    }
}

#[test]
fn absent_topics_are_created_within_the_namespace_only() {
    let world = World::standard().asked_by_super_user();
    let named = |name| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![named("new"), named("shared")]))
        .with_allow_auto_topic_creation(true);
    let seen = world
        .ask_again(4, &request, Attempt::AfterRefresh)
        .forwarded(|upstream| {
            let topics = upstream.topics.unwrap();
            let names: Vec<_> = topics
                .iter()
                .map(|topic| topic.name.as_ref().unwrap().as_str())
                .collect();
            assert_eq!(
                (names, upstream.allow_auto_topic_creation),
                (vec!["int-new"], true)
            );
            metadata(&["int-new"])
        });
    let codes: Vec<_> = seen
        .topics
        .iter()
        .map(|topic| (topic.name.as_ref().unwrap().as_str(), topic.error_code))
        .collect();
    assert_eq!(codes, [("new", 0), ("shared", 3)]);
}

#[test]
fn topics_are_created_and_deleted_under_their_physical_names() {
    let world = World::standard().asked_by_super_user();
    let create = |name| CreatableTopic::default().with_name(topic_name(name));
    let request =
        CreateTopicsRequest::default().with_topics(vec![create("new"), create("shared"), create("bought")]);
    world.ask(7, &request).needs_fresh_topics();
    let asked = world.ask_again(7, &request, Attempt::AfterRefresh);
    let seen: CreateTopicsResponse = asked.forwarded(|upstream| {
        let names: Vec<_> = upstream.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(names, ["int-new"]);
        let made = CreatableTopicResult::default()
            .with_name(topic_name("int-new"))
            .with_topic_id(uuid::Uuid::from_bytes([7; 16]));
        CreateTopicsResponse::default().with_topics(vec![made])
    });
    let codes: Vec<_> = seen
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.error_code))
        .collect();
    assert_eq!(
        codes,
        [
            ("new", 0),
            ("shared", POLICY_VIOLATION),
            ("bought", TOPIC_ALREADY_EXISTS)
        ]
    );
    assert_ne!(
        seen.topics[0].topic_id.as_bytes(),
        &[7; 16],
        "it has an id of its own here"
    );

    for version in [5, 6] {
        let state = |name| DeleteTopicState::default().with_name(Some(topic_name(name)));
        let request = match version {
            5 => DeleteTopicsRequest::default()
                .with_topic_names(vec![topic_name("orders"), topic_name("bought")]),
            _ => DeleteTopicsRequest::default().with_topics(vec![state("orders"), state("bought")]),
        };
        let seen: DeleteTopicsResponse = world.exchange(version, &request, |upstream| {
            let by_name = upstream.topic_names.iter().map(|name| name.as_str());
            let by_state = upstream
                .topics
                .iter()
                .map(|topic| topic.name.as_ref().unwrap().as_str());
            assert_eq!(by_name.chain(by_state).collect::<Vec<_>>(), ["int-orders"]);
            let gone = DeletableTopicResult::default().with_name(Some(topic_name("int-orders")));
            DeleteTopicsResponse::default().with_responses(vec![gone])
        });
        let codes: Vec<_> = seen
            .responses
            .iter()
            .map(|topic| (topic.name.as_ref().unwrap().as_str(), topic.error_code))
            .collect();
        assert_eq!(codes, [("orders", 0), ("bought", POLICY_VIOLATION)], "v{version}");
    }
}

#[test]
fn a_topic_is_deleted_by_its_id_here() {
    let world = World::standard().asked_by_super_user();
    let id = world.virtual_id("orders");
    let request = DeleteTopicsRequest::default().with_topics(vec![
        DeleteTopicState::default().with_name(None).with_topic_id(id),
    ]);
    let seen: DeleteTopicsResponse = world.exchange(6, &request, |upstream| {
        assert_eq!(upstream.topics[0].name, None);
        assert_eq!(upstream.topics[0].topic_id, physical_id("int-orders"));
        let gone = DeletableTopicResult::default()
            .with_name(Some(topic_name("int-orders")))
            .with_topic_id(physical_id("int-orders"));
        DeleteTopicsResponse::default().with_responses(vec![gone])
    });
    assert_eq!(seen.responses[0].topic_id, id);
    assert_eq!(seen.responses[0].name.as_ref().unwrap().as_str(), "orders");
}

#[test]
fn what_is_somebody_elses_is_not_configured() {
    let world = World::standard().asked_by_super_user();
    let resource = |name| {
        AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(name))
    };
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(vec![resource("shared"), resource("bought")]);
    let seen = world.ask_again(1, &request, Attempt::AfterRefresh).replied();
    let codes: Vec<_> = seen.responses.iter().map(|result| result.error_code).collect();
    assert_eq!(
        codes,
        [UNKNOWN_TOPIC_OR_PARTITION, POLICY_VIOLATION],
        "what is let in is not there"
    );
}

#[test]
fn groups_and_transactions_of_others_are_not_listed() {
    let world = World::standard().asked_by_super_user();
    let groups: ListGroupsResponse = world.exchange(4, &ListGroupsRequest::default(), |_| {
        let group = |id| ListedGroup::default().with_group_id(group_id(id));
        ListGroupsResponse::default().with_groups(vec![group("int-g"), group("test-g"), group("partner:g")])
    });
    let ids: Vec<_> = groups
        .groups
        .iter()
        .map(|group| group.group_id.as_str())
        .collect();
    assert_eq!(ids, ["g"]);
    let transactions: ListTransactionsResponse =
        world.exchange(1, &ListTransactionsRequest::default(), |_| {
            let state = |id| TransactionState::default().with_transactional_id(transactional_id(id));
            ListTransactionsResponse::default().with_transaction_states(vec![state("int-t"), state("test-t")])
        });
    let ids: Vec<_> = transactions
        .transaction_states
        .iter()
        .map(|state| state.transactional_id.as_str())
        .collect();
    assert_eq!(ids, ["t"]);
}

#[test]
fn coordinators_are_looked_for_by_physical_ids() {
    let world = World::standard().asked_by_super_user();
    for key_type in [0, 1] {
        let request = FindCoordinatorRequest::default()
            .with_key_type(key_type)
            .with_coordinator_keys(vec![text("x")]);
        let seen: FindCoordinatorResponse = world.exchange(4, &request, |upstream| {
            assert_eq!(upstream.coordinator_keys, [text("int-x")]);
            let found = Coordinator::default()
                .with_key(text("int-x"))
                .with_node_id(101.into())
                .with_host(text("broker.internal"));
            FindCoordinatorResponse::default().with_coordinators(vec![found])
        });
        assert_eq!(
            (seen.coordinators[0].key.as_str(), seen.coordinators[0].node_id.0),
            ("x", 1)
        );
    }
}
