//! Rules of policies on requests, with stock tools: what is asked otherwise is refused with words, or done otherwise.

use anyhow::{Result, ensure};
use klamm::quickstart::admin::Admin;
use serde_json::{Value, json};

use crate::program::Program;
use crate::scene::{CLUSTER, IDLE_MS, LIMIT, Login, Scene, kcat_of, lines, read_to_end, script};

/// A virtual cluster of the shared cluster in which topics are made; its topics begin with its name there.
pub(crate) fn standard(scene: &Scene, name: &str) -> Result<Login> {
    let vcluster = json!({
        "kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name},
        "spec": {"type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"],
            "namespace": {"mode": "hide_prefix", "prefix": format!("{name}.")}},
    });
    scene.stage.admin(1).put("virtual-cluster", &vcluster)?;
    scene.login(name, "super-user", 1)
}

/// Puts a policy on requests.
fn demand(admin: &Admin, vcluster: &str, name: &str, spec: &Value) -> Result<()> {
    let mut policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2", "metadata": {"name": name, "vCluster": vcluster}, "spec": spec,
    });
    policy["spec"]["phase"] = json!("cluster");
    Ok(admin.put("policy", &policy)?)
}

fn rules(rules: &Value) -> Value {
    json!({"action": {"type": "request_rules", "rules": rules}})
}

/// Runs a tool that must not have its way, and looks for words in what it says.
fn refused(scene: &Scene, user: &Login, tool: &str, arguments: &[&str], words: &str) -> Result<()> {
    let said = scene.client(user, tool, arguments, "record\n")?.all();
    ensure!(said.contains(words), "{tool} {arguments:?}: {said}");
    Ok(())
}

/// How often a policy did something.
pub(crate) fn counted(scene: &Scene, vcluster: &str, policy: &str, outcome: &str) -> Result<u64> {
    let labels = format!("{{outcome=\"{outcome}\",policy=\"{policy}\",vcluster=\"{vcluster}\"}}");
    let line = format!("klamm_policy_requests_total{labels} ");
    let metrics = scene.metrics(1)?;
    let count = metrics.lines().find_map(|found| found.strip_prefix(&line));
    Ok(count.map_or(Ok(0), str::parse)?)
}

const TOPICS: &str = "kafka-topics";
const CONFIGS: &str = "kafka-configs";
const PRODUCER: &str = "kafka-console-producer";
const CONSUMER: &str = "kafka-console-consumer";

fn create(topic: &'static str, partitions: &'static str) -> [&'static str; 5] {
    ["--create", "--topic", topic, "--partitions", partitions]
}

