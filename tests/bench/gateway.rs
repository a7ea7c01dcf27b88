//! What the gateway costs: Kafka alone, a bare relay, HAProxy when installed, and the gateway, in one run.
//!
//! `cargo bench --bench gateway -- [--rounds N] [--mib N]`. Rounds alternate between the four, and medians are shown,
//! because machines are noisy. The load is raw Kafka frames from one thread, so that the client is not what is
//! measured.

#[path = "gateway/load.rs"]
mod load;
#[path = "gateway/measure.rs"]
mod measure;
#[path = "gateway/path.rs"]
mod path;
#[path = "gateway/relay.rs"]
mod relay;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::load::{Batch, Client, Target};
use crate::measure::{Usage, median, percentile};
use crate::path::{Bench, Path};

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// Requests that the producer keeps in flight; Java's default.
const IN_FLIGHT: usize = 5;

/// Of one record, in bytes.
const RECORD_BYTES: usize = 1_000;

/// Requests whose latency is taken, per round.
const LATENCIES: usize = 2_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Load {
    ProduceSmall,
    ProduceLarge,
    Fetch,
}

const LOADS: [(Load, &str); 3] = [
    (
        Load::ProduceSmall,
        "produce, requests of 16 KiB (Java's default batch)",
    ),
    (Load::ProduceLarge, "produce, requests of 256 KiB"),
    (Load::Fetch, "fetch, answers of 1 MiB"),
];

/// What one path did under one load, one value per round.
#[derive(Debug, Default)]
struct Series {
    mib_per_second: Vec<f64>,
    cpu_seconds_per_gib: Vec<f64>,
}

#[derive(Debug, Default)]
struct Results {
    loads: BTreeMap<(Load, usize), Series>,
    /// Of all rounds, in microseconds, by path.
    latencies: BTreeMap<usize, Vec<f64>>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, listen, target] = arguments.as_slice()
        && command == relay::COMMAND
    {
        return relay::serve(listen, target);
    }
    let rounds = option(&arguments, "--rounds")?.unwrap_or(5);
    let mib = option(&arguments, "--mib")?.unwrap_or(256);
    let bench = Bench::start(mib)?;
    let mut results = Results::default();
    for round in 0..rounds {
        say(&format!("round {} of {rounds} …", round + 1));
        for turn in 0..bench.paths.len() {
            let index = (turn + round) % bench.paths.len();
            measure(&bench.paths[index], mib, |load, rate, cpu| {
                let series = results.loads.entry((load, index)).or_default();
                series.mib_per_second.push(rate);
                series.cpu_seconds_per_gib.push(cpu);
            })?;
            results
                .latencies
                .entry(index)
                .or_default()
                .extend(latency(&bench.paths[index])?);
        }
    }
    report(&bench, &mut results)
}

/// Runs every load once over one path.
fn measure(path: &Path, mib: usize, mut done: impl FnMut(Load, f64, f64)) -> Result<()> {
    let bytes = mib * 1024 * 1024;
    for (load, _) in LOADS {
        let mut client = Client::connect(&path.target)?;
        let before = path.usage()?;
        let start = Instant::now();
        let moved = match load {
            Load::ProduceSmall => produce(&mut client, &path.target, 16 * 1024, bytes / 4)?,
            Load::ProduceLarge => produce(&mut client, &path.target, 256 * 1024, bytes)?,
            Load::Fetch => client.fetch_all(&path.target.filled, bytes)?,
        };
        let seconds = start.elapsed().as_secs_f64();
        let cpu = path.usage()?.cpu_seconds - before.cpu_seconds;
        done(load, moved as f64 / MIB / seconds, cpu / (moved as f64 / GIB));
    }
    Ok(())
}

fn produce(client: &mut Client, target: &Target, request_bytes: usize, bytes: usize) -> Result<usize> {
    let batch = Batch::new(request_bytes / RECORD_BYTES, RECORD_BYTES)?;
    client.produce_all(&target.scratch, &batch, bytes / request_bytes, IN_FLIGHT)
}

/// How long one small produce takes, one at a time, in microseconds.
fn latency(path: &Path) -> Result<Vec<f64>> {
    let mut client = Client::connect(&path.target)?;
    let batch = Batch::new(1, 100)?;
    let one = |client: &mut Client| -> Result<Duration> {
        let start = Instant::now();
        client.produce_all(&path.target.scratch, &batch, 1, 1)?;
        Ok(start.elapsed())
    };
    for _ in 0..LATENCIES / 10 {
        one(&mut client)?;
    }
    (0..LATENCIES)
        .map(|_| Ok(one(&mut client)?.as_secs_f64() * 1e6))
        .collect()
}

fn report(bench: &Bench, results: &mut Results) -> Result<()> {
    let relay = bench
        .paths
        .iter()
        .position(|path| path.name == path::RELAY)
        .context("the relay is a path")?;
    for (load, title) in LOADS {
        say(&format!(
            "\n{title}\n{:<14}{:>10}{:>14}{:>14}",
            "", "MiB/s", "CPU s/GiB", "of the relay"
        ));
        let base = results
            .loads
            .get(&(load, relay))
            .map_or(f64::NAN, |series| median(&series.cpu_seconds_per_gib));
        for (index, path) in bench.paths.iter().enumerate() {
            let Some(series) = results.loads.get(&(load, index)) else {
                continue;
            };
            let (rate, cpu) = (
                median(&series.mib_per_second),
                median(&series.cpu_seconds_per_gib),
            );
            let cost = match path.usage()? {
                Usage {
                    resident_bytes: 0, ..
                } => String::new(),
                _ => format!("{cpu:>14.3}{:>14.2}", cpu / base),
            };
            say(&format!("{:<14}{rate:>10.0}{cost}", path.name));
        }
    }
    say(&format!(
        "\nlatency of a produce of 100 bytes, one at a time, in µs\n{:<14}{:>10}{:>10}{:>12}{:>12}",
        "", "p50", "p99", "added p50", "added p99"
    ));
    let mut alone = None;
    for (index, path) in bench.paths.iter().enumerate() {
        let Some(values) = results.latencies.get_mut(&index) else {
            continue;
        };
        let (p50, p99) = (percentile(values, 50.0), percentile(values, 99.0));
        let (alone50, alone99) = *alone.get_or_insert((p50, p99));
        say(&format!(
            "{:<14}{p50:>10.0}{p99:>10.0}{:>12.0}{:>12.0}",
            path.name,
            p50 - alone50,
            p99 - alone99
        ));
    }
    say(&format!(
        "\nresident memory, in MiB\n{:<14}{:>10}{:>10}",
        "", "now", "at most"
    ));
    for path in &bench.paths {
        let usage = path.usage()?;
        if usage.resident_bytes > 0 {
            let (now, most) = (
                usage.resident_bytes as f64 / MIB,
                usage.most_resident_bytes as f64 / MIB,
            );
            say(&format!("{:<14}{now:>10.1}{most:>10.1}", path.name));
        }
    }
    Ok(())
}

/// The number after an option.
fn option(arguments: &[String], name: &str) -> Result<Option<usize>> {
    let value = arguments
        .iter()
        .position(|word| word == name)
        .and_then(|at| arguments.get(at + 1));
    value
        .map(|value| value.parse().with_context(|| format!("{name} {value}")))
        .transpose()
}

/// A closed standard output is no reason to stop measuring.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
