//! Groups of newer kinds: share groups (KIP-932) and streams groups (KIP-1071).

use klamm::wire::field;

use super::{Ask, Case, Flow, each, topic, topics, twice};
use crate::fields::{Fields, is, items, list, null, one};
use crate::settings::{TOPICS, own_group};
use crate::world::PARTITIONS;

/// A group that no user has rights on, but by wildcard.
const OTHER: &str = "other";
/// Members of share groups are UUIDs.
const MEMBER: &str = "mlrJbLRjTVGJSRcmDkaTEw";
/// No topic has as many partitions.
const NO_PARTITION: i32 = 9;

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = vec![share_membership(), share_sessions(), streams_membership()];
    flows.extend(each(refused_shares()));
    flows.extend(each(refused_streams()));
    flows
}

fn share_group(ask: Ask<'_>) -> String {
    format!("{}-share", own_group(ask.user))
}

fn share_beat(group: String, epoch: i32, names: Option<&[&str]>) -> Fields {
    vec![
        is(field::GROUP_ID, group),
        is(field::MEMBER_ID, MEMBER),
        is(field::MEMBER_EPOCH, epoch),
        names.map_or_else(
            || null(field::SUBSCRIBED_TOPIC_NAMES),
            |names| list(field::SUBSCRIBED_TOPIC_NAMES, names.iter().copied()),
        ),
    ]
}

/// A member comes, is described and goes; then the group's offsets are looked at, moved and deleted.
fn share_membership() -> Flow {
    vec![
        Case::new(76, "subscribed to all", |ask| {
            share_beat(share_group(ask), 0, Some(&["orders", "payments", "nowhere"]))
        }),
        Case::new(76, "subscribed to one", |ask| {
            share_beat(share_group(ask), 0, Some(&["orders"]))
        }),
        Case::new(77, "with a member", |ask| described(share_group(ask))),
        Case::new(91, "with a member", |ask| altered(ask, share_group(ask))),
        Case::new(92, "with a member", |ask| deleted(ask, share_group(ask))),
        Case::new(76, "gone", |ask| share_beat(share_group(ask), -1, None)),
        Case::new(91, "every topic", |ask| altered(ask, share_group(ask))),
        Case::new(90, "every topic", |ask| offsets(ask, Asked::Every)),
        Case::new(90, "every topic twice", |ask| offsets(ask, Asked::Twice)),
        Case::new(90, "all topics", |ask| offsets(ask, Asked::All)),
        Case::new(90, "no topic", |ask| offsets(ask, Asked::No)),
        Case::new(92, "every topic", |ask| deleted(ask, share_group(ask))),
        Case::new(90, "all topics but those deleted", |ask| offsets(ask, Asked::All)),
    ]
}

/// Sessions of fetches. Which records are there is a matter of time, so what is fetched are partitions that are not.
fn share_sessions() -> Flow {
    vec![
        Case::new(78, "begins", |ask| fetched(ask, share_group(ask), 0)),
        Case::new(79, "goes on", |ask| acknowledged(ask, share_group(ask), 1)),
        Case::new(79, "ends", |ask| acknowledged(ask, share_group(ask), -1)),
    ]
}

fn refused_shares() -> Vec<Case> {
    vec![
        Case::new(76, "another group", |_| {
            share_beat(OTHER.into(), 0, Some(&["orders"]))
        }),
        Case::new(76, "no group", |_| {
            share_beat(String::new(), 0, Some(&["orders"]))
        }),
        Case::new(76, "a blank group", |_| {
            share_beat(" ".into(), 0, Some(&["orders"]))
        }),
        Case::new(78, "another group", |ask| fetched(ask, OTHER.into(), 0)),
        Case::new(79, "another group", |ask| acknowledged(ask, OTHER.into(), 1)),
        Case::new(79, "no session", |ask| acknowledged(ask, own_group(ask.user), 7)),
        Case::new(91, "another group", |ask| altered(ask, OTHER.into())),
        Case::new(91, "a group that is absent", |ask| {
            altered(ask, "g-absent".into())
        }),
        Case::new(92, "another group", |ask| deleted(ask, OTHER.into())),
        Case::new(92, "a group that is absent", |ask| {
            deleted(ask, "g-absent".into())
        }),
        Case::new(92, "no group", |ask| deleted(ask, String::new())),
        Case::new(91, "twice", |ask| {
            twice(altered(ask, share_group(ask)), field::TOPICS)
        }),
        Case::new(92, "twice", |ask| {
            twice(deleted(ask, share_group(ask)), field::TOPICS)
        }),
    ]
}

