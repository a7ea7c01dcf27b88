//! ACLs, configurations and the cluster.

use klamm::wire::field;

use super::{Ask, Case, Flow, each, topics, twice};
use crate::fields::{Fields, is, items, list, null};
use crate::settings::{TOPICS, own_group};

const ANY: i8 = 1;

pub(super) fn flows() -> Vec<Flow> {
    let mut flows = vec![vec![
        Case::new(30, "good and bad ones", |ask| {
            vec![items(field::CREATIONS, creations(ask))]
        }),
        Case::new(29, "those", |ask| {
            described((ANY, None, ANY), Some(&principal(ask)))
        }),
        Case::new(31, "those", |ask| vec![items(field::FILTERS, deletions(ask))]),
        Case::new(29, "those no more", |ask| {
            described((ANY, None, ANY), Some(&principal(ask)))
        }),
    ]];
    flows.extend(each(vec![
        Case::new(30, "none", |_| Vec::new()),
        Case::new(31, "none", |_| Vec::new()),
        Case::new(30, "a filter", |ask| {
            vec![items(
                field::CREATIONS,
                vec![creation((2, "made", 1), (&principal(ask), 3, 3))],
            )]
        }),
        Case::new(30, "an unknown type", |ask| {
            vec![items(
                field::CREATIONS,
                vec![creation((0, "made", 3), (&principal(ask), 3, 3))],
            )]
        }),
        Case::new(29, "all", |_| described((ANY, None, ANY), None)),
        Case::new(29, "of a topic", |_| described((2, Some("orders"), 2), None)),
        Case::new(29, "of a wildcard", |_| described((2, Some("*"), 3), None)),
        Case::new(29, "of a prefix", |_| described((2, Some("ord"), 4), None)),
        Case::new(29, "of an unknown type", |_| described((99, None, ANY), None)),
        Case::new(29, "of type 0", |_| described((0, None, ANY), None)),
        Case::new(32, "topics", |ask| {
            configs(
                ask,
                &[(2, "orders"), (2, "payments"), (2, "nowhere"), (2, "bad name!")],
            )
        }),
        Case::new(32, "chosen keys", |_| {
            let topic = vec![
                is(field::RESOURCE_TYPE, 2_i8),
                is(field::RESOURCE_NAME, "orders"),
                list(
                    field::CONFIGURATION_KEYS,
                    ["retention.ms", "cleanup.policy", "nonsense"],
                ),
            ];
            vec![
                items(field::RESOURCES, vec![topic]),
                is(field::INCLUDE_SYNONYMS, true),
            ]
        }),
        Case::new(32, "groups", |ask| {
            configs(ask, &[(32, &own_group(ask.user)), (32, "other")])
        }),
        Case::new(32, "a group without a name", |ask| configs(ask, &[(32, "")])),
        Case::new(32, "client metrics", |ask| configs(ask, &[(16, "sub")])),
        Case::new(32, "an unknown type", |ask| {
            configs(ask, &[(77, "what"), (2, "orders")])
        }),
        Case::new(32, "twice", |ask| configs(ask, &[(2, "orders"), (2, "orders")])),
    ]));
    flows.extend(each(changes()));
    flows
}

fn principal(ask: Ask<'_>) -> String {
    format!("User:made-by-{}", ask.user)
}

fn creation(
    (kind, name, pattern): (i8, &str, i8),
    (principal, operation, permission): (&str, i8, i8),
) -> Fields {
    vec![
        is(field::RESOURCE_TYPE, kind),
        is(field::RESOURCE_NAME, name),
        is(field::RESOURCE_PATTERN_TYPE, pattern),
        is(field::PRINCIPAL, principal),
        is(field::HOST, "*"),
        is(field::OPERATION, operation),
        is(field::PERMISSION_TYPE, permission),
    ]
}

fn creations(ask: Ask<'_>) -> Vec<Fields> {
    let principal = principal(ask);
    vec![
        creation((2, "made", 3), (&principal, 3, 3)),
        creation((2, "made", 3), (&principal, 3, 3)),
        creation((2, "made", 4), (&principal, 2, 2)),
        creation((3, "*", 3), (&principal, 8, 3)),
        creation((4, "not-the-cluster", 3), (&principal, 8, 3)),
        creation((4, "kafka-cluster", 4), (&principal, 8, 3)),
        creation((2, "", 3), (&principal, 3, 3)),
        creation((99, "made", 3), (&principal, 3, 3)),
        creation((2, "made", 99), (&principal, 3, 3)),
        creation((2, "made", 3), (&principal, 99, 3)),
        creation((2, "made", 3), (&principal, 3, 99)),
        creation((2, "made", 3), ("nobody-without-a-type", 3, 3)),
        creation((7, "User:x", 3), (&principal, 13, 3)),
    ]
}

fn described((kind, name, pattern): (i8, Option<&str>, i8), principal: Option<&str>) -> Fields {
    let text = |field, text: Option<&str>| text.map_or_else(|| null(field), |text| is(field, text));
    vec![
        is(field::RESOURCE_TYPE_FILTER, kind),
        text(field::RESOURCE_NAME_FILTER, name),
        is(field::PATTERN_TYPE_FILTER, pattern),
        text(field::PRINCIPAL_FILTER, principal),
        null(field::HOST_FILTER),
        is(field::OPERATION, ANY),
        is(field::PERMISSION_TYPE, ANY),
    ]
}

fn deletions(ask: Ask<'_>) -> Vec<Fields> {
    let principal = principal(ask);
    vec![
        described((2, Some("made"), 3), Some(&principal)),
        described((99, None, ANY), Some(&principal)),
        described((ANY, None, ANY), Some(&principal)),
        described((2, Some("never made"), 3), Some(&principal)),
    ]
}

