//! Physical clusters as resources, on two nodes: added while the gateway runs, used by stock tools, with other credentials
//! after a change, and removed. Sessions on other physical clusters notice nothing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use klamm::quickstart::admin;
use klamm::quickstart::child::{self, Output};
use serde_json::{Value, json};

use crate::scene::{LIMIT, Login, Scene, counted, eventually, json, lines};
use crate::wire::{Wire, plain};

/// The cluster that comes and goes.
const EAST: &str = "east";

const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required";

/// Two nodes before `main` and `clusterA`, a directory for secrets, and a third cluster that no node knows.
struct Place {
    scene: Scene,
    secrets: PathBuf,
    /// Where the third cluster wants logins.
    bootstrap: String,
}

impl Place {
    fn start() -> Result<Self> {
        let mut scene = Scene::start_with(2, "127.0.0.1", |stage| {
            let secrets = stage.directory().join("secrets");
            fs::create_dir(&secrets)?;
            Ok(vec![
                ("KLAMM_SECRETS_DIR".to_owned(), secrets.display().to_string()),
                ("KLAMM_SECRETS_ENV_PREFIX".to_owned(), "EAST_".to_owned()),
                ("EAST_SECOND".to_owned(), "second-secret".to_owned()),
            ])
        })?;
        let port = scene.stage.spare_port(0);
        let users = ["--user", "first=first-secret", "--user", "second=second-secret"];
        let sasl = port.to_string();
        let options = [&["--sasl", sasl.as_str()][..], &users].concat();
        scene.stage.start_kafka(EAST, &options)?;
        Ok(Self {
            secrets: scene.stage.directory().join("secrets"),
            bootstrap: format!("127.0.0.1:{port}"),
            scene,
        })
    }

    fn klamm(&self, words: &[&str], input: &str) -> Result<Output> {
        let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        command
            .args(words)
            .args(["--admin-url", &self.scene.stage.nodes()[0].admin_url()]);
        Ok(child::run(command, input, LIMIT)?)
    }

    /// Puts the cluster, with this user and password as they are written.
    fn put(&self, user: &str, password: &str) -> Result<Output> {
        let jaas = format!("{PLAIN} username=\"{user}\" password=\"{password}\";");
        let resource = json!({
            "kind": "PhysicalCluster", "apiVersion": "gateway/v2", "metadata": { "name": EAST },
            "spec": { "properties": {
                "bootstrap.servers": self.bootstrap, "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas,
            } },
        });
        self.klamm(&["apply", "-f", "-"], &resource.to_string())
    }

    /// The status of the cluster, as a node (counted from 1) tells it.
    fn status(&self, node: usize) -> Result<Value> {
        let admin = self.scene.stage.admin(node);
        let answer = admin.call("GET", "physical-cluster/east", None)?.ok()?;
        Ok(json(&answer.body)?["status"].clone())
    }

    fn is_reached(&self, by: &str) -> Result<bool> {
        Ok(self.status(1)?["reachable"] == by && self.status(2)?["reachable"] == by)
    }

    fn produce(&self, user: &Login, records: &str) -> Result<()> {
        let produced = self
            .scene
            .client(user, "kafka-console-producer", &["--topic", "orders"], records)?;
        let is_written = produced.status.success() && !produced.stderr.contains("ERROR");
        ensure!(is_written, "{}", produced.all());
        Ok(())
    }

    fn stored(&self) -> Result<usize> {
        Ok(counted(&self.scene.stored_on(EAST, "east-orders")?).len())
    }
}

/// A session that stays.
fn session(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == 0, "{answer:?}");
    ensure!(wire.is_served(), "a session is served");
    Ok(wire)
}

#[test]
fn a_physical_cluster_is_added_changed_and_removed_while_others_are_used() -> Result<()> {
    let place = Place::start()?;
    let scene = &place.scene;
    scene.topic("other-orders", 1)?;
    scene.vcluster("others", &[("orders", "other-orders")])?;
    let other = scene.login("others", "super-user", 1)?;
    let mut elsewhere = [session(&other)?, session(&scene.login("others", "reader", 2)?)?];

    let literal = place.put("first", "first-secret")?;
    ensure!(!literal.status.success(), "{}", literal.all());
    ensure!(literal.all().contains("${env[NAME]}"), "{}", literal.all());
    ensure!(!literal.all().contains("first-secret"), "{}", literal.all());

    added(&place)?;
    let user = used(&place)?;
    let mut held = session(&user)?;
    changed(&place, &user)?;
    ensure!(held.is_served(), "a session goes on with other credentials");
    removed(&place)?;
    for wire in &mut elsewhere {
        ensure!(wire.is_served(), "a session on another cluster has ended");
    }
    let listed = place.klamm(&["get", "physicalclusters"], "")?;
    ensure!(!listed.stdout.contains(EAST), "{}", listed.all());
    Ok(())
}

