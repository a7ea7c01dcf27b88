//! Consumer groups of KIP-848: heartbeats with names, expressions and topic ids, and descriptions.

use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as Described, DescribedGroup, Member, TopicPartitions as DescribedTopic,
};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as Owned;
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};
use klamm_raft::model::Operation::{Delete, Describe, Read};
use uuid::Uuid;

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::{self, Freshness};
use crate::vcluster::plan::{Attempt, Need, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;

const FOREIGN: Uuid = Uuid::from_bytes([0xee; 16]);

/// A world in which the caller may be in the group, and describe `orders` and a name that is no alias.
fn member() -> World {
    World::new()
        .allow(Read, Resource::group("app"))
        .allow(Describe, Resource::topic("orders"))
        .allow(Describe, Resource::topic("later"))
}

fn heartbeat() -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(group_id("app"))
        .with_member_id(text("m"))
}

fn subscribed(names: &[&str]) -> ConsumerGroupHeartbeatRequest {
    let names = names.iter().map(|name| topic_name(name)).collect();
    heartbeat().with_subscribed_topic_names(Some(names))
}

fn by_pattern(pattern: &str) -> ConsumerGroupHeartbeatRequest {
    heartbeat().with_subscribed_topic_regex(Some(text(pattern)))
}

/// The names that the broker sees.
fn sent(world: &World, version: i16, request: &ConsumerGroupHeartbeatRequest) -> Option<Vec<String>> {
    let mut seen = None;
    world.exchange(version, request, |upstream: ConsumerGroupHeartbeatRequest| {
        assert_eq!(upstream.group_id, group_id("partner:app"));
        let pattern = upstream.subscribed_topic_regex.as_deref();
        assert_eq!(pattern.unwrap_or_default(), "", "brokers get names");
        seen = upstream.subscribed_topic_names;
        ConsumerGroupHeartbeatResponse::default()
    });
    seen.map(|names| names.iter().map(|name| name.to_string()).collect())
}

fn error(world: &World, version: i16, request: &ConsumerGroupHeartbeatRequest) -> i16 {
    world.ask(version, request).replied().error_code
}

/// Nothing that a client wrote is compiled where a request is planned.
#[test]
fn an_expression_is_compiled_elsewhere_before_a_heartbeat_goes_on() {
    let mut world = member();
    let plan = |world: &World, request: &ConsumerGroupHeartbeatRequest| {
        let frame = encode_request(1, request);
        let mut subscriptions = Subscriptions::default();
        api::request(
            &world.view,
            &world.caller,
            &mut subscriptions,
            (frame, &RecordResults::NONE),
            Attempt::First,
        )
        .plan
    };
    let Plan::Need(Need::Pattern { text, .. }) = plan(&world, &by_pattern(r"\pL{900}")) else {
        panic!("it goes on")
    };
    assert_eq!(text, r"\pL{900}");
    let answer = world.ask(1, &by_pattern(r"\pL{900}")).replied();
    assert_eq!(answer.error_code, 128);
    let words = answer.error_message.unwrap();
    assert!(words.contains("too large") && words.len() < 300, "{words}");

    // Without a right, and without a chance, nothing is.
    assert!(matches!(plan(&World::new(), &by_pattern(".*")), Plan::Reply(_)));
    let long = by_pattern(&"a".repeat(5_000));
    assert!(matches!(plan(&world, &long), Plan::Reply(_)));

    world.is_busy = true;
    assert_eq!(error(&world, 1, &by_pattern(".*")), 14, "clients try again");
}

#[test]
fn members_subscribe_to_virtual_topics() {
    for version in [0, 1] {
        let world = member();
        assert_eq!(sent(&world, version, &heartbeat()), None, "nothing changed");
        assert_eq!(sent(&world, version, &subscribed(&[])), Some(vec![]));
        assert_eq!(
            sent(&world, version, &subscribed(&["orders", "later"])).unwrap(),
            ["int-orders", "partner:later"]
        );
    }
}

#[test]
fn a_heartbeat_is_allowed_or_refused_as_a_whole() {
    for version in [0, 1] {
        let names = subscribed(&["orders", "bills"]);
        assert_eq!(error(&World::new(), version, &names), 30);
        let asked = member();
        let asked = asked.ask(version, &names);
        assert_eq!(asked.denied(), ["Describe Topic bills"]);
        assert_eq!(asked.replied().error_code, 29);
        let admin = World::new().asked_by_super_user();
        assert_eq!(
            error(&admin, version, &heartbeat().with_group_id(group_id(""))),
            42
        );
        let no_home = World::without_home().asked_by_super_user();
        assert_eq!(error(&no_home, version, &names), 15);
    }
    assert_eq!(
        error(
            &World::without_home().allow(Read, Resource::group("app")),
            1,
            &subscribed(&["x"])
        ),
        29
    );
}

