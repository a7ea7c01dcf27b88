//! Client quotas, as `kafka-configs` asks for them.

use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterClientQuotasResponse, CreateTopicsRequest, DeleteTopicsRequest,
    DescribeClientQuotasRequest,
};
use klamm_raft::command::Command;
use klamm_raft::model::Operation::{AlterConfigs, Create, Delete, Describe, DescribeConfigs};
use klamm_raft::model::{Limit, Limits};

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::{self, AskedMutations};
use crate::vcluster::plan::{Attempt, CloseReason};

type Parts<'a> = &'a [(&'a str, Option<&'a str>)];

fn entry(parts: Parts<'_>, ops: &[(&str, Option<f64>)]) -> EntryData {
    let part = |(kind, name): &(&str, Option<&str>)| {
        EntityData::default()
            .with_entity_type(text(kind))
            .with_entity_name(name.map(text))
    };
    let op = |(key, value): &(&str, Option<f64>)| {
        OpData::default()
            .with_key(text(key))
            .with_value(value.unwrap_or_default())
            .with_remove(value.is_none())
    };
    EntryData::default()
        .with_entity(parts.iter().map(part).collect())
        .with_ops(ops.iter().map(op).collect())
}

fn alter(entries: Vec<EntryData>) -> AlterClientQuotasRequest {
    AlterClientQuotasRequest::default().with_entries(entries)
}

/// The error of each entry, with its words.
fn errors(response: &AlterClientQuotasResponse) -> Vec<(i16, String)> {
    let entries = response.entries.iter();
    let words = |words: &Option<_>| words.as_ref().map_or(String::new(), ToString::to_string);
    entries
        .map(|entry| (entry.error_code, words(&entry.error_message)))
        .collect()
}

/// The quotas that are told, as `user=alice client-id=<default>: key=value`.
fn described(world: &World, components: &[(&str, i8, Option<&str>)], strict: bool) -> Vec<String> {
    let component = |(kind, way, name): &(&str, i8, Option<&str>)| {
        ComponentData::default()
            .with_entity_type(text(kind))
            .with_match_type(*way)
            .with_match(name.map(text))
    };
    let request = DescribeClientQuotasRequest::default()
        .with_components(components.iter().map(component).collect())
        .with_strict(strict);
    let answer = world.ask(1, &request).replied();
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    let entries = answer.entries.unwrap();
    let lines = entries.iter().map(|entry| {
        let parts = entry.entity.iter().map(|part| {
            let name = part
                .entity_name
                .as_ref()
                .map_or("<default>", |name| name.as_str());
            format!("{}={name}", part.entity_type.as_str())
        });
        let values = entry.values.iter();
        let values = values.map(|value| format!("{}={}", value.key.as_str(), value.value));
        let (parts, values): (Vec<_>, Vec<_>) = (parts.collect(), values.collect());
        format!("{}: {}", parts.join(" "), values.join(" "))
    });
    lines.collect()
}

/// A world with some quotas, of whom some are told.
fn with_quotas() -> World {
    let mut world = World::new()
        .allow(AlterConfigs, Resource::CLUSTER)
        .allow(DescribeConfigs, Resource::CLUSTER);
    let request = alter(vec![
        entry(
            &[("user", Some("alice"))],
            &[
                ("producer_byte_rate", Some(1000.0)),
                ("consumer_byte_rate", Some(2000.0)),
            ],
        ),
        entry(
            &[("client-id", None), ("user", Some("alice"))],
            &[("request_percentage", Some(12.5))],
        ),
        entry(&[("user", None)], &[("controller_mutation_rate", Some(0.5))]),
        entry(
            &[("ip", Some("::ffff:192.0.2.7"))],
            &[("connection_creation_rate", Some(10.0))],
        ),
    ]);
    let (command, done) = world.ask(1, &request).changed();
    assert!(errors(&done).iter().all(|(code, _)| *code == 0), "{done:?}");
    let Command::AlterQuotas { changes, .. } = &command else {
        panic!("{command:?}")
    };
    assert_eq!(changes.len(), 5);
    world.apply(&command);
    world
}

