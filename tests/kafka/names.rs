//! Names in a virtual cluster that somebody has already: neither a change of the gateway nor a topic that is made on Kafka
//! itself takes one over, and an alias stands for another topic only when that is asked for.

use anyhow::{Context as _, Result, ensure};
use klamm::quickstart::{admin, child};
use serde_json::{Value, json};

use crate::scene::{CLUSTER, IDLE_MS, LIMIT, Login, Scene, eventually, json as parsed, lines};

/// A Standard virtual cluster that hides `<name>-` and lets topics in beside it.
fn hiding(name: &str, additional: &[&str]) -> Value {
    json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name},
        "spec": {"type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"],
            "namespace": {"mode": "hide_prefix", "prefix": format!("{name}-"),
                "additional": {"topics": additional}}},
    })
}

/// The topics of a virtual cluster as a node tells them: name, physical name, and who has the name of one that is
/// hidden.
fn mapped(scene: &Scene, node: usize, vcluster: &str) -> Result<Vec<(String, String, String)>> {
    let path = format!("virtual-cluster/{vcluster}/topics");
    let topics = parsed(&scene.stage.admin(node).call("GET", &path, None)?.ok()?.body)?;
    let text = |topic: &Value, key: &str| topic[key].as_str().unwrap_or_default().to_owned();
    let topics = topics.as_array().context("a list")?.iter();
    Ok(topics
        .map(|topic| {
            (
                text(topic, "name"),
                text(topic, "physicalName"),
                text(topic, "hiddenBy"),
            )
        })
        .collect())
}

/// Returns once all nodes show these topics, those that are hidden after who has the name.
fn maps(scene: &Scene, vcluster: &str, expected: &[(&str, &str, &str)]) -> Result<()> {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, physical, by)| ((*name).to_owned(), (*physical).to_owned(), (*by).to_owned()))
        .collect();
    for node in 1..=scene.stage.nodes().len() {
        let mut seen = Vec::new();
        let agreed = eventually("a node shows the topics", || {
            seen = mapped(scene, node, vcluster)?;
            Ok(seen == expected)
        });
        agreed.with_context(|| format!("node {node}: {seen:?}"))?;
    }
    Ok(())
}

fn produce(scene: &Scene, user: &Login, topic: &str, record: &str) -> Result<()> {
    let produced = scene.kcat(user, &["-P", "-t", topic], record)?;
    ensure!(produced.status.success(), "{}", produced.all());
    Ok(())
}

#[test]
fn whoever_had_a_name_first_keeps_it_on_every_node_and_after_all_were_started_again() -> Result<()> {
    let mut scene = Scene::start(2, "127.0.0.1")?;
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &hiding("first", &[]))?;
    let user = scene.login("first", "super-user", 1)?;
    let create = ["--create", "--partitions", "1", "--topic", "payouts"];
    scene.client_ok(&user, "kafka-topics", &create)?;
    // There is no topic of that name to let in, so that the list changes nothing for those who use the tenant's own.
    admin.put("virtual-cluster", &hiding("first", &["pay*"]))?;
    scene.topic("payments", 1)?;
    let own = ("payouts", "first-payouts", "");
    let let_in = ("payments", "payments", "");
    maps(&scene, "first", &[let_in, own])?;
    produce(&scene, &user, "payouts", "own 1")?;
    produce(&scene, &user, "payments", "shared 1")?;

    // Now both names get a second topic.
    scene.topic("payouts", 1)?;
    scene.topic("first-payments", 1)?;
    let hidden = [
        let_in,
        ("payments", "first-payments", "topic payments, which is let in"),
        own,
        ("payouts", "payouts", "topic first-payouts of the namespace"),
    ];
    maps(&scene, "first", &hidden)?;
    produce(&scene, &user, "payouts", "own 2")?;
    produce(&scene, &user, "payments", "shared 2")?;
    let again = scene.client(&user, "kafka-topics", &create, "")?;
    ensure!(again.all().contains("TopicExistsException"), "{}", again.all());
    let metrics = ureq::get(&format!("{}/metrics", scene.stage.nodes()[0].admin_url())).call()?;
    let metrics = metrics.into_body().read_to_string()?;
    ensure!(
        metrics.contains("klamm_hidden_topics{vcluster=\"first\"} 2"),
        "{metrics}"
    );
    let log = scene.stage.nodes()[0].log();
    ensure!(log.contains("a topic is hidden"), "{log}");

    // No node remembers what it saw: only what is on record is left.
    for node in scene.stage.nodes_mut() {
        node.kill();
    }
    for node in scene.stage.nodes_mut() {
        node.restart()?;
    }
    for node in scene.stage.nodes_mut() {
        node.await_ready()?;
    }
    maps(&scene, "first", &hidden)?;
    produce(&scene, &user, "payouts", "own 3")?;
    produce(&scene, &user, "payments", "shared 3")?;
    ensure!(scene.stored("first-payouts")? == ["own 1", "own 2", "own 3"]);
    ensure!(scene.stored("payments")? == ["shared 1", "shared 2", "shared 3"]);
    for never in ["payouts", "first-payments"] {
        ensure!(scene.stored(never)?.is_empty(), "{never}");
    }

    // The name goes on to the other topic once its holder is gone for good.
    scene.direct("kafka-topics", &["--delete", "--topic", "payments"], "")?;
    let released = [
        ("payments", "first-payments", ""),
        own,
        ("payouts", "payouts", "topic first-payouts of the namespace"),
    ];
    maps(&scene, "first", &released)
}

