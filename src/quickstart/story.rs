//! The demonstration itself, step by step: what is done, what came of it, what that proves.

mod encryption;
mod filter;
mod logins;

use std::fs;
use std::thread;
use std::time::Duration;

use crate::quickstart::admin::{self, Admin};
use crate::quickstart::child::{self, Output};
use crate::quickstart::error::QuickstartError;
use crate::quickstart::screen::Screen;
use crate::quickstart::stage::{Nodes, PortChoice, Stage};
use crate::quickstart::{Afterwards, Options};

const VCLUSTER: &str = "mypartner";
const CLUSTER: &str = "clusterA";
const GROUP: &str = "partner-app";
const SUPER_USER: &str = "super-user";
const PARTNER: &str = "partner-user";
const SUPER_FILE: &str = "mypartner-super-user.properties";
const PARTNER_FILE: &str = "mypartner-partner-user.properties";

/// Alias and physical topic.
const TOPICS: [(&str, &str); 2] = [
    ("topic1", "internal-topic-name1"),
    ("topic2", "internal-topic-name2"),
];

/// The records of the topics before the partner comes.
const RECORDS: [&str; 3] = ["order 1 placed", "order 2 placed", "order 1 shipped"];

const TOKEN_SECONDS: u64 = 24 * 3600;

/// How long one command of a stock tool may take.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// The tools that are put into the directory for the person who tries on.
const TOOLS: [&str; 7] = [
    "kafka-topics",
    "kafka-acls",
    "kafka-console-producer",
    "kafka-console-consumer",
    "kafka-consumer-groups",
    "kafka-get-offsets",
    "kafka-configs",
];

/// The means that the story needs at every step.
struct Story {
    screen: Screen,
    stage: Stage,
    nodes: usize,
    /// The cluster that holds the topics, as the platform team reaches it.
    physical: String,
    /// Client properties for it, as a file.
    physical_properties: Option<String>,
    /// Where the partner can begin, one address per node.
    addresses: Vec<String>,
    /// Where its next command begins; they take turns.
    bootstraps: Vec<String>,
    /// Physical topics that were not there before.
    made: Vec<&'static str>,
    /// Options of Java for the next command.
    jvm: Option<String>,
}

/// Tells the whole story.
pub(crate) fn tell(options: &Options) -> Result<(), QuickstartError> {
    let mut screen = Screen::new();
    screen.title(
        "Klamm quickstart",
        "share Kafka topics with a partner who sees nothing else",
    );
    let stage = Stage::new()?;
    let mut story = Story {
        screen,
        stage,
        nodes: usize::from(options.nodes),
        physical: String::new(),
        physical_properties: None,
        addresses: Vec::new(),
        bootstraps: Vec::new(),
        made: Vec::new(),
        jvm: None,
    };
    story.physical_clusters(options)?;
    let told = story.after_kafka(options);
    if options.backend.is_some() {
        story.leave_the_backend_clean();
    }
    told
}

impl Story {
    fn after_kafka(&mut self, options: &Options) -> Result<(), QuickstartError> {
        self.gateway(options)?;
        self.resources()?;
        self.credentials()?;
        self.acls()?;
        self.other_logins()?;
        self.produce()?;
        self.consume()?;
        self.filter()?;
        self.encryption()?;
        self.denials()?;
        if self.nodes > 1 {
            self.death_of_a_node()?;
        }
        match options.afterwards {
            Afterwards::Exit => Ok(()),
            Afterwards::Stay => self.stay(),
        }
    }

