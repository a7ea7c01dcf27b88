//! The cost of the gateway: the broker alone, a bare relay, HAProxy when installed, and the gateway, in one run.
//!
//! `cargo bench --bench gateway -- [--broker instant|kafka] [--rounds N] [--mib N] [--threads N] [--path NAME]
//! [--load WORDS]`. First in front of a broker that answers at once and keeps nothing, then in front of Apache Kafka. Rounds
//! alternate between the ways, and medians are shown, because machines are noisy. `--path` and `--load` pick those whose
//! name begins so, for a profiler.
//!
//! `-- tenants [--tenants N] [--rounds N]`: one tenant beside nobody, and beside many others.
//!
//! `-- policies [--part records|partners|encryption|rules] [--codec none|lz4|zstd|gzip] [--rounds N]`: what policies on records
//! and encryption cost, by codec and size of records, what many partners on one topic cost, and what rules for requests cost.
//!
//! `-- leases [--rounds N]`: one node, which needs no lease, and three, under the same load; and how long three nodes, and three of
//! Apache Kafka, take until they acknowledge that a right is gone.
//!
//! `-- hostile [--part WORDS]`: what good clients of one virtual cluster notice of attacks, and the memory that attacks take.
//!
//! `-- logins [--part cost|storm|idle] [--sessions N] [--rounds N]`: what logins cost, what good clients notice of bad ones,
//! and the memory of sessions that do nothing.

#[path = "gateway/attack.rs"]
mod attack;
#[path = "gateway/batch.rs"]
mod batch;
#[path = "gateway/broker.rs"]
mod broker;
#[path = "gateway/ciphers.rs"]
mod ciphers;
#[path = "gateway/client.rs"]
mod client;
#[path = "gateway/hall.rs"]
mod hall;
#[path = "gateway/hostile.rs"]
mod hostile;
#[path = "gateway/leases.rs"]
mod leases;
#[path = "gateway/load.rs"]
mod load;
#[path = "gateway/login.rs"]
mod login;
#[path = "gateway/logins.rs"]
mod logins;
#[path = "gateway/measure.rs"]
mod measure;
#[path = "gateway/node.rs"]
mod node;
#[path = "gateway/origin.rs"]
mod origin;
#[path = "gateway/path.rs"]
mod path;
#[path = "gateway/policies.rs"]
mod policies;
#[path = "../kafka/pki.rs"]
mod pki;
#[path = "gateway/relay.rs"]
mod relay;
#[path = "gateway/removals.rs"]
mod removals;
#[path = "gateway/report.rs"]
mod report;
#[path = "gateway/rules.rs"]
mod rules;
#[path = "gateway/site.rs"]
mod site;
#[path = "gateway/storm.rs"]
mod storm;
#[path = "gateway/stream.rs"]
mod stream;
#[path = "gateway/tenants.rs"]
mod tenants;
#[expect(dead_code, reason = "tests have it fail in more ways")]
#[path = "../kafka/encryption/vault.rs"]
mod vault;

use anyhow::{Context, Result, bail};

use crate::load::{Load, Small};
use crate::path::{Backend, Bench, Path};
use crate::report::{GIB, MIB, Results, say};

const ROUNDS: usize = 7;

/// The bytes that one load moves in a round, in MiB: Kafka writes them to disk.
const INSTANT_MIB: usize = 1024;
const KAFKA_MIB: usize = 256;

/// Threads that carry connections in the gateway: the relay and HAProxy have one.
const THREADS: usize = 1;

/// Virtual clusters of the gateway that has many, and rounds there.
const TENANTS: usize = 1_000;
const TENANT_ROUNDS: usize = 3;

