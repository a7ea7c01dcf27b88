//! Two or three Kafka clusters and gateway nodes for a test, and the few ways in which tests use them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::stage::{Nodes, PortChoice, Stage};
use serde_json::Value;

use crate::wire::Wire;

/// The cluster whose topics are shared.
pub(crate) const CLUSTER: &str = "clusterA";

/// A third cluster, where there is one.
pub(crate) const THIRD: &str = "clusterB";

/// How long one run of a tool may take; generous, since the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// How long a consumer of a test waits for its first and each further record; generous, too: it ends with the last one.
pub(crate) const IDLE_MS: &str = "60000";

/// How long a consumer waits for a record that does not come.
pub(crate) const NO_MORE_MS: &str = "10000";

/// Kafka, the nodes and a virtual cluster, as a test needs them; shows the nodes' logs when the test fails.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) stage: Stage,
}

/// Somebody who has a token, in one virtual cluster.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) bootstrap: String,
    /// A file of Kafka client properties.
    pub(crate) file: String,
    pub(crate) username: String,
    pub(crate) token: String,
}

impl Scene {
    /// Starts `main`, `clusterA` and so many gateway nodes, advertised as `host`.
    pub(crate) fn start(nodes: u16, host: &str) -> Result<Self> {
        Self::start_with(nodes, host, |_| Ok(Vec::new()))
    }

    /// A scene with further environment variables for the nodes, once it is clear where things are.
    pub(crate) fn start_with(
        nodes: u16,
        host: &str,
        more: impl FnOnce(&Stage) -> Result<Vec<(String, String)>>,
    ) -> Result<Self> {
        let mut scene = Self { stage: Stage::new()? };
        scene.start_kafka(&[])?;
        let more = more(&scene.stage)?;
        scene.start_nodes(nodes, host, more)?;
        Ok(scene)
    }

    /// Both clusters, and no gateway.
    pub(crate) fn of_kafka_alone() -> Result<Self> {
        let mut scene = Self { stage: Stage::new()? };
        scene.start_kafka(&[])?;
        Ok(scene)
    }

    /// One node; the shared cluster with these options of `kafka.sh run`.
    pub(crate) fn before(brokers: &[&str]) -> Result<Self> {
        Self::nodes_before(1, brokers)
    }

    /// So many nodes; the shared cluster with these options.
    pub(crate) fn nodes_before(nodes: u16, brokers: &[&str]) -> Result<Self> {
        let mut scene = Self { stage: Stage::new()? };
        scene.start_kafka(brokers)?;
        scene.start_nodes(nodes, "127.0.0.1", Vec::new())?;
        Ok(scene)
    }

    /// One node before three clusters: `main`, `clusterA` and `clusterB`.
    pub(crate) fn over_three() -> Result<Self> {
        let mut scene = Self { stage: Stage::new()? };
        scene.stage.start_kafka(THIRD, &[])?;
        scene.start_kafka(&[])?;
        scene.start_nodes(1, "127.0.0.1", Vec::new())?;
        Ok(scene)
    }

    /// So many nodes before `main`, `clusterA` and `clusterB`, which stands in for `clusterA`.
    pub(crate) fn with_stand_in(nodes: u16) -> Result<Self> {
        Self::with_stand_in_of(nodes, &[])
    }

    /// So many nodes before these clusters, of which the first and its stand-in have these options of `kafka.sh run`.
    pub(crate) fn with_stand_in_of(nodes: u16, brokers: &[&str]) -> Result<Self> {
        let mut scene = Self { stage: Stage::new()? };
        scene.stage.start_kafka(THIRD, brokers)?;
        scene.start_kafka(brokers)?;
        let roles = [
            ("KAFKA_CLUSTERB_GATEWAY_ROLES", "failover"),
            ("KAFKA_CLUSTERB_GATEWAY_FAILOVER_FOR", CLUSTER),
        ];
        let roles = roles.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let more = roles.into_iter().chain([keys(&scene.stage)?]);
        scene.start_nodes(nodes, "127.0.0.1", more.collect())?;
        Ok(scene)
    }