#[test]
fn an_expression_is_resolved_to_what_the_caller_may_describe() {
    let world = member();
    assert_eq!(sent(&world, 1, &by_pattern(".*")).unwrap(), ["int-orders"]);
    assert!(
        sent(&world, 1, &by_pattern("int-.*")).unwrap().is_empty(),
        "names are virtual"
    );
    let both = by_pattern("ord.*").with_subscribed_topic_names(Some(vec![topic_name("later")]));
    assert_eq!(sent(&world, 1, &both).unwrap(), ["int-orders", "partner:later"]);
    assert!(world.ask(1, &by_pattern(".*")).denied().is_empty());
    let world = world.allow(Read, Resource::topic("bills"));
    assert_eq!(
        sent(&world, 1, &by_pattern("orders|b.*")).unwrap(),
        ["int-bills", "int-orders"]
    );
    assert_eq!(sent(&world, 1, &by_pattern("")), Some(vec![]), "cleared");
    assert_eq!(error(&world, 1, &by_pattern("[")), 128);
}

#[test]
fn an_expression_is_followed_while_rights_change() {
    let world = member();
    let at = |epoch| heartbeat().with_member_epoch(epoch);
    assert_eq!(sent(&world, 1, &by_pattern(".*")).unwrap(), ["int-orders"]);
    assert_eq!(sent(&world, 1, &at(1)), None, "nothing changed");
    let world = world.allow(Read, Resource::group("other"));
    assert_eq!(sent(&world, 1, &at(1)), None, "no topic is concerned");
    let world = world.allow(Describe, Resource::topic("bills"));
    let both = ["int-bills", "int-orders"];
    assert_eq!(sent(&world, 1, &at(1)).unwrap(), both);
    assert_eq!(
        sent(&world, 1, &at(1)).unwrap(),
        both,
        "the broker may not have taken it"
    );
    assert_eq!(sent(&world, 1, &at(2)), None, "it has");
    assert_eq!(sent(&world, 1, &at(2).with_member_id(text("another"))), None);
    let world = world.deny(Describe, Resource::topic("orders"));
    assert_eq!(sent(&world, 1, &at(2)).unwrap(), ["int-bills"]);
    let world = world.deny(Describe, Resource::topic("bills"));
    assert_eq!(
        sent(&world, 1, &at(3)),
        Some(vec![]),
        "what is left of it is nothing"
    );
}

#[test]
fn an_expression_is_followed_no_more_when_the_member_left_or_subscribes_by_names() {
    let others = [
        heartbeat().with_member_epoch(-1),
        by_pattern(""),
        subscribed(&["orders"]),
        by_pattern("later|bills").with_subscribed_topic_names(Some(vec![topic_name("orders")])),
    ];
    for other in others {
        let world = member();
        sent(&world, 1, &by_pattern(".*"));
        sent(&world, 1, &other);
        let world = world.allow(Describe, Resource::topic("bills"));
        assert_eq!(
            sent(&world, 1, &heartbeat().with_member_epoch(1)),
            None,
            "{other:?}"
        );
    }
}

#[test]
fn of_many_members_on_one_connection_the_latest_are_followed() {
    let world = member();
    let members: Vec<_> = (0..9).map(|number| format!("m{number}")).collect();
    for member in &members {
        sent(&world, 1, &by_pattern(".*").with_member_id(text(member)));
    }
    let world = world.allow(Describe, Resource::topic("bills"));
    let followed = members.iter().filter(|member| {
        let beat = heartbeat().with_member_epoch(1).with_member_id(text(member));
        sent(&world, 1, &beat).is_some()
    });
    assert!(followed.eq(&members[1..]));
}

#[test]
fn an_expression_finds_topics_of_the_whole_cluster_that_are_new() {
    let world = World::passthrough()
        .allow(Read, Resource::group("app"))
        .allow(Read, Resource::topic("int-orders"));
    world.ask(1, &by_pattern("int-.*")).needs_fresh_topics();
    let again = world.ask_again(1, &by_pattern("int-.*"), Attempt::AfterRefresh);
    again.forwarded(|upstream: ConsumerGroupHeartbeatRequest| {
        let names = upstream.subscribed_topic_names.unwrap();
        assert_eq!(names, [topic_name("int-orders")]);
        ConsumerGroupHeartbeatResponse::default()
    });
    world.exchange(1, &heartbeat(), |_| ConsumerGroupHeartbeatResponse::default());
    let stranger = World::passthrough();
    assert_eq!(error(&stranger, 1, &by_pattern("int-.*")), 30);
}