fn configs(_: Ask<'_>, resources: &[(i8, &str)]) -> Fields {
    let resource = |(kind, name): &(i8, &str)| {
        vec![
            is(field::RESOURCE_TYPE, *kind),
            is(field::RESOURCE_NAME, *name),
            null(field::CONFIGURATION_KEYS),
        ]
    };
    vec![
        items(field::RESOURCES, resources.iter().map(resource).collect()),
        is(field::INCLUDE_SYNONYMS, true),
    ]
}

/// Changes that change nothing, or not in the end: who may ask for them is what is compared.
fn changes() -> Vec<Case> {
    vec![
        Case::new(19, "checked only", |_| {
            let topics = ["orders", "payments", "nowhere"].map(|name| created(name, 1));
            vec![
                items(field::TOPICS, topics.to_vec()),
                is(field::VALIDATE_ONLY, true),
            ]
        }),
        Case::new(20, "absent ones", |_| {
            let topic = |name: &str| vec![is(field::NAME, name)];
            vec![
                items(field::TOPICS, vec![topic("nowhere"), topic("elsewhere")]),
                list(field::TOPIC_NAMES, ["nowhere", "elsewhere"]),
                is(field::TIMEOUT_MS, 5_000),
            ]
        }),
        Case::new(21, "nothing", emptied),
        Case::new(33, "checked only", altered),
        Case::new(44, "checked only", altered),
        Case::new(33, "a group without a name", |_| {
            altered_group("", "consumer.session.timeout.ms")
        }),
        Case::new(44, "a group without a name", |_| {
            altered_group("", "consumer.session.timeout.ms")
        }),
        Case::new(44, "what no group has", |ask| {
            altered_group(&own_group(ask.user), "errors.deadletterqueue.topic.name")
        }),
        Case::new(19, "what is there", |_| {
            vec![items(field::TOPICS, TOPICS.map(|name| created(name, 1)).to_vec())]
        }),
        Case::new(19, "what is there, twice", |_| {
            let topics = [created("orders", 1), created("payments", 1), created("orders", 1)];
            vec![items(field::TOPICS, topics.to_vec())]
        }),
        Case::new(19, "more replicas than brokers", |_| {
            vec![
                items(field::TOPICS, vec![created("nowhere", 3)]),
                is(field::VALIDATE_ONLY, true),
            ]
        }),
        Case::new(21, "twice", |ask| twice(emptied(ask), field::TOPICS)),
        Case::new(37, "checked only", |_| grown(9)),
        Case::new(37, "as many as there are", |_| grown(2)),
        Case::new(37, "fewer than there are", |_| grown(1)),
        Case::new(46, "all", |_| Vec::new()),
        Case::new(74, "topics and groups", |_| {
            vec![list(field::RESOURCE_TYPES, [2_i8])]
        }),
        Case::new(90, "own group", |ask| {
            let topics = vec![vec![
                is(field::TOPIC_NAME, "orders"),
                list(field::PARTITIONS, [0]),
            ]];
            let group = vec![
                is(field::GROUP_ID, own_group(ask.user)),
                items(field::TOPICS, topics),
            ];
            vec![items(field::GROUPS, vec![group])]
        }),
    ]
}

fn created(name: &str, replicas: i16) -> Fields {
    vec![
        is(field::NAME, name),
        is(field::NUM_PARTITIONS, 1),
        is(field::REPLICATION_FACTOR, replicas),
    ]
}

/// More partitions, which are not made.
fn grown(count: i32) -> Fields {
    let topic = |name: &str| {
        vec![
            is(field::NAME, name),
            is(field::COUNT, count),
            null(field::ASSIGNMENTS),
        ]
    };
    vec![
        items(
            field::TOPICS,
            vec![topic("orders"), topic("payments"), topic("nowhere")],
        ),
        is(field::TIMEOUT_MS, 5_000),
        is(field::VALIDATE_ONLY, true),
    ]
}

fn emptied(ask: Ask<'_>) -> Fields {
    let partition = vec![is(field::PARTITION_INDEX, 0), is(field::OFFSET, 0_i64)];
    vec![
        items(
            field::TOPICS,
            topics(ask, |_| vec![items(field::PARTITIONS, vec![partition.clone()])]),
        ),
        is(field::TIMEOUT_MS, 5_000),
    ]
}

fn config(name: &str, value: &str) -> Fields {
    vec![is(field::NAME, name), is(field::VALUE, value)]
}

fn resource(kind: i8, name: &str, configs: Vec<Fields>) -> Fields {
    vec![
        is(field::RESOURCE_TYPE, kind),
        is(field::RESOURCE_NAME, name),
        items(field::CONFIGS, configs),
    ]
}

fn altered_group(group: &str, key: &str) -> Fields {
    vec![
        items(
            field::RESOURCES,
            vec![resource(32, group, vec![config(key, "46000")])],
        ),
        is(field::VALIDATE_ONLY, true),
    ]
}

fn altered(ask: Ask<'_>) -> Fields {
    vec![
        items(
            field::RESOURCES,
            vec![
                resource(2, "orders", vec![config("retention.ms", "86400000")]),
                resource(2, "payments", vec![config("retention.ms", "86400000")]),
                resource(
                    32,
                    &own_group(ask.user),
                    vec![config("consumer.session.timeout.ms", "46000")],
                ),
            ],
        ),
        is(field::VALIDATE_ONLY, true),
    ]
}
