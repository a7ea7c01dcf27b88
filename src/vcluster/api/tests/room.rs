//! Limits of topics and partitions of a virtual cluster's own.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, CreateTopicsResponse};
use klamm_raft::model::Operation::{Alter, Create};
use klamm_raft::model::{Limit, Limits};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

/// Two topics of two partitions each are there.
fn limited(limits: &[(Limit, u64)]) -> World {
    let mut world = World::standard()
        .allow(Create, Resource::CLUSTER)
        .allow(Alter, Resource::topic("orders"))
        .allow(Alter, Resource::topic("bills"));
    let limits = Limits(limits.iter().copied().collect());
    world.change(|state| state.spec.limits = limits);
    world
}

fn create(topics: &[(&str, i32)]) -> CreateTopicsRequest {
    let topics = topics.iter().map(|(name, partitions)| {
        CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(*partitions)
            .with_replication_factor(1)
    });
    CreateTopicsRequest::default().with_topics(topics.collect())
}

/// The topics that a broker is asked for, and those that are refused, with the words.
fn outcome(world: &World, request: &CreateTopicsRequest) -> (Vec<String>, Vec<(i16, String)>) {
    let mut asked = Vec::new();
    let seen = world
        .ask_again(6, request, Attempt::AfterRefresh)
        .forwarded(|upstream| {
            let names = upstream.topics.iter().map(|topic| topic.name.to_string());
            asked.extend(names);
            let done = |topic: &CreatableTopic| CreatableTopicResult::default().with_name(topic.name.clone());
            CreateTopicsResponse::default().with_topics(upstream.topics.iter().map(done).collect())
        });
    let refused = seen.topics.iter().filter(|topic| topic.error_code != 0);
    let refused = refused.map(|topic| {
        let words = topic.error_message.as_ref().map(ToString::to_string);
        (topic.error_code, words.unwrap_or_default())
    });
    (asked, refused.collect())
}

#[test]
fn topics_are_created_while_there_is_room() {
    let world = limited(&[(Limit::Topics, 3)]);
    let request = create(&[("orders", 1), ("a", 9), ("b", 1)]);
    let (asked, refused) = outcome(&world, &request);
    assert_eq!(asked, ["int-orders", "int-a"], "one is there already");
    let words = "The virtual cluster can have at most 3 topics of its own, and would have 4: delete some, or ask the \
                 operator of the gateway to raise spec.limits.topics.";
    assert_eq!(refused, [(44, words.to_owned())]);
    // What was made a moment ago counts.
    world.ask_again(6, &request, Attempt::First).needs_fresh_topics();
    let (asked, refused) = outcome(&limited(&[(Limit::Requests, 1)]), &request);
    assert_eq!((asked.len(), refused.len()), (3, 0));
}

#[test]
fn partitions_are_counted_too() {
    let world = limited(&[(Limit::Partitions, 8)]);
    let (asked, refused) = outcome(&world, &create(&[("a", 5), ("b", 3), ("c", -1), ("d", 1)]));
    assert_eq!(asked, ["int-b", "int-c"]);
    let of = |refused: &(i16, String)| {
        (
            refused.0,
            refused.1.contains("at most 8 partitions of its own topics"),
        )
    };
    assert_eq!(
        refused.iter().map(of).collect::<Vec<_>>(),
        [(44, true), (44, true)]
    );

    let grow = |name: &str, count| {
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name(name))
            .with_count(count)
            .with_assignments(None);
        CreatePartitionsRequest::default().with_topics(vec![topic])
    };
    world
        .ask_again(3, &grow("orders", 6), Attempt::AfterRefresh)
        .waiting();
    let refused = world
        .ask_again(3, &grow("orders", 7), Attempt::AfterRefresh)
        .replied();
    assert_eq!(refused.results[0].error_code, 44);
    let words = refused.results[0].error_message.as_ref().unwrap();
    assert!(words.contains("would have 9"), "{words}");
    world
        .ask_again(3, &grow("orders", 6), Attempt::First)
        .needs_fresh_topics();
}
