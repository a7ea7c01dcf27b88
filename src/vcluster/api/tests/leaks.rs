//! Random messages with values planted in every field whose class could hold one: nothing physical of a broker's answer
//! may be in the bytes for a client, and nothing that a client may not name may be in the bytes for a broker.

use std::sync::Arc;

use bytes::Bytes;

use super::rights::{ids_of_orders, plant_own};
use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::table::APIS;
use crate::vcluster::api::{self, Api, LocalErrors};
use crate::vcluster::pattern::{NoPattern, Pattern};
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{Answer, Attempt, Need, Plan, Planned};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::Class;
use crate::wire::tests::sample::{Value, planted_request, planted_response};
use klamm_raft::model::Operation;

/// The first bytes of what an EndTxn may become for a producer of another physical cluster.
const INIT_PRODUCER_ID_V4: [u8; 4] = [0, 22, 0, 4];

/// Those that change topics, end transactions, are between brokers or tell of all of them: a Partner's are somebody
/// else's, whatever the rights.
const KEPT_BACK: [&str; 14] = [
    "CreateTopics",
    "DeleteTopics",
    "DeleteRecords",
    "WriteTxnMarkers",
    "AlterReplicaLogDirs",
    "CreatePartitions",
    "ElectLeaders",
    "AlterPartitionReassignments",
    "DescribeQuorum",
    "InitializeShareGroupState",
    "ReadShareGroupState",
    "WriteShareGroupState",
    "DeleteShareGroupState",
    "ReadShareGroupStateSummary",
];

/// Those whose requests hold bytes that are nobody's but the clients' own.
const WITH_OWN_BYTES: [&str; 2] = ["JoinGroup", "SyncGroup"];
/// The API whose bytes may be anything: they are what a client measures.
const WITH_ANY_BYTES: &str = "PushTelemetry";

/// Every API that brokers answer.
fn of_brokers() -> impl Iterator<Item = &'static Api> {
    APIS.iter().copied().filter(|api| !api.is_answered_here())
}

/// Brokers let this client write to their own topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// Marks every planted text.
const SECRET: &str = "s3cret";
/// The two high bytes of every planted number.
const MARK: [u8; 2] = [0x5a, 0xfe];
const FOREIGN_ID: [u8; 16] = [0xee; 16];

fn number(low: usize) -> Value {
    Value::Number(i32::from_be_bytes([MARK[0], MARK[1], 0, low as u8]))
}

fn text(texts: &[&str], random: usize) -> Value {
    Value::Text(texts[random % texts.len()].to_owned())
}

/// A subscription of version 0, or an assignment, to a topic of this world and to one that is not.
fn embedded(is_assignment: bool) -> Value {
    let mut bytes = vec![0, 0, 0, 0, 0, 2];
    for topic in ["int-orders", "s3cret-topic"] {
        bytes.extend([0, topic.len() as u8]);
        bytes.extend(topic.as_bytes());
        if is_assignment {
            bytes.extend([0, 0, 0, 0]);
        }
    }
    bytes.extend([0xff; 4]);
    Value::Bytes(bytes)
}

fn plant(class: Class, random: usize) -> Option<Value> {
    let planted = match class {
        Class::TopicName => text(&["int-orders", "s3cret-topic"], random),
        Class::TopicId if random.is_multiple_of(2) => Value::Uuid(*physical_id("int-orders").as_bytes()),
        Class::TopicId => Value::Uuid(FOREIGN_ID),
        Class::GroupId | Class::TransactionalId | Class::CoordinatorKey => {
            text(&["partner:app", "s3cret:app", "s3cret"], random)
        }
        Class::BrokerId | Class::FetchSessionId | Class::AuthorizedOperations => number(random % 4),
        Class::Port => number(9),
        Class::Host => text(&["s3cret.internal"], random),
        Class::ErrorMessage => text(&["topic s3cret", "int-orders"], random),
        Class::ClusterId | Class::ClientHost | Class::LogDir | Class::UserName | Class::QuotaEntity => {
            text(&["s3cret"], random)
        }
        Class::TransactionalIdPattern | Class::TopicPattern => text(&["s3cret"], random),
        Class::Records => Value::Bytes(b"records".to_vec()),
        Class::ProtocolType => text(&["consumer"], random),
        Class::Subscription => embedded(false),
        Class::Assignment => embedded(true),
        Class::ResourceType => Value::Byte([2, 4, 16, 32][random % 4]),
        Class::ResourceName => text(&["int-orders", "s3cret", "partner:app", "1526595585"], random),
        Class::ConfigName => text(&["advertised.listeners", "listener.name.s3cret"], random),
        Class::ConfigValue => text(&["s3cret"], random),
        _ => return None,
    };
    Some(planted)
}