    fn physical_clusters(&mut self, options: &Options) -> Result<(), QuickstartError> {
        let own = match &options.backend {
            None => {
                self.screen
                    .step("Two Apache Kafka clusters of the platform team start on this machine");
                let main = self.stage.start_kafka("main", &[])?;
                self.physical = self.stage.start_kafka(CLUSTER, &[])?;
                self.screen.fact("main", &main);
                main
            }
            Some(backend) => {
                self.screen
                    .step("Your own Apache Kafka stands for the platform team's clusters");
                self.physical.clone_from(backend);
                backend.clone()
            }
        };
        self.screen.fact(CLUSTER, &self.physical);
        let properties = self.backend_properties(options)?;
        let with = |bootstrap: &str| -> Vec<(String, String)> {
            let first = ("bootstrap.servers".to_owned(), bootstrap.to_owned());
            std::iter::once(first).chain(properties.iter().cloned()).collect()
        };
        let (main, shared) = (with(&own), with(&self.physical));
        self.stage
            .configure(&[("main", &pairs(&main)), (CLUSTER, &pairs(&shared))])?;
        for (_, topic) in TOPICS {
            let made = self.physical_tool(
                "kafka-topics",
                &format!("--create --topic {topic} --partitions 1 --if-not-exists"),
                "",
            )?;
            expect("the topic can be created", &made, |output| {
                output.status.success()
            })?;
            if made.stdout.contains("Created topic") {
                self.made.push(topic);
                self.physical_tool(
                    "kafka-console-producer",
                    &format!("--topic {topic}"),
                    &RECORDS.join("\n"),
                )?;
            }
            let holds = if self.made.contains(&topic) {
                RECORDS.join(" · ")
            } else {
                "as it was".to_owned()
            };
            self.screen.fact("", &format!("{topic}: {holds}"));
        }
        Ok(())
    }

    fn gateway(&mut self, options: &Options) -> Result<(), QuickstartError> {
        let text = match self.nodes {
            1 => "One gateway node starts".to_owned(),
            nodes => format!("{nodes} gateway nodes start and form one Raft group"),
        };
        self.screen.step(&text);
        let more = vec![self.identity_provider()?, self.key_of_records()?];
        let program = std::env::current_exe().map_err(QuickstartError::io("find this program"))?;
        self.stage.start_nodes(&Nodes {
            program,
            count: options.nodes,
            advertised_host: "localhost".to_owned(),
            ports: PortChoice::Usual,
            more,
        })?;
        for node in self.stage.nodes() {
            let (url, first) = (node.admin_url(), node.settings().port_start);
            self.screen.fact(
                &format!("node {}", node.settings().id),
                &format!("admin {url}, clients from port {first}"),
            );
        }
        Ok(())
    }

    /// The virtual cluster, its topics and accounts, each through another node.
    fn resources(&mut self) -> Result<(), QuickstartError> {
        self.screen
            .step("The platform team creates a virtual cluster for the partner");
        self.put(1, "virtual-cluster", &logins::vcluster(SUPER_USER))?;
        self.screen
            .step("Two of its topics get aliases there; nothing else of Kafka exists for the partner");
        for (alias, topic) in TOPICS {
            self.put(2, "alias-topic", &admin::alias(VCLUSTER, alias, (CLUSTER, topic)))?;
            self.screen
                .fact("", &format!("{alias} stands for {topic} on {CLUSTER}"));
        }
        self.screen
            .step("Two service accounts: one that manages rights, one for the partner");
        for name in [SUPER_USER, PARTNER] {
            self.put(3, "service-account", &admin::account(VCLUSTER, name))?;
        }
        if self.nodes > 1 {
            self.screen.proof(
                "each change went to a different node and was visible on all of them once it was answered",
            );
        }
        Ok(())
    }

    /// PUT at one node; the others must know it at once.
    fn put(&mut self, node: usize, path: &str, resource: &serde_json::Value) -> Result<(), QuickstartError> {
        let node = node.min(self.nodes);
        self.admin(node).put(path, resource)?;
        let name = resource
            .pointer("/metadata/name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        self.screen.fact(
            &format!("node {node}"),
            &format!("PUT /gateway/v2/{path}   {name}"),
        );
        for other in 1..=self.nodes {
            let seen = self.admin(other).call("GET", path, None)?.ok()?.body;
            if !seen.contains(&format!("\"{name}\"")) {
                return Err(QuickstartError::Unproven {
                    claim: "every node knows a change once it is answered",
                    seen,
                });
            }
        }
        Ok(())
    }