fn configure(value: &'static str) -> Vec<&'static str> {
    let of_topic = ["--entity-type", "topics", "--entity-name", "team-set", "--alter"];
    [&of_topic[..], &["--add-config", value]].concat()
}

#[test]
fn topics_are_made_and_configured_as_rules_demand() -> Result<()> {
    let scene = Scene::shared()?;
    let user = standard(&scene, "rules-topics")?;
    let words = "retention.ms of at most 2 hours";
    let sizes = json!([
        {"requests": ["create_topics"], "rule": "context.topic.name.startsWith('team-')",
            "description": "topics begin with team-"},
        {"requests": ["create_topics", "create_partitions"], "rule": "request.partitions <= 4",
            "description": "at most 4 partitions"},
        {"requests": ["create_topics"], "rule": "request.partitions <= 2",
            "otherwise": {"override": {"partitions": "2", "configs": {"retention.ms": "3600000"}}}},
        {"requests": ["create_topics", "alter_configs", "incremental_alter_configs"],
            "rule": "!('retention.ms' in request.configs) || int(request.configs['retention.ms']) <= 7200000",
            "description": words},
    ]);
    demand(&scene.stage.admin(1), "rules-topics", "sizes", &rules(&sizes))?;
    for (arguments, words) in [
        (create("other", "1"), "topics begin with team-"),
        (create("team-many", "5"), "at most 4 partitions"),
        (create("team-many", "5"), "PolicyViolationException"),
    ] {
        refused(&scene, &user, TOPICS, &arguments, words)?;
    }
    let long = [
        &create("team-long", "1")[..],
        &["--config", "retention.ms=7200001"],
    ]
    .concat();
    refused(&scene, &user, TOPICS, &long, words)?;
    scene.client_ok(&user, TOPICS, &create("team-set", "3"))?;
    let described = scene.client_ok(&user, TOPICS, &["--describe", "--topic", "team-set"])?;
    ensure!(
        described.contains("PartitionCount: 2") && described.contains("retention.ms=3600000"),
        "{described}"
    );
    let listed = lines(&scene.client_ok(&user, TOPICS, &["--list"])?);
    ensure!(listed == ["team-set"], "{listed:?}");
    let grow = ["--alter", "--topic", "team-set", "--partitions", "5"];
    refused(&scene, &user, TOPICS, &grow, "at most 4 partitions")?;
    refused(&scene, &user, CONFIGS, &configure("retention.ms=7200001"), words)?;
    scene.client_ok(&user, CONFIGS, &configure("retention.ms=7200000"))?;
    let count = |outcome| counted(&scene, "rules-topics", "sizes", outcome);
    ensure!(count("refused")? >= 5 && count("overridden")? == 1 && count("failed")? == 0);
    is_read_and_not_changed(&scene, &user)
}

/// From the acknowledgement on nobody changes the topic.
fn is_read_and_not_changed(scene: &Scene, user: &Login) -> Result<()> {
    let produce = ["--topic", "team-set"];
    let produced = scene.client(user, PRODUCER, &produce, "first\n")?;
    ensure!(produced.status.success(), "{}", produced.all());
    let topics = json!([{"patternType": "LITERAL", "name": "team-set"}]);
    let read_only = json!({"topics": topics, "action": {"type": "read_only"}});
    demand(&scene.stage.admin(1), "rules-topics", "frozen", &read_only)?;
    let denied = "TopicAuthorizationException";
    refused(scene, user, PRODUCER, &produce, denied)?;
    refused(scene, user, TOPICS, &["--delete", "--topic", "team-set"], denied)?;
    refused(scene, user, CONFIGS, &configure("retention.ms=7200000"), denied)?;
    let read = read_to_end(kcat_of(user), "team-set", &[])?;
    ensure!(read == ["first"], "{read:?}");
    ensure!(counted(scene, "rules-topics", "frozen", "refused")? >= 3);
    Ok(())
}

/// The arguments of a producer to `orders` that compresses so, with these properties.
fn with(codec: &'static str, properties: &[&'static str]) -> Vec<&'static str> {
    let properties = properties
        .iter()
        .flat_map(|property| ["--command-property", *property]);
    let producer = ["--topic", "orders", "--compression-codec", codec];
    producer.into_iter().chain(properties).collect()
}

/// The arguments of a consumer of one record of `orders` in a group, by a protocol of groups.
fn member(group: &'static str, protocol: &'static str) -> Vec<&'static str> {
    let read = ["--topic", "orders", "--from-beginning", "--max-messages", "1"];
    let group = ["--timeout-ms", IDLE_MS, "--group", group];
    [&read[..], &group, &["--command-property", protocol]].concat()
}

#[test]
fn clients_produce_and_join_groups_as_rules_demand() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("rules-clients", 1)?;
    scene.vcluster("rules-clients", &[("orders", "rules-clients")])?;
    let user = scene.login("rules-clients", "super-user", 1)?;
    let admin = scene.stage.admin(1);
    let mut safe = rules(&json!([
        {"requests": ["produce"], "rule": "request.acks == -1 && request.idempotent",
            "description": "producers wait for all replicas"},
        {"requests": ["produce"], "rule": "request.compression == 'zstd'", "description": "compression.type is zstd"},
    ]));
    safe["topics"] = json!([{"patternType": "LITERAL", "name": "orders"}]);
    demand(&admin, "rules-clients", "safe", &safe)?;
    let careless = with("zstd", &["acks=1", "enable.idempotence=false"]);
    refused(
        &scene,
        &user,
        PRODUCER,
        &careless,
        "producers wait for all replicas",
    )?;
    let plain = with("none", &[]);
    refused(&scene, &user, PRODUCER, &plain, "compression.type is zstd")?;
    ensure!(scene.stored("rules-clients")?.is_empty());
    let good = with("zstd", &[]);
    let produced = scene.client(&user, PRODUCER, &good, "record\n")?;
    ensure!(
        produced.status.success() && scene.stored("rules-clients")? == ["record"],
        "{}",
        produced.all()
    );

    let names = json!([{"requests": ["join_group", "consumer_group_heartbeat"],
        "rule": "request.groupId.startsWith('team-')", "description": "groups begin with team-"}]);
    demand(&admin, "rules-clients", "groups", &rules(&names))?;
    for (protocol, words) in [
        (
            "group.protocol=classic",
            "Request parameters do not satisfy the configured policy",
        ),
        ("group.protocol=consumer", "groups begin with team-"),
    ] {
        refused(&scene, &user, CONSUMER, &member("other", protocol), words)?;
        let group = match protocol {
            "group.protocol=classic" => "team-a",
            _ => "team-b",
        };
        let read = scene.client(&user, CONSUMER, &member(group, protocol), "")?;
        ensure!(lines(&read.stdout) == ["record"], "{}", read.all());
    }
    must_say_who_they_are(&scene, &user)
}