const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const SPECIFIED: i8 = 2;

#[test]
fn quotas_are_put_told_by_filters_and_removed() {
    let mut world = with_quotas();
    const ALICE: &str = "user=alice: producer_byte_rate=1000 consumer_byte_rate=2000";
    const PAIR: &str = "user=alice client-id=<default>: request_percentage=12.5";
    const ALL: &str = "user=<default>: controller_mutation_rate=0.5";
    const ADDRESS: &str = "ip=192.0.2.7: connection_creation_rate=10";
    let told = |components: &[(&str, i8, Option<&str>)], strict: bool| {
        let mut told = described(&world, components, strict);
        told.sort_unstable();
        told
    };
    assert_eq!(told(&[], false), sorted(&[ADDRESS, ALL, ALICE, PAIR]));
    assert!(told(&[], true).is_empty());
    let alice = ("user", EXACT, Some("alice"));
    assert_eq!(told(&[alice], true), [ALICE]);
    assert_eq!(told(&[alice], false), sorted(&[ALICE, PAIR]));
    assert_eq!(told(&[alice, ("client-id", DEFAULT, None)], true), [PAIR]);
    assert_eq!(told(&[("user", DEFAULT, None)], false), [ALL]);
    assert_eq!(told(&[("user", SPECIFIED, None)], true), sorted(&[ALICE, ALL]));
    assert_eq!(told(&[("client-id", SPECIFIED, None)], false), [PAIR]);
    assert_eq!(told(&[("ip", EXACT, Some("192.0.2.7"))], true), [ADDRESS]);
    assert!(told(&[("user", EXACT, Some("bob"))], false).is_empty());

    let removed = alter(vec![entry(
        &[("user", Some("alice"))],
        &[("producer_byte_rate", None), ("never_was", None)],
    )]);
    let (command, _) = world.ask(0, &removed).changed();
    world.apply(&command);
    assert_eq!(
        described(&world, &[alice], true),
        ["user=alice: consumer_byte_rate=2000"]
    );
}

fn sorted(lines: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    lines.sort_unstable();
    lines
}

const BYTES: &str = "producer_byte_rate";

/// Entities that there are no quotas of.
fn bad_entities() -> Vec<(EntryData, &'static str)> {
    let rate = |value| [(BYTES, Some(value))];
    let long = "n".repeat(1025);
    vec![
        (entry(&[], &rate(1.0)), "Invalid empty client quota entity"),
        (
            entry(&[("planet", Some("earth"))], &rate(1.0)),
            "Unhandled client quota entity type: planet",
        ),
        (
            entry(&[("user", Some(""))], &rate(1.0)),
            "Empty user not supported",
        ),
        (
            entry(&[("user", Some(&long))], &rate(1.0)),
            "The name of user is longer than 1024 bytes",
        ),
        (
            entry(&[("user", Some("a")), ("ip", None)], &rate(1.0)),
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ),
        (
            entry(
                &[("ip", Some("nowhere"))],
                &[("connection_creation_rate", Some(1.0))],
            ),
            "nowhere is not a valid IP or resolvable host.",
        ),
        (
            entry(&[("user", Some("a"))], &[("connection_creation_rate", Some(1.0))]),
            "Invalid configuration key connection_creation_rate",
        ),
        (
            entry(&[("ip", None)], &rate(1.0)),
            "Invalid configuration key producer_byte_rate",
        ),
    ]
}

