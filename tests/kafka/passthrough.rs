//! The virtual cluster that is built in: stock tools administer the physical cluster `main` through it, as far as its
//! ACLs let them; through a Partner they administer nothing.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::scene::{IDLE_MS, Login, Scene, eventually, lines};

/// Where group coordinators keep offsets.
const OFFSETS: &str = "__consumer_offsets";

/// Somebody in `passthrough`; `operator` is its super user.
fn login(scene: &Scene, username: &str) -> Result<Login> {
    scene.login("passthrough", username, 1)
}

/// Runs a tool that must fail, and gives what it says.
fn refused(scene: &Scene, user: &Login, tool: &str, arguments: &[&str]) -> Result<String> {
    let output = scene.client(user, tool, arguments, "")?;
    let said = output.all();
    // Not every tool says by its status that something failed.
    ensure!(!output.status.success() || said.contains("Exception"), "{said}");
    Ok(said)
}

/// Whether a topic is listed.
fn is_listed(scene: &Scene, user: &Login, topic: &str) -> Result<bool> {
    let listed = scene.client_ok(user, "kafka-topics", &["--list"])?;
    Ok(lines(&listed).iter().any(|line| line == topic))
}

#[test]
fn topics_are_created_altered_described_and_deleted() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    let topics = |arguments: &[&str]| {
        let topic = ["--topic", "through"];
        scene.client_ok(&operator, "kafka-topics", &[arguments, &topic[..]].concat())
    };
    topics(&["--create", "--partitions", "1", "--config", "retention.ms=60000"])?;
    ensure!(is_listed(&scene, &operator, "through")?);
    topics(&["--alter", "--partitions", "2"])?;
    let described = topics(&["--describe"])?;
    ensure!(described.contains("PartitionCount: 2"), "{described}");
    ensure!(described.contains("retention.ms=60000"), "{described}");
    let again = refused(
        &scene,
        &operator,
        "kafka-topics",
        &["--create", "--topic", "through"],
    )?;
    ensure!(again.contains("TopicExistsException"), "{again}");
    topics(&["--delete"])?;
    eventually("the topic is gone", || {
        Ok(!is_listed(&scene, &operator, "through")?)
    })
}

#[test]
fn configurations_of_topics_and_groups_are_changed() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    let create = ["--create", "--topic", "configured", "--partitions", "1"];
    scene.client_ok(&operator, "kafka-topics", &create)?;
    for (kind, name, config) in [
        ("topics", "configured", "retention.ms=12345"),
        (
            "topics",
            "configured",
            "leader.replication.throttled.replicas=0:1",
        ),
        ("groups", "configured", "consumer.session.timeout.ms=50000"),
    ] {
        let entity = ["--entity-type", kind, "--entity-name", name];
        let alter = [&entity[..], &["--alter", "--add-config", config]].concat();
        scene.client_ok(&operator, "kafka-configs", &alter)?;
        let describe = [&entity[..], &["--describe"]].concat();
        let described = scene.client_ok(&operator, "kafka-configs", &describe)?;
        ensure!(described.contains(config), "{described}");
    }
    let addresses = "listeners=[PLAINTEXT://127.0.0.1:1]";
    let alter = ["--alter", "--add-config", addresses, "--entity-type", "brokers"];
    let said = refused(
        &scene,
        &operator,
        "kafka-configs",
        &[&alter[..], &["--entity-name", "1"]].concat(),
    )?;
    ensure!(said.contains("listeners holds addresses"), "{said}");
    Ok(())
}

/// The throttles that `kafka-reassign-partitions` sets are shown by the broker and the topic until it is verified that
/// all is done.
#[test]
fn a_reassignment_is_throttled_and_the_throttle_is_shown_and_removed() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    let create = ["--create", "--topic", "throttled", "--partitions", "1"];
    scene.client_ok(&operator, "kafka-topics", &create)?;
    let plan = scene.stage.directory().join("throttled.json");
    std::fs::write(
        &plan,
        r#"{"version": 1, "partitions": [{"topic": "throttled", "partition": 0, "replicas": [1]}]}"#,
    )?;
    let file = plan.display().to_string();
    let reassign = |step: &[&str]| {
        let json = ["--reassignment-json-file", &file];
        scene.client_ok(
            &operator,
            "kafka-reassign-partitions",
            &[&json[..], step].concat(),
        )
    };
    reassign(&["--execute", "--throttle", "1234567"])?;
    let of = |kind: &str, name: &str| {
        let entity = ["--describe", "--entity-type", kind, "--entity-name", name];
        scene.client_ok(&operator, "kafka-configs", &entity)
    };
    let broker = of("brokers", "1")?;
    ensure!(
        broker.contains("leader.replication.throttled.rate=1234567"),
        "{broker}"
    );
    let verified = reassign(&["--verify"])?;
    ensure!(verified.contains("Clearing topic-level throttles"), "{verified}");
    let broker = of("brokers", "1")?;
    ensure!(!broker.contains("throttled.rate=1234567"), "{broker}");
    Ok(())
}