/// A consumer that stays in a group until somebody ends it.
fn stays(scene: &Scene, user: &Login, group: &str, protocol: &str) -> Result<Program> {
    let mut command = script("tool");
    command
        .args([CONSUMER, "--bootstrap-server", &user.bootstrap])
        .args(["--command-config", &user.file])
        .args(["--topic", "orders", "--from-beginning", "--group", group])
        .args(["--command-property", protocol]);
    let mut program = Program::run(scene, group, command)?;
    program.shows("it reads", |said| lines(said) == ["record"])?;
    Ok(program)
}

#[test]
fn members_of_groups_are_put_out_when_a_rule_comes() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("rules-members", 1)?;
    scene.vcluster("rules-members", &[("orders", "rules-members")])?;
    let user = scene.login("rules-members", "super-user", 1)?;
    let produced = scene.client(&user, PRODUCER, &["--topic", "orders"], "record\n")?;
    ensure!(produced.status.success(), "{}", produced.all());
    let mut members = Vec::new();
    for (group, protocol, words) in [
        (
            "old-classic",
            "group.protocol=classic",
            "Request parameters do not satisfy the configured policy",
        ),
        (
            "old-consumer",
            "group.protocol=consumer",
            "groups begin with team-",
        ),
    ] {
        members.push((stays(&scene, &user, group, protocol)?, words));
    }
    let mut spared = stays(&scene, &user, "team-a", "group.protocol=classic")?;
    let names = json!([{"requests": ["join_group", "heartbeat", "consumer_group_heartbeat"],
        "rule": "request.groupId.startsWith('team-')", "description": "groups begin with team-"}]);
    demand(&scene.stage.admin(1), "rules-members", "groups", &rules(&names))?;
    for (mut member, words) in members {
        // It ends with success whatever it says.
        let ended = member.finish(LIMIT).is_ok();
        let told = member.end();
        ensure!(ended && told.contains(words), "{ended}: {told}");
    }
    let more = scene.client(&user, PRODUCER, &["--topic", "orders"], "second\n")?;
    ensure!(more.status.success(), "{}", more.all());
    spared.shows("it reads on", |said| lines(said) == ["record", "second"])
}

/// From the acknowledgement on whoever does not say who it is asks for nothing.
fn must_say_who_they_are(scene: &Scene, user: &Login) -> Result<()> {
    let ids = json!([{"requests": ["any"],
        "rule": "has(context.client.id) && context.client.id.startsWith('app-')",
        "description": "client.id begins with app-"}]);
    demand(&scene.stage.admin(1), "rules-clients", "ids", &rules(&ids))?;
    let nobody = with("zstd", &[]);
    refused(scene, user, PRODUCER, &nobody, "TopicAuthorizationException")?;
    refused(
        scene,
        user,
        TOPICS,
        &create("more", "1"),
        "client.id begins with app-",
    )?;
    let named = with("zstd", &["client.id=app-1"]);
    let produced = scene.client(user, PRODUCER, &named, "second\n")?;
    ensure!(
        produced.status.success() && scene.stored("rules-clients")? == ["record", "second"],
        "{}",
        produced.all()
    );
    for (policy, outcome) in [
        ("safe", "refused"),
        ("safe", "passed"),
        ("groups", "refused"),
        ("ids", "refused"),
    ] {
        ensure!(
            counted(scene, "rules-clients", policy, outcome)? > 0,
            "{policy} {outcome}"
        );
    }
    Ok(())
}
