//! The walkthrough "Configure Multi-cluster" word for word, and what the partner may not do and must not learn.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm::quickstart::child::{self, Output};
use serde_json::Value;

use crate::relay::{RELAY, Relay};
use crate::scene::{CLUSTER, IDLE_MS, LIMIT, Login, Scene, json, lines};
use crate::signing_keys;
use crate::storage_key;
use crate::wire::{Wire, plain};

const VCLUSTER: &str = r#"{
    "kind": "VirtualCluster",
    "apiVersion": "gateway/v2",
    "metadata": {
      "name": "mypartner"
    },
    "spec": {
      "aclEnabled": true,
      "superUsers": [ "super-user" ],
      "type": "Partner"
    }
  }"#;

const TOPIC1: &str = r#"{
    "kind": "AliasTopic",
    "apiVersion": "gateway/v2",
    "metadata": {
      "name": "topic1",
      "vCluster": "mypartner"
    },
    "spec": {
      "physicalName": "internal-topic-name1",
      "physicalCluster": "clusterA"
    }
  }"#;

const TOPIC2: &str = r#"{
    "kind": "AliasTopic",
    "apiVersion": "gateway/v2",
    "metadata": {
      "name": "topic2",
      "vCluster": "mypartner"
    },
    "spec": {
      "physicalName": "internal-topic-name2",
      "physicalCluster": "clusterA"
    }
  }"#;

const SUPER_USER: &str = r#"{
    "kind": "GatewayServiceAccount",
    "apiVersion": "gateway/v2",
    "metadata": {
      "name": "super-user",
      "vCluster": "mypartner"
    },
    "spec": {
      "type": "LOCAL"
    }
  }"#;

const PARTNER_USER: &str = r#"{
    "kind": "GatewayServiceAccount",
    "apiVersion": "gateway/v2",
    "metadata": {
      "name": "partner-user",
      "vCluster": "mypartner"
    },
    "spec": {
      "type": "LOCAL"
    }
  }"#;

/// The resources of the walkthrough, as the files of the document's CLI tab.
const FILES: [&str; 3] = [
    "---
kind: VirtualCluster
apiVersion: gateway/v2
metadata:
  name: mypartner
spec:
  aclEnabled: true
  superUsers:
    - super-user
  type: Partner
",
    "---
kind: AliasTopic
apiVersion: gateway/v2
metadata:
  name: topic1
  vCluster: mypartner
spec:
  physicalName: internal-topic-name1
  physicalCluster: clusterA
---
kind: AliasTopic
apiVersion: gateway/v2
metadata:
  name: topic2
  vCluster: mypartner
spec:
  physicalName: internal-topic-name2
  physicalCluster: clusterA
",
    "---
kind: GatewayServiceAccount
apiVersion: gateway/v2
metadata:
  name: super-user
  vCluster: mypartner
spec:
  type: LOCAL
---
kind: GatewayServiceAccount
apiVersion: gateway/v2
metadata:
  name: partner-user
  vCluster: mypartner
spec:
  type: LOCAL
",
];

/// The records of topic2 before the partner comes.
const RECORDS: [&str; 3] = ["second 1", "second 2", "second 3"];

/// A scene with the physical topics on `clusterA`, and the relay that hears what clients hear.
struct Walk {
    /// Before the scene: its ports must be free when the scene gives them back.
    relay: Relay,
    scene: Scene,
}

impl Walk {
    fn start(nodes: u16) -> Result<Self> {
        let scene = Scene::start_with(nodes, &RELAY.to_string(), storage_key::variables)?;
        for topic in ["internal-topic-name1", "internal-topic-name2", "payroll"] {
            scene.topic(topic, 2)?;
        }
        scene.direct(
            "kafka-console-producer",
            &["--topic", "internal-topic-name2"],
            &RECORDS.join("\n"),
        )?;
        let first = scene
            .stage
            .nodes()
            .first()
            .context("a node")?
            .settings()
            .port_start;
        let last = scene.stage.nodes().last().context("a node")?.settings();
        let relay = Relay::start(first..last.port_start + last.port_count)?;
        Ok(Self { scene, relay })
    }