#[test]
fn an_alias_takes_no_name_and_hides_what_is_made_later_until_it_is_removed() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in ["taking-orders", "taking-sold", "taking-let-in"] {
        scene.topic(topic, 1)?;
    }
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &hiding("taking", &[]))?;
    for path in ["alias-topic", "alias-topic?dryMode=true"] {
        let put = admin::alias("taking", "orders", (CLUSTER, "taking-let-in"));
        let refused = admin.call("PUT", path, Some(&put))?;
        let names = "already has a topic orders: taking-orders, a topic of the namespace";
        ensure!(
            refused.status == 409 && refused.body.contains(names),
            "{refused:?}"
        );
    }
    let put = admin::alias("taking", "later", (CLUSTER, "taking-let-in"));
    let twice = admin.call("PUT", "alias-topic", Some(&put))?;
    ensure!(twice.status == 409, "{twice:?}");
    scene.topic("elsewhere-later", 1)?;
    let put = admin::alias("taking", "later", (CLUSTER, "elsewhere-later"));
    admin.put("alias-topic", &put)?;
    let user = scene.login("taking", "super-user", 1)?;
    produce(&scene, &user, "later", "one")?;
    scene.topic("taking-later", 1)?;
    let others = [("let-in", "taking-let-in", ""), ("orders", "taking-orders", "")];
    let with = |between: &[(&'static str, &'static str, &'static str)]| {
        let mut all = vec![others[0]];
        all.splice(0..0, between.iter().copied());
        all.extend([others[1], ("sold", "taking-sold", "")]);
        all.sort_unstable();
        all
    };
    let alias = ("later", "elsewhere-later", "");
    let hidden = ("later", "taking-later", "AliasTopic later");
    let mut expected = with(&[alias, hidden]);
    expected.sort_by_key(|(name, _, by)| (*name, *by));
    maps(&scene, "taking", &expected)?;
    produce(&scene, &user, "later", "two")?;
    ensure!(scene.stored("elsewhere-later")? == ["one", "two"]);
    ensure!(scene.stored("taking-later")?.is_empty());
    let gone = json!({"name": "later", "vCluster": "taking"});
    let deleted = admin.call("DELETE", "alias-topic", Some(&gone))?;
    ensure!(deleted.status == 204, "{deleted:?}");
    maps(&scene, "taking", &with(&[("later", "taking-later", "")]))
}

#[test]
fn an_alias_stands_for_another_topic_only_when_that_is_asked_for() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in ["pointed-blue", "pointed-green"] {
        scene.topic(topic, 1)?;
    }
    scene.vcluster("pointed", &[("orders", "pointed-blue")])?;
    let user = scene.login("pointed", "super-user", 1)?;
    produce(&scene, &user, "orders", "1\n2\n3")?;
    let read = ["--topic", "orders", "--group", "app", "--from-beginning"];
    let read = [&read[..], &["--timeout-ms", IDLE_MS, "--max-messages", "3"]].concat();
    let read = scene.client(&user, "kafka-console-consumer", &read, "")?;
    ensure!(lines(&read.stdout).len() == 3, "{}", read.all());

    let admin = scene.stage.admin(1);
    let green = admin::alias("pointed", "orders", (CLUSTER, "pointed-green"));
    let refused = admin.call("PUT", "alias-topic", Some(&green))?;
    let effect =
        "group app: partition 0 (now at 3) starts where its auto.offset.reset says: 3 is outside 0 to 0";
    ensure!(
        refused.status == 409 && refused.body.contains(effect),
        "{refused:?}"
    );
    let document = |more: &str| {
        format!(
            "kind: AliasTopic\napiVersion: gateway/v2\nmetadata: {{ name: orders, vCluster: pointed }}\n\
             spec: {{ physicalCluster: {CLUSTER}, physicalName: pointed-green{more} }}\n"
        )
    };
    let klamm = |words: &[&str], input: &str| -> Result<child::Output> {
        let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        command
            .args(words)
            .env("KLAMM_ADMIN_URL", scene.stage.nodes()[0].admin_url());
        Ok(child::run(command, input, LIMIT)?)
    };
    let kept = klamm(&["apply", "-f", "-"], &document(""))?;
    ensure!(
        !kept.status.success() && kept.all().contains("repoint: true"),
        "{}",
        kept.all()
    );
    let moved = klamm(&["apply", "-f", "-"], &document(", repoint: true"))?;
    ensure!(moved.stdout.contains("UPDATED"), "{}", moved.all());
    let shown = klamm(
        &[
            "get",
            "alias-topic",
            "orders",
            "--v-cluster",
            "pointed",
            "-o",
            "yaml",
        ],
        "",
    )?;
    ensure!(
        shown.stdout.contains("pointed-green") && !shown.stdout.contains("repoint"),
        "{}",
        shown.all()
    );
    let again = klamm(&["apply", "-f", "-"], &shown.stdout)?;
    ensure!(again.stdout.contains("NOT_CHANGED"), "{}", again.all());
    produce(&scene, &user, "orders", "4")?;
    ensure!(scene.stored("pointed-green")? == ["4"]);
    Ok(())
}
