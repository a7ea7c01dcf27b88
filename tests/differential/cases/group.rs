//! Groups: coordinators, members, offsets, and what is told of them.

use bytes::Bytes;
use klamm::wire::field;

use super::{Ask, Case, Flow, each, payments_twice, topics, twice};
use crate::fields::{Fields, is, items, list, null};
use crate::settings::{own_group, own_transaction};

/// A group that no user has rights on, but by wildcard.
const OTHER: &str = "other";
/// A group that nobody makes.
const ABSENT: &str = "g-absent";

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = each(coordinators());
    flows.push(membership());
    flows.extend(each(refused_membership()));
    flows.extend(each(offsets()));
    flows.extend(each(offsets_deleted()));
    flows.extend(each(told()));
    flows.push(new_protocol());
    // So that something is left to compare.
    flows.extend(each(vec![
        Case::new(8, "in the end", |ask| {
            vec![
                is(field::GROUP_ID, own_group(ask.user)),
                items(field::TOPICS, committed(ask)),
            ]
        })
        .since(9),
    ]));
    flows
}

fn coordinators() -> Vec<Case> {
    vec![
        Case::new(10, "of groups", |ask| coordinator(ask, 0)),
        Case::new(10, "of another group", |_| {
            vec![is(field::KEY, OTHER), list(field::COORDINATOR_KEYS, [OTHER])]
        }),
        Case::new(10, "of transactions", |ask| coordinator(ask, 1))
            .since(1)
            .transactional(),
        Case::new(10, "of share groups", |ask| coordinator(ask, 2)).since(1),
        Case::new(10, "of something else", |ask| coordinator(ask, 9)).since(1),
    ]
}

fn coordinator(ask: Ask<'_>, kind: i8) -> Fields {
    let own = if kind == 1 {
        own_transaction(ask.user)
    } else {
        own_group(ask.user)
    };
    vec![
        is(field::KEY, own.as_str()),
        is(field::KEY_TYPE, kind),
        list(field::COORDINATOR_KEYS, [own.as_str(), OTHER]),
    ]
}

/// Joins, works and leaves, with all that can be asked of a group meanwhile.
fn membership() -> Flow {
    vec![
        Case::new(11, "first", |ask| joined(ask, &own_group(ask.user), "")),
        Case::new(11, "with a member id", |ask| {
            joined(ask, &own_group(ask.user), &ask.side.text(ask.user, "MemberId"))
        }),
        Case::new(14, "leader", |ask| synced(ask, &own_group(ask.user))),
        Case::new(12, "member", |ask| member(ask, &own_group(ask.user))),
        Case::new(8, "of a member", |ask| {
            let mut fields = member(ask, &own_group(ask.user));
            fields.push(items(field::TOPICS, committed(ask)));
            fields
        }),
        Case::new(15, "with a member", groups_described),
        Case::new(16, "with a member", |_| Vec::new()),
        Case::new(42, "with a member", |ask| {
            vec![list(field::GROUPS_NAMES, [own_group(ask.user)])]
        }),
        Case::new(47, "with a member", |ask| deleted(ask, &own_group(ask.user))),
        Case::new(13, "member", |ask| {
            let mut fields = member(ask, &own_group(ask.user));
            let id = ask.side.text(ask.user, "MemberId");
            fields.push(items(
                field::MEMBERS,
                vec![vec![is(field::MEMBER_ID, id), null(field::GROUP_INSTANCE_ID)]],
            ));
            fields
        }),
    ]
}