    /// The document's curl command, at a node counted from 1.
    fn curl(&self, node: usize, verb: &str, path: &str, body: &str) -> Result<String> {
        let url = format!(
            "{}/gateway/v2/{path}",
            self.scene.stage.nodes()[node - 1].admin_url()
        );
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--request",
            verb,
            "--url",
            &url,
        ]);
        command.args(["--header", "Authorization: Basic YWRtaW46Y29uZHVrdG9y"]);
        command.args(["--header", "Content-Type: application/json", "--data-raw", body]);
        let output = child::run(command, "", LIMIT)?;
        ensure!(output.status.success(), "{verb} {path}: {}", output.all());
        Ok(output.stdout)
    }

    /// The document's CLI command, at a node counted from 1.
    fn cli(&self, node: usize, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        command.args(arguments).env(
            "CDK_GATEWAY_BASE_URL",
            self.scene.stage.nodes()[node - 1].admin_url(),
        );
        command
            .env("CDK_GATEWAY_USER", "admin")
            .env("CDK_GATEWAY_PASSWORD", "conduktor");
        let output = child::run(command, input, LIMIT)?;
        ensure!(output.status.success(), "klamm {arguments:?}: {}", output.all());
        Ok(output.stdout)
    }

    /// The node's part of the bootstrap address that GET of the virtual cluster tells; checks the client properties.
    fn bootstrap(&self, node: usize) -> Result<String> {
        let url = format!(
            "{}/gateway/v2/virtual-cluster/mypartner",
            self.scene.stage.nodes()[node - 1].admin_url()
        );
        let mut command = Command::new("curl");
        command.args(["--silent", "--user", "admin:conduktor", &url]);
        let answer = json(&child::run(command, "", LIMIT)?.stdout)?;
        let spec = &answer["spec"];
        ensure!(
            spec["clientProperties"]["security.protocol"] == "SASL_PLAINTEXT",
            "{answer}"
        );
        ensure!(spec["clientProperties"]["sasl.mechanism"] == "PLAIN", "{answer}");
        let jaas = spec["clientProperties"]["sasl.jaas.config"]
            .as_str()
            .unwrap_or_default();
        ensure!(
            jaas.contains("{{username}}") && jaas.contains("{{password}}"),
            "{answer}"
        );
        let all = spec["bootstrapServers"].as_str().context("a bootstrap address")?;
        // One address per node: a step on another node begins there.
        Ok(all
            .split(',')
            .nth(node - 1)
            .with_context(|| format!("no address of node {node} in {all}"))?
            .to_owned())
    }

    fn token(&self, node: usize, username: &str) -> Result<String> {
        let body =
            format!(r#"{{"username": "{username}", "vCluster": "mypartner", "lifeTimeSeconds": 3600000}}"#);
        let answer = json(&self.curl(node, "POST", "token", &body)?)?;
        Ok(answer["token"].as_str().context("a token")?.to_owned())
    }

    fn token_by_cli(&self, node: usize, username: &str) -> Result<String> {
        let command = [
            "run",
            "generateServiceAccountToken",
            "--username",
            username,
            "--v-cluster",
            "mypartner",
        ];
        let output = self.cli(
            node,
            &[&command[..], &["--life-time-seconds", "100000000"]].concat(),
            "",
        )?;
        // Three parts of a JWT, whatever is printed around them.
        let token = output
            .split(|c: char| c.is_whitespace() || c == '"')
            .find(|word| word.matches('.').count() == 2);
        Ok(token.with_context(|| format!("a token in: {output}"))?.to_owned())
    }

    /// Section 5 of the document.
    fn grant(&self, super_user: &Login) -> Result<()> {
        let principal = ["--add", "--allow-principal", "User:partner-user"];
        let consumer = [
            &principal[..],
            &["--consumer", "--topic", "*", "--group", "partner-app"],
        ]
        .concat();
        self.scene.client_ok(super_user, "kafka-acls", &consumer)?;
        Ok(())
    }

    fn grant_producer(&self, super_user: &Login) -> Result<()> {
        let principal = ["--add", "--allow-principal", "User:partner-user"];
        self.scene.client_ok(
            super_user,
            "kafka-acls",
            &[&principal[..], &["--producer", "--topic", "topic1"]].concat(),
        )?;
        Ok(())
    }

    /// Section 6 of the document.
    fn produce(&self, partner: &Login, topic: &str, records: &str) -> Result<Output> {
        let words = [
            "kafka-console-producer",
            "--bootstrap-server",
            &partner.bootstrap,
            "--topic",
            topic,
        ];
        self.scene.tool(
            &[&words[..], &["--producer.config", &partner.file]].concat(),
            records,
        )
    }

    fn consume(&self, partner: &Login, group: &str, topic: &str, count: &str) -> Result<Output> {
        let words = [
            "kafka-console-consumer",
            "--bootstrap-server",
            &partner.bootstrap,
            "--topic",
            topic,
        ];
        let more = [
            "--consumer.config",
            &partner.file,
            "--group",
            group,
            "--from-beginning",
        ];
        let end = ["--max-messages", count, "--timeout-ms", IDLE_MS];
        self.scene.tool(&[&words[..], &more, &end].concat(), "")
    }

    /// The partner can do all this after the walkthrough, starting at any node.
    fn check_access(&self, partner: &Login) -> Result<()> {
        let before = self.scene.stored("internal-topic-name1")?.len();
        let produced = self.produce(partner, "topic1", "hello\nworld\n")?;
        ensure!(
            produced.status.success() && !produced.stderr.contains("ERROR"),
            "{}",
            produced.all()
        );
        let stored = self.scene.stored("internal-topic-name1")?;
        ensure!(stored.len() == before + 2, "{stored:?}");
        ensure!(
            stored.iter().any(|record| record == "hello") && stored.iter().any(|record| record == "world")
        );

        let consumed = self.consume(partner, "partner-app", "topic2", "3")?;
        let mut read = records(&consumed);
        read.sort();
        ensure!(read == RECORDS, "{}", consumed.all());
        // The document lets the partner read every topic of its virtual cluster, topic1 too.
        let own = self.consume(partner, "partner-app", "topic1", "2")?;
        ensure!(records(&own).len() == 2, "{}", own.all());
        Ok(())
    }

    /// The partner can do none of this.
    fn check_denials(&self, partner: &Login) -> Result<()> {
        let written = self.produce(partner, "topic2", "no\n")?;
        denied(&written, "TopicAuthorizationException")?;
        ensure!(
            self.scene.stored("internal-topic-name2")?.len() == RECORDS.len(),
            "topic2 was written"
        );

        denied(
            &self.consume(partner, "another-app", "topic2", "1")?,
            "GroupAuthorizationException",
        )?;

        let listed = lines(&self.scene.client_ok(partner, "kafka-topics", &["--list"])?);
        ensure!(listed == ["topic1", "topic2"], "{listed:?}");
        for hidden in ["internal-topic-name1", "payroll"] {
            let described =
                self.scene
                    .client(partner, "kafka-topics", &["--describe", "--topic", hidden], "")?;
            ensure!(
                !described.status.success(),
                "{hidden} is described: {}",
                described.all()
            );
        }

        let list = self.scene.client(partner, "kafka-acls", &["--list"], "")?;
        denied(&list, "ClusterAuthorizationException")?;
        let own = [
            "--add",
            "--allow-principal",
            "User:partner-user",
            "--producer",
            "--topic",
            "topic2",
        ];
        denied(
            &self.scene.client(partner, "kafka-acls", &own, "")?,
            "ClusterAuthorizationException",
        )?;
        Ok(())
    }

    /// A revoked token ends its sessions on every node, busy and idle ones, and no others.
    fn check_revocation(&self, token: &str) -> Result<()> {
        let other = self.token_by_cli(1, "partner-user")?;
        let open = |node: usize, token: &str| -> Result<Wire> {
            let mut wire = Wire::connect(&self.bootstrap(node)?)?;
            let answer = wire.log_in("PLAIN", &plain("partner-user", token))?;
            ensure!(answer.error_code == 0 && wire.is_served(), "{answer:?}");
            Ok(wire)
        };
        let sessions = |token: &str| (1..=3).map(|node| open(node, token)).collect::<Result<Vec<_>>>();
        let (mut busy, mut idle, mut others) = (sessions(token)?, sessions(token)?, sessions(&other)?);

        let tokens = [
            "get",
            "tokens",
            "partner-user",
            "--v-cluster",
            "mypartner",
            "-o",
            "json",
        ];
        let listed = self.cli(2, &tokens, "")?;
        ensure!(!listed.contains(token) && !listed.contains(&other), "{listed}");
        let listed = json(&listed)?;
        let claims = token.split('.').nth(1).context("claims")?;
        let claims = json(&String::from_utf8(URL_SAFE_NO_PAD.decode(claims)?)?)?;
        let is_it = |shown: &&Value| shown["id"] == claims["jti"];
        let shown = listed.as_array().into_iter().flatten().find(is_it);
        let id = shown.context("the token is not listed")?["id"]
            .as_str()
            .context("an id")?;
        self.cli(
            3,
            &[
                "run",
                "revokeServiceAccountTokens",
                "--v-cluster",
                "mypartner",
                "--id",
                id,
            ],
            "",
        )?;
        for (node, wire) in (1..).zip(&mut busy) {
            ensure!(
                !wire.is_served(),
                "node {node} serves a session of a revoked token"
            );
        }
        for (node, wire) in (1..).zip(&mut idle) {
            ensure!(
                wire.is_closed()?,
                "node {node} keeps a session of a revoked token"
            );
        }
        for wire in &mut others {
            ensure!(wire.is_served(), "a session of another token ended");
        }
        let again = Wire::connect(&self.bootstrap(1)?)?.log_in("PLAIN", &plain("partner-user", token))?;
        ensure!(again.error_code != 0, "a revoked token logs in");
        Ok(())
    }

    /// Nothing of the physical clusters is in what any client received.
    fn check_secrets(&self) -> Result<()> {
        ensure!(
            self.relay.received() > 1_000,
            "the relay heard only {} bytes",
            self.relay.received()
        );
        ensure!(self.relay.heard(b"topic1"), "the relay did not hear the aliases");
        let described = self.scene.direct("kafka-topics", &["--describe"], "")?;
        let ids = described
            .split_whitespace()
            .zip(described.split_whitespace().skip(1));
        let ids: Vec<&str> = ids
            .filter(|(name, _)| *name == "TopicId:")
            .map(|(_, id)| id)
            .collect();
        ensure!(ids.len() >= 3, "topic ids in {described}");
        let asked = [
            "kafka-cluster",
            "cluster-id",
            "--bootstrap-server",
            self.scene.physical(),
        ];
        let kafka_id = self.scene.tool(&asked, "")?.stdout;
        let kafka_id = kafka_id
            .trim()
            .rsplit(' ')
            .next()
            .context("a cluster id")?
            .to_owned();
        let port = self.scene.physical().rsplit(':').next().context("a port")?;
        let port_bytes = port.parse::<i32>()?.to_be_bytes();
        ensure!(
            !self.relay.heard(&port_bytes),
            "a client received the port of a broker"
        );
        let main = self.scene.stage.bootstrap("main").context("main was started")?;
        let physical_host = "127.0.0.1";
        let names = [
            "internal-topic-name",
            "payroll",
            CLUSTER,
            &kafka_id,
            physical_host,
            port,
            main,
            "mypartner:",
        ];
        for name in names {
            ensure!(!self.relay.heard(name.as_bytes()), "a client received {name:?}");
        }
        for id in ids {
            let bytes = uuid_bytes(id).with_context(|| format!("the topic id {id}"))?;
            ensure!(
                !self.relay.heard(&bytes),
                "a client received the physical topic id {id}"
            );
        }
        Ok(())
    }
}

