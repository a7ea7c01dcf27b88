//! A sweep over every API in every version: what an account without any right, and with each single right, makes go
//! upstream or change. `rights.txt` has it as it is; whoever changes that file says that rights are to mean something
//! else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use klamm_raft::model::Operation::{self, *};

use super::leaks::{holds, planned_with_patterns, plant_request};
use super::world::*;
use crate::authz::Resource;
use crate::vcluster::api::ask::Aim;
use crate::vcluster::api::description::{
    Ahead, AnsweredBy, ConnectionUse, Forwarded, QuotaUse, Request, Response, Way,
};
use crate::vcluster::api::table::APIS;
use crate::vcluster::api::{self, Api, Basis, Permit, Permitted, Question, ServedVersions, back};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::{Attempt, CloseReason, Need, Plan};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::wire::tests::sample::{Value, planted_request};
use crate::wire::{Class, Edits, RequestHeader};

const RIGHTS: &str = include_str!("rights.txt");

/// Requests of each version.
const SEEDS: u64 = 16;

/// In it a list of all topics goes on behind the one that the client names.
const WITH_A_CURSOR: &str = "DescribeTopicPartitions";

/// The physical names of those that are planted.
const NAMES: [&str; 4] = ["int-orders", "s3cret-topic", "s3cret-transaction", "partner:app"];

/// Each on everything of its kind.
fn rights() -> Vec<(Operation, Resource<'static>)> {
    let of = |operations: &[Operation], resource| {
        let rights = operations.iter().map(move |operation| (*operation, resource));
        rights.collect::<Vec<_>>()
    };
    [
        of(
            &[
                Read,
                Write,
                Create,
                Delete,
                Alter,
                Describe,
                DescribeConfigs,
                AlterConfigs,
            ],
            Resource::topic("*"),
        ),
        of(
            &[Read, Delete, Describe, DescribeConfigs, AlterConfigs],
            Resource::group("*"),
        ),
        of(&[Write, Describe], Resource::transactional_id("*")),
        of(
            &[
                Create,
                Alter,
                Describe,
                ClusterAction,
                DescribeConfigs,
                AlterConfigs,
                IdempotentWrite,
            ],
            Resource::CLUSTER,
        ),
    ]
    .concat()
}

type Plant = fn(Class, usize) -> Option<Value>;

/// The ids of the topic in each kind of virtual cluster, and one of none.
pub(super) fn ids_of_orders() -> &'static [[u8; 16]; 4] {
    static IDS: LazyLock<[[u8; 16]; 4]> = LazyLock::new(|| {
        [
            *World::new().virtual_id("orders").as_bytes(),
            *World::standard().virtual_id("orders").as_bytes(),
            *physical_id("int-orders").as_bytes(),
            [0xdd; 16],
        ]
    });
    &IDS
}

/// Names and ids of these worlds and no others.
pub(super) fn plant_own(class: Class, random: usize) -> Option<Value> {
    let name = match class {
        Class::TopicName => "orders",
        Class::GroupId | Class::CoordinatorKey => "app",
        Class::TransactionalId => "transaction",
        Class::ResourceName => ["orders", "app", "1"][random % 3],
        Class::TopicId => return Some(Value::Uuid(ids_of_orders()[random % 4])),
        // Of kinds and names each meets each.
        Class::ResourceType => return Some(Value::Byte([2, 4, 8, 32][random / 3 % 4])),
        _ => return plant_request(class, random),
    };
    Some(Value::Text(name.to_owned()))
}

/// An effect outside of this node: requests to brokers, and changes of the replicated state.
enum Effect {
    Sent(Permit, Vec<u8>),
    Change,
}

impl Effect {
    fn sent(request: Permitted) -> Self {
        Self::Sent(request.permit(), request.into_frame().joined().to_vec())
    }
}

fn effects(world: &World, (api, version): (&Api, i16), plant: Plant) -> Vec<Effect> {
    let mut effects = Vec::new();
    for seed in 1..=SEEDS {
        let frame = planted_request((api.key, version), seed, plant);
        let mut planned = planned_with_patterns(world, frame.clone().into());
        if let Plan::Need(Need::Confirmation { frame }) = planned.plan {
            let subscriptions = &mut Default::default();
            planned = api::request(
                &world.view,
                &world.caller,
                subscriptions,
                (frame, &RecordResults::NONE),
                Attempt::Confirmed,
            );
        }
        match planned.plan {
            Plan::Forward(forward) => effects.push(Effect::sent(forward.request)),
            Plan::Need(Need::Answers { calls, .. }) => {
                effects.extend(calls.into_iter().map(|call| Effect::sent(call.request)));
            }
            Plan::Need(Need::Change { .. }) => effects.push(Effect::Change),
            Plan::Close(CloseReason::Unpermitted) => panic!("{api:?} {version} has no permit"),
            Plan::Reply(_) | Plan::Drop | Plan::Close(_) => {}
            Plan::Need(other) => panic!("{api:?} {version}: {other:?}"),
        }
    }
    effects
}

