//! Topics that a virtual cluster shows and somebody else owns: what is asked for them is refused as a broker refuses it,
//! wherever it has a code of its own, because clients look for that; the rest is POLICY_VIOLATION.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest,
};
use klamm_raft::model::Operation;

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::{Attempt, Place};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const INVALID_PARTITIONS: i16 = 37;
const POLICY_VIOLATION: i16 = 44;
const TOPIC: i8 = 2;

/// The error of the only topic of a request, and its words.
type Said = (i16, Option<String>);

fn create(world: &World, name: &str, attempt: Attempt) -> Said {
    let topic = CreatableTopic::default().with_name(topic_name(name));
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let asked = world.ask_again(7, &request, attempt);
    let answer = asked.gathered(|_, _| panic!("nothing is sent"));
    let topic = &answer.topics[0];
    assert_eq!(topic.name, topic_name(name));
    let message = topic.error_message.as_ref();
    (topic.error_code, message.map(ToString::to_string))
}

fn grow(world: &World, name: &str, count: i32) -> Said {
    let topic = CreatePartitionsTopic::default()
        .with_name(topic_name(name))
        .with_count(count)
        .with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
    let answer = world.ask_again(3, &request, Attempt::AfterRefresh).replied();
    let topic = &answer.results[0];
    let message = topic.error_message.as_ref();
    (topic.error_code, message.map(ToString::to_string))
}

#[test]
fn a_topic_that_is_shown_is_there_already_to_those_who_may_create_it() {
    let worlds = [World::new(), World::standard(), World::over_two()];
    for (mut world, name) in worlds.into_iter().zip(["orders", "bought", "returns"]) {
        let denied = create(&world, name, Attempt::First);
        assert_eq!(denied.0, TOPIC_AUTHORIZATION_FAILED, "{name}");
        world = world.allow(Operation::Create, Resource::topic(name));
        let said = format!("Topic '{name}' already exists.");
        assert_eq!(
            create(&world, name, Attempt::First),
            (TOPIC_ALREADY_EXISTS, Some(said))
        );
    }
    let mut at_the_other = World::over_two().asked_by_super_user();
    at_the_other.caller.place = Place::Broker(5);
    for name in ["orders", "returns"] {
        assert_eq!(
            create(&at_the_other, name, Attempt::First).0,
            TOPIC_ALREADY_EXISTS
        );
    }
}

#[test]
fn what_is_not_there_cannot_be_created_and_is_looked_for_once_more() {
    let request = |name| {
        let topic = CreatableTopic::default().with_name(topic_name(name));
        CreateTopicsRequest::default().with_topics(vec![topic])
    };
    for (world, name) in [(World::new(), "ghost"), (World::standard(), "shared")] {
        let world = world.asked_by_super_user();
        world.ask(7, &request(name)).needs_fresh_topics();
        assert_eq!(create(&world, name, Attempt::AfterRefresh).0, POLICY_VIOLATION);
    }
    let world = World::new().asked_by_super_user();
    assert_eq!(create(&world, "absent", Attempt::First).0, POLICY_VIOLATION);
}

#[test]
fn a_topic_that_has_the_partitions_already_says_so() {
    let world = World::new().asked_by_super_user();
    let said = |code, text: &str| (code, Some(text.to_owned()));
    assert_eq!(
        grow(&world, "orders", 2),
        said(INVALID_PARTITIONS, "Topic already has 2 partition(s).")
    );
    let fewer = "The topic orders currently has 2 partition(s); 1 would not be an increase.";
    assert_eq!(grow(&world, "orders", 1), said(INVALID_PARTITIONS, fewer));
    assert_eq!(grow(&world, "orders", 3).0, POLICY_VIOLATION);
    assert_eq!(
        grow(&World::new(), "orders", 2).0,
        TOPIC_AUTHORIZATION_FAILED,
        "how many there are is not told to everybody"
    );
}

#[test]
fn changes_of_what_is_not_there_say_no_more_than_that() {
    for (world, there, absent) in [
        (World::new(), "orders", "ghost"),
        (World::standard(), "bought", "shared"),
    ] {
        let world = world.asked_by_super_user();
        for (name, code) in [(there, POLICY_VIOLATION), (absent, UNKNOWN_TOPIC_OR_PARTITION)] {
            assert_eq!(grow(&world, name, 9).0, code, "{name}");
            let again = Attempt::AfterRefresh;

            let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name(name)]);
            let deleted = world.ask_again(5, &request, again).replied();
            assert_eq!(deleted.responses[0].error_code, code, "{name}");

            let partition = DeleteRecordsPartition::default();
            let topic = DeleteRecordsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition]);
            let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
            let emptied = world.ask_again(2, &request, again).replied();
            assert_eq!(emptied.topics[0].partitions[0].error_code, code, "{name}");

            let resource = AlterConfigsResource::default()
                .with_resource_type(TOPIC)
                .with_resource_name(text(name));
            let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
            let configured = world.ask_again(1, &request, again).replied();
            assert_eq!(configured.responses[0].error_code, code, "{name}");
        }
    }
}
