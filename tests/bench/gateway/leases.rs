//! The cost of leases: where requests are decided, by one node, which needs none, and by three, at the node that leads and at one that
//! does not, under the same load in one run; and where a right is taken away.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::stage::{CLIENT_PORTS, Stage};

use crate::batch::Batch;
use crate::load::{Load, Small, Target};
use crate::measure::{Usage, median, median_ratio, percentile};
use crate::report::{GIB, MIB, say};
use crate::{broker, node, removals};

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "leases";

const CLUSTER: &str = "clusterA";
const VCLUSTER: &str = "bench";
const TOPICS: (&str, &str) = ("scratch", "filled");

/// The bytes that each load moves in a round.
const LOAD_BYTES: usize = 512 << 20;

/// The loads that are measured.
const LOADS: [Load; 3] = [Load::ProduceSmall, Load::ProduceLarge, Load::Fetch];

/// How long processes are watched while no client asks anything: one look at the physical cluster, and twenty leases.
const IDLE: Duration = Duration::from_secs(5);

/// The gauge that says how long a node may decide.
const LEASE: &str = "klamm_lease_seconds_left ";

/// A node that serves the load, with what was measured of it.
struct Way {
    title: &'static str,
    /// Counted from 1.
    node: usize,
    pid: u32,
    target: Target,
    idle: Vec<f64>,
    costs: [Series; LOADS.len()],
    /// Of all rounds, in microseconds.
    latencies: Vec<f64>,
}

/// The figures of one load, a value per round.
#[derive(Default)]
struct Series {
    cpu_seconds_per_gib: Vec<f64>,
    mib_per_second: Vec<f64>,
}

/// Measures all.
pub(crate) fn run(rounds: usize) -> Result<()> {
    let broker = broker::start(CLUSTER, &[TOPICS.0, TOPICS.1], &Batch::large()?)?;
    let (one, three) = (stage(1, &broker)?, stage(3, &broker)?);
    ensure!(lease_left(&one, 1)?.is_infinite(), "a single node needs no lease");
    let leader = three.admin(1).leader()?;
    let other = if leader == 1 { 2 } else { 1 };
    let mut ways = [
        way("one node", &one, 1)?,
        way("three nodes: the one that leads", &three, leader)?,
        way("three nodes: another one", &three, other)?,
    ];
    for way in &ways[1..] {
        let left = lease_left(&three, way.node)?;
        ensure!(
            left.is_finite() && left > 0.0,
            "{}: a lease of {left} s",
            way.title
        );
    }
    let [_, own @ ..] = &ways;
    let asked = own.iter().map(|way| -> Result<_> {
        let address = &way.target.entrance(0).address;
        Ok((way.title, node::super_user(&three.admin(1), VCLUSTER, address)?))
    });
    let mut removed = removals::measure(asked.collect::<Result<_>>()?)?;
    for round in 0..rounds {
        say(&format!("round {} of {rounds} …", round + 1));
        watch(&mut ways)?;
        for turn in 0..ways.len() {
            // Nobody is always first.
            let index = (turn + round) % ways.len();
            let title = ways[index].title;
            ways[index].measure().context(title)?;
        }
    }
    ensure!(
        three.admin(1).leader()? == leader,
        "another node leads now: run it again"
    );
    report(&mut ways);
    removals::report(&mut removed);
    Ok(())
}

/// So many nodes of a gateway, each with one thread for connections.
fn stage(nodes: u16, broker: &str) -> Result<Stage> {
    let mut stage = Stage::new()?;
    let properties = [("bootstrap.servers", broker)];
    stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
    let settings = [
        ("KLAMM_THREADS", "1".to_owned()),
        ("KLAMM_LOG_FILTER", "warn".to_owned()),
    ];
    node::start_several(&mut stage, nodes, &settings)?;
    let aliases = [TOPICS.0, TOPICS.1].map(|topic| (topic, (CLUSTER, topic)));
    node::put_partner(&stage.admin(1), VCLUSTER, &aliases)?;
    Ok(stage)
}