/// Of groups that are somebody else's, or without the needed fields.
fn refused_membership() -> Vec<Case> {
    vec![
        Case::new(11, "another group", |ask| joined(ask, OTHER, "stranger")),
        Case::new(14, "another group", |ask| synced(ask, OTHER)),
        Case::new(14, "no protocol", |ask| {
            vec![is(field::GROUP_ID, own_group(ask.user))]
        })
        .since(5),
        Case::new(12, "another group", |_| {
            vec![is(field::GROUP_ID, OTHER), is(field::MEMBER_ID, "stranger")]
        }),
        Case::new(12, "unknown member", |ask| {
            vec![
                is(field::GROUP_ID, own_group(ask.user)),
                is(field::MEMBER_ID, "stranger"),
            ]
        }),
        Case::new(13, "another group", |_| {
            vec![
                is(field::GROUP_ID, OTHER),
                is(field::MEMBER_ID, "stranger"),
                items(
                    field::MEMBERS,
                    vec![vec![
                        is(field::MEMBER_ID, "stranger"),
                        null(field::GROUP_INSTANCE_ID),
                    ]],
                ),
            ]
        }),
        Case::new(13, "unknown member", |ask| {
            vec![
                is(field::GROUP_ID, own_group(ask.user)),
                is(field::MEMBER_ID, "stranger"),
                items(
                    field::MEMBERS,
                    vec![vec![
                        is(field::MEMBER_ID, "stranger"),
                        null(field::GROUP_INSTANCE_ID),
                    ]],
                ),
            ]
        }),
    ]
}