/// Values that no quota can have.
fn bad_values() -> Vec<(EntryData, &'static str)> {
    let rate = |value| [(BYTES, Some(value))];
    vec![
        (
            entry(&[("user", Some("b"))], &rate(0.0)),
            "Quota producer_byte_rate must be greater than 0",
        ),
        (
            entry(&[("user", Some("c"))], &rate(-1.0)),
            "Quota producer_byte_rate must be greater than 0",
        ),
        (
            entry(&[("user", Some("d"))], &rate(f64::NAN)),
            "Quota producer_byte_rate must be greater than 0",
        ),
        (
            entry(&[("user", Some("e"))], &rate(1.5)),
            "producer_byte_rate cannot be a fractional value.",
        ),
        (
            entry(&[("user", Some("f"))], &rate(1e19)),
            "Proposed value for producer_byte_rate is too large for a LONG.",
        ),
        (
            entry(&[("ip", None)], &[("connection_creation_rate", Some(3e9))]),
            "Proposed value for connection_creation_rate is too large for an INT.",
        ),
        (
            entry(
                &[("user", Some("g"))],
                &[("producer_byte_rate", Some(1.0)), ("producer_byte_rate", None)],
            ),
            "Ignoring duplicate entity ClientQuotaEntity(entries={user=g})",
        ),
        (
            entry(&[("user", None)], &[("request_percentage", Some(-0.5))]),
            "Quota request_percentage must be greater than 0",
        ),
    ]
}

/// As ClientQuotaControlManager of Kafka 4.3 says it.
#[test]
fn what_cannot_be_is_refused_entity_by_entity() {
    let world = World::new().allow(AlterConfigs, Resource::CLUSTER);
    for (bad, words) in [bad_entities(), bad_values()].concat() {
        let good = entry(&[("user", Some("good"))], &[(BYTES, Some(1.0))]);
        let (command, done) = world.ask(1, &alter(vec![bad.clone(), good])).changed();
        let mut errors = errors(&done);
        errors.sort_unstable();
        assert_eq!(errors, [(0, String::new()), (42, words.to_owned())], "{bad:?}");
        assert!(matches!(command, Command::AlterQuotas { changes, .. } if changes.len() == 1));
    }
}

#[test]
fn one_that_is_named_twice_is_changed_once() {
    let world = World::new().allow(AlterConfigs, Resource::CLUSTER);
    let of = |rate| entry(&[("user", Some("a"))], &[("producer_byte_rate", Some(rate))]);
    let (command, done) = world.ask(1, &alter(vec![of(1.0), of(2.0)])).changed();
    let words = "Ignoring duplicate entity ClientQuotaEntity(entries={user=a})";
    assert_eq!(errors(&done), [(42, words.to_owned())]);
    assert!(
        matches!(command, Command::AlterQuotas { changes, .. } if changes[0].value.unwrap().get() == 1.0)
    );
}

#[test]
fn what_is_only_validated_changes_nothing() {
    let world = World::new().allow(AlterConfigs, Resource::CLUSTER);
    let of = |rate| entry(&[("user", Some("a"))], &[("producer_byte_rate", Some(rate))]);
    let answer = |rate| {
        let request = alter(vec![of(rate)]).with_validate_only(true);
        errors(&world.ask(1, &request).replied())[0].0
    };
    assert_eq!([answer(1.0), answer(0.0)], [0, 42]);
}

#[test]
fn rights_on_the_cluster_are_needed_and_a_view_that_is_not_old() {
    let request = alter(vec![entry(
        &[("user", None)],
        &[("producer_byte_rate", Some(1.0))],
    )]);
    let refused = World::new().ask(1, &request).replied();
    assert_eq!(
        errors(&refused),
        [(31, "Cluster authorization failed.".to_owned())]
    );
    let world = World::new()
        .allow(AlterConfigs, Resource::CLUSTER)
        .allow(DescribeConfigs, Resource::CLUSTER);
    world.ask_again(1, &request, Attempt::First).needs_confirmation();
    let late = world.ask_again(1, &request, Attempt::Unconfirmed).replied();
    assert_eq!(errors(&late)[0].0, 7);
    let lists = DescribeClientQuotasRequest::default();
    world.ask_again(1, &lists, Attempt::First).needs_confirmation();
    let late = world.ask_again(1, &lists, Attempt::Unconfirmed).replied();
    assert_eq!((late.error_code, late.entries), (7, None));
}

