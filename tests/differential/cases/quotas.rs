//! Client quotas: of names that are nobody's, so that they slow nobody down.

use klamm::wire::field;

use super::{Ask, Case, Flow, each};
use crate::fields::{Fields, Is, is, items, null};

const EXACTLY: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// The types of an entity, each with its name.
type Entity<'a> = &'a [(&'a str, Option<&'a str>)];

pub(crate) fn flows() -> Vec<Flow> {
    let mut flows = vec![vec![
        Case::new(49, "put", |ask| altered(put(&name(ask)))),
        Case::new(48, "those of a user", |ask| {
            asked(&[("user", EXACTLY, Some(&name(ask)))], true)
        }),
        Case::new(48, "those of a user, whatever the client", |ask| {
            asked(&[("user", EXACTLY, Some(&name(ask)))], false)
        }),
        Case::new(48, "those of a pair", |ask| {
            let name = name(ask);
            asked(
                &[
                    ("user", EXACTLY, Some(&name)),
                    ("client-id", EXACTLY, Some("no-client")),
                ],
                true,
            )
        }),
        Case::new(48, "those of a user and any client", |ask| {
            asked(
                &[("user", EXACTLY, Some(&name(ask))), ("client-id", ANY, None)],
                false,
            )
        }),
        Case::new(48, "those of an address", |_| {
            asked(&[("ip", EXACTLY, Some("192.0.2.7"))], true)
        }),
        Case::new(49, "taken back", |ask| altered(taken_back(&name(ask)))),
        Case::new(48, "those no more", |ask| {
            asked(&[("user", EXACTLY, Some(&name(ask)))], false)
        }),
    ]];
    flows.extend(each(described()));
    flows.extend(each(refused()));
    flows
}

/// Nobody is called so.
fn name(ask: Ask<'_>) -> String {
    format!("of-{}", ask.user)
}

/// Of what nobody has.
fn described() -> Vec<Case> {
    vec![
        Case::new(48, "all", |_| asked(&[], false)),
        Case::new(48, "nothing", |_| asked(&[], true)),
        Case::new(48, "of a user", |_| {
            asked(&[("user", EXACTLY, Some("orders-app"))], false)
        }),
        Case::new(48, "of the default user, and of any client", |_| {
            asked(&[("user", DEFAULT, None), ("client-id", ANY, None)], true)
        }),
        Case::new(48, "of an unknown type", |_| {
            asked(&[("planet", EXACTLY, Some("earth"))], false)
        }),
        Case::new(48, "of an empty type", |_| {
            asked(&[("", EXACTLY, Some("earth"))], false)
        }),
        Case::new(48, "of an unknown match", |_| asked(&[("user", 9, None)], false)),
        Case::new(48, "of nobody", |_| asked(&[("user", EXACTLY, None)], false)),
        Case::new(48, "of the default by name", |_| {
            asked(&[("user", DEFAULT, Some("one"))], false)
        }),
        Case::new(48, "of any by name", |_| {
            asked(&[("user", ANY, Some("one"))], false)
        }),
        Case::new(48, "of the same type twice", |_| {
            asked(
                &[("user", EXACTLY, Some("one")), ("user", EXACTLY, Some("two"))],
                false,
            )
        }),
        Case::new(48, "of an address and a user", |_| {
            asked(&[("ip", ANY, None), ("user", ANY, None)], false)
        }),
    ]
}