    fn start_kafka(&mut self, brokers: &[&str]) -> Result<()> {
        let main = self.stage.start_kafka("main", &[])?;
        let shared = self.stage.start_kafka(CLUSTER, brokers)?;
        // The file of the reference, with loopback instead of credentials.
        let (main, shared) = (
            [("bootstrap.servers", main.as_str())],
            [
                ("bootstrap.servers", shared.as_str()),
                ("gateway.roles", "upstream"),
            ],
        );
        let third = self.stage.bootstrap(THIRD);
        let third = third.map(|third| [("bootstrap.servers", third)]);
        let mut clusters: Vec<(&str, &[(&str, &str)])> = vec![("main", &main), (CLUSTER, &shared)];
        clusters.extend(third.iter().map(|third| (THIRD, &third[..])));
        Ok(self.stage.configure(&clusters)?)
    }

    fn start_nodes(&mut self, count: u16, host: &str, mut more: Vec<(String, String)>) -> Result<()> {
        more.push(("GATEWAY_SUPER_USERS".to_owned(), "operator".to_owned()));
        self.stage.start_nodes(&Nodes {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            count,
            advertised_host: host.to_owned(),
            ports: PortChoice::Any,
            more,
        })?;
        Ok(())
    }

    /// One node, used by all tests that ask at the same time; each has virtual clusters and topics of its own.
    pub(crate) fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Scene>> = Mutex::new(Weak::new());
        // A test that panicked here left nothing half done.
        let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(scene) = shared.upgrade() {
            return Ok(scene);
        }
        let closed = ("KAFKA_MAIN_GATEWAY_ALLOW_ANONYMOUS", "false");
        let closed = (closed.0.to_owned(), closed.1.to_owned());
        let scene = Self::start_with(1, "127.0.0.1", |stage| Ok(vec![closed, keys(stage)?]))?;
        let scene = Arc::new(scene);
        *shared = Arc::downgrade(&scene);
        Ok(scene)
    }

    /// One node that has keys for records.
    pub(crate) fn keyed() -> Result<Self> {
        Self::start_with(1, "127.0.0.1", |stage| Ok(vec![keys(stage)?]))
    }

    /// Where the shared cluster itself listens.
    pub(crate) fn physical(&self) -> &str {
        self.bootstrap(CLUSTER)
    }

    /// Where a cluster itself listens.
    fn bootstrap(&self, cluster: &str) -> &str {
        self.stage.bootstrap(cluster).expect("the cluster was started")
    }

    /// Runs a stock tool to its end.
    pub(crate) fn tool(&self, words: &[&str], input: &str) -> Result<Output> {
        Ok(self.stage.kafka().run(words, input, LIMIT)?)
    }

    /// Runs a stock tool as somebody of a virtual cluster.
    pub(crate) fn client(
        &self,
        login: &Login,
        tool: &str,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output> {
        let words = [
            tool,
            "--bootstrap-server",
            &login.bootstrap,
            "--command-config",
            &login.file,
        ];
        self.tool(&[&words, arguments].concat(), input)
    }

    /// The output of a tool that must succeed.
    pub(crate) fn client_ok(&self, login: &Login, tool: &str, arguments: &[&str]) -> Result<String> {
        let output = self.client(login, tool, arguments, "")?;
        ensure!(output.status.success(), "{tool} {arguments:?}:\n{}", output.all());
        Ok(output.stdout)
    }

    /// Runs a stock tool directly at the shared cluster; it must succeed.
    pub(crate) fn direct(&self, tool: &str, arguments: &[&str], input: &str) -> Result<String> {
        self.direct_at(CLUSTER, (tool, arguments), input)
    }

    /// Runs a stock tool directly at a cluster; it must succeed.
    pub(crate) fn direct_at(
        &self,
        cluster: &str,
        (tool, arguments): (&str, &[&str]),
        input: &str,
    ) -> Result<String> {
        let words = [tool, "--bootstrap-server", self.bootstrap(cluster)];
        let output = self.tool(&[&words, arguments].concat(), input)?;
        ensure!(
            output.status.success(),
            "{tool} {arguments:?} at {cluster}:\n{}",
            output.all()
        );
        Ok(output.stdout)
    }

    /// Kills a broker of a cluster.
    pub(crate) fn kill_broker(&self, cluster: &str, id: u16) -> Result<()> {
        let pid = fs::read_to_string(self.broker_directory(cluster, id)?.join("pid"))?;
        let killed = Command::new("kill").args(["-9", pid.trim()]).status()?;
        ensure!(killed.success(), "no broker {pid}");
        Ok(())
    }

    /// Starts a killed broker again with its data. It is of the release that tools are of.
    pub(crate) fn start_broker(&self, cluster: &str, id: u16) -> Result<Child> {
        let mut command = script("tool");
        command
            .arg("kafka.Kafka")
            .arg(self.broker_directory(cluster, id)?.join("server.properties"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(child::start(command)?)
    }

    fn broker_directory(&self, cluster: &str, id: u16) -> Result<PathBuf> {
        let cluster = self.stage.data_of(cluster).context("the cluster was started")?;
        Ok(cluster.join(id.to_string()))
    }

    /// Makes a physical topic with so many partitions.
    pub(crate) fn topic(&self, name: &str, partitions: u16) -> Result<()> {
        self.topic_on(CLUSTER, name, partitions)
    }

    /// Makes a topic of a cluster with so many partitions.
    pub(crate) fn topic_on(&self, cluster: &str, name: &str, partitions: u16) -> Result<()> {
        let mut wire = Wire::connect(self.bootstrap(cluster))?;
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        let topic = CreatableTopic::default()
            .with_name(name.clone())
            .with_num_partitions(partitions.into())
            .with_replication_factor(-1);
        let create = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(30_000);
        let created: CreateTopicsResponse = wire.ask(7, &create)?;
        ensure!(
            created.topics.iter().all(|topic| topic.error_code == 0),
            "{created:?}"
        );
        let wanted = MetadataRequestTopic::default().with_name(Some(name));
        let wanted = MetadataRequest::default().with_topics(Some(vec![wanted]));
        eventually("the topic has leaders", || {
            let told: MetadataResponse = wire.ask(4, &wanted)?;
            let mut of = told.topics.iter().flat_map(|topic| &topic.partitions);
            Ok(
                of.clone().count() == usize::from(partitions)
                    && of.all(|partition| partition.error_code == 0),
            )
        })
    }

    /// All records of a physical topic, read without the gateway.
    pub(crate) fn stored(&self, topic: &str) -> Result<Vec<String>> {
        self.stored_on(CLUSTER, topic)
    }

    /// All records of a topic of a cluster, read without the gateway.
    pub(crate) fn stored_on(&self, cluster: &str, topic: &str) -> Result<Vec<String>> {
        let all = ["-X", "isolation.level=read_uncommitted"];
        read_to_end(kcat_at(self.bootstrap(cluster)), topic, &all)
    }

    /// A virtual cluster with the super user `super-user` and aliases of physical topics of the shared cluster.
    pub(crate) fn vcluster(&self, name: &str, aliases: &[(&str, &str)]) -> Result<()> {
        let admin = self.stage.admin(1);
        admin.put("virtual-cluster", &admin::vcluster(name, "super-user"))?;
        for (alias, topic) in aliases {
            admin.put("alias-topic", &admin::alias(name, alias, (CLUSTER, topic)))?;
        }
        Ok(())
    }

    /// A service account with a token, made at the given node (counted from 1).
    pub(crate) fn login(&self, vcluster: &str, username: &str, node: usize) -> Result<Login> {
        let admin = self.stage.admin(node);
        admin.put("service-account", &admin::account(vcluster, username))?;
        let token = admin.token(vcluster, username, 3600)?;
        self.login_with(admin.bootstrap(vcluster)?, username, token)
    }

    /// The metrics of a node (counted from 1), as Prometheus reads them.
    pub(crate) fn metrics(&self, node: usize) -> Result<String> {
        let url = format!("{}/metrics", self.stage.nodes()[node - 1].admin_url());
        Ok(ureq::get(url).call()?.body_mut().read_to_string()?)
    }

    /// Writes the client properties for a token that is already there.
    pub(crate) fn login_with(&self, bootstrap: String, username: &str, token: String) -> Result<Login> {
        let name = format!("{}-{username}.properties", bootstrap.replace([':', ','], "-"));
        let file = self.stage.directory().join(name);
        fs::write(&file, properties(username, &token))?;
        Ok(Login {
            bootstrap,
            file: file.display().to_string(),
            username: username.to_owned(),
            token,
        })
    }

    /// kcat as somebody of a virtual cluster.
    pub(crate) fn kcat(&self, login: &Login, arguments: &[&str], input: &str) -> Result<Output> {
        let mut command = kcat_of(login);
        command.args(arguments);
        Ok(child::run(command, input, LIMIT)?)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if thread::panicking() {
            for node in self.stage.nodes() {
                let (id, log) = (node.settings().id, child::log_end(&node.log()));
                writeln!(std::io::stderr(), "--- node {id} ---\n{log}").ok();
            }
        }
    }
}

/// The keys for records of the nodes, each of them in a file.
const RECORD_KEYS: [&str; 3] = ["payroll", "billing", "fleeting"];

/// Makes them; the variable that tells the nodes of them.
fn keys(stage: &Stage) -> Result<(String, String)> {
    let mut all = Vec::new();
    for name in RECORD_KEYS {
        let path = stage.directory().join(format!("{name}.keys"));
        fs::write(&path, "1 q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=\n")?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        all.push(format!("{name}: {{kind: file, file: {}}}", path.display()));
    }
    Ok(("KLAMM_KEYS".to_owned(), format!("{{{}}}", all.join(", "))))
}

/// The file of a key for records.
pub(crate) fn key_file(scene: &Scene, name: &str) -> PathBuf {
    scene.stage.directory().join(format!("{name}.keys"))
}

/// The properties file of the reference document.
pub(crate) fn properties(username: &str, token: &str) -> String {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config={module} required username=\"{username}\" password=\"{token}\";\n"
    )
}

/// Where clients of a listener begin.
pub(crate) fn address(admin: &Admin, vcluster: &str, listener: &str) -> Result<String> {
    let shown = admin
        .call("GET", &format!("virtual-cluster/{vcluster}"), None)?
        .ok()?;
    let shown = json(&shown.body)?;
    let listeners = shown["spec"]["listeners"].as_array().cloned().unwrap_or_default();
    let found = listeners.iter().find(|shown| shown["name"] == listener);
    let address = found.and_then(|found| found["bootstrapServers"].as_str());
    Ok(address
        .with_context(|| format!("no {listener} in {shown}"))?
        .to_owned())
}

/// The flags of `kafka-acls` by which the account `reader` may read `orders`.
pub(crate) const READER: [&str; 6] = [
    "--allow-principal",
    "User:reader",
    "--operation",
    "Read",
    "--topic",
    "orders",
];

/// The Kafka script of this project.
pub(crate) fn script(verb: &str) -> Command {
    let mut command = child::guarded("bash");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh"))
        .arg(verb);
    command
}

/// kcat at a Kafka cluster itself.
pub(crate) fn kcat_at(bootstrap: &str) -> Command {
    let mut command = script("kcat");
    command.args(["-b", bootstrap]);
    command
}

/// kcat as somebody of a virtual cluster.
pub(crate) fn kcat_of(login: &Login) -> Command {
    let mut command = kcat_at(&login.bootstrap);
    for option in [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
        &format!("sasl.username={}", login.username),
        &format!("sasl.password={}", login.token),
    ] {
        command.args(["-X", option]);
    }
    command
}

/// The records of a topic to its end: those of transactions that are open or were aborted are left out, unless `more` says
/// otherwise.
pub(crate) fn read_to_end(mut kcat: Command, topic: &str, more: &[&str]) -> Result<Vec<String>> {
    kcat.args(["-C", "-t", topic, "-o", "beginning", "-e", "-q"])
        .args(more);
    let read = child::run(kcat, "", LIMIT)?;
    ensure!(read.status.success(), "{}", read.all());
    Ok(lines(&read.stdout))
}

/// The lines that say something.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How often each line occurs, for comparing without order.
pub(crate) fn counted(lines: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_default() += 1;
    }
    counts
}

/// Asks until it is so, but not for ever.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !holds().with_context(|| what.to_owned())? {
        ensure!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            LIMIT.as_secs()
        );
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// JSON, with what could not be read in the error.
pub(crate) fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).with_context(|| format!("not JSON: {text}"))
}