fn versions(world: &World) -> impl Iterator<Item = (&'static Api, i16)> + '_ {
    APIS.iter().copied().flat_map(|api| {
        let range = world.view.apis.range(api);
        range
            .into_iter()
            .flat_map(|range| range.min..=range.max)
            .map(move |version| (api, version))
    })
}

/// A kind of virtual cluster, and one of it.
type Kind = (&'static str, fn() -> World);

fn worlds() -> [Kind; 3] {
    [
        ("partner", World::new),
        ("standard", World::standard),
        ("passthrough", World::passthrough),
    ]
}

/// Whether its description says why it may go upstream without any right.
fn needs_no_right(api: &Api) -> bool {
    api.forwarded()
        .is_some_and(|forwarded| forwarded.needs_no_right.is_some())
}

#[test]
fn without_a_right_nothing_goes_upstream_that_names_anything() {
    let mut sent = BTreeSet::new();
    let over_two: Kind = ("over two clusters", World::over_two);
    for (kind, world) in worlds().into_iter().chain([over_two]) {
        let world = world();
        for (api, version) in versions(&world) {
            for effect in effects(&world, (api, version), plant_request) {
                let Effect::Sent(permit, frame) = effect else {
                    panic!("{kind}: {api:?} {version} changes the state");
                };
                sent.insert(api);
                assert!(
                    matches!(permit.basis(), Basis::NoRight(_)),
                    "{kind}: {api:?} {version} goes by {permit:?}"
                );
                let names = NAMES.iter().filter(|_| api.name() != WITH_A_CURSOR);
                for name in names {
                    assert!(
                        !holds(&frame, name.as_bytes()),
                        "{kind}: {api:?} {version} tells of {name}"
                    );
                }
            }
        }
    }
    let of_everybody = APIS.iter().copied().filter(|api| needs_no_right(api));
    assert_eq!(sent, of_everybody.collect());
}

#[test]
fn each_single_right_lets_through_what_the_file_says() {
    let mut found: BTreeMap<&Api, BTreeMap<&str, String>> = BTreeMap::new();
    for (kind, make) in worlds() {
        let mut of_kind: BTreeMap<&Api, BTreeSet<String>> = BTreeMap::new();
        for (operation, resource) in rights() {
            let world = make().allow(operation, resource);
            // What is answered here has tests of its own: random requests seldom make sense enough to change anything.
            for (api, version) in versions(&world).filter(|(api, _)| !api.is_answered_here()) {
                let rights = of_kind.entry(api).or_default();
                if !effects(&world, (api, version), plant_own).is_empty() {
                    rights.insert(format!("{operation:?} {:?}", resource.resource_type));
                }
            }
        }
        for (api, own) in of_kind {
            let said = match own.len() {
                0 => "no single right".to_owned(),
                all if all == rights().len() => "everybody".to_owned(),
                _ => own.into_iter().collect::<Vec<_>>().join(", "),
            };
            found.entry(api).or_default().insert(kind, said);
        }
    }
    let text = written(&found);
    if std::env::var_os("KLAMM_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vcluster/api/tests/rights.txt");
        std::fs::write(path, text).unwrap();
        return;
    }
    for (said, found) in RIGHTS.lines().zip(text.lines()) {
        assert_eq!(
            said, found,
            "KLAMM_BLESS=1 writes rights.txt anew, if rights are to mean that"
        );
    }
    assert_eq!(RIGHTS, text);
}

/// A line for each API, or for each kind of virtual cluster where it is not the same for all.
fn written(found: &BTreeMap<&Api, BTreeMap<&str, String>>) -> String {
    let mut text = String::new();
    for (api, kinds) in found {
        let distinct: BTreeSet<&String> = kinds.values().collect();
        match distinct.first() {
            Some(said) if distinct.len() == 1 => writeln!(text, "{api:?}: {said}").unwrap(),
            _ => {
                for (kind, said) in kinds {
                    writeln!(text, "{api:?}, {kind}: {said}").unwrap();
                }
            }
        }
    }
    text
}

/// A handler that sends on whatever comes.
const fn careless(needs_no_right: Option<&'static str>) -> Api {
    Api {
        key: 12,
        versions: ServedVersions::new(0, 4),
        rights: "",
        on_the_way: "",
        answered_by: AnsweredBy::Broker(Forwarded {
            request: Request::classified(|ask| ask.forward(Edits::new(), Then::Nothing)),
            response: Response::classified(back::renamed),
            way: Way::Connected,
            connection: ConnectionUse::Free,
            ahead: Ahead::Never,
            uses: QuotaUse::Nothing,
            needs_no_right,
        }),
    }
}

#[test]
fn a_request_for_which_nothing_was_granted_goes_upstream_only_if_its_api_says_why() {
    static WITHOUT_REASON: Api = careless(None);
    static WITH_REASON: Api = careless(Some("it is tried"));
    let world = World::new();
    let frame = Bytes::from(planted_request((12, 4), 1, plant_own));
    let planned = |api| {
        let question = Question {
            caller: &world.caller,
            api,
            header: RequestHeader::parse(&frame).unwrap(),
            frame: &frame,
            attempt: Attempt::First,
            results: &RecordResults::NONE,
        };
        api::plan(&world.view, question, Aim::ALONE, &mut Subscriptions::default()).plan
    };
    let refused = planned(&WITHOUT_REASON);
    assert!(
        matches!(refused, Plan::Close(CloseReason::Unpermitted)),
        "{refused:?}"
    );
    let Plan::Forward(forward) = planned(&WITH_REASON) else {
        panic!("it is not sent on")
    };
    assert_eq!(forward.request.permit().basis(), Basis::NoRight("it is tried"));
}
