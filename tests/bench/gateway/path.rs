//! The ways from client to broker that are compared, each with the process that is measured.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child;
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};

use crate::load::{Batch, Client, Target};
use crate::measure::Usage;
use crate::{RECORD_BYTES, relay};

pub(crate) const RELAY: &str = "bare relay";

const CLUSTER: &str = "clusterA";
const VCLUSTER: &str = "bench";
const USER: &str = "bench-user";

/// The broker of a benchmark may use what it needs; the topic that is written keeps little, to spare the disk.
const BROKER: [&str; 2] = ["--jvm", "-Xmx1g"];
const KEEP: [&str; 4] = [
    "--config",
    "retention.bytes=134217728",
    "--config",
    "segment.bytes=67108864",
];

const LIMIT: Duration = Duration::from_secs(60);

/// One way from client to broker.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) target: Target,
    /// What stands in between; empty for the broker alone.
    pids: Vec<u32>,
}

impl Path {
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
    /// Starts everything and fills the topic that is read with so many MiB.
    pub(crate) fn start(mib: usize) -> Result<Self> {
        let mut stage = Stage::new()?;
        let broker = stage.start_kafka(CLUSTER, &BROKER)?;
        let properties = [("bootstrap.servers", broker.as_str())];
        stage.configure(&[("main", &properties), (CLUSTER, &properties)])?;
        let direct = Target {
            address: broker.clone(),
            login: None,
            scratch: "scratch-physical".into(),
            filled: "filled-physical".into(),
        };
        create_topic(&stage, &broker, &direct.scratch, &KEEP)?;
        create_topic(&stage, &broker, &direct.filled, &[])?;
        fill(&direct, mib)?;
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
        bench.add_gateway(&direct)?;
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

    fn add_gateway(&mut self, direct: &Target) -> Result<()> {
        self.stage.start_nodes(&Nodes {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            count: 1,
            advertised_host: "127.0.0.1".to_owned(),
            ports: PortChoice::Any,
            more: Vec::new(),
        })?;
        let gateway = self.stage.admin(1);
        gateway.put("virtual-cluster", &admin::vcluster(VCLUSTER, "super-user"))?;
        for (alias, topic) in [("scratch", &direct.scratch), ("filled", &direct.filled)] {
            gateway.put("alias-topic", &admin::alias(VCLUSTER, alias, (CLUSTER, topic)))?;
        }
        for account in ["super-user", USER] {
            gateway.put("service-account", &admin::account(VCLUSTER, account))?;
        }
        let mut target = Target {
            address: gateway.bootstrap(VCLUSTER)?,
            login: Some(("super-user".into(), gateway.token(VCLUSTER, "super-user", 3600)?)),
            scratch: "scratch".into(),
            filled: "filled".into(),
        };
        self.grant(&target)?;
        target.login = Some((USER.into(), gateway.token(VCLUSTER, USER, 3600)?));
        target.address = Client::connect(&target)?.leader(&target.scratch)?;
        let pids = self.stage.nodes().iter().map(|node| node.pid()).collect();
        self.paths.push(Path {
            name: "Klamm",
            target,
            pids,
        });
        Ok(())
    }

    /// The load comes from an ordinary account, so that every request is decided by ACLs.
    fn grant(&self, super_user: &Target) -> Result<()> {
        let (user, token) = super_user.login.as_ref().context("a login")?;
        let file = self.stage.directory().join("super-user.properties");
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
        let jaas = format!("{module} required username=\"{user}\" password=\"{token}\";");
        let text =
            format!("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={jaas}\n");
        fs::write(&file, text)?;
        let (file, principal) = (file.display().to_string(), format!("User:{USER}"));
        let words = [
            "kafka-acls",
            "--bootstrap-server",
            &super_user.address,
            "--command-config",
            &file,
        ];
        let grant = [
            "--add",
            "--allow-principal",
            &principal,
            "--operation",
            "All",
            "--topic",
            "*",
        ];
        let output = self
            .stage
            .kafka()
            .run(&[&words[..], &grant].concat(), "", LIMIT)?;
        ensure!(output.status.success(), "{}", output.all());
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

fn create_topic(stage: &Stage, broker: &str, name: &str, options: &[&str]) -> Result<()> {
    let words = [
        "kafka-topics",
        "--bootstrap-server",
        broker,
        "--create",
        "--topic",
        name,
    ];
    let output = stage.kafka().run(&[&words[..], options].concat(), "", LIMIT)?;
    ensure!(output.status.success(), "{}", output.all());
    Ok(())
}

fn fill(direct: &Target, mib: usize) -> Result<()> {
    let batch = Batch::new(64, RECORD_BYTES)?;
    // A little more than will be read, since batches are not powers of two.
    let count = mib * 1024 * 1024 / (60 * RECORD_BYTES);
    Client::connect(direct)?.produce_all(&direct.filled, &batch, count, 5)?;
    Ok(())
}

fn await_listener(address: &str) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "nothing listens on {address}");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