fn joined(_: Ask<'_>, group: &str, member: &str) -> Fields {
    // A subscription of version 0 to one topic.
    let subscription = Bytes::from_static(b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff");
    vec![
        is(field::GROUP_ID, group),
        is(field::SESSION_TIMEOUT_MS, 30_000),
        is(field::REBALANCE_TIMEOUT_MS, 5_000),
        is(field::MEMBER_ID, member),
        is(field::PROTOCOL_TYPE, "consumer"),
        items(
            field::PROTOCOLS,
            vec![vec![is(field::NAME, "range"), is(field::METADATA, subscription)]],
        ),
    ]
}

fn synced(ask: Ask<'_>, group: &str) -> Fields {
    let mut fields = member(ask, group);
    let id = ask.side.text(ask.user, "MemberId");
    let assignment = Bytes::from_static(b"\0\0\0\0\0\x01\0\x06orders\0\0\0\x01\0\0\0\0\xff\xff\xff\xff");
    fields.extend([
        is(field::PROTOCOL_TYPE, "consumer"),
        is(field::PROTOCOL_NAME, "range"),
        items(
            field::ASSIGNMENTS,
            vec![vec![is(field::MEMBER_ID, id), is(field::ASSIGNMENT, assignment)]],
        ),
    ]);
    fields
}

/// A member as it learned from its last answer that it is.
fn member(ask: Ask<'_>, group: &str) -> Fields {
    let generation = ask.side.int(ask.user, "GenerationId");
    vec![
        is(field::GROUP_ID, group),
        is(field::GENERATION_ID, generation),
        is(field::GENERATION_ID_OR_MEMBER_EPOCH, generation),
        is(field::MEMBER_ID, ask.side.text(ask.user, "MemberId")),
    ]
}

fn committed(ask: Ask<'_>) -> Vec<Fields> {
    topics(ask, |name| {
        let partitions: &[i32] = if name == "orders" { &[0, 9] } else { &[0] };
        let items_of = |index: &i32| {
            vec![
                is(field::PARTITION_INDEX, *index),
                is(field::COMMITTED_OFFSET, 3_i64),
                is(field::COMMITTED_METADATA, "note"),
            ]
        };
        vec![items(
            field::PARTITIONS,
            partitions.iter().map(items_of).collect(),
        )]
    })
}

fn offsets() -> Vec<Case> {
    vec![
        Case::new(8, "every topic", |ask| {
            vec![
                is(field::GROUP_ID, own_group(ask.user)),
                items(field::TOPICS, committed(ask)),
            ]
        }),
        Case::new(8, "another group", |ask| {
            vec![is(field::GROUP_ID, OTHER), items(field::TOPICS, committed(ask))]
        }),
        Case::new(8, "a bad generation", |ask| {
            vec![
                is(field::GROUP_ID, own_group(ask.user)),
                is(field::GENERATION_ID_OR_MEMBER_EPOCH, 77),
                is(field::MEMBER_ID, "stranger"),
                items(field::TOPICS, committed(ask)),
            ]
        }),
        Case::new(8, "one topic twice", |ask| {
            let fields = vec![
                is(field::GROUP_ID, own_group(ask.user)),
                items(field::TOPICS, committed(ask)),
            ];
            payments_twice(fields, field::TOPICS)
        }),
        Case::new(8, "no topic", |ask| {
            vec![is(field::GROUP_ID, own_group(ask.user))]
        }),
        Case::new(9, "every topic", |ask| {
            let own = own_group(ask.user);
            offsets_of(ask, &[own.as_str()], true)
        }),
        Case::new(9, "twice", |ask| {
            let own = own_group(ask.user);
            twice(offsets_of(ask, &[own.as_str()], true), field::TOPICS)
        })
        .until(7),
        Case::new(9, "several groups, twice", |ask| {
            let own = own_group(ask.user);
            twice(offsets_of(ask, &[own.as_str(), OTHER], true), field::GROUPS)
        })
        .since(8),
        Case::new(9, "another group", |ask| offsets_of(ask, &[OTHER], true)),
        Case::new(9, "all topics", |ask| {
            let own = own_group(ask.user);
            offsets_of(ask, &[own.as_str()], false)
        })
        .since(2),
        Case::new(9, "several groups", |ask| {
            let own = own_group(ask.user);
            offsets_of(ask, &[own.as_str(), OTHER, "g-absent"], true)
        })
        .since(8),
        Case::new(9, "all topics of several groups", |ask| {
            let own = own_group(ask.user);
            offsets_of(ask, &[own.as_str(), OTHER, "g-absent"], false)
        })
        .since(8),
        Case::new(8, "every topic twice", |ask| {
            let fields = vec![
                is(field::GROUP_ID, own_group(ask.user)),
                items(field::TOPICS, committed(ask)),
            ];
            twice(fields, field::TOPICS)
        }),
    ]
}

fn offsets_deleted() -> Vec<Case> {
    vec![
        Case::new(47, "every topic", |ask| deleted(ask, &own_group(ask.user))),
        Case::new(47, "every topic twice", |ask| {
            twice(deleted(ask, &own_group(ask.user)), field::TOPICS)
        }),
        Case::new(47, "one topic twice", |ask| {
            payments_twice(deleted(ask, &own_group(ask.user)), field::TOPICS)
        }),
        Case::new(47, "no topic", |ask| {
            vec![is(field::GROUP_ID, own_group(ask.user))]
        }),
        Case::new(47, "another group", |ask| deleted(ask, OTHER)),
        Case::new(47, "an absent group", |ask| deleted(ask, ABSENT)),
        Case::new(47, "an absent group, of topics that are refused", |ask| {
            payments_twice(deleted(ask, ABSENT), field::TOPICS)
        }),
        Case::new(47, "an absent group, of no topic", |_| {
            vec![is(field::GROUP_ID, ABSENT)]
        }),
        Case::new(47, "no group", |ask| deleted(ask, "")),
    ]
}

fn offsets_of(ask: Ask<'_>, groups: &[&str], is_named: bool) -> Fields {
    let asked = || {
        if !is_named {
            return null(field::TOPICS);
        }
        items(
            field::TOPICS,
            topics(ask, |_| vec![list(field::PARTITION_INDEXES, [0, 9])]),
        )
    };
    let per_group = groups
        .iter()
        .map(|group| vec![is(field::GROUP_ID, *group), asked()]);
    vec![
        is(field::GROUP_ID, groups[0]),
        asked(),
        items(field::GROUPS, per_group.collect()),
    ]
}

fn deleted(ask: Ask<'_>, group: &str) -> Fields {
    let partitions = |_: &str| {
        vec![items(
            field::PARTITIONS,
            vec![vec![is(field::PARTITION_INDEX, 0)]],
        )]
    };
    vec![
        is(field::GROUP_ID, group),
        items(field::TOPICS, topics(ask, partitions)),
    ]
}

fn groups_described(ask: Ask<'_>) -> Fields {
    vec![
        list(field::GROUPS, [own_group(ask.user).as_str(), OTHER, "g-absent"]),
        list(
            field::GROUP_IDS,
            [own_group(ask.user).as_str(), OTHER, "g-absent"],
        ),
        is(field::INCLUDE_AUTHORIZED_OPERATIONS, true),
    ]
}

fn groups_described_twice(ask: Ask<'_>) -> Fields {
    let own = own_group(ask.user);
    let groups = [own.as_str(), OTHER, own.as_str(), OTHER];
    vec![
        list(field::GROUPS, groups),
        list(field::GROUP_IDS, groups),
        is(field::INCLUDE_AUTHORIZED_OPERATIONS, true),
    ]
}

fn told() -> Vec<Case> {
    vec![
        Case::new(15, "several groups", groups_described),
        Case::new(69, "several groups", groups_described),
        Case::new(77, "several groups", groups_described),
        Case::new(89, "several groups", groups_described),
        Case::new(15, "twice", groups_described_twice),
        Case::new(69, "twice", groups_described_twice),
        Case::new(77, "twice", groups_described_twice),
        Case::new(89, "twice", groups_described_twice),
        Case::new(16, "all", |_| Vec::new()),
        Case::new(16, "stable ones", |_| {
            vec![list(field::STATES_FILTER, ["Stable"])]
        })
        .since(4),
        Case::new(16, "classic ones", |_| {
            vec![list(field::TYPES_FILTER, ["classic"])]
        })
        .since(5),
        Case::new(16, "of no kind", |_| {
            vec![list(field::TYPES_FILTER, ["nonsense"])]
        })
        .since(5),
        Case::new(42, "several groups", |ask| {
            let own = own_group(ask.user);
            vec![list(
                field::GROUPS_NAMES,
                [own.as_str(), OTHER, "g-absent", own.as_str(), OTHER],
            )]
        }),
    ]
}

/// KIP-848: a member comes, is described and goes.
fn new_protocol() -> Flow {
    vec![
        Case::new(68, "subscribed to all", |ask| {
            heartbeat(
                ask,
                vec![list(
                    field::SUBSCRIBED_TOPIC_NAMES,
                    ["orders", "payments", "nowhere"],
                )],
            )
        }),
        Case::new(68, "subscribed to one", |ask| {
            heartbeat(ask, vec![list(field::SUBSCRIBED_TOPIC_NAMES, ["orders"])])
        }),
        Case::new(69, "with a member", |ask| {
            vec![
                list(field::GROUP_IDS, [new_group(ask)]),
                is(field::INCLUDE_AUTHORIZED_OPERATIONS, true),
            ]
        }),
        Case::new(68, "no group", |_| without_group("")),
        Case::new(68, "a blank group", |_| without_group(" \t")),
        Case::new(68, "gone", |ask| {
            let mut fields = heartbeat(ask, Vec::new());
            fields.retain(|(field, _)| *field != field::MEMBER_EPOCH);
            fields.push(is(field::MEMBER_EPOCH, -1));
            fields
        }),
    ]
}

/// A heartbeat for a group that is none.
fn without_group(group: &str) -> Fields {
    vec![
        is(field::GROUP_ID, group),
        is(field::MEMBER_ID, "member-of-the-new-protocol"),
        is(field::MEMBER_EPOCH, 0),
        is(field::REBALANCE_TIMEOUT_MS, 5_000),
        items(field::TOPIC_PARTITIONS, Vec::new()),
        list(field::SUBSCRIBED_TOPIC_NAMES, ["orders"]),
    ]
}

fn new_group(ask: Ask<'_>) -> String {
    format!("{}-new", own_group(ask.user))
}

fn heartbeat(ask: Ask<'_>, more: Fields) -> Fields {
    let mut fields = vec![
        is(field::GROUP_ID, new_group(ask)),
        is(field::MEMBER_ID, "member-of-the-new-protocol"),
        is(field::MEMBER_EPOCH, 0),
        is(field::REBALANCE_TIMEOUT_MS, 5_000),
        items(field::TOPIC_PARTITIONS, Vec::new()),
    ];
    fields.extend(more);
    fields
}