/// Idle sessions, and rounds of logins.
const SESSIONS: usize = 10_000;
const LOGIN_ROUNDS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, listen, target] = arguments.as_slice()
        && command == relay::COMMAND
    {
        return relay::serve(listen, target);
    }
    let rounds = number(&arguments, "--rounds")?;
    match arguments.first().map(String::as_str) {
        Some(tenants::COMMAND) => {
            let many = number(&arguments, "--tenants")?.unwrap_or(TENANTS);
            tenants::run(many, rounds.unwrap_or(TENANT_ROUNDS))
        }
        Some(policies::COMMAND) => {
            let part = option(&arguments, "--part").unwrap_or_default();
            policies::run(part, option(&arguments, "--codec"), rounds)
        }
        Some(leases::COMMAND) => leases::run(rounds.unwrap_or(ROUNDS)),
        Some(hostile::COMMAND) => hostile::run(option(&arguments, "--part").unwrap_or_default()),
        Some(logins::COMMAND) => {
            let sessions = number(&arguments, "--sessions")?.unwrap_or(SESSIONS);
            let part = option(&arguments, "--part").unwrap_or_default();
            logins::run(part, rounds.unwrap_or(LOGIN_ROUNDS), sessions)
        }
        _ => compare(&arguments, rounds.unwrap_or(ROUNDS)),
    }
}

/// All ways, in front of each broker.
fn compare(arguments: &[String], rounds: usize) -> Result<()> {
    let mib = number(arguments, "--mib")?;
    let backends = match option(arguments, "--broker") {
        None => vec![Backend::Instant, Backend::Kafka],
        Some("instant") => vec![Backend::Instant],
        Some("kafka") => vec![Backend::Kafka],
        Some(other) => bail!("--broker {other}: there are instant and kafka"),
    };
    for backend in backends {
        let (title, usual_mib) = match backend {
            Backend::Instant => ("A broker that answers at once and keeps nothing", INSTANT_MIB),
            Backend::Kafka => ("Apache Kafka", KAFKA_MIB),
        };
        say(&format!("\n== {title} =="));
        let plan = Plan {
            rounds,
            bytes: mib.unwrap_or(usual_mib) * 1024 * 1024,
            threads: number(arguments, "--threads")?.unwrap_or(THREADS),
            path: option(arguments, "--path").unwrap_or_default(),
            load: option(arguments, "--load").unwrap_or_default(),
        };
        run(backend, &plan)?;
    }
    Ok(())
}

/// The paths and loads that are measured in front of one broker.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    rounds: usize,
    /// The bytes that each load moves in a round.
    pub(crate) bytes: usize,
    /// Of the gateway.
    pub(crate) threads: usize,
    /// How the names of the paths and the titles of the loads begin that are wanted.
    path: &'a str,
    load: &'a str,
}

fn run(backend: Backend, plan: &Plan<'_>) -> Result<()> {
    let mut bench = Bench::start(backend, plan)?;
    bench.paths.retain(|path| path.name.starts_with(plan.path));
    let rounds = plan.rounds;
    let mut results = Results::default();
    for round in 0..rounds {
        say(&format!("round {} of {rounds} …", round + 1));
        for turn in 0..bench.paths.len() {
            // Nobody is always first.
            let index = (turn + round) % bench.paths.len();
            measure(&bench.paths[index], (index, backend), plan, &mut results)
                .with_context(|| bench.paths[index].name)?;
        }
    }
    results.report(&bench.paths)
}

/// Runs everything once over one path.
fn measure(
    path: &Path,
    (index, backend): (usize, Backend),
    plan: &Plan<'_>,
    results: &mut Results,
) -> Result<()> {
    let is_wanted = |title: &str| title.starts_with(plan.load);
    let can_run = |load: &Load| backend == Backend::Instant || load.is_for_kafka();
    for load in Load::ALL
        .into_iter()
        .filter(|load| is_wanted(load.title()) && can_run(load))
    {
        let before = path.usage()?;
        let moved = path.target.run(load, plan.bytes)?;
        let cpu_seconds = path.usage()?.cpu_seconds - before.cpu_seconds;
        let series = results.loads.entry((load, index)).or_default();
        series
            .mib_per_second
            .push(moved.bytes as f64 / MIB / moved.time.as_secs_f64());
        series
            .cpu_seconds_per_gib
            .push(cpu_seconds / (moved.bytes as f64 / GIB));
    }
    for small in Small::ALL.into_iter().filter(|small| is_wanted(small.title())) {
        let latencies = path.target.latencies(small)?;
        results
            .latencies
            .entry((small, index))
            .or_default()
            .extend(latencies);
    }
    Ok(())
}

/// The word after an option.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|word| word == name)?;
    arguments.get(at + 1).map(String::as_str)
}

fn number(arguments: &[String], name: &str) -> Result<Option<usize>> {
    option(arguments, name)
        .map(|value| value.parse().with_context(|| format!("{name} {value}")))
        .transpose()
}
