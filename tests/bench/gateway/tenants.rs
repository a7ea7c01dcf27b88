//! Whether anything grows with the number of other tenants: one gateway with a single virtual cluster, one with many.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::stage::Stage;
use serde_json::json;

use crate::batch::Batch;
use crate::client::Client;
use crate::load::{Load, Target};
use crate::measure::{Usage, median};
use crate::report::{GIB, MIB, say};
use crate::{broker, node};

/// The first argument that asks for this.
pub(crate) const COMMAND: &str = "tenants";

/// Aliases of each tenant.
const ALIASES: usize = 20;

/// How many requests to the admin API are made at once while tenants are made.
const MAKERS: usize = 8;

const CLUSTER: &str = "clusterA";
const TENANT: &str = "tenant-0";

/// Per round: starts, metadata requests, aliases that are added; and what each load moves.
const METADATA: usize = 500;
const ADDED: usize = 10;
const LOAD_BYTES: usize = 512 << 20;

/// How long a process is watched while nobody asks anything: two looks at the physical cluster.
const IDLE: Duration = Duration::from_secs(10);

/// The time after which all that follows an answer of the admin API, such as a new picture of the cluster, has
/// happened.
const SETTLE: Duration = Duration::from_secs(1);

/// One gateway.
struct Site {
    title: String,
    stage: Stage,
    gateway: Admin,
    target: Target,
}

