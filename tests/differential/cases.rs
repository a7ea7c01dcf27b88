//! The requests: for each API what distinguishes its rules. One description serves all versions.

#[path = "cases/admin.rs"]
mod admin;
#[path = "cases/data.rs"]
mod data;
#[path = "cases/group.rs"]
mod group;
#[path = "cases/newer.rs"]
mod newer;
#[path = "cases/operations.rs"]
mod operations;
#[path = "cases/quotas.rs"]
mod quotas;
#[path = "cases/transaction.rs"]
mod transaction;

use klamm::wire::{Field, field};

use crate::fields::{Fields, Is, is};
use crate::settings::{NO_TOPICS, TOPICS};
use crate::side::Side;

/// The side, user and version for which a request is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) side: &'a Side,
    pub(crate) user: &'a str,
    pub(crate) version: i16,
}

/// A request in some versions of an API.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) key: i16,
    pub(crate) name: &'static str,
    pub(crate) from: i16,
    pub(crate) to: i16,
    /// Another API without which this one does not serve the request.
    pub(crate) with: Option<i16>,
    pub(crate) build: fn(Ask<'_>) -> Fields,
}

const END_TXN: i16 = 26;

/// Requests that follow each other. They go round once for each version of the API that has the most.
pub(crate) type Flow = Vec<Case>;

/// All requests that every user sends, in order.
pub(crate) fn all() -> Vec<Flow> {
    [
        data::flows(),
        group::flows(),
        newer::flows(),
        transaction::flows(),
        admin::flows(),
        operations::flows(),
        quotas::flows(),
    ]
    .concat()
}

impl Case {
    /// In all versions.
    fn new(key: i16, name: &'static str, build: fn(Ask<'_>) -> Fields) -> Self {
        Self {
            key,
            name,
            from: 0,
            to: i16::MAX,
            with: None,
            build,
        }
    }

    fn since(self, from: i16) -> Self {
        Self { from, ..self }
    }

    /// Only where transactions are served.
    fn transactional(self) -> Self {
        Self {
            with: Some(END_TXN),
            ..self
        }
    }

    fn until(self, to: i16) -> Self {
        Self { to, ..self }
    }
}

/// Each of the cases for itself.
fn each(cases: Vec<Case>) -> Vec<Flow> {
    cases.into_iter().map(|case| vec![case]).collect()
}

/// These fields, with each item of a list twice.
fn twice(fields: Fields, list: Field) -> Fields {
    let doubled = |(field, value): (Field, Is)| match value {
        Is::Items(items) if field == list => (field, Is::Items([items.clone(), items].concat())),
        value => (field, value),
    };
    fields.into_iter().map(doubled).collect()
}

/// These fields with nothing but `payments`, twice, in a list of one item for each topic.
fn payments_twice(fields: Fields, list: Field) -> Fields {
    let payments = TOPICS
        .iter()
        .position(|name| *name == "payments")
        .unwrap_or_default();
    let doubled = |(field, value): (Field, Is)| match value {
        Is::Items(items) if field == list => {
            let item = items[payments].clone();
            (field, Is::Items(vec![item.clone(), item]))
        }
        value => (field, value),
    };
    fields.into_iter().map(doubled).collect()
}

/// One item for each topic, there or not, by name and by id as the version likes.
fn topics(ask: Ask<'_>, more: impl Fn(&str) -> Fields) -> Vec<Fields> {
    let names = TOPICS.iter().chain(&NO_TOPICS);
    names.map(|name| topic(ask, name, more(name))).collect()
}

fn topic(ask: Ask<'_>, name: &str, more: Fields) -> Fields {
    const NAMES: [Field; 3] = [field::NAME, field::TOPIC, field::TOPIC_NAME];
    let mut fields: Fields = NAMES.iter().map(|field| is(*field, name)).collect();
    fields.push(is(field::TOPIC_ID, ask.side.names.id_of(name)));
    fields.extend(more);
    fields
}
