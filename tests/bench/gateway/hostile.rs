//! Attacks as a good client of one virtual cluster notices them: from another virtual cluster, or without any
//! credential. Beside each the same attack on another gateway of this machine: that is what the machine makes of it.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::attack::{Attack, Ground};
use crate::hall::Hall;
use crate::load::Small;
use crate::measure::percentile;
use crate::report::{MIB, say};

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "hostile";

/// The default of `klamm.limits.connections`: an attack takes them all.
pub(crate) const CONNECTIONS: usize = 10_000;

/// How long good clients are watched, how often they send, and how often another one logs in.
const WATCHED: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(2);
const LOGIN_PAUSE: Duration = Duration::from_millis(20);

/// How long an attack goes on before good clients are watched, and how often memory is looked at.
const RISING: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// The limit of p99: so many times that without an attack, and so much more.
const MOST_TIMES: f64 = 1.2;
const MOST_MORE_US: f64 = 5_000.0;

/// The limits of logins, in per cent, and of memory: the default budget of requests, and a tenth more.
const FEWEST_LOGINS: f64 = 99.0;
const MOST_MIB: f64 = 512.0 * 1.1;

/// The measurements of good clients.
struct Seen {
    /// Times of requests, p50 and p99, in microseconds.
    requests: [f64; 2],
    /// Of logins that succeeded, p50 and p99.
    logins: [f64; 2],
    /// How many succeeded, in per cent.
    welcome: f64,
}

/// Where an attack is made.
#[derive(Clone, Copy)]
struct At<'a> {
    ground: &'a Ground,
    attack: Attack,
}

/// Makes the attacks whose names begin so, one after the other.
pub(crate) fn run(part: &str) -> Result<()> {
    let (mut hall, mut other) = (Hall::with(CONNECTIONS)?, Hall::with(CONNECTIONS)?);
    let [ground, elsewhere] =
        [(&hall, 2), (&other, 3)].map(|(hall, last)| Ground::prepare(hall, Ipv4Addr::new(127, 0, 0, last)));
    let (ground, elsewhere) = (ground?, elsewhere?);
    let columns = format!(
        "{:>8}{:>8}{:>9}{:>9}{:>7}",
        "p50", "p99", "login50", "login99", "ok %"
    );
    say(&format!(
        "\n{:<31} | {:<41} | {:<41} | {:<41} |",
        "", "before, µs", "elsewhere, µs", "here, µs"
    ));
    say(&format!(
        "{:<22}{:>9} | {columns} | {columns} | {columns} | {:>7}{:>7}",
        "attack", "in 1 s", "MiB", "most"
    ));
    for attack in Attack::ALL
        .into_iter()
        .filter(|attack| attack.title().starts_with(part))
    {
        // Each attack meets a new process, so that memory is its own.
        hall.start_again()?;
        other.start_again()?;
        measure(&hall, (&ground, &elsewhere), attack).with_context(|| attack.title())?;
    }
    Ok(())
}

fn measure(hall: &Hall, (ground, elsewhere): (&Ground, &Ground), attack: Attack) -> Result<()> {
    let before = watch(hall, ground)?;
    let at_rest = hall.usage()?.resident_bytes as f64 / MIB;
    let (beside, _, _) = under(
        hall,
        ground,
        At {
            ground: elsewhere,
            attack,
        },
    )?;
    let (here, rate, most) = under(hall, ground, At { ground, attack })?;
    let row = |seen: &Seen| {
        let ([p50, p99], [login50, login99]) = (seen.requests, seen.logins);
        format!(
            "{p50:>8.0}{p99:>8.0}{login50:>9.0}{login99:>9.0}{:>7.1}",
            seen.welcome
        )
    };
    say(&format!(
        "{:<22}{rate:>9.0} | {} | {} | {} | {at_rest:>7.1}{most:>7.1}",
        attack.title(),
        row(&before),
        row(&beside),
        row(&here)
    ));
    let wanted = [
        (
            "p99",
            here.requests[1] <= MOST_TIMES * before.requests[1] + MOST_MORE_US,
        ),
        ("logins", here.welcome >= FEWEST_LOGINS),
        ("memory", most <= MOST_MIB),
    ];
    let missed: Vec<&str> = wanted
        .iter()
        .filter(|(_, is_met)| !is_met)
        .map(|(name, _)| *name)
        .collect();
    if !missed.is_empty() {
        say(&format!(
            "{:<22}misses what is wanted of {}",
            "",
            missed.join(", ")
        ));
    }
    Ok(())
}

/// Watches good clients while an attack is made; how many of its steps were made in a second, and the most memory in MiB.
fn under(
    hall: &Hall,
    ground: &Ground,
    At {
        ground: attacked,
        attack,
    }: At<'_>,
) -> Result<(Seen, f64, f64)> {
    let (over, steps, most) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let attackers: Vec<_> = (0..attack.threads())
            .map(|_| scope.spawn(|| attack.make(attacked, &over, &steps)))
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let resident = hall.usage().map_or(0, |usage| usage.resident_bytes as usize);
                most.fetch_max(resident, Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        attack.await_start(&steps, RISING);
        let (before, started) = (steps.load(Ordering::Relaxed), Instant::now());
        let seen = watch(hall, ground);
        let made = steps.load(Ordering::Relaxed) - before;
        let rate = made as f64 / started.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        for attacker in attackers {
            attacker.join().map_err(|_| anyhow!("an attacker panicked"))??;
        }
        ensure!(steps.load(Ordering::Relaxed) > 0, "there was no attack");
        Ok((seen?, rate, most.load(Ordering::Relaxed) as f64 / MIB))
    })
}

/// Watches one client that sends requests, and others that log in for the first time.
fn watch(hall: &Hall, ground: &Ground) -> Result<Seen> {
    let end = Instant::now() + WATCHED;
    thread::scope(|scope| {
        let newcomers = scope.spawn(|| {
            let (mut took, mut tried) = (Vec::new(), 0);
            while Instant::now() < end {
                let started = Instant::now();
                if ground.first_login().is_ok() {
                    took.push(started.elapsed().as_secs_f64() * 1e6);
                }
                tried += 1;
                thread::sleep(LOGIN_PAUSE);
            }
            (took, tried)
        });
        let mut probe = hall.target.probe(Small::Produce)?;
        let mut requests = Vec::new();
        while Instant::now() < end {
            requests.push(probe.take()?);
            thread::sleep(PAUSE);
        }
        let (mut logins, tried) = newcomers.join().map_err(|_| anyhow!("a client panicked"))?;
        Ok(Seen {
            requests: [50.0, 99.0].map(|percent| percentile(&mut requests, percent)),
            welcome: 100.0 * logins.len() as f64 / f64::from(tried),
            logins: [50.0, 99.0].map(|percent| percentile(&mut logins, percent)),
        })
    })
}
