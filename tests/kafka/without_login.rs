//! Virtual clusters whose clients need not log in, on the one listener that a node has by default.

use std::io::Read as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child::{self, Output};
use serde_json::{Value, json};

use crate::scene::{CLUSTER, IDLE_MS, LIMIT, Scene, eventually, json, lines, script};

/// The example of the event gateway's reference document.
fn example(cluster: &str) -> Value {
    json!({
        "name": "example-name",
        "destination": {"name": cluster},
        "authentication": [{"type": "anonymous"}],
        "dns_label": "virtual-cluster-1",
    })
}

fn post(scene: &Scene, body: &Value) -> Result<Output> {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--user",
            "admin:conduktor",
        ])
        .args(["--data-raw", &body.to_string()])
        .arg(format!(
            "{}/v1/event-gateways/default/virtual-clusters",
            scene.stage.nodes()[0].admin_url()
        ));
    Ok(child::run(command, "", LIMIT)?)
}

fn lists(output: &Output) -> bool {
    output.status.success() && output.stdout.contains("topic \"open.orders\" with 1 partitions")
}

/// Clients with nothing but the address.
struct Anybody<'a> {
    scene: &'a Scene,
    bootstrap: String,
}

impl Anybody<'_> {
    fn at(&self) -> [&str; 4] {
        ["--bootstrap-server", &self.bootstrap, "--topic", "open.orders"]
    }

    fn produce(&self, line: &str) -> Result<()> {
        let produced = self
            .scene
            .tool(&[&["kafka-console-producer"], &self.at()[..]].concat(), line)?;
        ensure!(produced.status.success(), "{}", produced.all());
        Ok(())
    }

    fn consumes(&self, expected: &str) -> Result<()> {
        let read = [
            "--group",
            "app",
            "--from-beginning",
            "--max-messages",
            "1",
            "--timeout-ms",
            IDLE_MS,
        ];
        let read = [&["kafka-console-consumer"], &self.at()[..], &read].concat();
        let read = self.scene.tool(&read, "")?;
        ensure!(lines(&read.stdout) == [expected], "{}", read.all());
        Ok(())
    }

    fn kcat(&self, words: &[&str]) -> Result<Output> {
        let mut command = script("kcat");
        command.args(["-b", &self.bootstrap]).args(words);
        Ok(child::run(command, "", LIMIT)?)
    }

    fn lists(&self) -> Result<bool> {
        Ok(lists(&self.kcat(&["-L"])?))
    }

    /// A consumer that reads `first` before the change, and `second`, which the change leads to, on the same connections.
    fn read_through(&self, first: &str, second: &str, change: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut command = script("kcat");
        command
            .args(["-b", &self.bootstrap, "-C", "-t", "open.orders"])
            .args(["-o", "beginning", "-c", "2", "-u"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut consumer = child::start(command)?;
        let mut output = consumer.stdout.take().context("it is piped")?;
        let mut start = vec![0; first.len() + 1];
        output.read_exact(&mut start)?;
        change()?;
        let mut rest = String::new();
        output.read_to_string(&mut rest)?;
        ensure!(
            consumer.wait()?.success() && lines(&rest) == [second],
            "the consumer that was there reads on: {rest}"
        );
        Ok(())
    }
}

#[test]
fn the_example_of_the_reference_is_served_and_its_ports_follow_its_methods() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("open.orders", 1)?;
    let refused = post(&scene, &example("main"))?;
    let key = "set gateway.allow.anonymous: true among the properties of main";
    ensure!(
        refused.stdout.starts_with("HTTP/1.1 400") && refused.stdout.contains(key),
        "{}",
        refused.all()
    );
    let made = post(&scene, &example(CLUSTER))?;
    ensure!(made.stdout.starts_with("HTTP/1.1 201"), "{}", made.all());
    let admin = scene.stage.admin(1);
    let shown = admin.call("GET", "virtual-cluster/example-name", None)?.ok()?;
    let mut shown = json(&shown.body)?;
    let protocol = &shown["spec"]["clientProperties"]["security.protocol"];
    ensure!(protocol == "PLAINTEXT", "{shown}");

    let anybody = Anybody {
        scene: &scene,
        bootstrap: admin.bootstrap("example-name")?,
    };
    anybody.produce("one\n")?;
    anybody.consumes("one")?;
    ensure!(anybody.lists()?);

    // Beside it SASL, on the same port: who is there stays.
    shown["spec"]["authentication"] = json!([{"type": "anonymous"}, {"type": "sasl_plain"}]);
    let mut user = None;
    anybody.read_through("one", "two", || {
        admin.put("virtual-cluster", &shown)?;
        let somebody = scene.login("example-name", "somebody", 1)?;
        ensure!(lists(&scene.kcat(&somebody, &["-L"], "")?), "by SASL");
        ensure!(anybody.lists()?, "without");
        let topics = scene.client_ok(&somebody, "kafka-topics", &["--list"])?;
        ensure!(lines(&topics).contains(&"open.orders".to_owned()), "{topics}");
        user = Some(somebody);
        anybody.produce("two\n")
    })?;
    let user = user.context("it was made")?;

    // SASL alone.
    shown["spec"]["authentication"] = json!([{"type": "sasl_plain"}]);
    admin.put("virtual-cluster", &shown)?;
    let refused = anybody.kcat(&["-L", "-m", "3"])?;
    ensure!(!refused.status.success(), "{}", refused.all());
    ensure!(lists(&scene.kcat(&user, &["-L"], "")?));
    let account = json!({"name": "somebody", "vCluster": "example-name"});
    admin.call("DELETE", "service-account", Some(&account))?;
    admin.call("DELETE", "virtual-cluster/example-name", None)?;
    eventually("its ports are closed", || {
        Ok(std::net::TcpStream::connect(&anybody.bootstrap).is_err())
    })
}

#[test]
fn an_alias_opens_no_cluster_that_is_not_open() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic_on("main", "not-for-everybody", 1)?;
    let admin = scene.stage.admin(1);
    let mut open = admin::vcluster("open-partner", "admin");
    open["spec"]["authentication"] = json!([{"type": "anonymous"}]);
    admin.put("virtual-cluster", &open)?;
    let alias = admin::alias("open-partner", "orders", ("main", "not-for-everybody"));
    let refused = admin.call("PUT", "alias-topic", Some(&alias))?;
    ensure!(
        refused.status == 400 && refused.body.contains("among the properties of main"),
        "{refused:?}"
    );
    Ok(())
}