#[test]
fn records_pass_and_are_deleted() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    let create = ["--create", "--topic", "emptied", "--partitions", "1"];
    scene.client_ok(&operator, "kafka-topics", &create)?;
    let produced = scene.client(
        &operator,
        "kafka-console-producer",
        &["--topic", "emptied"],
        "one\ntwo\nthree\n",
    )?;
    ensure!(!produced.stderr.contains("ERROR"), "{}", produced.all());
    let read = [
        "--topic",
        "emptied",
        "--group",
        "emptied-app",
        "--from-beginning",
        "--max-messages",
        "3",
        "--timeout-ms",
        IDLE_MS,
    ];
    let consumed = scene.client(&operator, "kafka-console-consumer", &read, "")?;
    ensure!(
        lines(&consumed.stdout) == ["one", "two", "three"],
        "{}",
        consumed.all()
    );
    let groups = scene.client_ok(&operator, "kafka-consumer-groups", &["--list"])?;
    ensure!(
        lines(&groups).iter().any(|group| group == "emptied-app"),
        "{groups}"
    );

    let offsets = scene.stage.directory().join("emptied.json");
    std::fs::write(
        &offsets,
        r#"{"version": 1, "partitions": [{"topic": "emptied", "partition": 0, "offset": 2}]}"#,
    )?;
    let file = offsets.display().to_string();
    let deleted = scene.client_ok(&operator, "kafka-delete-records", &["--offset-json-file", &file])?;
    ensure!(deleted.contains("low_watermark: 2"), "{deleted}");
    Ok(())
}

#[test]
fn the_cluster_is_inspected_without_its_addresses() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    let create = ["--create", "--topic", "inspected", "--partitions", "1"];
    scene.client_ok(&operator, "kafka-topics", &create)?;
    let dirs = scene.client_ok(
        &operator,
        "kafka-log-dirs",
        &["--describe", "--topic-list", "inspected"],
    )?;
    ensure!(
        dirs.contains("\"inspected-0\"") && dirs.contains("/1/data\""),
        "{dirs}"
    );
    let quorum = scene.client_ok(&operator, "kafka-metadata-quorum", &["describe", "--status"])?;
    ensure!(quorum.contains("LeaderId:"), "{quorum}");
    let main = scene.stage.bootstrap("main").unwrap_or_default();
    ensure!(!main.is_empty() && !quorum.contains(main), "{quorum}");
    let elect = [
        "--election-type",
        "preferred",
        "--topic",
        "inspected",
        "--partition",
        "0",
    ];
    let words = ["kafka-leader-election", "--bootstrap-server", &operator.bootstrap];
    let config = ["--admin.config", &operator.file];
    let elected = scene.tool(&[&words[..], &config, &elect].concat(), "")?;
    ensure!(elected.status.success(), "{}", elected.all());
    scene.client_ok(&operator, "kafka-reassign-partitions", &["--list"])?;
    Ok(())
}

