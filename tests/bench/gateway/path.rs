//! The ways from client to broker that are compared, each with the process that is measured.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use klamm::quickstart::child;
use klamm::quickstart::stage::Stage;

use crate::batch::Batch;
use crate::load::{CONNECTIONS, Entrance, Target};
use crate::measure::Usage;
use crate::{Plan, broker, node, relay};

/// The path that every other one is compared with.
pub(crate) const RELAY: &str = "bare relay";

const CLUSTER: &str = "clusterA";
const OTHER_CLUSTER: &str = "clusterB";

/// The topics: in virtual clusters, and on the broker, where a namespace would put them.
const PREFIX: &str = "bench-";
const SCRATCH: (&str, &str) = ("scratch", "bench-scratch");
const FILLED: (&str, &str) = ("filled", "bench-filled");

/// The names of the other physical cluster's topics, which stand beside these.
const OTHER: (&str, &str) = ("other-scratch", "other-filled");

/// The broker of a benchmark may use what it needs, and deletes old segments soon.
const BROKER: [&str; 4] = ["--jvm", "-Xmx1g", "--set", "log.retention.check.interval.ms=2000"];

/// The topic that is written keeps little, to spare the disk.
const KEEP: [&str; 6] = [
    "--config",
    "retention.bytes=67108864",
    "--config",
    "segment.bytes=33554432",
    "--config",
    "file.delete.delay.ms=1000",
];

const BOOTSTRAP: &str = "bootstrap.servers";

const LIMIT: Duration = Duration::from_secs(60);

/// The broker that answers in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Answers at once and keeps nothing: shows what is in front of it.
    Instant,
    /// Apache Kafka.
    Kafka,
}

/// One way from client to broker.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    /// The processes that stand in between; none for the broker alone.
    pub(crate) pids: Vec<u32>,
}

impl Path {
    /// Whether anything stands between client and broker.
    pub(crate) fn stands_between(&self) -> bool {
        !self.pids.is_empty()
    }

    /// The processor time and memory that the processes in between have used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        self.pids
            .iter()
            .try_fold(Usage::default(), |sum, pid| Ok(sum.plus(Usage::of(*pid)?)))
    }
}

/// All paths, and what keeps them alive.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) paths: Vec<Path>,
    proxies: Vec<Child>,
    stage: Stage,
}

impl Bench {
    /// Starts everything in front of such a broker, and fills the topic that is read with what one load moves.
    pub(crate) fn start(backend: Backend, plan: &Plan<'_>) -> Result<Self> {
        let mut stage = Stage::new()?;
        let broker = match backend {
            Backend::Instant => instant(CLUSTER)?,
            Backend::Kafka => stage.start_kafka(CLUSTER, &BROKER)?,
        };
        let other = instant(OTHER_CLUSTER)?;
        let (properties, others) = ([(BOOTSTRAP, broker.as_str())], [(BOOTSTRAP, other.as_str())]);
        stage.configure(&[
            ("main", &properties),
            (CLUSTER, &properties),
            (OTHER_CLUSTER, &others),
        ])?;
        let direct = Target {
            entrances: vec![Entrance {
                address: broker,
                scratch: SCRATCH.1.to_owned(),
                filled: FILLED.1.to_owned(),
            }],
            login: None,
            partitions: match backend {
                Backend::Instant => 1,
                Backend::Kafka => CONNECTIONS,
            },
        };
        if backend == Backend::Kafka {
            create_topic(&stage, &direct, SCRATCH.1, &KEEP)?;
            create_topic(&stage, &direct, FILLED.1, &[])?;
            direct.fill(plan.bytes)?;
        }
        let mut bench = Self {
            paths: Vec::new(),
            proxies: Vec::new(),
            stage,
        };
        bench.paths.push(Path {
            name: "broker alone",
            target: direct.clone(),
            pids: Vec::new(),
        });
        bench.add_relay(&direct)?;
        if Command::new("haproxy")
            .arg("-v")
            .output()
            .is_ok_and(|output| output.status.success())
        {
            bench.add_haproxy(&direct)?;
        }
        bench.add_gateway(backend, &direct, plan.threads)?;
        Ok(bench)
    }

