//! The physical cluster as a whole: its names as they are, judged by the ACLs of `passthrough`.

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    DescribeAclsRequest, HeartbeatRequest, HeartbeatResponse, ListGroupsRequest, ListGroupsResponse,
    MetadataRequest, MetadataResponse,
};
use klamm_raft::model::Operation::{Create, Describe, Read};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::plan::Attempt;

const VERSIONS: [i16; 4] = [0, 3, 4, 13];
const SECURITY_DISABLED: i16 = 54;

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names
        .iter()
        .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
    MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true)
}

fn answer(topics: &[(&str, i16)]) -> MetadataResponse {
    let topics = topics.iter().map(|(name, error)| {
        MetadataResponseTopic::default()
            .with_name(Some(topic_name(name)))
            .with_error_code(*error)
    });
    MetadataResponse::default().with_topics(topics.collect())
}

fn names_of(response: &MetadataResponse) -> Vec<(String, i16)> {
    let name = |topic: &MetadataResponseTopic| {
        let name = topic.name.as_ref().map(|name| name.0.to_string());
        (name.unwrap_or_default(), topic.error_code)
    };
    let mut names: Vec<_> = response.topics.iter().map(name).collect();
    names.sort();
    names
}

fn pairs(of: &[(&str, i16)]) -> Vec<(String, i16)> {
    of.iter()
        .map(|(name, error)| ((*name).to_owned(), *error))
        .collect()
}

#[test]
fn all_topics_are_those_that_the_caller_may_describe_the_new_ones_too() {
    let world = World::passthrough()
        .allow(Describe, Resource::topic("int-orders"))
        .allow(Read, Resource::topic("new"));
    for version in VERSIONS {
        let all = match version {
            0 => MetadataRequest::default().with_topics(Some(vec![])),
            _ => MetadataRequest::default().with_topics(None),
        };
        let seen = world.exchange(version, &all, |upstream| {
            assert_eq!(upstream.topics, all.topics);
            answer(&[("int-orders", 0), ("int-bills", 0), ("new", 0)])
        });
        assert_eq!(
            names_of(&seen),
            pairs(&[("int-orders", 0), ("new", 0)]),
            "v{version}"
        );
    }
}

#[test]
fn absent_topics_are_created_by_those_who_may() {
    for version in VERSIONS {
        let world = World::passthrough()
            .allow(Describe, Resource::topic("*"))
            .allow(Create, Resource::topic("new"));
        let ask = |names: &[&str]| named(names);
        let seen = world.exchange(version, &ask(&["new"]), |upstream| {
            assert!(upstream.allow_auto_topic_creation || version < 4);
            answer(&[("new", 3)])
        });
        assert_eq!(names_of(&seen), pairs(&[("new", 3)]), "v{version}");
        // Without the right: refused, once it is certain that the topic is not there.
        world.ask(version, &ask(&["other"])).needs_fresh_topics();
        let again = world.ask_again(version, &ask(&["other", "int-orders"]), Attempt::AfterRefresh);
        let seen = again.forwarded(|upstream| {
            assert!(!upstream.allow_auto_topic_creation || version < 4);
            assert_eq!(upstream.topics.map(|topics| topics.len()), Some(1));
            answer(&[("int-orders", 0)])
        });
        assert_eq!(
            names_of(&seen),
            pairs(&[("int-orders", 0), ("other", 29)]),
            "v{version}"
        );
        // A topic that could go away meanwhile is not created along with another one.
        world
            .ask(version, &ask(&["new", "int-orders"]))
            .needs_fresh_topics();
    }
}

#[test]
fn absent_topics_are_3_when_their_creation_is_not_asked_for() {
    let world = World::passthrough().allow(Describe, Resource::topic("*"));
    let asked = named(&["other"]).with_allow_auto_topic_creation(false);
    let seen = world.exchange(4, &asked, |upstream| {
        assert!(!upstream.allow_auto_topic_creation);
        answer(&[("other", 3)])
    });
    assert_eq!(names_of(&seen), pairs(&[("other", 3)]));
}

#[test]
fn groups_keep_their_names_whoevers_they_are() {
    let world = World::passthrough().allow(Read, Resource::group("app"));
    let beat = HeartbeatRequest::default().with_group_id(group_id("app"));
    world.exchange(4, &beat, |upstream| {
        assert_eq!(upstream.group_id, group_id("app"));
        HeartbeatResponse::default()
    });
    let listed = |world: &World| {
        let answer = world.exchange(5, &ListGroupsRequest::default(), |_| {
            let group = |id| ListedGroup::default().with_group_id(group_id(id));
            ListGroupsResponse::default().with_groups(vec![group("app"), group("partner:app")])
        });
        answer.groups.len()
    };
    assert_eq!(listed(&world), 1);
    assert_eq!(listed(&world.asked_by_super_user()), 2);
}

#[test]
fn without_acls_everybody_may_do_everything_and_there_are_none_to_list() {
    let world = World::passthrough().with_acls_disabled();
    let beat = HeartbeatRequest::default().with_group_id(group_id("app"));
    world.exchange(4, &beat, |_| HeartbeatResponse::default());
    let filter = DescribeAclsRequest::default()
        .with_resource_type_filter(1)
        .with_pattern_type_filter(1)
        .with_operation(1)
        .with_permission_type(1);
    let answer = world.ask(3, &filter).replied();
    assert_eq!(answer.error_code, SECURITY_DISABLED);
    // A Partner's ACLs cannot be disabled.
    let partner = World::new().with_acls_disabled();
    assert_eq!(partner.ask(4, &beat).replied().error_code, 30);
}
