//! Random messages with values planted in every field whose class could hold one: nothing physical of a broker's answer
//! may be in the bytes for a client, and nothing that a client may not name may be in the bytes for a broker.

use std::sync::Arc;

use bytes::Bytes;

use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::{self, items::Refusals, table::Api};
use crate::vcluster::pattern::{NoPattern, Pattern};
use crate::vcluster::pending::{
    Asked, Company, Coordinated, FetchedGroup, FetchedTopics, Members, MetadataThen, Pending, Protocol, Then,
};
use crate::vcluster::plan::{Attempt, Need, Plan, Planned};
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::Class;
use crate::wire::tests::sample::{Value, planted_request, planted_response};
use klamm_raft::model::Operation;

const APIS: [Api; 58] = [
    Api::Produce,
    Api::Fetch,
    Api::ListOffsets,
    Api::Metadata,
    Api::OffsetCommit,
    Api::OffsetFetch,
    Api::FindCoordinator,
    Api::JoinGroup,
    Api::Heartbeat,
    Api::LeaveGroup,
    Api::SyncGroup,
    Api::DescribeGroups,
    Api::ListGroups,
    Api::InitProducerId,
    Api::OffsetForLeaderEpoch,
    Api::AddPartitionsToTxn,
    Api::AddOffsetsToTxn,
    Api::EndTxn,
    Api::WriteTxnMarkers,
    Api::TxnOffsetCommit,
    Api::DescribeConfigs,
    Api::DeleteGroups,
    Api::OffsetDelete,
    Api::DescribeCluster,
    Api::DescribeProducers,
    Api::DescribeTransactions,
    Api::ListTransactions,
    Api::ConsumerGroupHeartbeat,
    Api::ConsumerGroupDescribe,
    Api::ShareGroupHeartbeat,
    Api::ShareGroupDescribe,
    Api::ShareFetch,
    Api::ShareAcknowledge,
    Api::InitializeShareGroupState,
    Api::ReadShareGroupState,
    Api::WriteShareGroupState,
    Api::DeleteShareGroupState,
    Api::ReadShareGroupStateSummary,
    Api::StreamsGroupHeartbeat,
    Api::StreamsGroupDescribe,
    Api::DescribeShareGroupOffsets,
    Api::AlterShareGroupOffsets,
    Api::DeleteShareGroupOffsets,
    Api::GetTelemetrySubscriptions,
    Api::PushTelemetry,
    Api::CreateTopics,
    Api::DeleteTopics,
    Api::DeleteRecords,
    Api::AlterConfigs,
    Api::AlterReplicaLogDirs,
    Api::DescribeLogDirs,
    Api::CreatePartitions,
    Api::ElectLeaders,
    Api::IncrementalAlterConfigs,
    Api::AlterPartitionReassignments,
    Api::ListPartitionReassignments,
    Api::ListConfigResources,
    Api::DescribeTopicPartitions,
];

/// Those that change topics, end transactions or are between brokers: a Partner's are somebody else's, whatever the
/// rights.
const KEPT_BACK: [Api; 13] = [
    Api::WriteTxnMarkers,
    Api::CreateTopics,
    Api::DeleteTopics,
    Api::DeleteRecords,
    Api::CreatePartitions,
    Api::ElectLeaders,
    Api::AlterPartitionReassignments,
    Api::AlterReplicaLogDirs,
    Api::InitializeShareGroupState,
    Api::ReadShareGroupState,
    Api::WriteShareGroupState,
    Api::DeleteShareGroupState,
    Api::ReadShareGroupStateSummary,
];

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

/// Those of a group that is let in.
fn members(protocol: Protocol) -> Members {
    Members {
        protocol,
        company: Company::Mixed,
    }
}