fn described(group: String) -> Fields {
    vec![
        list(field::GROUP_IDS, [group]),
        is(field::INCLUDE_AUTHORIZED_OPERATIONS, true),
    ]
}

/// Which topics of a group are asked for.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Every,
    Twice,
    All,
    No,
}

fn offsets(ask: Ask<'_>, asked: Asked) -> Fields {
    let own = share_group(ask);
    let group = |id: &str| {
        let every = || topics(ask, |_| vec![list(field::PARTITIONS, [0])]);
        let topics = match asked {
            Asked::Every => items(field::TOPICS, every()),
            Asked::Twice => items(field::TOPICS, [every(), every()].concat()),
            Asked::All => null(field::TOPICS),
            Asked::No => items(field::TOPICS, Vec::new()),
        };
        vec![is(field::GROUP_ID, id), topics]
    };
    vec![items(
        field::GROUPS,
        [own.as_str(), OTHER, "g-absent"].into_iter().map(group).collect(),
    )]
}

fn altered(ask: Ask<'_>, group: String) -> Fields {
    let partition = |_: &str| {
        let partition = |index| vec![is(field::PARTITION_INDEX, index), is(field::START_OFFSET, 0_i64)];
        vec![items(field::PARTITIONS, (0..PARTITIONS).map(partition).collect())]
    };
    vec![
        is(field::GROUP_ID, group),
        items(field::TOPICS, topics(ask, partition)),
    ]
}

fn deleted(ask: Ask<'_>, group: String) -> Fields {
    vec![
        is(field::GROUP_ID, group),
        items(field::TOPICS, topics(ask, |_| Vec::new())),
    ]
}

fn fetched(ask: Ask<'_>, group: String, epoch: i32) -> Fields {
    let partition = |_: &str| {
        let absent = vec![
            is(field::PARTITION_INDEX, NO_PARTITION),
            is(field::PARTITION_MAX_BYTES, 1 << 20),
        ];
        vec![items(field::PARTITIONS, vec![absent])]
    };
    vec![
        is(field::GROUP_ID, group),
        is(field::MEMBER_ID, MEMBER),
        is(field::SHARE_SESSION_EPOCH, epoch),
        is(field::MAX_BYTES, 1 << 20),
        is(field::MAX_RECORDS, 10),
        is(field::BATCH_SIZE, 10),
        items(field::TOPICS, there(ask, partition)),
    ]
}

/// The topics that are there: to an id of no topic a broker with an authorizer says that it has a fault.
fn there(ask: Ask<'_>, more: impl Fn(&str) -> Fields) -> Vec<Fields> {
    TOPICS.iter().map(|name| topic(ask, name, more(name))).collect()
}

fn acknowledged(ask: Ask<'_>, group: String, epoch: i32) -> Fields {
    let partition = |_: &str| {
        let batch = vec![
            is(field::FIRST_OFFSET, 0_i64),
            is(field::LAST_OFFSET, 0_i64),
            list(field::ACKNOWLEDGE_TYPES, [1_i8]),
        ];
        let absent = vec![
            is(field::PARTITION_INDEX, NO_PARTITION),
            items(field::ACKNOWLEDGEMENT_BATCHES, vec![batch]),
        ];
        vec![items(field::PARTITIONS, vec![absent])]
    };
    vec![
        is(field::GROUP_ID, group),
        is(field::MEMBER_ID, MEMBER),
        is(field::SHARE_SESSION_EPOCH, epoch),
        items(field::TOPICS, there(ask, partition)),
    ]
}

fn streams_group(ask: Ask<'_>) -> String {
    format!("{}-streams", own_group(ask.user))
}