#[test]
fn limits_of_the_virtual_cluster_are_seen_and_not_raised() {
    let mut world = World::new()
        .allow(AlterConfigs, Resource::CLUSTER)
        .allow(DescribeConfigs, Resource::CLUSTER);
    world.change(|state| {
        let limits = [
            (Limit::BytesIn, 5000),
            (Limit::NewConnections, 7),
            (Limit::Requests, 9),
        ];
        state.spec.limits = Limits(limits.into());
    });
    assert_eq!(
        described(&world, &[("user", DEFAULT, None)], false),
        ["user=<default>: producer_byte_rate=5000"]
    );
    assert_eq!(
        described(&world, &[("ip", DEFAULT, None)], true),
        ["ip=<default>: connection_creation_rate=7"]
    );
    let of = |user: &str, rate| entry(&[("user", Some(user))], &[(BYTES, Some(rate))]);
    let (command, done) = world
        .ask(1, &alter(vec![of("a", 5000.0), of("b", 5001.0)]))
        .changed();
    let words = "producer_byte_rate can be at most 5000 here: the operator of the gateway has limited the virtual cluster to \
                 bytesInPerSecond 5000.";
    assert_eq!(errors(&done), [(0, String::new()), (44, words.to_owned())]);
    world.apply(&command);
    assert_eq!(
        described(&world, &[("user", EXACT, Some("a"))], true),
        ["user=a: producer_byte_rate=5000"]
    );
    // A quota from before is shown as what it comes to.
    world.change(|state| state.spec.limits = Limits([(Limit::BytesIn, 100)].into()));
    assert_eq!(
        described(&world, &[("user", EXACT, Some("a"))], true),
        ["user=a: producer_byte_rate=100"]
    );
    let other = entry(&[("user", Some("a"))], &[("consumer_byte_rate", Some(1e9))]);
    world.ask(1, &alter(vec![other])).changed();
}

#[test]
fn too_many_entities_are_no_request() {
    let world = World::new().asked_by_super_user();
    let one = entry(&[("user", None)], &[]);
    assert_eq!(
        world.ask(1, &alter(vec![one; 20_001])).closed(),
        CloseReason::BadRequest
    );
}

#[test]
fn who_has_made_too_many_mutations_is_refused_where_it_is_understood() {
    let mut world = World::standard()
        .allow(Create, Resource::CLUSTER)
        .allow(Describe, Resource::topic("orders"))
        .allow(Delete, Resource::topic("orders"));
    world.caller.is_over_quota = true;
    let topic = CreatableTopic::default()
        .with_name(topic_name("new"))
        .with_num_partitions(4)
        .with_replication_factor(1);
    let create = CreateTopicsRequest::default().with_topics(vec![topic]);
    let refused = world.ask(6, &create).replied();
    let topic = &refused.topics[0];
    assert_eq!((topic.name.as_str(), topic.error_code), ("new", 89));
    assert!(topic.error_message.as_ref().unwrap().contains("quota"));
    world.ask(5, &create).waiting();
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("orders")]);
    assert_eq!(world.ask(5, &delete).replied().responses[0].error_code, 89);
    world.ask(4, &delete).waiting();
}

#[test]
fn mutations_are_counted_in_partitions() {
    let world = World::standard();
    let asked = |frame: bytes::Bytes| api::mutations(&world.view, &frame);
    let topic = |name: &str, partitions| {
        CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
    };
    let create = CreateTopicsRequest::default().with_topics(vec![topic("a", 4), topic("b", -1)]);
    let expected = |partitions, is_refusable| {
        Some(AskedMutations {
            partitions,
            is_refusable,
        })
    };
    assert_eq!(asked(encode_request(5, &create)), expected(5, false));
    assert_eq!(asked(encode_request(6, &create)), expected(5, true));
    let tried = create.with_validate_only(true);
    assert_eq!(asked(encode_request(6, &tried)), expected(0, true));
    let partitions = u64::from(world.view.names.by_virtual_name("orders").unwrap().partitions);
    let delete =
        DeleteTopicsRequest::default().with_topic_names(vec![topic_name("orders"), topic_name("nowhere")]);
    assert_eq!(asked(encode_request(5, &delete)), expected(partitions, true));
    assert_eq!(
        asked(encode_request(1, &DescribeClientQuotasRequest::default())),
        None
    );
}