    fn credentials(&mut self) -> Result<(), QuickstartError> {
        self.screen
            .step("Each account gets a token as its password, and the cluster has an address");
        for (name, file) in [(SUPER_USER, SUPER_FILE), (PARTNER, PARTNER_FILE)] {
            let token = self.admin(1).token(VCLUSTER, name, TOKEN_SECONDS)?;
            let text = client_properties(name, &token);
            let path = self.stage.directory().join(file);
            fs::write(path, text).map_err(QuickstartError::io("write client properties"))?;
            self.screen.fact(name, file);
        }
        let addresses = self.admin(1).bootstrap(VCLUSTER)?;
        self.screen.fact("address", &addresses);
        self.addresses = addresses.split(',').map(str::to_owned).collect();
        self.bootstraps.clone_from(&self.addresses);
        Ok(())
    }

    fn acls(&mut self) -> Result<(), QuickstartError> {
        self.screen.step("Without rights the partner sees nothing");
        let listed = self.client("kafka-topics", PARTNER_FILE, "--list", "")?;
        expect("a new account sees no topic", &listed, |output| {
            output.stdout.trim().is_empty()
        })?;
        self.screen.proof("a new account sees no topic at all");
        self.screen
            .step("The super user grants rights with Kafka's own kafka-acls");
        let add = format!("--add --allow-principal User:{PARTNER}");
        for rights in [
            format!("--consumer --topic * --group {GROUP}"),
            "--producer --topic topic1".to_owned(),
        ] {
            let added = self.client("kafka-acls", SUPER_FILE, &format!("{add} {rights}"), "")?;
            expect("kafka-acls is served", &added, |output| output.status.success())?;
        }
        let listed = self.client("kafka-topics", PARTNER_FILE, "--list", "")?;
        self.sees_its_topics(&listed)?;
        self.screen
            .proof("the partner sees the two aliases, at once and on every node, and no other name of Kafka");
        Ok(())
    }

    fn produce(&mut self) -> Result<(), QuickstartError> {
        self.screen.step("The partner writes to topic1");
        let record = "hello from the partner";
        self.client("kafka-console-producer", PARTNER_FILE, "--topic topic1", record)?;
        self.screen.says(&format!("> {record}"));
        self.expect_stored("the record is in the physical topic", TOPICS[0].1, record)?;
        self.screen
            .proof(&format!("the record is in {} on {CLUSTER}", TOPICS[0].1));
        Ok(())
    }

    fn consume(&mut self) -> Result<(), QuickstartError> {
        self.screen.step("The partner reads topic2");
        let arguments = format!(
            "--topic topic2 --group {GROUP} --from-beginning --max-messages {}",
            RECORDS.len()
        );
        let read = self.client("kafka-console-consumer", PARTNER_FILE, &arguments, "")?;
        // A topic that was there before has whatever it has.
        let expected = if self.made.contains(&TOPICS[1].1) {
            &RECORDS[..]
        } else {
            &[]
        };
        expect("the partner reads all records", &read, |output| {
            !output.stdout.is_empty() && expected.iter().all(|record| output.stdout.contains(record))
        })?;
        self.screen.says(&read.stdout);
        let groups = self.physical_tool("kafka-consumer-groups", "--list", "")?;
        let namespaced = format!("{VCLUSTER}:{GROUP}");
        expect("the group has a name of its own", &groups, |output| {
            output.stdout.contains(&namespaced)
        })?;
        self.screen.proof(&format!(
            "these are the records of {}; its group is {namespaced} there, so it meets no other",
            TOPICS[1].1
        ));
        Ok(())
    }

    fn denials(&mut self) -> Result<(), QuickstartError> {
        self.screen.step("What the partner may not do");
        let written = self.client(
            "kafka-console-producer",
            PARTNER_FILE,
            "--topic topic2",
            "not allowed",
        )?;
        self.denied(
            "the partner cannot write topic2",
            &written,
            "TopicAuthorizationException",
        )?;
        let arguments = "--topic topic2 --group another-app --from-beginning --max-messages 1";
        let read = self.client("kafka-console-consumer", PARTNER_FILE, arguments, "")?;
        self.denied(
            "the partner cannot read with another group",
            &read,
            "GroupAuthorizationException",
        )?;
        let listed = self.client("kafka-acls", PARTNER_FILE, "--list", "")?;
        self.denied(
            "the partner cannot look at rights",
            &listed,
            "ClusterAuthorizationException",
        )
    }

