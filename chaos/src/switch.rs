//! Requests that are switched from one Kafka cluster to the one that stands in for it, and back, again and again: in what order
//! they reach the brokers, and what clients hear.

mod clients;
mod findings;
mod kafka;
mod order;
mod recorder;
mod turns;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::history::Told;
use crate::ports::PortBlock;
use crate::run_arguments::RunArguments;
use crate::verdict::{UNKNOWN, pronounce};
use crate::world::{Links, World, WorldSetup};
use crate::{say, wait_after};
use clients::{ALIAS, SwitchScene};
use findings::{StoredCounts, SwitchEvidence};
use kafka::KafkaCluster;
use order::{KafkaSide, RequestOrder};
use turns::Turns;

/// The topic of the producers of the run itself.
const TOPIC: &str = "paced-by-numbers";
/// A broker has two ports.
const PORTS: [u16; 2] = [0, 2];

/// Switches, there and back.
#[derive(Debug, Args)]
pub(crate) struct SwitchArguments {
    /// There are twenty switches, however long they take.
    #[command(flatten)]
    run: RunArguments,
    /// Seconds between two switches.
    #[arg(long, default_value_t = 0.5)]
    settle: f64,
    /// Clients will come: the run makes a topic of this name, says where both Kafka clusters and the admin API are, and waits for a
    /// line of its input before the first switch, and before its end.
    #[arg(long)]
    topic: Option<String>,
}

/// Runs it: success, failure, or [`UNKNOWN`].
pub(crate) fn run(arguments: &SwitchArguments, binary: &Path) -> anyhow::Result<ExitCode> {
    let chosen = arguments.run.begin("switch");
    let (ports, order) = (PortBlock::take()?, Arc::new(RequestOrder::new()));
    let sides = KafkaSide::ALL.into_iter().zip(PORTS);
    let started = sides.map(|(side, port)| KafkaCluster::start(side, ports.port(port), &order));
    let kafka: Vec<KafkaCluster> = match started.collect() {
        Ok(kafka) => kafka,
        Err(missing) => return Ok(unknown(&missing)),
    };
    for topic in [Some(TOPIC), arguments.topic.as_deref()].into_iter().flatten() {
        kafka.iter().try_for_each(|cluster| cluster.create(topic))?;
    }
    let mut world = World::start(binary, &setup(&kafka, arguments))?;
    let evidence = switch(&mut world, &kafka, &order, (arguments, chosen))?;
    let code = judge(&evidence);
    if code != ExitCode::SUCCESS {
        say(&format!(
            "the nodes' logs and data are kept in {}",
            world.keep().display()
        ));
    }
    Ok(code)
}

fn unknown(why: &anyhow::Error) -> ExitCode {
    say(&format!("proves nothing: {why:#}"));
    say("verdict: unknown");
    ExitCode::from(UNKNOWN)
}

fn setup(kafka: &[KafkaCluster], arguments: &SwitchArguments) -> WorldSetup {
    let address = |cluster: &KafkaCluster| cluster.relay.to_string();
    let mut setup = arguments.run.setup();
    setup.links = Links::Relayed;
    let of_all = &mut setup.of_all;
    of_all.push(("KAFKA_SPARE_GATEWAY_ROLES", "failover".to_owned()));
    let names = ["KAFKA_MAIN_BOOTSTRAP_SERVERS", "KAFKA_SPARE_BOOTSTRAP_SERVERS"];
    of_all.extend(names.into_iter().zip(kafka.iter().map(address)));
    setup
}

/// Everything that was seen.
fn switch(
    world: &mut World,
    kafka: &[KafkaCluster],
    order: &Arc<RequestOrder>,
    (arguments, (random, limit)): (&SwitchArguments, (fastrand::Rng, Duration)),
) -> anyhow::Result<SwitchEvidence> {
    if world.admins()[0].create_alias(ALIAS, TOPIC) != Told::Acknowledged {
        bail!("the alias could not be created");
    }
    let scene = Arc::new(SwitchScene::of(world)?);
    let threads = clients::start(&scene)?;
    if arguments.topic.is_some() {
        let brokers: Vec<String> = kafka.iter().map(|cluster| cluster.address.to_string()).collect();
        say(&format!("brokers: {}", brokers.join(" ")));
        wait_after(&format!("clients may come: {}", world.admins()[0].url()))?;
    }
    let turns = Turns {
        world,
        scene: &scene,
        order,
        random,
        settle: Duration::try_from_secs_f64(arguments.settle).context("--settle")?,
    };
    let turns = turns.run(limit)?;
    scene.is_over.store(true, Ordering::SeqCst);
    for thread in threads {
        // One that panicked has written down what it was told.
        drop(thread.join());
    }
    let (crossings, early) = order.seen();
    if arguments.topic.is_some() {
        // Whoever reads both clusters from now on may do so by the relays.
        wait_after("healed")?;
    }
    say(&scene.to_string());
    Ok(SwitchEvidence {
        turns,
        crossings,
        early,
        acknowledged: scene.acknowledged(),
        stored: stored(kafka)?,
        fatal: scene.fatal(),
    })
}

/// The records of the run's own producers on both clusters.
fn stored(kafka: &[KafkaCluster]) -> anyhow::Result<StoredCounts> {
    let mut all = StoredCounts::new();
    for cluster in kafka {
        for (value, count) in cluster.stored(TOPIC)? {
            *all.entry(value).or_default() += count;
        }
    }
    Ok(all)
}

fn judge(evidence: &SwitchEvidence) -> ExitCode {
    for line in evidence.report() {
        say(&line);
    }
    let (violations, vacuous) = (evidence.violations(), evidence.too_few());
    pronounce(&violations, &vacuous)
}
