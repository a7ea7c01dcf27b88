//! The cost of logins, and the memory of an idle session.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::client::Client;
use crate::hall::{Hall, Way};
use crate::measure::median;
use crate::report::{MIB, say};
use crate::storm;

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "logins";

/// Connections that log in at once: far below what the gateway lets wait, so that none is turned away.
const AT_ONCE: usize = 16;

/// Logins per round and way.
const LOGINS: usize = 2_000;

/// As many sessions as are wanted, and some to spare.
pub(crate) const CONNECTIONS: usize = 12_000;

/// Idle sessions are looked at when buffers have been given up.
const TIDY: Duration = Duration::from_secs(20);

/// Those who come before memory is first looked at, so that what a node holds once does not count.
const FIRST_SESSIONS: usize = 100;

/// The parts of the measurement.
const PARTS: [&str; 3] = ["cost", "storm", "idle"];

/// Measures the parts whose names begin so: so many rounds, and so many sessions that do nothing.
pub(crate) fn run(part: &str, rounds: usize, sessions: usize) -> Result<()> {
    let mut hall = Hall::with(CONNECTIONS)?;
    for wanted in PARTS.into_iter().filter(|known| known.starts_with(part)) {
        match wanted {
            "cost" => cost(&hall, rounds)?,
            "storm" => storm::run(&hall, rounds)?,
            _ => idle(&mut hall, sessions)?,
        }
    }
    Ok(())
}

/// Logins per second, and the gateway's time for one.
fn cost(hall: &Hall, rounds: usize) -> Result<()> {
    let mut series: BTreeMap<Way, [Vec<f64>; 2]> = BTreeMap::new();
    for round in 0..rounds {
        for turn in 0..Way::ALL.len() {
            let way = Way::ALL[(turn + round) % Way::ALL.len()];
            let (started, before) = (Instant::now(), hall.usage()?.cpu_seconds);
            enter_all(hall, way, LOGINS, |_| None::<Client>)?;
            let (spent, time) = (hall.usage()?.cpu_seconds - before, started.elapsed());
            let [rates, costs] = series.entry(way).or_default();
            rates.push(LOGINS as f64 / time.as_secs_f64());
            costs.push(spent * 1e3 / LOGINS as f64);
        }
    }
    say(&format!(
        "\n{:<28}{:>12}{:>20}",
        "", "logins/s", "CPU ms per login"
    ));
    for (way, [rates, costs]) in &series {
        let (rate, cost) = (median(rates), median(costs));
        say(&format!("{:<28}{rate:>12.0}{cost:>20.3}", way.title()));
    }
    Ok(())
}

/// Logs in so many times, several at once, and returns the connections that are to be kept.
fn enter_all<K: Send>(
    hall: &Hall,
    way: Way,
    count: usize,
    keep: impl Fn(Client) -> Option<K> + Sync,
) -> Result<Vec<K>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<K>> {
        let mut kept = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < count {
            kept.extend(keep(hall.enter(way)?));
        }
        Ok(kept)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        Ok(all)
    })
}

/// The memory of sessions that are logged in and do nothing.
fn idle(hall: &mut Hall, sessions: usize) -> Result<()> {
    say(&format!(
        "\n{:<28}{:>14}{:>16}{:>16}",
        "idle sessions", "sessions", "MiB before", "KiB for each"
    ));
    for way in [Way::Token, Way::Scram512, Way::TokenOverTls] {
        hall.start_again()?;
        let first = enter_all(hall, way, FIRST_SESSIONS, Some)?;
        thread::sleep(TIDY);
        let before = hall.usage()?.resident_bytes;
        let more = enter_all(hall, way, sessions - FIRST_SESSIONS, Some)?;
        thread::sleep(TIDY);
        let grown = hall.usage()?.resident_bytes.saturating_sub(before);
        say(&format!(
            "{:<28}{:>14}{:>16.1}{:>16.1}",
            way.title(),
            first.len() + more.len(),
            before as f64 / MIB,
            grown as f64 / 1024.0 / more.len() as f64
        ));
    }
    Ok(())
}