/// The records that a console consumer got. It also says there that the document's `--consumer.config` has a new name.
fn records(output: &Output) -> Vec<String> {
    lines(&output.stdout)
        .into_iter()
        .filter(|line| !line.starts_with("Option --consumer.config"))
        .collect()
}

/// The tool said that it was refused in this way. (Console tools exit with 0 nevertheless.)
fn denied(output: &Output, exception: &str) -> Result<()> {
    ensure!(
        output.all().contains(exception),
        "no {exception} in:\n{}",
        output.all()
    );
    ensure!(
        !output.stdout.contains("second"),
        "it got records: {}",
        output.stdout
    );
    Ok(())
}

/// Kafka prints ids in unpadded, URL-safe base64.
fn uuid_bytes(id: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(URL_SAFE_NO_PAD.decode(id)?)
}

#[test]
fn one_node_with_curl() -> Result<()> {
    let walk = Walk::start(1)?;
    ensure!(json(&walk.curl(1, "PUT", "virtual-cluster", VCLUSTER)?)?["upsertResult"] == "CREATED");
    for alias in [TOPIC1, TOPIC2] {
        ensure!(json(&walk.curl(1, "PUT", "alias-topic", alias)?)?["upsertResult"] == "CREATED");
    }
    ensure!(json(&walk.curl(1, "PUT", "alias-topic", TOPIC2)?)?["upsertResult"] == "NOT_CHANGED");
    for account in [SUPER_USER, PARTNER_USER] {
        ensure!(json(&walk.curl(1, "PUT", "service-account", account)?)?["upsertResult"] == "CREATED");
    }
    let super_user = walk
        .scene
        .login_with(walk.bootstrap(1)?, "super-user", walk.token(1, "super-user")?)?;
    let partner =
        walk.scene
            .login_with(walk.bootstrap(1)?, "partner-user", walk.token(1, "partner-user")?)?;
    let nothing = walk.scene.client_ok(&partner, "kafka-topics", &["--list"])?;
    ensure!(lines(&nothing).is_empty(), "before any ACL: {nothing}");
    walk.grant(&super_user)?;
    walk.grant_producer(&super_user)?;
    walk.check_access(&partner)?;
    walk.check_denials(&partner)?;
    walk.check_secrets()
}