/// Each alone, so that its words are compared.
fn refused() -> Vec<Case> {
    vec![
        Case::new(49, "nothing", |_| altered(Vec::new())),
        Case::new(49, "of nobody", |_| one(&[], "producer_byte_rate", 1.0)),
        Case::new(49, "of an unknown type", |_| {
            one(&[("planet", Some("earth"))], "producer_byte_rate", 1.0)
        }),
        Case::new(49, "of an empty name", |_| {
            one(&[("user", Some(""))], "producer_byte_rate", 1.0)
        }),
        Case::new(49, "of a user and an address", |_| {
            one(
                &[("user", Some("a")), ("ip", Some("192.0.2.7"))],
                "producer_byte_rate",
                1.0,
            )
        }),
        Case::new(49, "an unknown key", |_| {
            one(&[("user", Some("a"))], "byte_rate", 1.0)
        }),
        Case::new(49, "of an address, a key of users", |_| {
            one(&[("ip", Some("192.0.2.7"))], "producer_byte_rate", 1.0)
        }),
        Case::new(49, "of a user, the key of addresses", |_| {
            one(&[("user", Some("a"))], "connection_creation_rate", 1.0)
        }),
        Case::new(49, "none at all", |_| {
            one(&[("user", Some("a"))], "producer_byte_rate", 0.0)
        }),
        Case::new(49, "less than none", |_| {
            one(&[("user", Some("a"))], "request_percentage", -1.0)
        }),
        Case::new(49, "a part of a byte", |_| {
            one(&[("user", Some("a"))], "consumer_byte_rate", 1.5)
        }),
        Case::new(49, "too many bytes", |_| {
            one(&[("user", Some("a"))], "producer_byte_rate", 1e19)
        }),
        Case::new(49, "too many connections", |_| {
            one(&[("ip", None)], "connection_creation_rate", 3e9)
        }),
        Case::new(49, "only tried", |_| {
            let mut tried = one(&[("user", Some("tried"))], "producer_byte_rate", 1000.0);
            tried.push(is(field::VALIDATE_ONLY, true));
            tried
        }),
        Case::new(49, "one that never was, taken back", |_| {
            altered(vec![entity(&[("user", Some("a"))], vec![taken("no_such_key")])])
        }),
        Case::new(49, "the same key twice", |_| {
            let ops = vec![op("producer_byte_rate", 1000.0), op("producer_byte_rate", 1000.0)];
            altered(vec![entity(&[("user", Some("a"))], ops)])
        }),
    ]
}

fn put(name: &str) -> Vec<Fields> {
    vec![
        entity(
            &[("user", Some(name))],
            vec![
                op("producer_byte_rate", 1000.0),
                op("consumer_byte_rate", 2000.0),
                op("request_percentage", 12.5),
            ],
        ),
        entity(
            &[("user", Some(name)), ("client-id", Some("no-client"))],
            vec![op("controller_mutation_rate", 0.5)],
        ),
        entity(
            &[("ip", Some("192.0.2.7"))],
            vec![op("connection_creation_rate", 100.0)],
        ),
        // Refused, and the others are put.
        entity(&[("user", Some("bad"))], vec![op("producer_byte_rate", -1.0)]),
    ]
}

fn taken_back(name: &str) -> Vec<Fields> {
    vec![
        entity(
            &[("user", Some(name))],
            vec![
                taken("producer_byte_rate"),
                taken("consumer_byte_rate"),
                taken("request_percentage"),
            ],
        ),
        entity(
            &[("user", Some(name)), ("client-id", Some("no-client"))],
            vec![taken("controller_mutation_rate")],
        ),
        entity(
            &[("ip", Some("192.0.2.7"))],
            vec![taken("connection_creation_rate")],
        ),
    ]
}

fn text(field: klamm::wire::Field, text: Option<&str>) -> (klamm::wire::Field, Is) {
    text.map_or_else(|| null(field), |text| is(field, text))
}

fn asked(components: &[(&str, i8, Option<&str>)], strict: bool) -> Fields {
    let component = |(kind, how, matched): &(&str, i8, Option<&str>)| {
        vec![
            is(field::ENTITY_TYPE, *kind),
            is(field::MATCH_TYPE, *how),
            text(field::MATCH, *matched),
        ]
    };
    vec![
        items(field::COMPONENTS, components.iter().map(component).collect()),
        is(field::STRICT, strict),
    ]
}

fn altered(entries: Vec<Fields>) -> Fields {
    vec![items(field::ENTRIES, entries)]
}

fn one(of: Entity<'_>, key: &str, value: f64) -> Fields {
    altered(vec![entity(of, vec![op(key, value)])])
}

fn entity(of: Entity<'_>, ops: Vec<Fields>) -> Fields {
    let part = |(kind, name): &(&str, Option<&str>)| {
        vec![is(field::ENTITY_TYPE, *kind), text(field::ENTITY_NAME, *name)]
    };
    vec![
        items(field::ENTITY, of.iter().map(part).collect()),
        items(field::OPS, ops),
    ]
}

fn op(key: &str, value: f64) -> Fields {
    vec![is(field::KEY, key), is(field::VALUE, value)]
}

fn taken(key: &str) -> Fields {
    vec![is(field::KEY, key), is(field::REMOVE, true)]
}
