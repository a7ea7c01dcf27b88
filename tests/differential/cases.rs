//! The requests: for each API what distinguishes its rules. One description serves all versions.

#[path = "cases/admin.rs"]
mod admin;
#[path = "cases/data.rs"]
mod data;
#[path = "cases/group.rs"]
mod group;
#[path = "cases/newer.rs"]
mod newer;
#[path = "cases/transaction.rs"]
mod transaction;

use klamm::wire::{Field, field};

use crate::fields::{Fields, is};
use crate::settings::{NO_TOPICS, TOPICS};
use crate::side::Side;

/// What a request is made for.
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