    /// A node is killed while others carry on; it comes back with what it missed.
    fn death_of_a_node(&mut self) -> Result<(), QuickstartError> {
        let victim = self.admin(1).leader()?;
        self.screen.step(&format!(
            "The node that leads the group, node {victim}, is killed (SIGKILL)"
        ));
        self.stage.node_mut(victim).kill();
        // Clients know all addresses and find those that answer.
        let all = self.addresses.join(",");
        self.bootstraps = vec![all];
        let grant = format!("--add --allow-principal User:{PARTNER} --producer --topic topic2");
        let added = self.client("kafka-acls", SUPER_FILE, &grant, "")?;
        expect("rights can be changed without the dead node", &added, |output| {
            output.status.success()
        })?;
        let record = "written without the dead node";
        self.client("kafka-console-producer", PARTNER_FILE, "--topic topic2", record)?;
        self.expect_stored(
            "the partner keeps writing without the dead node",
            TOPICS[1].1,
            record,
        )?;
        self.screen.proof(
            "the other nodes took over: the new right applies, and the partner used it to write to topic2",
        );
        self.stage.node_mut(victim).restart()?;
        self.stage.node_mut(victim).await_ready()?;
        self.bootstraps = vec![self.addresses[victim - 1].clone()];
        let listed = self.client("kafka-acls", SUPER_FILE, "--list --topic topic2", "")?;
        expect("the node has caught up", &listed, |output| {
            output.stdout.contains("operation=WRITE")
        })?;
        self.screen
            .proof(&format!("node {victim} is back and has what it missed"));
        self.bootstraps.clone_from(&self.addresses);
        Ok(())
    }

    /// The platform team finds a record in a physical topic.
    fn expect_stored(&self, claim: &'static str, topic: &str, record: &str) -> Result<(), QuickstartError> {
        let stored = self
            .stage
            .kafka()
            .records(&self.physical_connection(), topic, TOOL_LIMIT)?;
        if stored.iter().any(|line| line == record) {
            return Ok(());
        }
        Err(QuickstartError::Unproven {
            claim,
            seen: stored.join("\n"),
        })
    }

    fn denied(
        &mut self,
        claim: &'static str,
        output: &Output,
        exception: &str,
    ) -> Result<(), QuickstartError> {
        let all = output.all();
        let line = all.lines().find(|line| line.contains(exception));
        let line = line.ok_or_else(|| QuickstartError::Unproven {
            claim,
            seen: child::log_end(&all),
        })?;
        let start = line.find(exception).unwrap_or_default();
        self.screen.says(&line[start..]);
        self.screen.proof(claim);
        Ok(())
    }

    /// Everything runs on; the screen says how to go on.
    fn stay(&mut self) -> Result<(), QuickstartError> {
        let directory = self.stage.directory().display().to_string();
        self.stage
            .kafka()
            .write_tools(&self.stage.directory().join("bin"), &TOOLS)?;
        let bootstrap = self.bootstraps[0].clone();
        let admin = self.stage.nodes()[0].admin_url();
        self.screen
            .heading("Everything runs until Ctrl-C, and leaves nothing behind.");
        self.screen
            .fact("partner", &format!("{bootstrap}   SASL_PLAINTEXT, PLAIN"));
        self.screen
            .fact("credentials", &format!("{directory}/{PARTNER_FILE}"));
        self.screen.fact("", &format!("{directory}/{SUPER_FILE}"));
        self.screen.fact(
            "admin API",
            &format!("{admin}/gateway/v2/docs   admin / conduktor"),
        );
        self.screen.fact("metrics", &format!("{admin}/metrics"));
        self.screen
            .fact("Kafka", &format!("{CLUSTER} is {}", self.physical));
        self.screen.heading("Continue in another terminal");
        let client = format!("--bootstrap-server {bootstrap} --command-config");
        for line in [
            format!("cd {directory}"),
            format!("bin/kafka-topics {client} {PARTNER_FILE} --describe"),
            format!("bin/kafka-console-producer {client} {PARTNER_FILE} --topic topic1"),
            format!(
                "bin/kafka-console-consumer {client} {PARTNER_FILE} --topic topic1 --group {GROUP} --from-beginning"
            ),
            format!("bin/kafka-acls {client} {SUPER_FILE} --list"),
            format!("curl --user admin:conduktor {admin}/gateway/v2/alias-topic"),
        ] {
            self.screen.line(&format!("    {line}"));
        }
        loop {
            child::check_interrupt()?;
            thread::sleep(child::POLL);
        }
    }

