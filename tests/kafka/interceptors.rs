//! Interceptors that demand something of requests, with stock clients: each of them does what its plugin says.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::request_rules::{counted, standard};
use crate::scene::{IDLE_MS, Login, Scene, lines};

const VCLUSTER: &str = "plugins";

/// A client whose name and ways all plugins let pass.
const GOOD: [&str; 6] = [
    "-X",
    "client.id=app-1",
    "-X",
    "acks=all",
    "-X",
    "compression.codec=zstd",
];

/// A plugin of the other gateway, for the virtual cluster, under its own name.
fn intercept(scene: &Scene, plugin: &str, config: &Value) -> Result<()> {
    let interceptor = json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2",
        "metadata": {"name": plugin, "scope": {"vCluster": VCLUSTER}},
        "spec": {"pluginClass": format!("io.conduktor.gateway.interceptor.safeguard.{plugin}"),
            "priority": 1, "config": config},
    });
    Ok(scene.stage.admin(1).put("interceptor", &interceptor)?)
}

/// Whether a plugin has refused something.
fn has_refused(scene: &Scene, plugin: &str) -> Result<()> {
    let count = counted(scene, VCLUSTER, plugin, "refused")?;
    ensure!(count > 0, "{plugin} is not said to have refused anything");
    Ok(())
}

/// A tool of Kafka must not have its way, and says why.
fn refused(scene: &Scene, user: &Login, (tool, arguments): (&str, &[&str]), words: &str) -> Result<()> {
    let said = scene.client(user, tool, arguments, "")?.all();
    ensure!(said.contains(words), "{tool} {arguments:?}: {said}");
    Ok(())
}

/// A value that gets shorter when it is compressed. librdkafka sends others as they are.
fn long(value: &str) -> String {
    value.repeat(100)
}

/// librdkafka writes a record to `orders`, with these arguments beside the good ones, of which the last counts.
fn produce(scene: &Scene, user: &Login, more: &[&str], value: &str) -> Result<String> {
    let arguments = [&GOOD[..], &["-P", "-t", "orders"], more].concat();
    Ok(scene.kcat(user, &arguments, &long(value))?.all())
}

/// librdkafka reads `orders` to its end.
fn consume(scene: &Scene, user: &Login, more: &[&str]) -> Result<String> {
    let read = ["-C", "-t", "orders", "-o", "beginning", "-e", "-q"];
    let arguments = [&GOOD[..2], &read, more].concat();
    Ok(scene.kcat(user, &arguments, "")?.all())
}

fn topics_are_made_and_changed_as_plugins_say(scene: &Scene, user: &Login) -> Result<()> {
    let (create, alter) = ("CreateTopicPolicyPlugin", "AlterTopicConfigPolicyPlugin");
    intercept(
        scene,
        create,
        &json!({"topic": "ord.*", "numPartition": {"min": 1, "max": 2}}),
    )?;
    intercept(scene, alter, &json!({"retentionMs": {"max": 7_200_000}}))?;
    let of_size = |size| ["--create", "--topic", "orders", "--partitions", size];
    refused(
        scene,
        user,
        ("kafka-topics", &of_size("3")),
        "must be from 1 to 2",
    )?;
    scene.client_ok(user, "kafka-topics", &of_size("1"))?;
    let of_topic = ["--entity-type", "topics", "--entity-name", "orders", "--alter"];
    let long = [&of_topic[..], &["--add-config", "retention.ms=7200001"]].concat();
    refused(scene, user, ("kafka-configs", &long), "must be at most 7200000")?;
    has_refused(scene, create)?;
    has_refused(scene, alter)
}

fn clients_write_and_read_as_plugins_say(scene: &Scene, user: &Login) -> Result<()> {
    let (write, read) = ("ProducePolicyPlugin", "FetchPolicyPlugin");
    let demands = json!({"topic": "orders", "acks": {"value": [-1]}, "compressions": {"value": ["ZSTD"]}});
    intercept(scene, write, &demands)?;
    for careless in ["acks=1", "compression.codec=none"] {
        let said = produce(scene, user, &["-X", careless], "careless")?;
        ensure!(said.contains("Policy violation"), "{careless}: {said}");
    }
    let said = produce(scene, user, &[], "record")?;
    ensure!(said.is_empty(), "{said}");
    intercept(
        scene,
        read,
        &json!({"isolationLevel": {"value": "read_committed"}}),
    )?;
    let said = consume(scene, user, &["-X", "isolation.level=read_uncommitted"])?;
    ensure!(
        said.contains("Topic authorization failed") && !said.contains("record"),
        "{said}"
    );
    let said = consume(scene, user, &[])?;
    ensure!(lines(&said) == [long("record")], "{said}");
    has_refused(scene, write)?;
    has_refused(scene, read)
}

fn groups_and_clients_are_called_as_plugins_say(scene: &Scene, user: &Login) -> Result<()> {
    let (groups, names) = ("ConsumerGroupPolicyPlugin", "ClientIdRequiredPolicyPlugin");
    intercept(scene, groups, &json!({"groupId": {"value": "app-.*"}}))?;
    let join = ["--topic", "orders", "--group", "other", "--timeout-ms", IDLE_MS];
    refused(
        scene,
        user,
        ("kafka-console-consumer", &join),
        "configured policy",
    )?;
    let arguments = [
        "-G",
        "app-a",
        "-X",
        "auto.offset.reset=earliest",
        "-c",
        "1",
        "-q",
        "orders",
    ];
    let said = scene.kcat(user, &arguments, "")?.all();
    ensure!(lines(&said) == [long("record")], "{said}");
    intercept(scene, names, &json!({"namingConvention": "app-.*"}))?;
    let said = produce(scene, user, &["-X", "client.id=nobody"], "nobody")?;
    ensure!(said.contains("authorization failed"), "{said}");
    has_refused(scene, groups)?;
    has_refused(scene, names)
}

fn a_topic_is_read_and_not_written(scene: &Scene, user: &Login) -> Result<()> {
    let plugin = "ReadOnlyTopicPolicyPlugin";
    let said = produce(scene, user, &[], "second")?;
    ensure!(said.is_empty(), "{said}");
    intercept(scene, plugin, &json!({"topic": "orders"}))?;
    let said = produce(scene, user, &[], "third")?;
    ensure!(said.contains("Topic authorization failed"), "{said}");
    let said = consume(scene, user, &[])?;
    ensure!(lines(&said) == [long("record"), long("second")], "{said}");
    has_refused(scene, plugin)
}

#[test]
fn each_plugin_about_requests_does_what_it_says() -> Result<()> {
    let scene = Scene::shared()?;
    let user = standard(&scene, VCLUSTER)?;
    topics_are_made_and_changed_as_plugins_say(&scene, &user)?;
    clients_write_and_read_as_plugins_say(&scene, &user)?;
    groups_and_clients_are_called_as_plugins_say(&scene, &user)?;
    a_topic_is_read_and_not_written(&scene, &user)
}