/// Names and expression as the broker sees them.
fn told(world: &World, request: &ConsumerGroupHeartbeatRequest) -> (Option<Vec<String>>, Option<String>) {
    let mut told = (None, None);
    let asked = world.ask_again(1, request, Attempt::AfterRefresh);
    asked.forwarded(|upstream: ConsumerGroupHeartbeatRequest| {
        let names = upstream.subscribed_topic_names;
        let names = names.map(|names| names.iter().map(|name| name.to_string()).collect());
        told = (
            names,
            upstream.subscribed_topic_regex.map(|text| text.to_string()),
        );
        ConsumerGroupHeartbeatResponse::default()
    });
    told
}

#[test]
fn a_broker_evaluates_an_expression_where_it_finds_the_same_topics() {
    let pattern = |text: &str| (Some(vec![]), Some(text.to_owned()));
    let names = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        (Some(names), Some(String::new()))
    };
    let both = |names_of: &[&str], text: &str| (names(names_of).0, Some(text.to_owned()));
    let standard = World::standard().asked_by_super_user();
    assert_eq!(told(&standard, &by_pattern("^ord.*$")), pattern("int-(?:ord.*)"));
    assert_eq!(
        told(&standard, &by_pattern(".*")),
        both(&["elsewhere"], "int-(?:.*)"),
        "an alias is not in the namespace"
    );
    let beside = by_pattern("ord.*").with_subscribed_topic_names(Some(vec![topic_name("bills")]));
    assert_eq!(told(&standard, &beside), names(&["int-bills", "int-orders"]));
    let all = World::passthrough().asked_by_super_user();
    assert_eq!(told(&all, &by_pattern("^int-.*|x")), pattern("^int-.*|x"));
    let partner = World::new().asked_by_super_user();
    assert_eq!(told(&partner, &by_pattern("ord.*")), names(&["int-orders"]));
}

#[test]
fn a_broker_evaluates_an_expression_while_the_caller_may_describe_all_that_it_can_match() {
    let world = World::passthrough()
        .allow(Read, Resource::group("app"))
        .allow(Describe, Resource::topic("*"));
    let at = |epoch| heartbeat().with_member_epoch(epoch);
    let pattern = (Some(vec![]), Some("int-.*".to_owned()));
    assert_eq!(told(&world, &by_pattern("int-.*")), pattern);
    assert_eq!(told(&world, &at(1)), (None, None), "nothing changed");
    let world = world.deny(Describe, Resource::topic("other"));
    assert_eq!(told(&world, &at(1)), (None, None), "it does not begin so");
    let world = world.deny(Describe, Resource::topic("int-bills"));
    let names = (Some(vec!["int-orders".to_owned()]), Some(String::new()));
    assert_eq!(told(&world, &at(1)), names);
    assert_eq!(told(&world, &at(2)), (None, None), "the broker took it");
}

#[test]
fn a_broker_evaluates_what_of_an_expression_the_caller_has_a_right_to_by_beginnings() {
    let pattern = |names: &[&str], text: &str| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        (Some(names), Some(text.to_owned()))
    };
    let own = || World::standard().allow(Read, Resource::group("app"));
    let world = own().allow_prefix(Describe, "ord").allow_prefix(Read, "new.");
    let both = pattern(&[], r"int-(?:(?:new\..*|ord.*))");
    assert_eq!(told(&world, &by_pattern(".*")), both);
    assert_eq!(told(&world, &by_pattern("^o.*$")), pattern(&[], "int-(?:ord.*)"));
    assert_eq!(told(&world, &by_pattern("ord.*")), pattern(&[], "int-(?:ord.*)"));
    let world = own()
        .allow_prefix(Describe, "ord")
        .allow(Read, Resource::topic("bills"))
        .allow(Read, Resource::topic("bought"));
    assert_eq!(
        told(&world, &by_pattern(".*")),
        pattern(&["elsewhere", "int-bills"], "int-(?:ord.*)"),
        "what is allowed by its name is told by it"
    );
    assert_eq!(
        told(&world, &by_pattern(".+")),
        pattern(&["elsewhere", "int-bills", "int-orders"], ""),
        "it is no beginning"
    );
    let world = world.deny(Describe, Resource::topic("orders-secret"));
    assert_eq!(
        told(&world, &by_pattern(".*")),
        pattern(&["elsewhere", "int-bills", "int-orders"], "")
    );
    let world = World::passthrough()
        .allow(Read, Resource::group("app"))
        .allow_prefix(Read, "int-o");
    assert_eq!(told(&world, &by_pattern("int-.*")), pattern(&[], "int-o.*"));
}

