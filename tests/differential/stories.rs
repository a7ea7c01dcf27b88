//! Cases that are not one request and one answer: writes without an answer, rights that are taken away.

use anyhow::{Context, Result, ensure};
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

/// The end of a connection.
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

/// A client asks in a version that nobody knows, or for topics in the middle of its login.
pub(crate) fn strangers(world: &World) -> Result<()> {
    const API_VERSIONS: [u8; 2] = [0, 18];
    const TAGS: [u8; 1] = [0];
    let unknown = [&API_VERSIONS[..], &[0, 99], &[0, 0, 0, 7], &[0, 1, b'c'], &TAGS].concat();
    let both = [&world.broker, &world.gateway];
    let told = both.map(|side| -> Result<Tree> {
        let answer = side.strangers(std::slice::from_ref(&unknown))?.swap_remove(0);
        side.read_answer((18, 0), &answer.context("ApiVersions is answered")?)
    });
    let [broker, gateway] = told;
    let (broker, gateway) = (broker?, gateway?);
    ensure!(broker.holds("ErrorCode", &Tree::Int(35)), "{broker}");
    ensure!(broker == gateway, "broker {broker}, gateway {gateway}");

    let frame = |request: Request| -> Result<Vec<u8>> {
        let api = (request.key, request.version);
        Ok(request.body.request_frame(api, 7, "differential")?.joined()[4..].to_vec())
    };
    let handshake = frame(request(17, 1, &vec![is(field::MECHANISM, "PLAIN")])?)?;
    for version in 0..=13 {
        let topics = [ORDERS, "nowhere"]
            .map(|name| vec![is(field::NAME, name)])
            .to_vec();
        let metadata = frame(request(3, version, &vec![items(field::TOPICS, topics)])?)?;
        let frames = [handshake.clone(), metadata];
        let mut seen = Vec::new();
        for side in both {
            let answers = side.strangers(&frames)?;
            ensure!(
                answers.last() == Some(&None),
                "v{version}: the connection stays open"
            );
            let answer = answers[1].as_ref().context("Metadata is answered")?;
            seen.push(side.read_answer((3, version), answer)?);
        }
        ensure!(
            seen[0].holds("ErrorCode", &Tree::Int(34)),
            "v{version}: {}",
            seen[0]
        );
        ensure!(
            seen[0] == seen[1],
            "v{version}: broker {}, gateway {}",
            seen[0],
            seen[1]
        );
    }
    Ok(())
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