    fn add_relay(&mut self, direct: &Target) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.stage.spare_port(0));
        let program = std::env::current_exe()?;
        let mut command = child::guarded(&program.to_string_lossy());
        command.args([relay::COMMAND, &listen, &direct.entrance(0).address]);
        self.add_proxy(RELAY, command, (listen, direct))
    }

    fn add_haproxy(&mut self, direct: &Target) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.stage.spare_port(1));
        let file = self.stage.directory().join("haproxy.cfg");
        let text = format!(
            "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  \
             timeout server 60s\nlisten kafka\n  bind {listen}\n  server broker {}\n",
            direct.entrance(0).address
        );
        fs::write(&file, text)?;
        let mut command = child::guarded("haproxy");
        command
            .args(["-db", "-f", &file.display().to_string()])
            .stderr(Stdio::null());
        self.add_proxy("HAProxy", command, (listen, direct))
    }

    /// Something that leads from the address to where `direct` leads.
    fn add_proxy(
        &mut self,
        name: &'static str,
        mut command: Command,
        (address, direct): (String, &Target),
    ) -> Result<()> {
        let process = child::start({
            command.stdin(Stdio::null());
            command
        })?;
        let pid = process.id();
        self.proxies.push(process);
        await_listener(&address)?;
        let mut target = direct.clone();
        for entrance in &mut target.entrances {
            entrance.address.clone_from(&address);
        }
        self.paths.push(Path {
            name,
            target,
            pids: vec![pid],
        });
        Ok(())
    }

    /// Ways through virtual clusters of one gateway. Over two physical clusters where both answer at once.
    fn add_gateway(&mut self, backend: Backend, direct: &Target, threads: usize) -> Result<()> {
        let gateway = node::start(&mut self.stage, &[("KLAMM_THREADS", threads.to_string())])?;
        let own = [(SCRATCH.0, (CLUSTER, SCRATCH.1)), (FILLED.0, (CLUSTER, FILLED.1))];
        let topics = (SCRATCH.0, FILLED.0);
        node::put_partner(&gateway, "bench", &own)?;
        let aliases = node::target(&gateway, "bench", &[topics], direct.partitions)?;
        node::put_standard(&gateway, "spaced", CLUSTER, PREFIX)?;
        let spaced = node::target(&gateway, "spaced", &[topics], direct.partitions)?;
        let mut ways = vec![("Klamm", aliases), ("Klamm, namespace", spaced)];
        if backend == Backend::Instant {
            let others = [
                (OTHER.0, (OTHER_CLUSTER, SCRATCH.1)),
                (OTHER.1, (OTHER_CLUSTER, FILLED.1)),
            ];
            node::put_partner(&gateway, "several", &[own, others].concat())?;
            let several = node::target(&gateway, "several", &[topics, OTHER], direct.partitions)?;
            ways.push(("Klamm, two clusters", several));
        }
        let pids: Vec<u32> = self.stage.nodes().iter().map(|node| node.pid()).collect();
        self.paths.extend(ways.into_iter().map(|(name, target)| Path {
            name,
            target,
            pids: pids.clone(),
        }));
        Ok(())
    }
}

/// A broker that answers at once.
fn instant(cluster: &str) -> Result<String> {
    broker::start(cluster, &[SCRATCH.1, FILLED.1], &Batch::large()?)
}

impl Drop for Bench {
    fn drop(&mut self) {
        for proxy in &mut self.proxies {
            // It may have ended by itself.
            proxy.kill().ok();
            proxy.wait().ok();
        }
    }
}

fn create_topic(stage: &Stage, direct: &Target, name: &str, options: &[&str]) -> Result<()> {
    let partitions = direct.partitions.to_string();
    let words = [
        "kafka-topics",
        "--bootstrap-server",
        &direct.entrance(0).address,
        "--create",
        "--topic",
        name,
        "--partitions",
        &partitions,
    ];
    let output = stage.kafka().run(&[&words[..], options].concat(), "", LIMIT)?;
    ensure!(output.status.success(), "{}", output.all());
    Ok(())
}

fn await_listener(address: &str) -> Result<()> {
    let listens = node::patiently(|| TcpStream::connect(address).is_ok());
    ensure!(listens, "nothing listens on {address}");
    Ok(())
}