fn way(title: &'static str, stage: &Stage, node: usize) -> Result<Way> {
    let mut target = node::target(&stage.admin(1), VCLUSTER, &[TOPICS], 1)?;
    // Whichever node is advertised for the broker, all have an address for it: equally far from their first port.
    for entrance in &mut target.entrances {
        let (host, port) = entrance.address.rsplit_once(':').context("host:port")?;
        let slot = (port.parse::<u16>()? - stage.client_port(0)) % CLIENT_PORTS;
        let first = CLIENT_PORTS * u16::try_from(node - 1)?;
        entrance.address = format!("{host}:{}", stage.client_port(first + slot));
    }
    Ok(Way {
        title,
        node,
        pid: stage.nodes()[node - 1].pid(),
        target,
        idle: Vec::new(),
        costs: LOADS.map(|_| Series::default()),
        latencies: Vec::new(),
    })
}

/// How long a node may decide, in seconds.
fn lease_left(stage: &Stage, node: usize) -> Result<f64> {
    let metrics = stage.admin(node).ask("GET", "/metrics", None)?.ok()?.body;
    let left = metrics.lines().find_map(|line| line.strip_prefix(LEASE));
    Ok(left.context(LEASE)?.parse()?)
}

/// The processor time that the process has used so far.
fn used(way: &Way) -> Result<f64> {
    Ok(Usage::of(way.pid)?.cpu_seconds)
}

/// The use of the processor while nobody asks anything, of all at once.
fn watch(ways: &mut [Way]) -> Result<()> {
    let before: Vec<f64> = ways.iter().map(used).collect::<Result<_>>()?;
    thread::sleep(IDLE);
    for (way, before) in ways.iter_mut().zip(before) {
        let spent = used(way)? - before;
        way.idle.push(spent / IDLE.as_secs_f64());
    }
    Ok(())
}

impl Way {
    fn measure(&mut self) -> Result<()> {
        for (index, load) in LOADS.into_iter().enumerate() {
            let before = used(self)?;
            let moved = self.target.run(load, LOAD_BYTES)?;
            let spent = used(self)? - before;
            let series = &mut self.costs[index];
            series
                .cpu_seconds_per_gib
                .push(spent / (moved.bytes as f64 / GIB));
            series
                .mib_per_second
                .push(moved.bytes as f64 / MIB / moved.time.as_secs_f64());
        }
        self.latencies.extend(self.target.latencies(Small::Produce)?);
        Ok(())
    }
}

fn report(ways: &mut [Way; 3]) {
    for (index, load) in LOADS.into_iter().enumerate() {
        say(&format!(
            "\n{}\n{:<36}{:>10}{:>14}{:>14}",
            load.title(),
            "",
            "MiB/s",
            "CPU s/GiB",
            "of one node"
        ));
        let [one, ..] = &*ways;
        for way in &*ways {
            let (series, one) = (&way.costs[index], &one.costs[index]);
            say(&format!(
                "{:<36}{:>10.0}{:>14.3}{:>14.2}",
                way.title,
                median(&series.mib_per_second),
                median(&series.cpu_seconds_per_gib),
                median_ratio(&series.cpu_seconds_per_gib, &one.cpu_seconds_per_gib),
            ));
        }
    }
    say(&format!(
        "\n{}, in µs; and at rest\n{:<36}{:>10}{:>10}{:>16}",
        Small::Produce.title(),
        "",
        "p50",
        "p99",
        "idle, CPU ms/s"
    ));
    for way in ways {
        let p50 = percentile(&mut way.latencies, 50.0);
        let p99 = percentile(&mut way.latencies, 99.0);
        let idle = median(&way.idle) * 1e3;
        say(&format!("{:<36}{p50:>10.0}{p99:>10.0}{idle:>16.2}", way.title));
    }
}