/// A request whose answer is told as much as can be.
fn plant_plain(class: Class, random: usize) -> Option<Value> {
    match class {
        Class::TransactionalIdPattern => Some(text(&[""], random)),
        Class::ProtocolType => Some(text(&["consumer"], random)),
        // By name where both can be said. Who names what is no id of the virtual cluster's is told what it said.
        Class::TopicId if random.is_multiple_of(3) => Some(Value::Uuid([0; 16])),
        Class::TopicId => Some(Value::Uuid(ids_of_orders()[random % 2])),
        _ => plant_own(class, random),
    }
}

/// The pending part of a request, if all of it goes upstream and is answered.
fn pending(world: &World, key: (i16, i16), seed: u64) -> Option<Pending> {
    let frame = planted_request(key, seed, plant_plain);
    let plan = planned_with_patterns(world, frame.into()).plan;
    if LocalErrors::of_plan(&plan, key).labels().next().is_some() {
        return None;
    }
    match plan {
        Plan::Forward(forward) => match forward.answer {
            Answer::Expected(pending) => Some(pending),
            Answer::None(_) | Answer::NoneThenClose(_) => None,
        },
        _ => None,
    }
}

pub(super) fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn nothing_physical_leaves_in_any_answer() {
    assert_nothing_leaves(World::new(), plant, &[SECRET, "int-orders", "partner:"]);
}

/// Where the prefix is hidden, what it makes one's own has another name; the rest is somebody else's.
fn plant_for_namespace(class: Class, random: usize) -> Option<Value> {
    let planted = match class {
        Class::TopicName => text(&["int-orders", "s3cret-topic", "elsewhere"], random),
        Class::GroupId | Class::TransactionalId | Class::CoordinatorKey => {
            text(&["int-app", "s3cret:app", "s3cret"], random)
        }
        Class::ErrorMessage => text(&["topic s3cret", "int-orders", "elsewhere"], random),
        Class::ResourceName => text(
            &["int-orders", "s3cret", "int-app", "elsewhere", "1526595585"],
            random,
        ),
        _ => return plant(class, random),
    };
    Some(planted)
}

#[test]
fn nothing_of_other_tenants_leaves_a_namespace_in_any_answer() {
    let secrets = [SECRET, "int-orders", "int-app", "elsewhere"];
    assert_nothing_leaves(World::standard(), plant_for_namespace, &secrets);
}

