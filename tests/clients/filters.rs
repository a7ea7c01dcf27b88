//! Stock clients follow topics of which policies withhold nothing, nine records in ten, everything, or everything at the
//! end, with aborted transactions between. Each must get exactly what is left for it, once and in order; its group must
//! reach the end of the log; and it must really have gone on: when the filters are taken away, nobody gets what was
//! withheld before.
//!
//! `make clients ARGS=filters` runs all clients; `make test` some. `KLAMM_CLIENTS` names which, or `all`.

mod followers;
mod log;
mod table;
mod trial;

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::alone;
use super::desk::Desk;
use super::place::Place;
use crate::scene::{Login, Scene};
use followers::{Cell, FOLLOWERS, Follower};
use log::{Filter, Isolation, Log};
use table::{Check, Table};
use trial::{Stage, Trial};

const VCLUSTER: &str = "filters";

/// Those that `make test` runs, unless `KLAMM_FILTERS` names others.
const QUICK: [&str; 4] = ["java-4.3", "librdkafka", "franz-go", "kafkajs"];

/// Those that are wanted, and whether it is asked what they do at a broker, too.
fn chosen() -> Result<(Vec<Follower>, bool)> {
    let variable = std::env::var("KLAMM_CLIENTS").ok();
    let quick = || std::env::var("KLAMM_FILTERS").unwrap_or_else(|_| QUICK.join(","));
    let wanted = variable.clone().unwrap_or_else(quick);
    let is_wanted =
        |follower: &Follower| wanted == "all" || wanted.split(',').any(|name| name == follower.client);
    let chosen: Vec<Follower> = FOLLOWERS.into_iter().filter(is_wanted).collect();
    ensure!(!chosen.is_empty(), "nobody of {wanted} follows topics");
    Ok((chosen, variable.is_some()))
}

fn policy(filter: Filter) -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": filter.topic(), "vCluster": VCLUSTER},
        "spec": {
            "phase": "consume", "topics": [{"patternType": "LITERAL", "name": filter.topic()}],
            "condition": filter.condition(), "action": {"type": "skip_record"},
        },
    })
}

/// The physical topics.
fn topics() -> [String; 4] {
    Filter::ALL.map(|filter| format!("filters-{}", filter.topic()))
}

/// Writes the same to all topics at their broker.
fn write(scene: &Scene, desk: &mut Desk, steps: &[String]) -> Result<()> {
    let topics = topics();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    desk.write(scene.physical(), &names, steps)
}

/// The topics with their log, the virtual cluster with its filters, and somebody there.
fn lay_out(scene: &Scene, desk: &mut Desk, log: &Log) -> Result<Login> {
    let topics = topics();
    for topic in &topics {
        scene.topic(topic, 1)?;
    }
    write(scene, desk, log.steps())?;
    let names = Filter::ALL.map(Filter::topic);
    let aliases: Vec<(&str, &str)> = names.into_iter().zip(topics.iter().map(String::as_str)).collect();
    scene.vcluster(VCLUSTER, &aliases)?;
    for filter in Filter::ALL {
        scene.stage.admin(1).put("policy", &policy(filter))?;
    }
    scene.login(VCLUSTER, "super-user", 1)
}

/// Takes the filters away, and writes one more record.
fn unfilter(scene: &Scene, desk: &mut Desk) -> Result<()> {
    for filter in Filter::ALL {
        let name = json!({"name": filter.topic(), "vCluster": VCLUSTER});
        let deleted = scene.stage.admin(1).call("DELETE", "policy", Some(&name))?;
        ensure!(deleted.status == 204, "{deleted:?}");
    }
    write(scene, desk, &[Log::last()])
}

#[test]
fn every_client_moves_on_over_what_is_filtered() -> Result<()> {
    let ((followers, is_compared), began) = (chosen()?, Instant::now());
    let scene = Scene::shared()?;
    let mut desk = Desk::start(&scene.stage.directory().join("filters-desk.err"))?;
    let log = Log::new();
    let user = lay_out(&scene, &mut desk, &log)?;
    followers::provide(&scene, VCLUSTER, &followers)?;
    let mut table = Table::new(&followers)?;
    let trial = Trial::start((&scene, VCLUSTER), &mut desk, (&user, &log), &followers, |_| true)?;
    let filtered = trial.settle(&mut desk, &mut table, Stage::Filtered)?;
    table.judge(&trial.cells, &[Check::Records, Check::End], &filtered);
    println!(
        "filtered topics were followed after {} s",
        began.elapsed().as_secs()
    );
    unfilter(&scene, &mut desk)?;
    let unfiltered = trial.settle(&mut desk, &mut table, Stage::Unfiltered)?;
    table.judge(&trial.cells, &[Check::Last], &unfiltered);
    drop(trial);
    println!(
        "and without filters after {} s\n{}",
        began.elapsed().as_secs(),
        table.text()
    );
    if is_compared {
        let behind = behind_at_a_broker(&followers)?;
        for (
            Cell {
                client,
                protocol,
                filter,
                ..
            },
            why,
        ) in &behind
        {
            println!("at a broker, too: {client} {protocol} {}: {why}", filter.topic());
        }
        table.compare(&behind);
    }
    table.check()
}

/// Who stays behind the end of a log at a broker without a gateway where an aborted transaction ends it: after records (in a
/// topic that is called like one without a filter), or where there never was one (in one like that which withholds everything).
fn behind_at_a_broker(followers: &[Follower]) -> Result<BTreeMap<Cell, String>> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    let place = Place::BrokerToo;
    alone::start(&mut scene, place, &[])?;
    let (address, password) = (alone::address(&scene, place), alone::PASSWORD.to_owned());
    let user = scene.login_with(address, place.super_user(), password)?;
    let mut desk = Desk::start(&scene.stage.directory().join("filters-desk.err"))?;
    let log = Log::aborted_at_the_end();
    let bootstrap = scene.stage.bootstrap(place.name()).context("it was started")?;
    for (filter, log) in [(Filter::Nothing, &log), (Filter::Everything, &Log::aborted())] {
        scene.topic_on(place.name(), filter.topic(), 1)?;
        desk.write(bootstrap, &[filter.topic()], log.steps())?;
    }
    let is_wanted = |cell: Cell| {
        let is_there = [Filter::Nothing, Filter::Everything].contains(&cell.filter);
        is_there && cell.isolation == Isolation::Committed
    };
    let mut table = Table::new(followers)?;
    let trial = Trial::start(
        (&scene, place.name()),
        &mut desk,
        (&user, &log),
        followers,
        is_wanted,
    )?;
    let faults = trial.settle(&mut desk, &mut table, Stage::AtABroker)?;
    let (behind, wrong): (Vec<_>, Vec<_>) = faults
        .into_iter()
        .partition(|((_, check), _)| *check == Check::End);
    ensure!(wrong.is_empty(), "at a broker: {wrong:?}");
    Ok(behind.into_iter().map(|((cell, _), why)| (cell, why)).collect())
}