/// It is there before its secret is, and reached once that is.
fn added(place: &Place) -> Result<()> {
    let put = place.put("first", "${file[east]}")?;
    ensure!(put.status.success(), "{}", put.all());
    eventually("both nodes miss the file", || {
        let nodes = place.status(1)?["nodes"].clone();
        let missing = |node: &str| nodes[node]["missingReferences"] == json!(["${file[east]}"]);
        Ok(missing("1") && missing("2"))
    })?;
    let alias = admin::alias("others", "early", (EAST, "east-orders"));
    let refused = place.scene.stage.admin(1).put("alias-topic", &alias);
    ensure!(refused.is_err(), "a topic of a cluster that is not reached");
    fs::write(place.secrets.join("east"), "first-secret\n")?;
    eventually("both nodes reach it", || place.is_reached("2/2"))
}

/// Stock tools use it by both nodes.
fn used(place: &Place) -> Result<Login> {
    let scene = &place.scene;
    scene.topic_on(EAST, "east-orders", 1)?;
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &admin::vcluster("shop", "super-user"))?;
    admin.put(
        "alias-topic",
        &admin::alias("shop", "orders", (EAST, "east-orders")),
    )?;
    let user = scene.login("shop", "super-user", 1)?;
    place.produce(&user, "one\ntwo\n")?;
    let second = scene.login("shop", "super-user", 2)?;
    let read = ["--topic", "orders", "--from-beginning", "--max-messages", "2"];
    let read = scene.client_ok(&second, "kafka-console-consumer", &read)?;
    ensure!(lines(&read) == ["one", "two"], "{read}");
    Ok(user)
}

/// Other credentials, by a resource and by a file.
fn changed(place: &Place, user: &Login) -> Result<()> {
    let put = place.put("second", "${env[EAST_SECOND]}")?;
    ensure!(put.status.success(), "{}", put.all());
    // What the first ones were is wrong by now.
    fs::write(place.secrets.join("east"), "wrong")?;
    place.produce(user, "three\n")?;
    let put = place.put("first", "${file[east]}")?;
    ensure!(put.status.success(), "{}", put.all());
    eventually("no node is let in", || place.is_reached("0/2"))?;
    let status = place.status(1)?;
    let told = status["nodes"]["1"]["lastError"].as_str().context("an error")?;
    ensure!(!told.contains("wrong"), "{told}");
    fs::write(place.secrets.join("east"), "first-secret")?;
    eventually("both nodes are let in again", || place.is_reached("2/2"))?;
    place.produce(user, "four\n")?;
    ensure!(place.stored()? == 4);
    Ok(())
}

/// Nobody removes what is used.
fn removed(place: &Place) -> Result<()> {
    let remove = ["delete", "physicalcluster", EAST];
    let refused = place.klamm(&remove, "")?;
    ensure!(!refused.status.success(), "{}", refused.all());
    ensure!(
        refused.all().contains("AliasTopic/shop/orders"),
        "{}",
        refused.all()
    );
    let admin = place.scene.stage.admin(2);
    let alias = json!({ "name": "orders", "vCluster": "shop" });
    let unaliased = admin.call("DELETE", "alias-topic", Some(&alias))?;
    ensure!(unaliased.status == 204, "{}", unaliased.body);
    let deleted = place.klamm(&remove, "")?;
    ensure!(deleted.status.success(), "{}", deleted.all());
    let told = json(&admin.call("GET", "cluster", None)?.ok()?.body)?;
    let clusters = told["physicalClusters"].as_array().context("a list")?;
    ensure!(clusters.iter().all(|cluster| cluster["name"] != EAST), "{told}");
    let refused = admin.put(
        "alias-topic",
        &admin::alias("shop", "orders", (EAST, "east-orders")),
    );
    ensure!(refused.is_err(), "a topic of a cluster that is gone");
    Ok(())
}