/// Every served API and version: what `plant` makes a broker say and is one of `secrets` is not said to the client.
fn assert_nothing_leaves(world: World, plant: fn(Class, usize) -> Option<Value>, secrets: &[&str]) {
    let world = world
        .with_broker_ids(|low| i32::from_be_bytes([MARK[0], MARK[1], 0, low]))
        .asked_by_super_user();
    // What goes upstream in no other virtual cluster does so here.
    let open = World::passthrough().asked_by_super_user();
    let mut lengths = 0;
    for api in of_brokers() {
        let range = world.view.apis.range(api).unwrap();
        for version in range.min..=range.max {
            let key = (api.key, version);
            let mut answered = 0;
            for seed in 1..60 {
                // Few make sense where a topic has a name or an id, not both.
                let mut seeds = (seed..).step_by(60).take(50);
                let asked =
                    seeds.find_map(|seed| pending(&world, key, seed).or_else(|| pending(&open, key, seed)));
                let Some(asked) = asked else { continue };
                answered += 1;
                let frame = planted_response(key, seed, plant);
                let pending = Pending {
                    correlation_id: 1,
                    names: world.view.names.clone(),
                    ..asked
                };
                let place = format!("{api:?} version {version} seed {seed}");
                let answer = api::response(
                    &world.view,
                    &world.caller,
                    pending,
                    &RecordResults::NONE,
                    frame.into(),
                );
                let answer = answer
                    .unwrap_or_else(|error| panic!("{place}: {error:?}"))
                    .frame
                    .joined();
                lengths += answer.len();
                for secret in secrets {
                    assert!(!holds(&answer, secret.as_bytes()), "{place}: {secret}");
                }
                assert!(!holds(&answer, &[MARK[0], MARK[1], 0]), "{place}: a number");
                assert!(!holds(&answer, &FOREIGN_ID), "{place}: a foreign topic id");
                assert!(
                    !holds(&answer, physical_id("int-orders").as_bytes()),
                    "{place}: a physical id"
                );
            }
            assert!(answered > 5, "{api:?} version {version}: {answered} answers");
        }
    }
    assert!(lengths > 100_000, "the answers are not all empty");
}

/// The values that clients may not make a broker see: other topics' names and ids, replica ids, transactional ids.
pub(super) fn plant_request(class: Class, random: usize) -> Option<Value> {
    let planted = match class {
        Class::TopicName => text(&["orders", "s3cret-topic", "int-orders"], random),
        Class::TopicPattern => text(&[".*", "s3cret.*", ""], random),
        Class::TopicId => Value::Uuid(FOREIGN_ID),
        Class::GroupId => text(&["app", ""], random),
        Class::CoordinatorKey => text(&["app"], random),
        Class::CoordinatorType => Value::Byte([0, 1, 2, 9][random % 4]),
        Class::ReplicaId if random.is_multiple_of(2) => number(5),
        Class::ReplicaId => Value::Number(-1),
        Class::FetchSessionEpoch => Value::Number([0, -1][random % 2]),
        Class::TransactionalId => text(&["transaction", "s3cret-transaction"], random),
        Class::TransactionalIdPattern => text(&["s3cret.*"], random),
        Class::ClusterId => text(&["s3cret"], random),
        Class::ProtocolType => text(&["consumer", "connect"], random),
        Class::Subscription => embedded(false),
        Class::Assignment => embedded(true),
        Class::Records => Value::Bytes(b"records".to_vec()),
        Class::ResourceType => Value::Byte([2, 4, 8, 16, 32][random % 5]),
        Class::ResourceName => text(&["orders", "s3cret", "app", "1"], random),
        _ => return None,
    };
    Some(planted)
}

/// Plans a request, with the expression compiled that it may need.
pub(super) fn planned_with_patterns(world: &World, frame: Bytes) -> Planned {
    let mut subscriptions = Subscriptions::default();
    let plan = |subscriptions: &mut Subscriptions| {
        let frame = frame.clone();
        api::request(
            &world.view,
            &world.caller,
            subscriptions,
            (frame, &RecordResults::NONE),
            Attempt::AfterRefresh,
        )
    };
    let planned = plan(&mut subscriptions);
    let Plan::Need(Need::Pattern { text, .. }) = planned.plan else {
        return planned;
    };
    let compiled = Pattern::compile(&text).map(Arc::new).map_err(NoPattern::Bad);
    subscriptions.compiled(text, compiled);
    plan(&mut subscriptions)
}