/// A member comes, is described and goes.
fn streams_membership() -> Flow {
    vec![
        Case::new(88, "of all topics", |ask| {
            joined(streams_group(ask), sources(&["orders", "payments", "nowhere"]))
        }),
        Case::new(88, "of one topic", |ask| {
            joined(streams_group(ask), sources(&["orders"]))
        }),
        Case::new(89, "with a member", |ask| described(streams_group(ask))),
        Case::new(88, "another topology", |ask| {
            joined(streams_group(ask), sources(&["public"]))
        }),
        Case::new(88, "gone", |ask| {
            vec![
                is(field::GROUP_ID, streams_group(ask)),
                is(field::MEMBER_ID, MEMBER),
                is(field::MEMBER_EPOCH, -1),
            ]
        }),
        Case::new(89, "several groups", |ask| {
            vec![
                list(
                    field::GROUP_IDS,
                    [
                        streams_group(ask).as_str(),
                        &own_group(ask.user),
                        OTHER,
                        "g-absent",
                    ],
                ),
                is(field::INCLUDE_AUTHORIZED_OPERATIONS, true),
            ]
        }),
        Case::new(42, "a streams group", |ask| {
            vec![list(field::GROUPS_NAMES, [streams_group(ask)])]
        }),
    ]
}

fn refused_streams() -> Vec<Case> {
    vec![
        Case::new(88, "another group", |_| {
            joined(OTHER.into(), sources(&["orders"]))
        }),
        Case::new(88, "no group", |_| joined(String::new(), sources(&["orders"]))),
        Case::new(88, "a blank group", |_| joined(" ".into(), sources(&["orders"]))),
        Case::new(88, "a topic of Kafka's own", |ask| {
            joined(streams_group(ask), sources(&["orders", "__consumer_offsets"]))
        }),
        Case::new(88, "a bad name", |ask| {
            joined(streams_group(ask), sources(&["orders", "bad name!"]))
        }),
        Case::new(88, "an expression", |ask| {
            let mut topology = sources(&["orders"]);
            topology.push(list(field::SOURCE_TOPIC_REGEX, ["or.*"]));
            joined(streams_group(ask), topology)
        }),
        Case::new(88, "sinks and internal topics that are hidden", |ask| {
            let mut topology = sources(&["orders"]);
            topology.push(list(field::REPARTITION_SINK_TOPICS, ["payments"]));
            topology.push(items(
                field::REPARTITION_SOURCE_TOPICS,
                vec![topic(ask, "payments", Vec::new())],
            ));
            joined(streams_group(ask), topology)
        }),
        Case::new(88, "no topology", |ask| {
            let mut fields = joined(streams_group(ask), Vec::new());
            fields.retain(|(field, _)| *field != field::TOPOLOGY);
            fields
        }),
        Case::new(88, "unknown member", |ask| {
            vec![
                is(field::GROUP_ID, streams_group(ask)),
                is(field::MEMBER_ID, "stranger"),
                is(field::MEMBER_EPOCH, 5),
            ]
        }),
    ]
}

/// A part of a topology that reads these topics.
fn sources(names: &[&str]) -> Fields {
    vec![
        is(field::SUBTOPOLOGY_ID, "0"),
        list(field::SOURCE_TOPICS, names.iter().copied()),
    ]
}

fn joined(group: String, subtopology: Fields) -> Fields {
    let topology = vec![
        is(field::EPOCH, 1),
        items(field::SUBTOPOLOGIES, vec![subtopology]),
    ];
    let none = || Vec::<Fields>::new();
    vec![
        is(field::GROUP_ID, group),
        is(field::MEMBER_ID, MEMBER),
        is(field::MEMBER_EPOCH, 0),
        is(field::REBALANCE_TIMEOUT_MS, 5_000),
        is(field::PROCESS_ID, "process"),
        one(field::TOPOLOGY, topology),
        items(field::ACTIVE_TASKS, none()),
        items(field::STANDBY_TASKS, none()),
        items(field::WARMUP_TASKS, none()),
        items(field::CLIENT_TAGS, none()),
    ]
}