#[test]
fn topics_that_are_not_there_yet_are_looked_for_before_a_member_subscribes() {
    let world = member().allow(Describe, Resource::topic("ghost"));
    let young = [
        (&world, "app", "ghost"),
        (&World::standard().asked_by_super_user(), "app", "young"),
        (&World::passthrough().asked_by_super_user(), "app", "young"),
    ];
    for (world, group, topic) in young {
        let request = subscribed(&[topic]).with_group_id(group_id(group));
        world.ask(1, &request).needs_fresh_topics();
        let again = world.ask_again(1, &request, Attempt::AfterRefresh);
        again.forwarded(|_| ConsumerGroupHeartbeatResponse::default());
    }
    // What is no alias does not become one by a look.
    world.exchange(1, &subscribed(&["orders", "later"]), |_| {
        ConsumerGroupHeartbeatResponse::default()
    });
    assert_eq!(error(&world, 1, &subscribed(&["ghost", "bills"])), 29);
}

#[test]
fn an_answer_waits_for_the_topics_that_it_assigns_and_for_no_others() {
    let world = member();
    let waits_for = |world: &World, id| {
        let heartbeat = heartbeat();
        world.ask(1, &heartbeat).awaits(|_| assigned(&[id]))
    };
    assert_eq!(waits_for(&world, physical_id("int-orders")), Freshness::Enough);
    assert_eq!(waits_for(&world, FOREIGN), Freshness::Topics);
    let world = world.without_topic("int-orders");
    let departed = physical_id("int-orders");
    assert_eq!(
        waits_for(&world, departed),
        Freshness::Enough,
        "no look brings it back"
    );
    let all = World::passthrough().asked_by_super_user();
    assert_eq!(
        waits_for(&all, FOREIGN),
        Freshness::Enough,
        "ids are the same there"
    );
    let response = all.exchange(1, &heartbeat(), |_| assigned(&[FOREIGN]));
    assert_eq!(response.assignment, assigned(&[FOREIGN]).assignment);
}

#[test]
fn partitions_are_owned_and_assigned_by_id() {
    let world = member();
    let orders = world.virtual_id("orders");
    let owned = |id| Owned::default().with_topic_id(id).with_partitions(vec![0, 1]);
    let request = heartbeat().with_topic_partitions(Some(vec![owned(orders), owned(FOREIGN)]));
    for version in [0, 1] {
        world.ask(version, &request).needs_fresh_topics();
        let asked = world.ask_again(version, &request, Attempt::AfterRefresh);
        let response = asked.forwarded(|upstream: ConsumerGroupHeartbeatRequest| {
            assert_eq!(
                upstream.topic_partitions.unwrap(),
                [owned(physical_id("int-orders"))]
            );
            assigned(&[physical_id("int-orders")])
        });
        assert_eq!((response.error_code, response.member_epoch), (0, 7));
        assert_eq!(response.error_message, Some(text("of orders")));
        assert_eq!(response.assignment, assigned(&[orders]).assignment);
        let with_foreign = |_| assigned(&[physical_id("int-orders"), FOREIGN]);
        let waits_for = world.ask(version, &heartbeat()).awaits(with_foreign);
        assert_eq!(waits_for, Freshness::Topics);
        let response = world.exchange(version, &heartbeat(), with_foreign);
        assert_eq!(
            (response.error_code, response.member_epoch),
            (0, 7),
            "the broker took it: the client must know"
        );
        assert_eq!(response.assignment, assigned(&[orders]).assignment);
        let response = world.exchange(version, &heartbeat(), |_| {
            assigned(&[FOREIGN]).with_error_code(110)
        });
        assert_eq!(response.error_code, 110);
    }
}

#[test]
fn a_member_that_has_partitions_of_a_deleted_topic_says_so_to_the_broker() {
    let world = member();
    let orders = world.virtual_id("orders");
    let world = world.without_topic("int-orders");
    let owned = |id| Owned::default().with_topic_id(id).with_partitions(vec![0]);
    let request = heartbeat().with_topic_partitions(Some(vec![owned(orders)]));
    world.exchange(1, &request, |upstream: ConsumerGroupHeartbeatRequest| {
        assert_eq!(
            upstream.topic_partitions.unwrap(),
            [owned(physical_id("int-orders"))]
        );
        ConsumerGroupHeartbeatResponse::default()
    });
}

