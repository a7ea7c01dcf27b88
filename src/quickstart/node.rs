//! A gateway node as a child process, configured by environment variables alone.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::quickstart::child;
use crate::quickstart::error::QuickstartError;
use crate::quickstart::kafka::own_group;

/// How long a node may take until it serves.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// How long a node may take to drain before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How the variables begin that configure a gateway.
const PREFIXES: [&str; 3] = ["GATEWAY_", "KLAMM_", "KAFKA_"];

/// Everything a node of a group on loopback is told.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// The `klamm` executable.
    pub program: PathBuf,
    pub id: u16,
    pub data_dir: PathBuf,
    /// The file of physical clusters.
    pub clusters: PathBuf,
    pub http_port: u16,
    /// The host that clients are told.
    pub advertised_host: String,
    pub port_start: u16,
    pub port_count: u16,
    /// Where node 1, 2, … of the group listen for each other; empty for a single node.
    pub raft_ports: Vec<u16>,
    /// Further environment variables.
    pub more: Vec<(String, String)>,
}

/// A running node; it is told to end when this value is dropped.
#[derive(Debug)]
pub struct GatewayNode {
    settings: NodeSettings,
    process: Child,
}

impl GatewayNode {
    /// Starts the process; [`GatewayNode::await_ready`] waits until it serves.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(settings: NodeSettings) -> Result<Self, QuickstartError> {
        let doing = || format!("start gateway node {}", settings.id);
        fs::create_dir_all(&settings.data_dir).map_err(QuickstartError::io(doing()))?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(settings.log_path());
        let log = log.map_err(QuickstartError::io(doing()))?;
        let errors = log.try_clone().map_err(QuickstartError::io(doing()))?;
        let mut command = child::guarded(&settings.program.to_string_lossy());
        // What is set for the person at the keyboard is not meant for this node.
        let inherited = std::env::vars_os().map(|(name, _)| name);
        let configuring = |name: &OsString| {
            PREFIXES
                .iter()
                .any(|prefix| name.to_string_lossy().starts_with(prefix))
        };
        inherited.filter(configuring).for_each(|name| {
            command.env_remove(name);
        });
        command
            .arg("serve")
            .envs(settings.environment())
            .current_dir(&settings.data_dir);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        own_group(&mut command);
        let process = child::start(command).map_err(QuickstartError::io(doing()))?;
        Ok(Self { settings, process })
    }

    /// Returns when `/health/ready` says yes.
    ///
    /// # Errors
    /// When the process ends or is not ready in time; the error shows its log.
    pub fn await_ready(&mut self) -> Result<(), QuickstartError> {
        let url = format!("{}/health/ready", self.admin_url());
        let deadline = Instant::now() + READY_LIMIT;
        while ureq::get(&url).call().is_err() {
            child::check_interrupt()?;
            if let Ok(Some(status)) = self.process.try_wait() {
                let command = format!("klamm serve (node {}, {status})", self.settings.id);
                return Err(QuickstartError::Command {
                    command,
                    output: child::log_end(&self.log()),
                });
            }
            if Instant::now() >= deadline {
                let what = format!("the start of gateway node {}", self.settings.id);
                return Err(QuickstartError::Late {
                    what,
                    limit: READY_LIMIT,
                    log: child::log_end(&self.log()),
                });
            }
            thread::sleep(child::POLL);
        }
        Ok(())
    }

    /// Where its admin API is.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.settings.http_port)
    }

    #[must_use]
    pub fn settings(&self) -> &NodeSettings {
        &self.settings
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How the process ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// All it has written.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.settings.log_path()).unwrap_or_default()
    }

    /// SIGKILL: the node gets no chance to say goodbye.
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }

    /// SIGTERM: the node drains and ends. `None` when it had to be killed.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        let mut terminate = std::process::Command::new("kill");
        terminate.arg(self.pid().to_string()).stderr(Stdio::null());
        if let Ok(None) = self.process.try_wait() {
            terminate.status().ok();
        }
        let ended = child::wait(&mut self.process, STOP_LIMIT);
        if ended.is_none() {
            self.kill();
        }
        ended
    }

    /// Starts the node again with the same data.
    ///
    /// # Errors
    /// As [`GatewayNode::start`].
    pub fn restart(&mut self) -> Result<(), QuickstartError> {
        self.stop();
        *self = Self::start(self.settings.clone())?;
        Ok(())
    }
}

impl Drop for GatewayNode {
    fn drop(&mut self) {
        self.kill();
    }
}

impl NodeSettings {
    fn log_path(&self) -> PathBuf {
        self.data_dir.with_extension("log")
    }

    /// The variables that say all this.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let selector = format!("file : {{ path: {} }}", self.clusters.display());
        let mut variables = vec![
            ("GATEWAY_BACKEND_KAFKA_SELECTOR", selector),
            ("GATEWAY_HTTP_PORT", self.http_port.to_string()),
            ("GATEWAY_BIND_HOST", "127.0.0.1".to_owned()),
            ("GATEWAY_ADVERTISED_HOST", self.advertised_host.clone()),
            ("KLAMM_NODE_ID", self.id.to_string()),
            ("KLAMM_DATA_DIR", self.data_dir.display().to_string()),
        ];
        // A list of listeners says for itself where each of them is.
        if !self.more.iter().any(|(name, _)| name == "GATEWAY_LISTENERS") {
            variables.push(("GATEWAY_PORT_START", self.port_start.to_string()));
            variables.push(("GATEWAY_PORT_COUNT", self.port_count.to_string()));
        }
        if let Some(own) = usize::from(self.id)
            .checked_sub(1)
            .and_then(|index| self.raft_ports.get(index))
        {
            let peers = self
                .raft_ports
                .iter()
                .zip(1..)
                .map(|(port, id): (_, u16)| format!("{id}=127.0.0.1:{port}"));
            variables.push(("KLAMM_RAFT_LISTEN", format!("127.0.0.1:{own}")));
            variables.push(("KLAMM_RAFT_PEERS", peers.collect::<Vec<_>>().join(",")));
        }
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        variables.chain(self.more.iter().cloned()).collect()
    }
}

/// Writes the file of physical clusters: a name and Kafka client properties for each.
///
/// # Errors
/// When the file cannot be written.
pub fn write_clusters(path: &Path, clusters: &[(&str, &[(&str, &str)])]) -> Result<(), QuickstartError> {
    let mut text = String::from("config:\n");
    for (name, properties) in clusters {
        text.push_str(&format!("  {name}:\n"));
        for (key, value) in *properties {
            text.push_str(&format!("    {key}: '{}'\n", value.replace('\'', "''")));
        }
    }
    fs::write(path, text).map_err(QuickstartError::io("write the file of physical clusters"))
}
