//! Requests of operators and brokers: replicas, disks, the quorum, SCRAM users, clients' metrics, and the state of
//! share groups.

use klamm::wire::field;

use super::{Ask, Case, Flow, each, twice};
use crate::fields::{Fields, is, items, list, null};
use crate::settings::own_group;

/// A topic that is there, one that few may do anything with, and one that is not there.
const NAMED: [&str; 3] = ["orders", "payments", "nowhere"];

const SCRAM_SHA_256: i8 = 1;
const SCRAM_SHA_512: i8 = 2;

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = vec![scram_users(), share_state()];
    let cases = [replicas(), disks(), quorum(), refused_scram_users(), telemetry()];
    flows.extend(each(cases.concat()));
    flows
}

/// Nothing is elected or moved in the end: there is one broker.
fn replicas() -> Vec<Case> {
    vec![
        Case::new(43, "the preferred leader", |_| elected(0, &[0])),
        Case::new(43, "any leader", |_| elected(1, &[0])),
        Case::new(43, "no such partition", |_| elected(0, &[9])),
        Case::new(43, "of an unknown kind", |_| elected(7, &[0])),
        Case::new(43, "twice", |_| twice(elected(0, &[0]), field::TOPIC_PARTITIONS)),
        Case::new(43, "of all", |_| {
            vec![null(field::TOPIC_PARTITIONS), is(field::TIMEOUT_MS, 5_000)]
        }),
        Case::new(45, "none to cancel", |_| reassigned(|| null(field::REPLICAS))),
        Case::new(45, "to nobody", |_| {
            reassigned(|| list(field::REPLICAS, Vec::<i32>::new()))
        }),
        Case::new(45, "to a broker that is not there", |_| {
            reassigned(|| list(field::REPLICAS, [777]))
        }),
    ]
}

fn elected(kind: i8, partitions: &[i32]) -> Fields {
    let topic = |name: &str| {
        vec![
            is(field::TOPIC, name),
            list(field::PARTITIONS, partitions.iter().copied()),
        ]
    };
    vec![
        is(field::ELECTION_TYPE, kind),
        items(field::TOPIC_PARTITIONS, NAMED.map(topic).to_vec()),
        is(field::TIMEOUT_MS, 5_000),
    ]
}

fn reassigned(replicas: impl Fn() -> (klamm::wire::Field, crate::fields::Is)) -> Fields {
    let topic = |name: &str| {
        let partition = vec![is(field::PARTITION_INDEX, 0), replicas()];
        vec![is(field::NAME, name), items(field::PARTITIONS, vec![partition])]
    };
    vec![
        is(field::TIMEOUT_MS, 5_000),
        is(field::ALLOW_REPLICATION_FACTOR_CHANGE, true),
        items(field::TOPICS, NAMED.map(topic).to_vec()),
    ]
}

fn disks() -> Vec<Case> {
    vec![
        Case::new(34, "to where nothing is", |_| {
            let topic = |name: &str| vec![is(field::NAME, name), list(field::PARTITIONS, [0])];
            let directory = vec![
                is(field::PATH, "/nowhere"),
                items(field::TOPICS, NAMED.map(topic).to_vec()),
            ];
            vec![items(field::DIRS, vec![directory])]
        }),
        Case::new(34, "none", |_| Vec::new()),
        Case::new(35, "of three topics", |_| {
            let topic = |name: &str| vec![is(field::TOPIC, name), list(field::PARTITIONS, [0])];
            vec![items(field::TOPICS, NAMED.map(topic).to_vec())]
        }),
        Case::new(35, "of no topic", |_| vec![items(field::TOPICS, Vec::new())]),
        Case::new(35, "of all topics", |_| vec![null(field::TOPICS)]),
    ]
}

fn quorum() -> Vec<Case> {
    vec![
        Case::new(55, "of the metadata", |_| quorum_of("__cluster_metadata")),
        Case::new(55, "of a topic", |_| quorum_of("orders")),
    ]
}

fn quorum_of(name: &str) -> Fields {
    let partition = vec![is(field::PARTITION_INDEX, 0)];
    let topic = vec![
        is(field::TOPIC_NAME, name),
        items(field::PARTITIONS, vec![partition]),
    ];
    vec![items(field::TOPICS, vec![topic])]
}

/// A credential comes, is shown, changes and goes.
fn scram_users() -> Flow {
    vec![
        Case::new(51, "made", |ask| {
            changed_users(vec![], vec![put(&scram_user(ask), SCRAM_SHA_256, 4096)])
        }),
        Case::new(50, "that one", |ask| described_users(&[&scram_user(ask)])),
        Case::new(51, "changed", |ask| {
            changed_users(vec![], vec![put(&scram_user(ask), SCRAM_SHA_256, 8192)])
        }),
        Case::new(50, "that one, changed", |ask| {
            described_users(&[&scram_user(ask)])
        }),
        Case::new(51, "deleted, and what is not there", |ask| {
            let user = scram_user(ask);
            changed_users(
                vec![
                    deleted(&user, SCRAM_SHA_256),
                    deleted("nobody-there", SCRAM_SHA_512),
                ],
                vec![],
            )
        }),
        Case::new(50, "that one, gone", |ask| described_users(&[&scram_user(ask)])),
    ]
}