/// The measurements, a value per round, for both sites.
#[derive(Default)]
struct Table(Vec<(&'static str, [Vec<f64>; 2])>);

impl Table {
    fn add(&mut self, title: &'static str, site: usize, value: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == title) {
            Some((_, values)) => values[site].push(value),
            None => {
                let mut values = [Vec::new(), Vec::new()];
                values[site].push(value);
                self.0.push((title, values));
            }
        }
    }
}

/// Measures one tenant beside nobody, and beside so many others.
pub(crate) fn run(tenants: usize, rounds: usize) -> Result<()> {
    let mut names = vec!["t-0-0".to_owned(), "t-0-1".to_owned()];
    let all = (0..tenants).flat_map(|tenant| (0..ALIASES).map(move |alias| physical(tenant, alias)));
    names.extend(all.skip(names.len()));
    names.extend((0..ADDED * rounds).map(extra));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batch = Batch::large()?;
    let (broker, main) = (
        broker::start(CLUSTER, &names, &batch)?,
        broker::start("main", &names[..2], &batch)?,
    );
    let mut sites = [Site::new(1, &broker, &main)?, Site::new(tenants, &broker, &main)?];
    let mut table = Table::default();
    for round in 0..rounds {
        say(&format!("round {} of {rounds} …", round + 1));
        for turn in 0..sites.len() {
            let index = (turn + round) % sites.len();
            let site = &mut sites[index];
            let titles = site.title.clone();
            site.measure(round, &mut |title, value| table.add(title, index, value))
                .context(titles)?;
        }
    }
    say(&format!(
        "\n{:<48}{:>14}{:>14}{:>8}",
        "", sites[0].title, sites[1].title, "ratio"
    ));
    for (title, [one, many]) in &table.0 {
        let (one, many) = (median(one), median(many));
        say(&format!("{title:<48}{one:>14.3}{many:>14.3}{:>8.2}", many / one));
    }
    Ok(())
}

fn physical(tenant: usize, alias: usize) -> String {
    format!("t-{tenant}-{alias}")
}

fn extra(number: usize) -> String {
    format!("extra-{number}")
}

impl Site {
    fn new(tenants: usize, broker: &str, main: &str) -> Result<Self> {
        let mut stage = Stage::new()?;
        let (main, broker) = ([("bootstrap.servers", main)], [("bootstrap.servers", broker)]);
        stage.configure(&[("main", &main), (CLUSTER, &broker)])?;
        let gateway = node::start(&mut stage, &node::single_threaded(tenants)?)?;
        let started = Instant::now();
        make(&stage, tenants)?;
        say(&format!(
            "{tenants} virtual clusters with {ALIASES} aliases each were made in {:.1} s",
            started.elapsed().as_secs_f64()
        ));
        let target = node::target(&gateway, TENANT, &[("alias-0", "alias-1")], 1)?;
        Ok(Self {
            title: format!("{tenants}"),
            stage,
            gateway,
            target,
        })
    }

    fn usage(&self) -> Result<Usage> {
        Usage::of(self.stage.nodes()[0].pid())
    }

    fn measure(&mut self, round: usize, say: &mut dyn FnMut(&'static str, f64)) -> Result<()> {
        self.start_again(say)?;
        let before = self.usage()?.cpu_seconds;
        thread::sleep(IDLE);
        let idle = (self.usage()?.cpu_seconds - before) / IDLE.as_secs_f64();
        say("idle: CPU, ms/s", idle * 1e3);
        self.ask(say)?;
        for (load, title) in [
            (Load::ProduceSmall, "produce 16 KB: CPU, s/GiB"),
            (Load::ProduceLarge, "produce 1 MB: CPU, s/GiB"),
        ] {
            let before = self.usage()?.cpu_seconds;
            let moved = self.target.run(load, LOAD_BYTES)?;
            let spent = self.usage()?.cpu_seconds - before;
            say(title, spent / (moved.bytes as f64 / GIB));
        }
        self.add_aliases(round, idle, say)
    }

    /// From nothing to the first answer.
    fn start_again(&mut self, say: &mut dyn FnMut(&'static str, f64)) -> Result<()> {
        self.stage.node_mut(1).stop();
        let started = Instant::now();
        self.stage.node_mut(1).restart()?;
        self.stage.node_mut(1).await_ready()?;
        say("start until ready, ms", started.elapsed().as_secs_f64() * 1e3);
        let served = node::patiently(|| {
            self.connect()
                .is_ok_and(|mut client| client.leader("alias-0").is_ok())
        });
        ensure!(served, "the tenant is served after a start");
        say(
            "start until a topic is served, ms",
            started.elapsed().as_secs_f64() * 1e3,
        );
        thread::sleep(SETTLE);
        let usage = self.usage()?;
        say("CPU for that, ms", usage.cpu_seconds * 1e3);
        say("resident memory then, MiB", usage.resident_bytes as f64 / MIB);
        Ok(())
    }

    fn connect(&self) -> Result<Client> {
        Client::connect(&self.target.entrance(0).address, self.target.login.as_deref())
    }

    /// Metadata of all topics of the tenant.
    fn ask(&self, say: &mut dyn FnMut(&'static str, f64)) -> Result<()> {
        let mut client = self.connect()?;
        let seen = client.metadata(None)?.topics.len();
        ensure!(seen >= ALIASES, "{seen} topics are seen");
        let before = self.usage()?.cpu_seconds;
        let mut times = Vec::new();
        for _ in 0..METADATA {
            let started = Instant::now();
            client.metadata(None)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        let spent = self.usage()?.cpu_seconds - before;
        say("metadata of the tenant's 20 topics, p50, µs", median(&times));
        say("metadata: CPU, µs", spent / METADATA as f64 * 1e6);
        Ok(())
    }

    /// Aliases for topics that nobody else shows, and their end. `idle` is the share of a processor that is used anyway.
    fn add_aliases(&self, round: usize, idle: f64, say: &mut dyn FnMut(&'static str, f64)) -> Result<()> {
        let names = (0..ADDED).map(|number| extra(round * ADDED + number));
        let (started, before) = (Instant::now(), self.usage()?.cpu_seconds);
        let mut times = Vec::new();
        for name in names.clone() {
            let put = Instant::now();
            self.gateway
                .put("alias-topic", &admin::alias(TENANT, &name, (CLUSTER, &name)))?;
            times.push(put.elapsed().as_secs_f64() * 1e3);
        }
        thread::sleep(SETTLE);
        let spent = self.usage()?.cpu_seconds - before - idle * started.elapsed().as_secs_f64();
        say("one more alias, ms", median(&times));
        say("one more alias: CPU, ms", spent * 1e3 / ADDED as f64);
        for name in names {
            let gone = json!({"name": name, "vCluster": TENANT});
            let answer = self.gateway.call("DELETE", "alias-topic", Some(&gone))?;
            ensure!(answer.status < 300, "{answer:?}");
        }
        thread::sleep(SETTLE);
        Ok(())
    }
}

/// Makes virtual clusters with their aliases, several at once.
fn make(stage: &Stage, tenants: usize) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        let gateway = stage.admin(1);
        loop {
            let tenant = next.fetch_add(1, Ordering::Relaxed);
            if tenant >= tenants {
                return Ok(());
            }
            let pairs: Vec<(String, String)> = (0..ALIASES)
                .map(|alias| (format!("alias-{alias}"), physical(tenant, alias)))
                .collect();
            let aliases: Vec<node::Alias<'_>> = pairs
                .iter()
                .map(|(alias, topic)| (alias.as_str(), (CLUSTER, topic.as_str())))
                .collect();
            node::put_partner(&gateway, &format!("tenant-{tenant}"), &aliases)?;
        }
    };
    thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS).map(|_| scope.spawn(work)).collect();
        makers
            .into_iter()
            .try_for_each(|maker| maker.join().map_err(|_| anyhow!("a maker panicked"))?)
    })
}