#[test]
fn three_nodes_with_the_command_line_each_step_on_another() -> Result<()> {
    let walk = Walk::start(3)?;
    for (file, node) in FILES.iter().zip(1..) {
        let path = walk.scene.stage.directory().join(format!("resources{node}.yaml"));
        std::fs::write(&path, file)?;
        walk.cli(node, &["apply", "-f", &path.display().to_string()], "")?;
    }
    let super_token = walk.token_by_cli(1, "super-user")?;
    let partner_token = walk.token_by_cli(2, "partner-user")?;
    let login = |node: usize, name: &str, token: &str| {
        walk.scene
            .login_with(walk.bootstrap(node)?, name, token.to_owned())
    };
    walk.grant(&login(3, "super-user", &super_token)?)?;
    walk.grant_producer(&login(1, "super-user", &super_token)?)?;
    walk.check_access(&login(2, "partner-user", &partner_token)?)?;
    walk.check_denials(&login(3, "partner-user", &partner_token)?)?;
    walk.check_secrets()?;
    let known = ["mypartner", "partner-user", "internal-topic-name1"];
    storage_key::check_disks(&walk.scene, &known)?;
    walk.check_revocation(&partner_token)?;
    // Ends all tokens.
    signing_keys::rotate_and_retire(&walk.scene)
}
