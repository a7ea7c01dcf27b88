//! Sends the same requests to a broker with StandardAuthorizer and to a gateway in front of another broker: the
//! answers, and what the requests did, must be equal but for closed lists of what differs by nature and by intention.

#[path = "differential/cases.rs"]
mod cases;
#[path = "differential/coverage.rs"]
mod coverage;
#[path = "differential/deviations.rs"]
mod deviations;
#[path = "differential/fields.rs"]
mod fields;
#[path = "differential/normal.rs"]
mod normal;
#[path = "differential/patience.rs"]
mod patience;
#[path = "differential/settings.rs"]
mod settings;
#[path = "differential/side.rs"]
mod side;
#[path = "differential/stores.rs"]
mod stores;
#[path = "differential/stories.rs"]
mod stories;
#[path = "differential/tally.rs"]
mod tally;
#[path = "differential/tree.rs"]
mod tree;
#[path = "differential/upstream.rs"]
mod upstream;
#[path = "differential/world.rs"]
mod world;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use klamm::wire::{api_versions, field};

use crate::cases::{Ask, Case, Flow};
use crate::fields::is;
use crate::patience::Patience;
use crate::side::{Outcome, Request, Side};
use crate::tally::Tally;
use crate::tree::Tree;
use crate::world::{Kind, World, request};

/// A coordinator that is loading or not there yet, a transaction whose last one is not quite done, and a share group whose
/// state is being made.
const TRANSIENT: [i64; 4] = [14, 15, 51, 124];
/// A transaction that is about to be done.
const UNSETTLED: [&str; 2] = ["PrepareCommit", "PrepareAbort"];
/// APIs whose effects are seen only a little later: ACLs, quotas and SCRAM users by a broker, assignments and offsets of share
/// groups by everybody.
const SEEN_LATER: [i16; 6] = [29, 48, 50, 76, 77, 90];

#[test]
fn a_gateway_answers_and_acts_as_a_broker_with_its_own_authorizer() -> Result<()> {
    compare(Kind::Partner)
}

#[test]
fn so_does_the_virtual_cluster_that_is_built_in() -> Result<()> {
    compare(Kind::Passthrough)
}

fn compare(kind: Kind) -> Result<()> {
    let mut world = World::start(kind)?;
    let served = common_versions(&mut world)?;
    let mut tally = Tally::new(kind);
    let users: Vec<String> = world
        .settings
        .iter()
        .map(|setting| setting.user.clone())
        .collect();
    for user in users.iter().filter(|user| kind.tries(user)) {
        for flow in cases::all() {
            play(&mut world, user, (&flow, &served), &mut tally)?;
        }
    }
    tally.conclude()?;
    stories::strangers(&world)?;
    stories::silent_writes(&mut world)?;
    stories::revocation(&mut world)?;
    stores::compare(&mut world)
}

/// The versions that both sides announce, by API.
fn common_versions(world: &mut World) -> Result<BTreeMap<i16, (i16, i16)>> {
    let software = vec![
        is(field::CLIENT_SOFTWARE_NAME, "differential"),
        is(field::CLIENT_SOFTWARE_VERSION, "1"),
    ];
    let mut both = Vec::new();
    for side in [&mut world.broker, &mut world.gateway] {
        let answer = side.must(settings::ROOT, &request(18, 4, &software)?)?;
        let Some(Tree::List(keys)) = answer.field("ApiKeys") else {
            anyhow::bail!("no versions");
        };
        let number = |key: &Tree, name| match key.field(name) {
            Some(Tree::Int(value)) => i16::try_from(*value).unwrap_or(-1),
            _ => -1,
        };
        let ranges = keys.iter().map(|key| {
            (
                number(key, "ApiKey"),
                (number(key, "MinVersion"), number(key, "MaxVersion")),
            )
        });
        both.push(ranges.collect::<BTreeMap<_, _>>());
    }
    let (broker, gateway) = (&both[0], &both[1]);
    ensure!(gateway.len() > 20, "the gateway serves little: {gateway:?}");
    let common = gateway.iter().filter_map(|(key, (min, max))| {
        let known = api_versions(*key)?;
        let (broker_min, broker_max) = broker.get(key)?;
        Some((
            *key,
            (
                known.lo.max(*min).max(*broker_min),
                known.hi.min(*max).min(*broker_max),
            ),
        ))
    });
    let common: BTreeMap<_, _> = common.collect();
    ensure!(common.len() > 20, "little in common: {broker:?} {gateway:?}");
    Ok(common)
}

