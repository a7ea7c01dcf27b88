//! Storms of failing logins as good clients notice them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::hall::{Hall, Way};
use crate::load::Small;
use crate::logins::CONNECTIONS;
use crate::measure::{median, percentile};
use crate::report::say;

/// Connections that fail to log in at once, each again and again.
const INTRUDERS: u32 = 200;

/// The time that the gateway waits before it answers a bad login; intruders begin at different times within it, or they
/// would all come at once, again and again.
const REFUSED_AFTER: Duration = Duration::from_millis(100);

/// How long good clients are watched, how often they send, and how often another one logs in.
const WATCHED: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(2);
const LOGIN_PAUSE: Duration = Duration::from_millis(20);

/// How long a storm blows before good clients are watched.
const RISING: Duration = Duration::from_secs(1);

/// The logins that fail beside good clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Storm {
    Nothing,
    /// The storm against another gateway on this machine: it shows what the clients and the machine make of it.
    Elsewhere(Way),
    Here(Way),
}

/// Measures what good clients notice of others who fail to log in.
pub(crate) fn run(hall: &Hall, rounds: usize) -> Result<()> {
    let other = Hall::with(CONNECTIONS)?;
    let mut plan = vec![Storm::Nothing];
    for way in [Way::Token, Way::Scram512, Way::TokenOverTls, Way::Listed] {
        plan.extend([Storm::Elsewhere(way), Storm::Here(way)]);
    }
    let mut seen: BTreeMap<Storm, Vec<Seen>> = BTreeMap::new();
    for round in 0..rounds {
        for turn in 0..plan.len() {
            let storm = plan[(turn + round) % plan.len()];
            let (target, way) = match storm {
                Storm::Nothing => (None, Way::Token),
                Storm::Elsewhere(way) => (Some(&other), way),
                Storm::Here(way) => (Some(hall), way),
            };
            seen.entry(storm).or_default().push(watch(hall, target, way)?);
        }
    }
    say(&format!(
        "\n{:<40}{:>10}{:>14}{:>10}{:>14}{:>10}",
        "good clients, µs", "bad/s", "produce p50", "p99", "login p50", "p99"
    ));
    for (storm, seen) in &seen {
        let title = match storm {
            Storm::Nothing => "no storm".to_owned(),
            Storm::Elsewhere(way) => format!("elsewhere: {}", way.title()),
            Storm::Here(way) => format!("here: {}", way.title()),
        };
        let [bad, p50, p99, login50, login99] =
            std::array::from_fn(|index| median(&seen.iter().map(|round| round[index]).collect::<Vec<f64>>()));
        say(&format!(
            "{title:<40}{bad:>10.0}{p50:>14.0}{p99:>10.0}{login50:>14.0}{login99:>10.0}"
        ));
    }
    Ok(())
}

/// The measurements of one round: bad logins per second; then, in microseconds, how long requests of good clients took,
/// p50 and p99, and their logins.
type Seen = [f64; 5];

/// Watches good clients of `hall` while others storm a gateway.
fn watch(hall: &Hall, stormed: Option<&Hall>, way: Way) -> Result<Seen> {
    let (over, failed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let intrude = |stormed: &Hall, number: u32| -> Result<()> {
        thread::sleep(REFUSED_AFTER * number / INTRUDERS);
        while !over.load(Ordering::Relaxed) {
            stormed.intrude(way)?;
            failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = stormed
            .iter()
            .flat_map(|stormed| (0..INTRUDERS).map(move |number| (*stormed, number)))
            .map(|(stormed, number)| scope.spawn(move || intrude(stormed, number)))
            .collect();
        if stormed.is_some() {
            thread::sleep(RISING);
        }
        let before = failed.load(Ordering::Relaxed);
        let newcomer = scope.spawn(|| {
            every(LOGIN_PAUSE, || {
                let started = Instant::now();
                hall.enter(Way::Token)?;
                Ok(started.elapsed().as_secs_f64() * 1e6)
            })
        });
        let requests = hall
            .target
            .probe(Small::Produce)
            .and_then(|mut probe| every(PAUSE, || probe.take()));
        let bad = failed.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        let logins = newcomer.join().map_err(|_| anyhow!("a client panicked"))?;
        for thread in threads {
            thread.join().map_err(|_| anyhow!("an intruder panicked"))??;
        }
        ensure!(stormed.is_none() || bad > 0, "there was no storm");
        let (mut requests, mut logins) = (requests?, logins?);
        Ok([
            bad as f64 / WATCHED.as_secs_f64(),
            percentile(&mut requests, 50.0),
            percentile(&mut requests, 99.0),
            percentile(&mut logins, 50.0),
            percentile(&mut logins, 99.0),
        ])
    })
}

/// Does it again and again with pauses.
fn every(pause: Duration, mut one: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    let end = Instant::now() + WATCHED;
    let mut values = Vec::new();
    while Instant::now() < end {
        values.push(one()?);
        thread::sleep(pause);
    }
    Ok(values)
}
