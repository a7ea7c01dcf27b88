//! What is not one request and one answer: writes without an answer, rights that are taken away.

use anyhow::{Result, ensure};
use klamm::wire::{Item, Value, field};

use crate::fields::{Fields, Writer, batch, is, items, null};
use crate::settings::{self, ALLOW, Acl, LITERAL, ROOT, TOPIC};
use crate::side::{Outcome, Request, Side};
use crate::tree::Tree;
use crate::world::{World, eventually, request};

const PRODUCE: i16 = 0;
const OLD: i16 = 3;
const ORDERS: &str = "orders";

/// Writes without an answer: where something is not written the connection is closed.
pub(crate) fn silent_writes(world: &mut World) -> Result<()> {
    let users: Vec<String> = world
        .settings
        .iter()
        .map(|setting| setting.user.clone())
        .collect();
    let mut closed = 0;
    for user in &users {
        for topics in [vec![ORDERS], vec![ORDERS, "payments"], vec!["nowhere"]] {
            let broker = written_silently(&mut world.broker, user, &topics)?;
            let gateway = written_silently(&mut world.gateway, user, &topics)?;
            ensure!(
                broker == gateway,
                "acks=0 to {topics:?} by {user}: broker {broker:?}, gateway {gateway:?}"
            );
            closed += usize::from(broker == End::Closed);
        }
    }
    ensure!(closed > users.len(), "only {closed} connections were closed");
    Ok(())
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
}

fn written_silently(side: &mut Side, user: &str, topics: &[&str]) -> Result<End> {
    let topic = |name: &&str| -> Fields {
        let partition = vec![
            is(field::INDEX, 1),
            is(field::RECORDS, batch(Writer::Plain, "silent")),
        ];
        vec![
            is(field::NAME, *name),
            items(field::PARTITION_DATA, vec![partition]),
        ]
    };
    let fields = vec![
        null(field::TRANSACTIONAL_ID),
        is(field::ACKS, 0_i16),
        is(field::TIMEOUT_MS, 5_000),
        items(field::TOPIC_DATA, topics.iter().map(topic).collect()),
    ];
    side.send(user, &request(PRODUCE, OLD, &fields)?)?;
    Ok(match side.ask(user, &request(18, 0, &Vec::new())?)? {
        Outcome::Answer(_) => End::Open,
        Outcome::Closed => End::Closed,
    })
}

/// A right that is given and taken away is so on a connection that stays open.
pub(crate) fn revocation(world: &mut World) -> Result<()> {
    const USER: &str = "nobody";
    let acl = Acl {
        resource: (TOPIC, ORDERS.into(), LITERAL),
        principal: format!("User:{USER}"),
        host: "*",
        operation: settings::READ,
        permission: ALLOW,
    };
    for side in [&mut world.broker, &mut world.gateway] {
        ensure!(is_denied(side, USER)?, "the right is there before it is given");
        let created = Request {
            key: 30,
            version: 3,
            body: settings::creation([&acl].into_iter())?,
        };
        side.must(ROOT, &created)?;
        eventually("the right is there", || Ok(!is_denied(side, USER)?))?;
        side.must(ROOT, &removal(&acl)?)?;
        eventually("the right is gone", || is_denied(side, USER))?;
    }
    Ok(())
}

fn is_denied(side: &mut Side, user: &str) -> Result<bool> {
    let answer = fetched(side, user)?;
    let mut is_denied = false;
    answer.each("Partitions", &mut |partitions| {
        is_denied = partitions.holds("ErrorCode", &Tree::Int(29))
    });
    Ok(is_denied)
}

fn fetched(side: &mut Side, user: &str) -> Result<Tree> {
    let partition = vec![is(field::PARTITION, 0), is(field::PARTITION_MAX_BYTES, 100)];
    let topic = vec![
        is(field::TOPIC, ORDERS),
        items(field::PARTITIONS, vec![partition]),
    ];
    let fields = vec![is(field::SESSION_EPOCH, -1), items(field::TOPICS, vec![topic])];
    side.must(user, &request(1, 12, &fields)?)
}

fn removal(acl: &Acl) -> Result<Request> {
    let mut body = Item::request(31, 3)?;
    let mut filter = body.item(field::FILTERS);
    let (kind, name, pattern) = &acl.resource;
    filter
        .set(field::RESOURCE_TYPE_FILTER, *kind)
        .set(field::RESOURCE_NAME_FILTER, name.as_str())
        .set(field::PATTERN_TYPE_FILTER, *pattern)
        .set(field::PRINCIPAL_FILTER, acl.principal.as_str())
        .set(field::HOST_FILTER, Value::Null)
        .set(field::OPERATION, acl.operation)
        .set(field::PERMISSION_TYPE, acl.permission);
    body.push(field::FILTERS, filter);
    Ok(Request {
        key: 31,
        version: 3,
        body,
    })
}
