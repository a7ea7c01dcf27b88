//! The ways from client to broker that are compared, each with the process that is measured.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child;
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};

use crate::client::Client;
use crate::load::{Batch, CONNECTIONS, Target};
use crate::measure::Usage;
use crate::{Plan, broker, relay};

/// What every other way is compared with.
pub(crate) const RELAY: &str = "bare relay";
pub(crate) const GATEWAY: &str = "Klamm";

const CLUSTER: &str = "clusterA";
const VCLUSTER: &str = "bench";
const SUPER_USER: &str = "super-user";
const USER: &str = "bench-user";

/// The topics' names on the broker and, in the same order, in the virtual cluster.
const SCRATCH: &str = "scratch-physical";
const FILLED: &str = "filled-physical";
const ALIASES: (&str, &str) = ("scratch", "filled");

/// Longer than any run.
const TOKEN_SECONDS: u64 = 24 * 3600;

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

const LIMIT: Duration = Duration::from_secs(60);

/// What answers in the end.
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
    /// What stands in between; empty for the broker alone.
    pids: Vec<u32>,
}

impl Path {
    /// Whether anything stands between client and broker.
    pub(crate) fn stands_between(&self) -> bool {
        !self.pids.is_empty()
    }

    /// What stands in between has used so far.
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
            Backend::Instant => broker::start(SCRATCH, FILLED, &Batch::large()?)?,
            Backend::Kafka => stage.start_kafka(CLUSTER, &BROKER)?,
        };
        let properties = [("bootstrap.servers", broker.as_str())];
        stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
        let direct = Target {
            address: broker,
            login: None,
            scratch: SCRATCH.to_owned(),
            filled: FILLED.to_owned(),
            partitions: match backend {
                Backend::Instant => 1,
                Backend::Kafka => CONNECTIONS,
            },
        };
        if backend == Backend::Kafka {
            create_topic(&stage, &direct, &direct.scratch, &KEEP)?;
            create_topic(&stage, &direct, &direct.filled, &[])?;
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
        bench.add_gateway(&direct, plan.threads)?;
        Ok(bench)
    }

    fn add_relay(&mut self, direct: &Target) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.stage.spare_port(0));
        let program = std::env::current_exe()?;
        let mut command = child::guarded(&program.to_string_lossy());
        command.args([relay::COMMAND, &listen, &direct.address]);
        self.add_proxy(
            RELAY,
            command,
            Target {
                address: listen,
                ..direct.clone()
            },
        )
    }

    fn add_haproxy(&mut self, direct: &Target) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.stage.spare_port(1));
        let file = self.stage.directory().join("haproxy.cfg");
        let text = format!(
            "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  \
             timeout server 60s\nlisten kafka\n  bind {listen}\n  server broker {}\n",
            direct.address
        );
        fs::write(&file, text)?;
        let mut command = child::guarded("haproxy");
        command
            .args(["-db", "-f", &file.display().to_string()])
            .stderr(Stdio::null());
        self.add_proxy(
            "HAProxy",
            command,
            Target {
                address: listen,
                ..direct.clone()
            },
        )
    }

    fn add_proxy(&mut self, name: &'static str, mut command: Command, target: Target) -> Result<()> {
        let process = child::start({
            command.stdin(Stdio::null());
            command
        })?;
        let pid = process.id();
        self.proxies.push(process);
        await_listener(&target.address)?;
        self.paths.push(Path {
            name,
            target,
            pids: vec![pid],
        });
        Ok(())
    }

    fn add_gateway(&mut self, direct: &Target, threads: usize) -> Result<()> {
        self.stage.start_nodes(&Nodes {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            count: 1,
            advertised_host: "127.0.0.1".to_owned(),
            ports: PortChoice::Any,
            more: vec![("KLAMM_THREADS".to_owned(), threads.to_string())],
        })?;
        let gateway = self.stage.admin(1);
        gateway.put("virtual-cluster", &admin::vcluster(VCLUSTER, SUPER_USER))?;
        for (alias, topic) in [(ALIASES.0, &direct.scratch), (ALIASES.1, &direct.filled)] {
            gateway.put("alias-topic", &admin::alias(VCLUSTER, alias, (CLUSTER, topic)))?;
        }
        for account in [SUPER_USER, USER] {
            gateway.put("service-account", &admin::account(VCLUSTER, account))?;
        }
        let bootstrap = gateway.bootstrap(VCLUSTER)?;
        let login = |name: &str| -> Result<(String, String)> {
            Ok((name.to_owned(), gateway.token(VCLUSTER, name, TOKEN_SECONDS)?))
        };
        // The load comes from an ordinary account, so that every request is decided by ACLs.
        Client::connect(&bootstrap, Some(&login(SUPER_USER)?))?.grant_all(USER)?;
        let login = login(USER)?;
        let target = Target {
            address: await_leader(&bootstrap, &login)?,
            login: Some(login),
            scratch: ALIASES.0.to_owned(),
            filled: ALIASES.1.to_owned(),
            partitions: direct.partitions,
        };
        let pids = self.stage.nodes().iter().map(|node| node.pid()).collect();
        self.paths.push(Path {
            name: GATEWAY,
            target,
            pids,
        });
        Ok(())
    }
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
        &direct.address,
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

/// Where the gateway advertises the broker; a moment passes until it knows it.
fn await_leader(bootstrap: &str, login: &(String, String)) -> Result<String> {
    let mut address = Err(anyhow!("nothing was asked"));
    patiently(|| {
        address = Client::connect(bootstrap, Some(login))
            .and_then(|mut client| client.leader(ALIASES.0))
            .map(|(address, _)| address);
        address.is_ok()
    });
    address
}

fn await_listener(address: &str) -> Result<()> {
    let listens = patiently(|| TcpStream::connect(address).is_ok());
    ensure!(listens, "nothing listens on {address}");
    Ok(())
}

/// Tries until it works or the time is over.
fn patiently(mut works: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
    while !works() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