/// Sends the requests of a flow to both sides, round by round.
fn play(
    world: &mut World,
    user: &str,
    (flow, served): (&Flow, &BTreeMap<i16, (i16, i16)>),
    tally: &mut Tally,
) -> Result<()> {
    let range = |case: &Case| -> Option<(i16, i16)> {
        case.with.iter().try_for_each(|key| served.get(key).map(drop))?;
        let (min, max) = served.get(&case.key)?;
        let (min, max) = (case.from.max(*min), case.to.min(*max));
        (min <= max).then_some((min, max))
    };
    // Half of a story would leave the two sides in different states.
    if flow.iter().any(|case| !served.contains_key(&case.key)) {
        return Ok(());
    }
    let rounds = flow
        .iter()
        .filter_map(range)
        .map(|(min, max)| max - min + 1)
        .max()
        .unwrap_or(0);
    for round in 0..rounds {
        for case in flow {
            if let Some((min, max)) = range(case) {
                exchange(world, user, (case, max.min(min + round)), tally)?;
            }
        }
    }
    Ok(())
}

/// The answer to a request that was sent, once it is no longer that something is about to be there.
fn settled(side: &mut Side, user: &str, request: &Request, patience: &mut Patience) -> Result<Outcome> {
    let mut outcome = side.receive(user, request);
    let mut wait = patience.begin();
    while let Ok(Outcome::Answer(answer)) = &outcome {
        let is_unsettled = |(name, value): &(&str, Tree)| answer.holds(name, value);
        let codes = TRANSIENT.map(|code| ("ErrorCode", Tree::Int(code)));
        let states = UNSETTLED.map(|state| ("TransactionState", Tree::Text(state.into())));
        if !codes.iter().chain(&states).any(is_unsettled) || !wait.pause() {
            break;
        }
        outcome = side.ask(user, request);
    }
    outcome
}

/// Whether the outcomes are equal but for what is meant to differ.
fn same(kind: Kind, key: i16, (broker, gateway): (&Result<Outcome>, &Result<Outcome>)) -> bool {
    match (broker, gateway) {
        (Ok(Outcome::Answer(broker)), Ok(Outcome::Answer(gateway))) => {
            let differences = Tree::differences(broker, gateway);
            differences
                .iter()
                .all(|difference| deviations::find(kind, key, difference).is_some())
        }
        (Ok(broker), Ok(gateway)) => broker == gateway,
        _ => false,
    }
}

fn exchange(world: &mut World, user: &str, (case, version): (&Case, i16), tally: &mut Tally) -> Result<()> {
    let make = |side| request(case.key, version, &(case.build)(Ask { side, user, version }));
    let (to_broker, to_gateway) = (make(&world.broker)?, make(&world.gateway)?);
    world.broker.send(user, &to_broker)?;
    world.gateway.send(user, &to_gateway)?;
    let patience = &mut world.patience;
    let mut broker = settled(&mut world.broker, user, &to_broker, patience);
    let mut gateway = settled(&mut world.gateway, user, &to_gateway, patience);
    let mut wait = patience.begin();
    while SEEN_LATER.contains(&case.key) && !same(world.kind, case.key, (&broker, &gateway)) && wait.pause() {
        broker = world.broker.ask(user, &to_broker);
        gateway = world.gateway.ask(user, &to_gateway);
    }
    let named = |side: &str, outcome: Result<Outcome>| {
        outcome.map_err(|error| {
            error.context(format!(
                "{side}: {} {:?} v{version} of {user}",
                case.key, case.name
            ))
        })
    };
    let (broker, gateway) = (named("broker", broker)?, named("gateway", gateway)?);
    tally.add((case, version, user), &broker, &gateway);
    Ok(())
}