fn then(api: Api, seed: u64) -> Then {
    let asked = Asked::of(Some(seed.is_multiple_of(2)));
    match api {
        Api::Metadata => Then::Metadata(MetadataThen {
            refused: Vec::new(),
            topic_operations: asked,
            cluster_operations: asked,
            topics: Asked::Yes,
            filter: asked,
        }),
        Api::DescribeCluster => Then::Cluster(asked),
        Api::FindCoordinator => Then::Coordinators(Coordinated::Group, Vec::new()),
        Api::JoinGroup => Then::Members(members(Protocol::Consumer)),
        Api::SyncGroup if asked == Asked::Yes => Then::Members(members(Protocol::Unknown)),
        Api::SyncGroup => Then::Members(members(Protocol::Consumer)),
        Api::DescribeGroups
        | Api::DeleteGroups
        | Api::ConsumerGroupDescribe
        | Api::ShareGroupDescribe
        | Api::StreamsGroupDescribe => Then::Groups {
            refused: Vec::new(),
            operations: asked,
        },
        Api::DescribeConfigs => Then::Configs(Vec::new()),
        Api::OffsetFetch | Api::DescribeShareGroupOffsets => {
            let topics = if asked == Asked::Yes {
                FetchedTopics::All
            } else {
                FetchedTopics::Named(Vec::new())
            };
            Then::OffsetFetch(vec![FetchedGroup {
                group: "app".into(),
                topics,
            }])
        }
        Api::DescribeTransactions => Then::Transactions(Vec::new()),
        Api::ListTransactions => Then::ListedTransactions(None),
        Api::ListGroups
        | Api::ConsumerGroupHeartbeat
        | Api::ShareGroupHeartbeat
        | Api::StreamsGroupHeartbeat
        | Api::GetTelemetrySubscriptions
        | Api::PushTelemetry
        | Api::Heartbeat
        | Api::LeaveGroup
        | Api::InitProducerId
        | Api::AddPartitionsToTxn
        | Api::AddOffsetsToTxn
        | Api::EndTxn
        | Api::WriteTxnMarkers => Then::Nothing,
        Api::ElectLeaders
        | Api::AlterPartitionReassignments
        | Api::ListPartitionReassignments
        | Api::AlterReplicaLogDirs
        | Api::InitializeShareGroupState
        | Api::ReadShareGroupState
        | Api::WriteShareGroupState
        | Api::DeleteShareGroupState
        | Api::ReadShareGroupStateSummary => Then::Nothing,
        Api::CreateTopics => Then::Created(Refusals::none()),
        Api::DeleteTopics | Api::CreatePartitions | Api::DeleteShareGroupOffsets => {
            Then::Refusals(Refusals::none())
        }
        Api::AlterConfigs | Api::IncrementalAlterConfigs => Then::Altered(Refusals::none()),
        Api::DescribeLogDirs => Then::LogDirs,
        Api::ListConfigResources => Then::ConfigResources,
        Api::DescribeTopicPartitions if asked == Asked::Yes => Then::AllTopicPartitions,
        Api::DescribeTopicPartitions => Then::TopicPartitions(Refusals::none()),
        _ => Then::Topics(Vec::new()),
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
    let mut lengths = 0;
    for api in APIS {
        let range = world.view.apis.range(api).unwrap();
        for version in range.min..=range.max {
            for seed in 1..60 {
                let frame = planted_response((api.key(), version), seed, plant);
                let pending = Pending {
                    correlation_id: 1,
                    api,
                    version,
                    names: world.view.names.clone(),
                    then: then(api, seed),
                };
                let place = format!("{api:?} version {version} seed {seed}");
                let answer = api::response(&world.view, &world.caller, pending, frame.into());
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
        }
    }
    assert!(lengths > 100_000, "the answers are not all empty");
}

/// What clients may not make a broker see: other topics' names and ids, replica ids, transactional ids.
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
            frame,
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
    for api in APIS {
        let range = world.view.apis.range(api).unwrap();
        for version in range.min..=range.max {
            for seed in 1..60 {
                let place = format!("{api:?} version {version} seed {seed}");
                let frame = planted_request((api.key(), version), seed, plant_request);
                let frame_of_client = of_client(&frame, ADMIN_CLIENT);
                let planned = planned_with_patterns(&world, frame_of_client);
                let sent = match planned.plan {
                    Plan::Forward(forward) => forward.frame.joined(),
                    Plan::Reply(_) => continue,
                    other => panic!("{place}: {other:?}"),
                };
                forwarded.insert(api);
                assert!(
                    !holds(&sent, ADMIN_CLIENT.as_bytes()),
                    "{place}: an administrator"
                );
                assert_eq!(&sent[4..12], &frame[..8], "{place}: the rest of the header stays");
                // The bytes of other protocols are the members' own, and measurements are any bytes.
                let foreign = occurrences(&sent, SECRET).filter(|at| !is_namespaced(&sent, *at));
                let other_protocol = matches!(api, Api::JoinGroup | Api::SyncGroup);
                assert!(other_protocol || foreign.count() == 0, "{place}: a foreign name");
                assert!(!holds(&sent, &[MARK[0], MARK[1], 0]), "{place}: a replica");
                let is_free = api == Api::PushTelemetry;
                assert!(
                    is_free || !holds(&sent, &FOREIGN_ID),
                    "{place}: a foreign topic id"
                );
            }
        }
    }
    let expected = APIS.into_iter().filter(|api| !KEPT_BACK.contains(api));
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
        for api in APIS {
            let range = world.view.apis.range(api);
            for (version, seed) in range.into_iter().flat_map(|range| range.min..=range.max).zip(1..) {
                let frame = planted_request((api.key(), version), seed, plant_request);
                for (id, told) in [
                    (ADMIN_CLIENT, "__admin-client"),
                    ("__admin_client1", "__admin_client1"),
                    ("a", "a"),
                ] {
                    let planned = api::request(
                        &world.view,
                        &world.caller,
                        &mut Subscriptions::default(),
                        of_client(&frame, id),
                        Attempt::AfterRefresh,
                    );
                    let frames = match planned.plan {
                        Plan::Forward(forward) => vec![forward.frame],
                        Plan::Need(Need::Answers { calls, .. }) => {
                            calls.into_iter().map(|call| call.frame).collect()
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