/// Brokers lift the protection of their own topics for one client id, whoever sends it, and a tenant must not get there
/// at all.
#[test]
fn nobody_writes_to_the_topics_of_coordinators() -> Result<()> {
    let scene = Scene::shared()?;
    let operator = login(&scene, "operator")?;
    // Asking for a coordinator makes the topic.
    scene.client(
        &operator,
        "kafka-consumer-groups",
        &["--describe", "--group", "nobodys"],
        "",
    )?;
    let as_admin = [
        "--topic",
        OFFSETS,
        "--command-property",
        "client.id=__admin_client",
    ];
    let written = scene.client(&operator, "kafka-console-producer", &as_admin, "broken\n")?;
    ensure!(
        written.all().contains("InvalidTopicException"),
        "{}",
        written.all()
    );

    scene.vcluster("nosy", &[])?;
    let admin = scene.stage.admin(1);
    let refuses = |kind: &str, resource: &Value| -> Result<()> {
        let refused = admin.call("PUT", kind, Some(resource))?;
        ensure!(
            refused.status == 409 && refused.body.contains("__consumer_offsets is one of Kafka's own"),
            "{refused:?}"
        );
        Ok(())
    };
    let alias = klamm::quickstart::admin::alias("nosy", "audit", ("main", OFFSETS));
    refuses("alias-topic", &alias)?;
    let standard = |spec: Value| {
        json!({"kind": "VirtualCluster", "apiVersion": "gateway/v2",
            "metadata": {"name": "underscores"}, "spec": spec})
    };
    let named = json!({"type": "Standard", "topics": [OFFSETS], "superUsers": ["super-user"]});
    refuses("virtual-cluster", &standard(named))?;
    let prefixed = json!({"type": "Standard", "aclEnabled": true, "superUsers": ["super-user"],
        "namespace": {"mode": "hide_prefix", "prefix": "__"}});
    admin.put("virtual-cluster", &standard(prefixed))?;
    let user = scene.login("underscores", "super-user", 1)?;
    let create = ["--create", "--topic", "consumer_offsets", "--partitions", "1"];
    let said = refused(&scene, &user, "kafka-topics", &create)?;
    ensure!(said.contains("PolicyViolationException"), "{said}");
    ensure!(!is_listed(&scene, &user, "consumer_offsets")?);
    Ok(())
}

#[test]
fn acls_decide_who_administers() -> Result<()> {
    let scene = Scene::shared()?;
    let (operator, alice) = (login(&scene, "operator")?, login(&scene, "alice")?);
    let create = |topic: &'static str| ["--create", "--topic", topic, "--partitions", "1"];
    let said = refused(&scene, &alice, "kafka-topics", &create("alices"))?;
    ensure!(said.contains("TopicAuthorizationException"), "{said}");
    let allow = ["--add", "--allow-principal", "User:alice", "--force"];
    let on = [
        "--operation",
        "Create",
        "--operation",
        "Describe",
        "--operation",
        "DescribeConfigs",
        "--topic",
        "alices",
        "--resource-pattern-type",
        "prefixed",
    ];
    scene.client_ok(&operator, "kafka-acls", &[&allow[..], &on].concat())?;
    scene.client_ok(&alice, "kafka-topics", &create("alices"))?;
    let said = refused(&scene, &alice, "kafka-topics", &["--delete", "--topic", "alices"])?;
    ensure!(said.contains("TopicAuthorizationException"), "{said}");
    let listed = lines(&scene.client_ok(&alice, "kafka-topics", &["--list"])?);
    ensure!(listed == ["alices"], "{listed:?}");
    Ok(())
}

#[test]
fn a_partner_administers_no_topics() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("kept-physical", 1)?;
    scene.vcluster("kept", &[("orders", "kept-physical")])?;
    let user = scene.login("kept", "super-user", 1)?;
    for arguments in [
        &["--create", "--topic", "new", "--partitions", "1"][..],
        &["--alter", "--topic", "orders", "--partitions", "3"],
        &["--delete", "--topic", "orders"],
    ] {
        let said = refused(&scene, &user, "kafka-topics", arguments)?;
        ensure!(said.contains("PolicyViolationException"), "{said}");
        ensure!(!said.contains("kept-physical"), "{said}");
    }
    let create = ["--create", "--topic", "orders", "--partitions", "1"];
    let said = refused(&scene, &user, "kafka-topics", &create)?;
    ensure!(said.contains("Topic 'orders' already exists."), "{said}");
    scene.client_ok(
        &user,
        "kafka-topics",
        &[&create[..], &["--if-not-exists"]].concat(),
    )?;
    let entity = ["--entity-type", "topics", "--entity-name", "orders"];
    let alter = [&entity[..], &["--alter", "--add-config", "retention.ms=1"]].concat();
    let said = refused(&scene, &user, "kafka-configs", &alter)?;
    ensure!(said.contains("PolicyViolationException"), "{said}");
    let direct = scene.direct("kafka-topics", &["--describe", "--topic", "kept-physical"], "")?;
    ensure!(direct.contains("PartitionCount: 1"), "{direct}");
    let dirs = scene.client_ok(&user, "kafka-log-dirs", &["--describe"])?;
    ensure!(
        dirs.contains("\"orders-0\"") && !dirs.contains("kept-physical"),
        "{dirs}"
    );
    Ok(())
}