fn refused_scram_users() -> Vec<Case> {
    vec![
        // Not null: a broker never answers that to whoever may not ask (it fails while it makes the refusal).
        Case::new(50, "all", |_| described_users(&[])),
        Case::new(50, "who is not there", |_| {
            described_users(&["nobody-there", "nobody-else"])
        }),
        Case::new(50, "the same twice", |_| {
            described_users(&["nobody-there", "nobody-there"])
        }),
        Case::new(51, "nothing", |_| changed_users(vec![], vec![])),
        Case::new(51, "bad ones", |_| {
            changed_users(
                vec![deleted("", SCRAM_SHA_256), deleted("made-a", 9)],
                vec![
                    put("", SCRAM_SHA_256, 4096),
                    put("made-b", 9, 4096),
                    put("made-c", SCRAM_SHA_256, 4095),
                    put("made-d", SCRAM_SHA_256, 16_385),
                ],
            )
        }),
        Case::new(51, "the same twice", |_| {
            changed_users(
                vec![deleted("made-e", SCRAM_SHA_256)],
                vec![
                    put("made-e", SCRAM_SHA_256, 4096),
                    put("made-f", SCRAM_SHA_256, 4096),
                    put("made-f", SCRAM_SHA_256, 4096),
                ],
            )
        }),
    ]
}

/// Nobody else's.
fn scram_user(ask: Ask<'_>) -> String {
    format!("made-{}", ask.user)
}

fn described_users(names: &[&str]) -> Fields {
    let user = |name: &&str| vec![is(field::NAME, *name)];
    vec![items(field::USERS, names.iter().map(user).collect())]
}

fn changed_users(deletions: Vec<Fields>, upsertions: Vec<Fields>) -> Fields {
    vec![
        items(field::DELETIONS, deletions),
        items(field::UPSERTIONS, upsertions),
    ]
}

fn deleted(name: &str, mechanism: i8) -> Fields {
    vec![is(field::NAME, name), is(field::MECHANISM, mechanism)]
}

fn put(name: &str, mechanism: i8, iterations: i32) -> Fields {
    vec![
        is(field::NAME, name),
        is(field::MECHANISM, mechanism),
        is(field::ITERATIONS, iterations),
        is(field::SALT, b"salt".to_vec()),
        is(field::SALTED_PASSWORD, vec![7; 32]),
    ]
}

/// Nobody has subscribed to anything that clients measure.
fn telemetry() -> Vec<Case> {
    const INSTANCE: [u8; 16] = *b"an instance's id";
    vec![
        Case::new(71, "a new instance", |_| {
            vec![is(field::CLIENT_INSTANCE_ID, [0; 16])]
        }),
        Case::new(72, "by nobody", |_| pushed_metrics([0; 16])),
        Case::new(72, "of another subscription", |_| pushed_metrics(INSTANCE)),
    ]
}

fn pushed_metrics(instance: [u8; 16]) -> Fields {
    vec![
        is(field::CLIENT_INSTANCE_ID, instance),
        is(field::SUBSCRIPTION_ID, 77),
        is(field::METRICS, Vec::<u8>::new()),
    ]
}

/// The state of a share group as brokers keep it for each other (KIP-932): made, written, read and deleted.
fn share_state() -> Flow {
    vec![
        Case::new(83, "of an own group", |ask| {
            state(
                ask,
                vec![is(field::STATE_EPOCH, 1), is(field::START_OFFSET, 0_i64)],
            )
        }),
        Case::new(84, "of an own group", |ask| {
            state(ask, vec![is(field::LEADER_EPOCH, 0)])
        }),
        Case::new(85, "of an own group", |ask| {
            let batch = vec![
                is(field::FIRST_OFFSET, 0_i64),
                is(field::LAST_OFFSET, 1_i64),
                is(field::DELIVERY_STATE, 0_i8),
                is(field::DELIVERY_COUNT, 1_i16),
            ];
            state(
                ask,
                vec![
                    is(field::STATE_EPOCH, 1),
                    is(field::LEADER_EPOCH, 0),
                    is(field::START_OFFSET, 0_i64),
                    items(field::STATE_BATCHES, vec![batch]),
                ],
            )
        }),
        Case::new(87, "of an own group", |ask| {
            state(ask, vec![is(field::LEADER_EPOCH, 0)])
        }),
        Case::new(86, "of an own group", |ask| state(ask, vec![])),
    ]
}

fn state(ask: Ask<'_>, more: Fields) -> Fields {
    let mut partition = vec![is(field::PARTITION, 0)];
    partition.extend(more);
    let topic = vec![
        is(field::TOPIC_ID, ask.side.names.id_of("orders")),
        items(field::PARTITIONS, vec![partition]),
    ];
    vec![
        is(field::GROUP_ID, format!("{}-state", own_group(ask.user))),
        items(field::TOPICS, vec![topic]),
    ]
}