#[test]
fn nothing_that_a_client_may_not_name_goes_upstream() {
    let world = World::new()
        .allow(Operation::All, Resource::topic("orders"))
        .allow(Operation::All, Resource::group("app"))
        .allow(Operation::All, Resource::transactional_id("transaction"))
        .allow(Operation::All, Resource::CLUSTER);
    let mut forwarded = std::collections::BTreeSet::new();
    for api in of_brokers() {
        let range = world.view.apis.range(api).unwrap();
        for version in range.min..=range.max {
            for seed in 1..60 {
                let place = format!("{api:?} version {version} seed {seed}");
                let frame = planted_request((api.key, version), seed, plant_request);
                let frame_of_client = of_client(&frame, ADMIN_CLIENT);
                let planned = planned_with_patterns(&world, frame_of_client);
                let sent = match planned.plan {
                    Plan::Forward(forward) => forward.request.into_frame().joined(),
                    Plan::Reply(_) => continue,
                    other => panic!("{place}: {other:?}"),
                };
                forwarded.insert(api);
                assert!(
                    !holds(&sent, ADMIN_CLIENT.as_bytes()),
                    "{place}: an administrator"
                );
                assert_eq!(&sent[8..12], &frame[4..8], "{place}: the correlation id stays");
                let asks_anew = api.name() == "EndTxn" && sent[4..8] == INIT_PRODUCER_ID_V4;
                assert!(asks_anew || sent[4..8] == frame[..4], "{place}: so does the API");
                // The bytes of other protocols are the members' own, and measurements are any bytes.
                let foreign = occurrences(&sent, SECRET).filter(|at| !is_namespaced(&sent, *at));
                let other_protocol = WITH_OWN_BYTES.contains(&api.name());
                assert!(other_protocol || foreign.count() == 0, "{place}: a foreign name");
                assert!(!holds(&sent, &[MARK[0], MARK[1], 0]), "{place}: a replica");
                let is_free = api.name() == WITH_ANY_BYTES;
                assert!(
                    is_free || !holds(&sent, &FOREIGN_ID),
                    "{place}: a foreign topic id"
                );
            }
        }
    }
    let expected = of_brokers().filter(|api| !KEPT_BACK.contains(&api.name()));
    assert_eq!(forwarded, expected.collect(), "each was tried");
}

/// A request of a client without an id, from a client with this one.
fn of_client(frame: &[u8], id: &str) -> Bytes {
    let length = (id.len() as u16).to_be_bytes();
    [&frame[..8], &length, id.as_bytes(), &frame[10..]]
        .concat()
        .into()
}

/// Through the view of the whole physical cluster, and where requests are made here, not sent on.
#[test]
fn nobody_is_an_administrator_upstream() {
    for world in [World::passthrough(), World::over_two()] {
        let world = world.asked_by_super_user();
        let mut sent = 0;
        for api in of_brokers() {
            let range = world.view.apis.range(api);
            for (version, seed) in range.into_iter().flat_map(|range| range.min..=range.max).zip(1..) {
                let frame = planted_request((api.key, version), seed, plant_request);
                for (id, told) in [
                    (ADMIN_CLIENT, "__admin-client"),
                    ("__admin_client1", "__admin_client1"),
                    ("a", "a"),
                ] {
                    let planned = api::request(
                        &world.view,
                        &world.caller,
                        &mut Subscriptions::default(),
                        (of_client(&frame, id), &RecordResults::NONE),
                        Attempt::AfterRefresh,
                    );
                    let frames = match planned.plan {
                        Plan::Forward(forward) => vec![forward.request.into_frame()],
                        Plan::Need(Need::Answers { calls, .. }) => {
                            calls.into_iter().map(|call| call.request.into_frame()).collect()
                        }
                        _ => continue,
                    };
                    for frame in frames {
                        sent += 1;
                        let wanted = [&(told.len() as u16).to_be_bytes(), told.as_bytes()].concat();
                        assert!(
                            frame.joined()[12..].starts_with(&wanted),
                            "{api:?} {version} {id}"
                        );
                    }
                }
            }
        }
        assert!(sent > 300, "{sent} requests were sent");
    }
}

fn occurrences(bytes: &[u8], wanted: &str) -> impl Iterator<Item = usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows
        .filter(move |(_, window)| *window == wanted.as_bytes())
        .map(|(at, _)| at)
}

fn is_namespaced(bytes: &[u8], at: usize) -> bool {
    bytes[..at].ends_with(b"partner:")
}
