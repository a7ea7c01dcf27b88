//! Policies in the words of event gateways, with stock clients: what is made there filters records and gives rights, and a
//! move changes what comes of it.

use anyhow::{Context as _, Result, ensure};
use klamm::quickstart::admin::Admin;
use serde_json::{Value, json};

use crate::scene::{IDLE_MS, Login, Scene, lines};

const VCLUSTER: &str = "policies-moved";

/// The policies of the virtual cluster, of one phase.
fn path(of: &str) -> String {
    format!("/v1/event-gateways/default/virtual-clusters/{VCLUSTER}/{of}")
}

/// Creates a policy, and gives its id.
fn create(admin: &Admin, phase: &str, policy: &Value) -> Result<String> {
    let made = admin.ask("POST", &path(&format!("{phase}-policies")), Some(policy))?;
    ensure!(made.status == 201, "{made:?}");
    let made: Value = serde_json::from_str(&made.body)?;
    Ok(made["id"].as_str().context("an id")?.to_owned())
}

/// The first records of the topic, in their order, as header and value.
fn first(scene: &Scene, user: &Login, count: usize) -> Result<Vec<String>> {
    let count = count.to_string();
    let arguments = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        &count,
        "--timeout-ms",
        IDLE_MS,
        "--formatter-property",
        "print.headers=true",
    ];
    let read = scene.client(user, "kafka-console-consumer", &arguments, "")?;
    ensure!(read.status.success(), "{}", read.all());
    Ok(lines(&read.stdout))
}

fn write(scene: &Scene, user: &Login) -> Result<()> {
    let records = "kind:secret\ta\nkind:public\tb\nkind:secret\tc\nkind:public\td\n";
    let arguments = ["--topic", "orders", "--reader-property", "parse.headers=true"];
    let written = scene.client(user, "kafka-console-producer", &arguments, records)?;
    ensure!(written.status.success(), "{}", written.all());
    Ok(())
}

/// The right of `reader` to read the topic, by a policy.
fn rights() -> Value {
    let rule = |resource: &str, name: &str| {
        json!({
            "resource_type": resource, "action": "allow", "operations": [{"name": "read"}],
            "resource_names": [{"match": name}],
        })
    };
    json!({
        "type": "acls", "name": "readers", "condition": "context.auth.principal.name == \"reader\"",
        "config": {"rules": [rule("topic", "ord*"), rule("group", "*")]},
    })
}

/// A policy filters, another gives a right, and kafka-acls shows that and leaves it alone. The filter withholds nothing any
/// more when what makes all records public is moved before it.
#[test]
fn policies_of_event_gateways_filter_and_give_rights() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("policies-moved", 1)?;
    scene.vcluster(VCLUSTER, &[("orders", "policies-moved")])?;
    let admin = scene.stage.admin(1);
    let (owner, reader) = (
        scene.login(VCLUSTER, "super-user", 1)?,
        scene.login(VCLUSTER, "reader", 1)?,
    );
    write(&scene, &owner)?;
    let described = ["--describe", "--topic", "orders"];
    let before = scene.client(&reader, "kafka-topics", &described, "")?;
    ensure!(!before.status.success(), "{}", before.all());

    create(
        &admin,
        "consume",
        &json!({"type": "skip_record", "name": "no-secrets", "condition": "record.headers['kind'] == 'secret'"}),
    )?;
    let publish = create(
        &admin,
        "consume",
        &json!({"type": "modify_headers", "name": "publish",
                "config": {"actions": [{"op": "set", "key": "kind", "value": "${public}"}]}}),
    )?;
    let readers = create(&admin, "cluster", &rights())?;
    let seen = first(&scene, &reader, 2)?;
    ensure!(seen == ["kind:${public}\tb", "kind:${public}\td"], "{seen:?}");

    let listed = scene.client_ok(&owner, "kafka-acls", &["--list"])?;
    let shown = |line: &str| line.contains("principal=User:reader,") && line.contains("operation=READ");
    ensure!(
        lines(&listed).iter().filter(|line| shown(line)).count() == 2,
        "{listed}"
    );
    ensure!(listed.contains("name=ord, patternType=PREFIXED"), "{listed}");
    let remove = [
        "--remove",
        "--force",
        "--allow-principal",
        "User:reader",
        "--operation",
        "Read",
        "--topic",
        "ord",
        "--resource-pattern-type",
        "prefixed",
    ];
    let removed = scene.client(&owner, "kafka-acls", &remove, "")?;
    ensure!(
        removed.all().contains("comes from the policy readers"),
        "{}",
        removed.all()
    );

    let moved = admin.ask(
        "POST",
        &path(&format!("consume-policies/{publish}/move")),
        Some(&json!({"index": 0})),
    )?;
    ensure!(moved.status == 204, "{moved:?}");
    let seen = first(&scene, &reader, 4)?;
    let all = ["a", "b", "c", "d"].map(|value| format!("kind:${{public}}\t{value}"));
    ensure!(seen == all, "{seen:?}");

    let gone = admin.ask("DELETE", &path(&format!("cluster-policies/{readers}")), None)?;
    ensure!(gone.status == 204, "{gone:?}");
    let after = scene.client(&reader, "kafka-topics", &described, "")?;
    ensure!(!after.status.success(), "{}", after.all());
    let listed = scene.client_ok(&owner, "kafka-acls", &["--list"])?;
    ensure!(!listed.contains("User:reader"), "{listed}");
    Ok(())
}
