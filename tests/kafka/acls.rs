//! ACLs while no broker answers: stock tools, the admin API and the command line manage them all the same, also through a
//! gateway that was started meanwhile, and one that has never seen a broker.

use std::process::Child;

use anyhow::{Result, ensure};
use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::child::{self, Output};
use klamm::quickstart::kafka::Kafka;
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::stage::Stage;
use serde_json::json;

use crate::scene::{CLUSTER, LIMIT, Login, READER, Scene, eventually, lines, properties};

/// A broker that was started again.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs `kafka-acls` as somebody who has not been connected before.
fn kafka_acls(kafka: &Kafka, user: &Login, words: &[&str]) -> Result<String> {
    let to = [
        "kafka-acls",
        "--bootstrap-server",
        &user.bootstrap,
        "--command-config",
        &user.file,
    ];
    let output = kafka.run(&[&to, words].concat(), "", LIMIT)?;
    ensure!(output.status.success(), "kafka-acls {words:?}:\n{}", output.all());
    Ok(output.stdout)
}

/// Runs `klamm acl` at a node.
fn klamm_acl(url: &str, words: &[&str]) -> Result<Output> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command.arg("acl").args(words).args(["--admin-url", url]);
    Ok(child::run(command, "", LIMIT)?)
}

/// Adds, lists and removes ACLs of a virtual cluster, in all ways that there are.
fn manages(kafka: &Kafka, user: &Login, (vcluster, url): (&str, &str)) -> Result<()> {
    let has_reader =
        |listed: &str| listed.contains("principal=User:reader") && listed.contains("operation=READ");
    kafka_acls(kafka, user, &[&["--add"], &READER[..]].concat())?;
    let listed = kafka_acls(kafka, user, &["--list", "--topic", "orders"])?;
    ensure!(has_reader(&listed), "{listed}");
    let listed = klamm_acl(url, &["list", "--v-cluster", vcluster, "--topic", "orders"])?;
    ensure!(listed.stdout.contains("User:reader"), "{}", listed.all());
    kafka_acls(kafka, user, &[&["--remove", "--force"], &READER[..]].concat())?;
    let listed = kafka_acls(kafka, user, &["--list", "--topic", "orders"])?;
    ensure!(!has_reader(&listed), "{listed}");

    let added = klamm_acl(url, &[&["add", "--v-cluster", vcluster], &READER[..]].concat())?;
    ensure!(
        added.status.success() && added.stdout.ends_with(": CREATED\n"),
        "{}",
        added.all()
    );
    let listed = kafka_acls(kafka, user, &["--list", "--topic", "orders"])?;
    ensure!(has_reader(&listed), "{listed}");
    let removed = klamm_acl(url, &[&["remove", "--v-cluster", vcluster], &READER[..]].concat())?;
    ensure!(
        removed.status.success() && removed.stdout.ends_with(": DELETED\n"),
        "{}",
        removed.all()
    );
    let listed = kafka_acls(kafka, user, &["--list", "--topic", "orders"])?;
    ensure!(!has_reader(&listed), "{listed}");
    Ok(())
}

#[test]
fn acls_are_managed_while_every_broker_is_down() -> Result<()> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    scene.topic("down-orders", 1)?;
    scene.vcluster("down", &[("orders", "down-orders")])?;
    let (user, reader) = (
        scene.login("down", "super-user", 1)?,
        scene.login("down", "reader", 1)?,
    );
    let url = scene.stage.nodes()[0].admin_url();
    // The brokers have their addresses.
    scene.client_ok(&user, "kafka-topics", &["--list"])?;
    for cluster in ["main", CLUSTER] {
        scene.kill_broker(cluster, 1)?;
    }
    manages(scene.stage.kafka(), &user, ("down", &url))?;
    let id = [
        "kafka-cluster",
        "cluster-id",
        "--bootstrap-server",
        &user.bootstrap,
        "--config",
        &user.file,
    ];
    let id = scene.tool(&id, "")?;
    ensure!(
        id.status.success() && id.stdout.contains("Cluster ID: "),
        "{}",
        id.all()
    );

    scene.stage.node_mut(1).restart()?;
    let admin = scene.stage.admin(1);
    eventually("the gateway is up again", || Ok(is_up(&admin, "down")))?;
    manages(scene.stage.kafka(), &user, ("down", &url))?;

    kafka_acls(scene.stage.kafka(), &user, &[&["--add"], &READER[..]].concat())?;
    let _broker = Broker(scene.start_broker(CLUSTER, 1)?);
    eventually("the right holds once there are brokers", || {
        let listed = scene.client(&reader, "kafka-topics", &["--list"], "")?;
        Ok(listed.status.success() && lines(&listed.stdout) == ["orders"])
    })
}

/// Whether a node says what ACLs there are in a virtual cluster.
fn is_up(admin: &Admin, vcluster: &str) -> bool {
    let answer = admin.call("GET", &format!("acl?vcluster={vcluster}"), None);
    answer.is_ok_and(|answer| answer.ok().is_ok())
}

#[test]
fn a_gateway_that_has_never_seen_a_broker_has_acls() -> Result<()> {
    let stage = Stage::new()?;
    let nobody = format!("127.0.0.1:{}", stage.spare_port(0));
    stage.configure(&[("main", &[("bootstrap.servers", nobody.as_str())])])?;
    let settings = NodeSettings {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        id: 1,
        data_dir: stage.directory().join("node1"),
        clusters: stage.directory().join("clusters.yaml"),
        http_port: stage.spare_port(1),
        advertised_host: "127.0.0.1".to_owned(),
        port_start: stage.client_port(0),
        port_count: 16,
        raft_ports: Vec::new(),
        more: vec![("GATEWAY_SUPER_USERS".to_owned(), "operator".to_owned())],
    };
    let node = GatewayNode::start(settings)?;
    let admin = Admin::new(&node.admin_url());
    eventually("the gateway is up", || Ok(is_up(&admin, "passthrough")))?;
    admin.put("service-account", &admin::account("passthrough", "operator"))?;
    let token = admin.token("passthrough", "operator", 3600)?;
    let file = stage.directory().join("operator.properties");
    std::fs::write(&file, properties("operator", &token))?;
    let user = Login {
        bootstrap: admin.bootstrap("passthrough")?,
        file: file.display().to_string(),
        username: "operator".to_owned(),
        token,
    };
    manages(stage.kafka(), &user, ("passthrough", &node.admin_url()))?;
    let refused = admin.call("DELETE", "acl", Some(&json!({ "principal": "User:reader" })))?;
    ensure!(refused.status == 404, "{} {}", refused.status, refused.body);
    Ok(())
}
