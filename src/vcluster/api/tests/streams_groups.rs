//! Streams groups: what a coordinator sees of a topology, what it may create, and what members are told of it. The
//! messages are made and read with the wire engine's own schema: `kafka-protocol` does not know them.

use bytes::Bytes;
use klamm_raft::model::Operation::{Create, Describe, Read};
use klamm_raft::model::{PolicyAction, RequestKind, RequestRule, RuleEffect};

use super::rules::{policy, under};
use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api;
use crate::vcluster::plan::{Answer, Attempt, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::{
    Class, Detail, Form, Item, Message, Node, RequestHeader, Segments, Tape, Value, field, walk_request,
    walk_response,
};

const HEARTBEAT: (i16, i16) = (88, 0);
const DESCRIBE: (i16, i16) = (89, 0);
const INTERNAL: &str = "app-counts-changelog";

/// Somebody who may run the application `app`, but create nothing.
fn member(world: World) -> World {
    world
        .allow(Read, Resource::group("app"))
        .allow(Describe, Resource::topic("orders"))
        .allow(Describe, Resource::topic(INTERNAL))
}

/// A member that joins with a topology: it reads `sources` and has one internal topic.
fn joining(sources: &[&str]) -> Item {
    let mut request = Item::request(HEARTBEAT.0, HEARTBEAT.1).unwrap();
    let mut topology = request.item(field::TOPOLOGY);
    let mut part = topology.item(field::SUBTOPOLOGIES);
    let mut changelog = part.item(field::STATE_CHANGELOG_TOPICS);
    changelog.set(field::NAME, INTERNAL);
    let texts = sources.iter().map(|name| Value::from(*name)).collect();
    part.set(field::SUBTOPOLOGY_ID, "0")
        .set(field::SOURCE_TOPICS, Value::List(texts))
        .push(field::STATE_CHANGELOG_TOPICS, changelog);
    topology.set(field::EPOCH, 1).push(field::SUBTOPOLOGIES, part);
    request
        .set(field::GROUP_ID, "app")
        .set(field::MEMBER_ID, "m")
        .set(field::TOPOLOGY, topology);
    request
}

fn without_length(frame: &Segments) -> Bytes {
    frame.joined().slice(4..)
}

fn ask(world: &World, api: (i16, i16), request: &Item) -> Plan {
    let frame = request.request_frame(api, CORRELATION_ID, "client").unwrap();
    let frame = without_length(&frame);
    let mut subscriptions = Subscriptions::default();
    api::request(
        &world.view,
        &world.caller,
        &mut subscriptions,
        (frame, &RecordResults::NONE),
        Attempt::First,
    )
    .plan
}

/// Sends a request; gives what goes on to the broker, and what the client gets for the answer.
fn exchange<T, U>(
    (world, api): (&World, (i16, i16)),
    request: &Item,
    sent: impl FnOnce(Message<'_>) -> T,
    response: &Item,
    told: impl FnOnce(Message<'_>) -> U,
) -> (T, U) {
    let Plan::Forward(forward) = ask(world, api, request) else {
        panic!("it is not sent on")
    };
    let Answer::Expected(pending) = forward.answer else {
        panic!("it is answered")
    };
    let mut tape = Tape::new();
    let upstream = without_length(&forward.request.into_frame());
    let header = RequestHeader::parse(&upstream).unwrap();
    let sent = sent(walk_request(&header, &upstream, Detail::Everything, &mut tape).unwrap());
    let frame = response.response_frame(api, CORRELATION_ID).unwrap();
    let answer = api::response(
        &world.view,
        &world.caller,
        pending,
        &RecordResults::NONE,
        without_length(&frame),
    )
    .unwrap();
    let answer = without_length(&answer.frame);
    let mut tape = Tape::new();
    (
        sent,
        told(walk_response(api, &answer, Detail::Everything, &mut tape).unwrap()),
    )
}

/// The names of the topology's topics, and how many replicas are asked for.
fn topology(message: Message<'_>) -> (Vec<String>, Vec<i64>) {
    let names = message
        .all(Class::TopicName)
        .filter(|node| node.form() == Form::Text)
        .filter_map(Node::text);
    let internal = message.all(Class::Topics).flat_map(Node::children);
    let replicas = internal.filter_map(|topic| topic.int_in(field::REPLICATION_FACTOR));
    (names.map(str::to_owned).collect(), replicas.collect())
}

fn with_status(code: i8, detail: &str) -> Item {
    let mut response = Item::response(HEARTBEAT.0, HEARTBEAT.1).unwrap();
    let mut status = response.item(field::STATUS);
    status
        .set(field::STATUS_CODE, code)
        .set(field::STATUS_DETAIL, detail);
    response
        .set(field::STATUS, Value::Empty)
        .push(field::STATUS, status);
    response
}

fn details(message: Message<'_>) -> Vec<String> {
    let statuses = message.root().items(field::STATUS);
    statuses
        .filter_map(|status| status.text_in(field::STATUS_DETAIL))
        .map(str::to_owned)
        .collect()
}

/// The error of an answer of the gateway's own, and its words.
fn refusal(plan: Plan) -> (i64, Option<String>) {
    let Plan::Reply(reply) = plan else {
        panic!("{plan:?}")
    };
    let answer = without_length(&reply);
    let mut tape = Tape::new();
    let message = walk_response(HEARTBEAT, &answer, Detail::Everything, &mut tape).unwrap();
    let words = message.root().text_in(field::ERROR_MESSAGE);
    (
        message.root().int_in(field::ERROR_CODE).unwrap(),
        words.map(str::to_owned),
    )
}

#[test]
fn a_partner_sees_topics_by_their_own_names_and_creates_none() {
    let world = member(World::new())
        .allow(Describe, Resource::topic("later"))
        .allow(Create, Resource::CLUSTER);
    let absent = format!("__klamm_absent.partner.{INTERNAL}");
    let missing = format!("Internal topics are missing: {absent}; Creation failed: {absent} (whatever).");
    let (sent, told) = exchange(
        (&world, HEARTBEAT),
        &joining(&["orders", "later"]),
        topology,
        &with_status(3, &missing),
        details,
    );
    let expected = ["int-orders", "__klamm_absent.partner.later", &absent].map(str::to_owned);
    assert_eq!(sent, (expected.to_vec(), vec![i16::MAX.into()]));
    let said =
        format!("Internal topics are missing: {INTERNAL}; Unauthorized to CREATE on topics {INTERNAL}.");
    assert_eq!(told, [said]);
}

#[test]
fn other_statuses_are_told_with_virtual_names() {
    let world = member(World::new());
    for (broker, client) in [
        (
            "Source topics int-orders, __klamm_absent.partner.later are missing.",
            "Source topics orders, later are missing.",
        ),
        ("Source topics int-foreign are missing.", ""),
    ] {
        let (_, told) = exchange(
            (&world, HEARTBEAT),
            &joining(&["orders"]),
            |_| (),
            &with_status(1, broker),
            details,
        );
        assert_eq!(told, [client]);
    }
}

#[test]
fn through_passthrough_internal_topics_are_created_for_those_who_may() {
    let missing = "Internal topics are missing: app-counts-changelog";
    let denied = format!("{missing}; Unauthorized to CREATE on topics {INTERNAL}.");
    let world = || member(World::passthrough());
    for (world, replicas, said) in [
        (world(), i64::from(i16::MAX), denied.as_str()),
        (world().allow(Create, Resource::CLUSTER), 0, missing),
        (world().allow(Create, Resource::topic(INTERNAL)), 0, missing),
    ] {
        let (sent, told) = exchange(
            (&world, HEARTBEAT),
            &joining(&["orders"]),
            topology,
            &with_status(3, missing),
            details,
        );
        assert_eq!(sent, (vec!["orders".into(), INTERNAL.into()], vec![replicas]));
        assert_eq!(told, [said]);
    }
}

#[test]
fn internal_topics_are_created_as_policies_let_topics_be_created() {
    let rule = |text: &str| PolicyAction::RequestRules {
        rules: vec![RequestRule {
            requests: [RequestKind::CreateTopics].into(),
            rule: text.to_owned(),
            description: String::new(),
            otherwise: RuleEffect::Refuse,
        }],
    };
    for (action, replicas) in [
        (rule("context.topic.name.startsWith('app-')"), 0),
        (rule("context.topic.name.startsWith('x-')"), i16::MAX),
        // Nobody knows how the coordinator makes them.
        (rule("request.partitions < 100"), i16::MAX),
        (rule("!('retention.ms' in request.configs)"), i16::MAX),
        (PolicyAction::ReadOnly, i16::MAX),
    ] {
        let world = member(World::passthrough()).allow(Create, Resource::CLUSTER);
        let world = under(world, &[policy(action.clone())]);
        let ((_, sent), _) = exchange(
            (&world, HEARTBEAT),
            &joining(&["orders"]),
            topology,
            &with_status(3, "Internal topics are missing: app-counts-changelog"),
            details,
        );
        assert_eq!(sent, [i64::from(replicas)], "{action:?}");
    }
}

#[test]
fn topologies_are_refused_as_a_broker_refuses_them() {
    let world = member(World::new());
    let refused = |sources: &[&str]| refusal(ask(&world, HEARTBEAT, &joining(sources)));
    assert_eq!(
        refused(&["bills", "__consumer_offsets"]),
        (
            130,
            Some(
                "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited."
                    .into()
            )
        )
    );
    assert_eq!(
        refused(&["bills", "no name!"]),
        (
            130,
            Some("Topic names no name! are not valid topic names.".into())
        )
    );
    assert_eq!(refused(&["orders", "bills"]), (29, None));
    let (stranger, mut request) = (World::new(), joining(&["orders"]));
    assert_eq!(refusal(ask(&stranger, HEARTBEAT, &request)), (30, None));
    let mut topology = request.item(field::TOPOLOGY);
    let mut part = topology.item(field::SUBTOPOLOGIES);
    part.set(field::SOURCE_TOPIC_REGEX, Value::List(vec![Value::from("or.*")]));
    topology.push(field::SUBTOPOLOGIES, part);
    request.set(field::TOPOLOGY, topology);
    assert_eq!(refusal(ask(&world, HEARTBEAT, &request)).0, 42);
    let world = World::new().allow(Read, Resource::group(""));
    let request = Item::request(HEARTBEAT.0, HEARTBEAT.1).unwrap();
    assert_eq!(refusal(ask(&world, HEARTBEAT, &request)).0, 42);
}

/// A described group whose topology reads a topic and has an internal one.
fn described(source: &str) -> Item {
    let mut response = Item::response(DESCRIBE.0, DESCRIBE.1).unwrap();
    let mut group = response.item(field::GROUPS);
    let mut topology = group.item(field::TOPOLOGY);
    let mut part = topology.item(field::SUBTOPOLOGIES);
    let mut changelog = part.item(field::STATE_CHANGELOG_TOPICS);
    changelog
        .set(field::NAME, format!("__klamm_absent.partner.{INTERNAL}").as_str())
        .set(field::REPLICATION_FACTOR, i16::MAX);
    part.set(field::SOURCE_TOPICS, Value::List(vec![Value::from(source)]))
        .push(field::STATE_CHANGELOG_TOPICS, changelog);
    topology.push(field::SUBTOPOLOGIES, part);
    group
        .set(field::GROUP_ID, "partner:app")
        .set(field::TOPOLOGY, topology);
    response.push(field::GROUPS, group);
    response
}

#[test]
fn a_group_is_described_to_those_who_may_describe_its_topics() {
    let world = member(World::new()).allow(Describe, Resource::group("app"));
    let mut request = Item::request(DESCRIBE.0, DESCRIBE.1).unwrap();
    request.set(field::GROUP_IDS, Value::List(vec![Value::from("app")]));
    let told = |message: Message<'_>| {
        let group = message.root().items(field::GROUPS).next().unwrap();
        let id = group.text_in(field::GROUP_ID).unwrap().to_owned();
        (id, group.int_in(field::ERROR_CODE).unwrap(), topology(message))
    };
    let ask = |source| exchange((&world, DESCRIBE), &request, |_| (), &described(source), told).1;
    assert_eq!(
        ask("int-orders"),
        ("app".into(), 0, (vec!["orders".into(), INTERNAL.into()], vec![0]))
    );
    assert_eq!(ask("int-bills"), ("app".into(), 29, (vec![], vec![])));
}