fn assigned(ids: &[Uuid]) -> ConsumerGroupHeartbeatResponse {
    let topics = ids.iter().map(|id| {
        TopicPartitions::default()
            .with_topic_id(*id)
            .with_partitions(vec![1])
    });
    ConsumerGroupHeartbeatResponse::default()
        .with_error_message(Some(text("of int-orders")))
        .with_member_epoch(7)
        .with_assignment(Some(
            Assignment::default().with_topic_partitions(topics.collect()),
        ))
}

fn topics(topics: &[(&str, Uuid)]) -> Described {
    let topics = topics.iter().map(|(name, id)| {
        DescribedTopic::default()
            .with_topic_name(topic_name(name))
            .with_topic_id(*id)
            .with_partitions(vec![0])
    });
    Described::default().with_topic_partitions(topics.collect())
}

fn described(id: &str, current: Described, target: Described) -> DescribedGroup {
    let names = ["int-orders", "partner:later", "int-foreign"]
        .map(topic_name)
        .to_vec();
    let member = Member::default()
        .with_member_id(text("m"))
        .with_client_host(text("/10.9.8.7"))
        .with_subscribed_topic_names(names)
        .with_assignment(current)
        .with_target_assignment(target);
    DescribedGroup::default()
        .with_group_id(group_id(id))
        .with_group_state(text("Stable"))
        .with_members(vec![member])
        .with_authorized_operations(3400)
}

#[test]
fn expressions_that_brokers_have_are_described_as_clients_gave_them() {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id("app")]);
    for (world, id, there, here) in [
        (World::standard(), "int-app", "int-(?:ord.*)", "ord.*"),
        (World::standard(), "int-app", "other-(?:ord.*)", ""),
        (World::passthrough(), "app", "int-.*", "int-.*"),
        (World::new(), "partner:app", "int-.*", ""),
    ] {
        let world = world.asked_by_super_user();
        let response = world.exchange(1, &request, |_| {
            let member = Member::default().with_subscribed_topic_regex(Some(text(there)));
            let group = DescribedGroup::default()
                .with_group_id(group_id(id))
                .with_members(vec![member]);
            ConsumerGroupDescribeResponse::default().with_groups(vec![group])
        });
        let told = response.groups[0].members[0].subscribed_topic_regex.as_deref();
        assert_eq!(told.unwrap_or_default(), here, "{there}");
    }
}

#[test]
fn groups_are_described_without_what_is_hidden() {
    let world = member()
        .allow(Describe, Resource::group("hidden"))
        .allow(Delete, Resource::group("hidden"));
    let orders = ("int-orders", physical_id("int-orders"));
    let bills = ("int-bills", physical_id("int-bills"));
    for version in [0, 1] {
        let groups = ["app", "other", "hidden"].map(group_id).to_vec();
        let request = ConsumerGroupDescribeRequest::default()
            .with_group_ids(groups)
            .with_include_authorized_operations(true);
        let asked = world.ask(version, &request);
        assert_eq!(asked.denied(), ["Describe Group other"]);
        let response = asked.forwarded(|upstream: ConsumerGroupDescribeRequest| {
            assert_eq!(
                upstream.group_ids,
                [group_id("partner:app"), group_id("partner:hidden")]
            );
            let shown = described(
                "partner:app",
                topics(&[orders]),
                topics(&[("int-foreign", FOREIGN)]),
            );
            let hidden = described("partner:hidden", topics(&[orders]), topics(&[bills]));
            ConsumerGroupDescribeResponse::default().with_groups(vec![shown, hidden])
        });
        let [other, app, hidden] = &response.groups[..] else {
            panic!("{response:?}")
        };
        assert_eq!((other.group_id.as_str(), other.error_code), ("other", 30));
        assert_eq!(
            (app.error_code, app.authorized_operations),
            (0, (1 << 3) | (1 << 8))
        );
        let member = &app.members[0];
        assert_eq!(member.client_host, text("/0.0.0.0"));
        assert_eq!(member.subscribed_topic_names, ["orders", "later"].map(topic_name));
        assert_eq!(
            member.assignment,
            topics(&[("orders", world.virtual_id("orders"))])
        );
        assert_eq!(
            member.target_assignment,
            topics(&[]),
            "no topic of this virtual cluster"
        );
        assert_eq!((hidden.group_id.as_str(), hidden.error_code), ("hidden", 29));
        assert_eq!(
            (hidden.group_state.as_str(), hidden.authorized_operations),
            ("", i32::MIN)
        );
        assert!(hidden.members.is_empty());
        let message = hidden.error_message.as_ref().unwrap();
        assert!(message.contains("not authorized to describe"), "{message}");
    }
}