    fn admin(&self, node: usize) -> Admin {
        self.stage.admin(node)
    }

    /// A stock tool as somebody of the virtual cluster, shown as it would be typed. Takes turns with the nodes.
    fn client(
        &mut self,
        tool: &str,
        file: &str,
        arguments: &str,
        input: &str,
    ) -> Result<Output, QuickstartError> {
        self.bootstraps.rotate_left(1);
        let path = self.stage.directory().join(file).display().to_string();
        let words = |file| {
            let connection = [
                tool,
                "--bootstrap-server",
                &self.bootstraps[0],
                "--command-config",
                file,
            ];
            connection
                .into_iter()
                .chain(arguments.split_whitespace())
                .collect::<Vec<_>>()
        };
        self.screen.command(&words(file));
        let mut command = self.stage.kafka().tool(tool);
        command.args(&words(&path)[1..]);
        command.envs(self.jvm.as_ref().map(|jvm| ("KLAMM_KAFKA_JVM", jvm)));
        child::run(command, input, TOOL_LIMIT)
    }

    /// A stock tool directly at the physical cluster, as the platform team.
    fn physical_tool(&self, tool: &str, arguments: &str, input: &str) -> Result<Output, QuickstartError> {
        let connection = self.physical_connection().into_iter();
        let words: Vec<&str> = std::iter::once(tool)
            .chain(connection)
            .chain(arguments.split_whitespace())
            .collect();
        self.stage.kafka().run(&words, input, TOOL_LIMIT)
    }

    /// The options that lead a stock tool to the physical cluster.
    fn physical_connection(&self) -> Vec<&str> {
        let mut words = vec!["--bootstrap-server", &self.physical];
        if let Some(file) = &self.physical_properties {
            words.extend(["--command-config", file]);
        }
        words
    }

    /// The client properties for somebody's own Kafka.
    fn backend_properties(&mut self, options: &Options) -> Result<Vec<(String, String)>, QuickstartError> {
        let Some(path) = &options.backend_properties else {
            return Ok(Vec::new());
        };
        self.physical_properties = Some(path.display().to_string());
        let text =
            fs::read_to_string(path).map_err(QuickstartError::io(format!("read {}", path.display())))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let pairs = lines.filter_map(|line| line.split_once('='));
        Ok(pairs
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
            .collect())
    }

    /// Somebody's own Kafka is left as it was.
    fn leave_the_backend_clean(&self) {
        child::calm();
        let group = format!("{VCLUSTER}:{GROUP}");
        // What cannot be deleted does no harm, and the screen has the names.
        self.physical_tool("kafka-consumer-groups", &format!("--delete --group {group}"), "")
            .ok();
        for topic in &self.made {
            self.physical_tool("kafka-topics", &format!("--delete --topic {topic}"), "")
                .ok();
        }
    }
}

/// The client properties that the partner is given.
fn client_properties(username: &str, token: &str) -> String {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config={module} required username=\"{username}\" password=\"{token}\";\n"
    )
}

fn expect(
    claim: &'static str,
    output: &Output,
    holds: impl Fn(&Output) -> bool,
) -> Result<(), QuickstartError> {
    if holds(output) {
        return Ok(());
    }
    Err(QuickstartError::Unproven {
        claim,
        seen: child::log_end(&output.all()),
    })
}

fn pairs(properties: &[(String, String)]) -> Vec<(&str, &str)> {
    properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
