//! Standard virtual clusters: the use cases of environments, products and shared topics on one physical cluster.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::scene::{CLUSTER, IDLE_MS, Login, Scene, counted, eventually, lines};

/// A virtual cluster of `clusterA` with the super user `super-user`.
fn standard(scene: &Scene, name: &str, more: &Value) -> Result<Login> {
    scene
        .stage
        .admin(1)
        .put("virtual-cluster", &resource(name, more))?;
    scene.login(name, "super-user", 1)
}

fn resource(name: &str, more: &Value) -> Value {
    let mut spec =
        json!({"type": "Standard", "backend": CLUSTER, "aclEnabled": true, "superUsers": ["super-user"]});
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    json!({"kind": "VirtualCluster", "apiVersion": "gateway/v2", "metadata": {"name": name}, "spec": spec})
}

fn hide(prefix: &str) -> Value {
    json!({"namespace": {"mode": "hide_prefix", "prefix": prefix}})
}

fn topics(scene: &Scene, user: &Login) -> Result<Vec<String>> {
    Ok(lines(&scene.client_ok(user, "kafka-topics", &["--list"])?))
}

fn produce(scene: &Scene, user: &Login, topic: &str, records: &str) -> Result<()> {
    let produced = scene.client(user, "kafka-console-producer", &["--topic", topic], records)?;
    ensure!(
        produced.status.success() && !produced.stderr.contains("ERROR"),
        "{}",
        produced.all()
    );
    Ok(())
}

fn consume(scene: &Scene, user: &Login, topic: &str, count: usize) -> Result<Vec<String>> {
    let count = count.to_string();
    let read = [
        "--topic",
        topic,
        "--group",
        "app",
        "--from-beginning",
        "--timeout-ms",
        IDLE_MS,
    ];
    let read = [&read[..], &["--max-messages", &count]].concat();
    Ok(lines(
        &scene.client(user, "kafka-console-consumer", &read, "")?.stdout,
    ))
}

fn refused(scene: &Scene, user: &Login, arguments: &[&str], error: &str) -> Result<()> {
    let output = scene.client(user, "kafka-topics", arguments, "")?;
    let said = output.all();
    ensure!(said.contains(error), "{arguments:?}: {said}");
    Ok(())
}

#[test]
fn environment_isolation_gives_each_the_same_names_and_shares_nothing() -> Result<()> {
    let scene = Scene::shared()?;
    let environments = [("env-dev", "dev-"), ("env-test", "test-")];
    let mut users = Vec::new();
    for (name, prefix) in environments {
        users.push(standard(&scene, name, &hide(prefix))?);
    }
    for (user, (name, prefix)) in users.iter().zip(environments) {
        let create = ["--create", "--topic", "orders", "--partitions", "2"];
        scene.client_ok(user, "kafka-topics", &create)?;
        ensure!(topics(&scene, user)? == ["orders"], "{name}");
        produce(&scene, user, "orders", &format!("{name}-1\n{name}-2\n"))?;
        let stored = scene.stored(&format!("{prefix}orders"))?;
        ensure!(stored.len() == 2, "{stored:?}");
    }
    for (user, (name, prefix)) in users.iter().zip(environments) {
        let read = consume(&scene, user, "orders", 2)?;
        let expected = [format!("{name}-1"), format!("{name}-2")];
        ensure!(counted(&read) == counted(&expected), "{name}: {read:?}");
        let groups = lines(&scene.client_ok(user, "kafka-consumer-groups", &["--list"])?);
        ensure!(groups == ["app"], "{name}: {groups:?}");
        let direct = lines(&scene.direct("kafka-consumer-groups", &["--list"], "")?);
        ensure!(direct.contains(&format!("{prefix}app")), "{direct:?}");
        let described = scene.client_ok(user, "kafka-consumer-groups", &["--describe", "--group", "app"])?;
        ensure!(
            described.contains("orders") && !described.contains(prefix),
            "{described}"
        );
    }
    let (dev, test) = (&users[0], &users[1]);
    scene.client_ok(dev, "kafka-topics", &["--delete", "--topic", "orders"])?;
    eventually("the topic of the other environment alone is left", || {
        let direct = lines(&scene.direct("kafka-topics", &["--list"], "")?);
        let has = |name: &str| direct.iter().any(|topic| topic == name);
        ensure!(has("test-orders"), "{direct:?}");
        Ok(!has("dev-orders") && topics(&scene, dev)?.is_empty())
    })?;
    ensure!(topics(&scene, test)? == ["orders"]);
    Ok(())
}

#[test]
fn an_enforced_prefix_is_seen_and_must_be_written() -> Result<()> {
    let scene = Scene::shared()?;
    let more = json!({"namespace": {"mode": "enforce_prefix", "prefix": "billing."}});
    let user = standard(&scene, "product-billing", &more)?;
    let create = |topic: &'static str| ["--create", "--topic", topic, "--partitions", "1"];
    refused(&scene, &user, &create("invoices"), "PolicyViolationException")?;
    let clash = json!({"namespace": {"mode": "hide_prefix", "prefix": "billing_"}});
    let clash = resource("product-clash", &clash);
    let clash = scene
        .stage
        .admin(1)
        .call("PUT", "virtual-cluster", Some(&clash))?;
    ensure!(
        clash.status == 409 && clash.body.contains("collides with billing."),
        "{clash:?}"
    );
    scene.topic("billing_secret", 1)?;
    let hint = "collides with that of another topic";
    refused(&scene, &user, &create("billing.secret"), hint)?;
    scene.client_ok(&user, "kafka-topics", &create("billing.invoices"))?;
    ensure!(topics(&scene, &user)? == ["billing.invoices"]);
    produce(&scene, &user, "billing.invoices", "one\n")?;
    let read = [
        "--topic",
        "billing.invoices",
        "--from-beginning",
        "--max-messages",
        "1",
    ];
    let group = |group: &'static str| ["--timeout-ms", IDLE_MS, "--group", group];
    let outside = scene.client(
        &user,
        "kafka-console-consumer",
        &[&read[..], &group("app")].concat(),
        "",
    )?;
    ensure!(
        outside.all().contains("InvalidGroupIdException"),
        "{}",
        outside.all()
    );
    let inside = [&read[..], &group("billing.app")].concat();
    let inside = scene.client(&user, "kafka-console-consumer", &inside, "")?;
    ensure!(lines(&inside.stdout) == ["one"], "{}", inside.all());
    Ok(())
}

#[test]
fn shared_topics_and_aliases_stand_beside_a_namespace_and_are_not_administered() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in ["pub-prices", "pub-news", "legacy.orders", "hidden"] {
        scene.topic(topic, 1)?;
    }
    let more =
        json!({"namespace": {"mode": "hide_prefix", "prefix": "team-", "additional": {"topics": ["pub-*"]}}});
    let user = standard(&scene, "beside", &more)?;
    let admin = scene.stage.admin(1);
    let alias =
        |name: &str, physical: &str| klamm::quickstart::admin::alias("beside", name, (CLUSTER, physical));
    admin.put("alias-topic", &alias("orders", "legacy.orders"))?;
    scene.client_ok(
        &user,
        "kafka-topics",
        &["--create", "--topic", "own", "--partitions", "1"],
    )?;
    ensure!(topics(&scene, &user)? == ["orders", "own", "pub-news", "pub-prices"]);
    for topic in ["orders", "own", "pub-prices"] {
        produce(&scene, &user, topic, "one\n")?;
        ensure!(consume(&scene, &user, topic, 1)? == ["one"], "{topic}");
    }
    ensure!(scene.stored("legacy.orders")? == ["one"]);
    ensure!(scene.stored("team-own")? == ["one"]);
    for topic in ["orders", "pub-prices"] {
        refused(
            &scene,
            &user,
            &["--delete", "--topic", topic],
            "PolicyViolationException",
        )?;
        let create = ["--create", "--if-not-exists", "--topic", topic];
        scene.client_ok(&user, "kafka-topics", &create)?;
    }
    let create = ["--create", "--if-not-exists", "--topic", "pub-none"];
    refused(&scene, &user, &create, "PolicyViolationException")?;
    let twice = admin.call("PUT", "alias-topic", Some(&alias("again", "team-own")))?;
    ensure!(
        twice.status == 409 && twice.body.contains("already shown as own"),
        "{twice:?}"
    );
    let clash = resource("clash", &hide("team-a-"));
    let clash = admin.call("PUT", "virtual-cluster", Some(&clash))?;
    ensure!(
        clash.status == 409 && clash.body.contains("virtual cluster beside"),
        "{clash:?}"
    );
    Ok(())
}

/// The groups that somebody sees.
fn groups(scene: &Scene, user: &Login) -> Result<Vec<String>> {
    let mut groups = lines(&scene.client_ok(user, "kafka-consumer-groups", &["--list"])?);
    groups.sort();
    Ok(groups)
}

/// The auditor is let in to all groups, the others to `shared-reports`.
fn only_own_groups_are_administered(
    scene: &Scene,
    (auditor, shop, depot): (&Login, &Login, &Login),
) -> Result<()> {
    let audited = groups(scene, auditor)?;
    let is_theirs = |group: &String| ["shop-", "depot-"].iter().any(|prefix| group.starts_with(prefix));
    ensure!(
        audited.iter().any(|group| group == "shared-reports")
            && !audited
                .iter()
                .any(|group| is_theirs(group) || group.contains(':')),
        "all groups but those of others: {audited:?}"
    );
    let group = ["--group", "shared-reports"];
    for change in [&["--delete"][..], &["--delete-offsets", "--topic", "rates-euro"]] {
        let output = scene.client(shop, "kafka-consumer-groups", &[change, &group[..]].concat(), "")?;
        ensure!(
            output.all().contains("PolicyViolationException"),
            "{change:?}: {}",
            output.all()
        );
    }
    let theirs = ["--delete", "--group", "depot-app"];
    let output = scene.client(auditor, "kafka-consumer-groups", &theirs, "")?;
    ensure!(
        output.all().contains("GroupIdNotFoundException"),
        "{}",
        output.all()
    );
    ensure!(groups(scene, depot)? == ["app", "shared-reports"]);
    Ok(())
}

#[test]
fn several_products_on_one_kafka_share_what_is_let_in_and_nothing_else() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("rates-euro", 1)?;
    // It lets in all groups, before there is anybody else.
    let all = json!({"topics": ["rates-*"], "consumerGroups": ["*"]});
    let auditor = standard(&scene, "product-audit", &all)?;
    let mut users = Vec::new();
    for product in ["shop", "depot"] {
        let more = json!({"namespace": {"mode": "hide_prefix", "prefix": format!("{product}-"),
            "additional": {"topics": ["rates-*"], "consumerGroups": ["shared-reports"]}}});
        let user = standard(&scene, &format!("product-{product}"), &more)?;
        let create = ["--create", "--topic", "orders", "--partitions", "1"];
        scene.client_ok(&user, "kafka-topics", &create)?;
        ensure!(topics(&scene, &user)? == ["orders", "rates-euro"], "{product}");
        produce(&scene, &user, "orders", &format!("of {product}\n"))?;
        ensure!(scene.stored(&format!("{product}-orders"))? == [format!("of {product}")]);
        users.push(user);
    }
    let (shop, depot) = (&users[0], &users[1]);
    produce(&scene, shop, "rates-euro", "1.08\n1.09\n")?;
    // Each has a group `app` of its own and sees all of the shared topic; `shared-reports` is one group.
    ensure!(consume(&scene, shop, "rates-euro", 2)? == ["1.08", "1.09"]);
    ensure!(consume(&scene, depot, "rates-euro", 2)? == ["1.08", "1.09"]);
    let reports = |user: &Login| -> Result<Vec<String>> {
        let read = [
            "--topic",
            "rates-euro",
            "--group",
            "shared-reports",
            "--max-messages",
            "1",
        ];
        let read = [&read[..], &["--from-beginning", "--timeout-ms", IDLE_MS]].concat();
        Ok(lines(
            &scene.client(user, "kafka-console-consumer", &read, "")?.stdout,
        ))
    };
    ensure!(reports(shop)? == ["1.08"]);
    ensure!(
        reports(depot)? == ["1.09"],
        "the group goes on where the other product ended"
    );
    for user in &users {
        ensure!(groups(&scene, user)? == ["app", "shared-reports"]);
    }
    only_own_groups_are_administered(&scene, (&auditor, shop, depot))?;
    refused(
        &scene,
        shop,
        &["--delete", "--topic", "rates-euro"],
        "PolicyViolationException",
    )
}

#[test]
fn reverse_mapping_shows_one_topic_under_another_name_in_each_virtual_cluster() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("reverse.orders", 1)?;
    let mut users = Vec::new();
    for environment in ["dev", "test", "prod"] {
        let name = format!("reverse-{environment}");
        let user = standard(&scene, &name, &hide(&format!("rev-{environment}-")))?;
        let alias = format!("{environment}-orders");
        let alias_topic = klamm::quickstart::admin::alias(&name, &alias, (CLUSTER, "reverse.orders"));
        scene.stage.admin(1).put("alias-topic", &alias_topic)?;
        users.push((user, alias));
    }
    produce(&scene, &users[0].0, &users[0].1, "one\n")?;
    for (user, alias) in &users {
        ensure!(topics(&scene, user)? == [alias.as_str()]);
        ensure!(
            consume(&scene, user, alias, 1)? == ["one"],
            "each has its own group: {alias}"
        );
    }
    Ok(())
}

#[test]
fn a_topic_subset_shows_the_topics_of_a_list_alone() -> Result<()> {
    let scene = Scene::shared()?;
    for topic in ["subset-a", "subset-b", "other-a"] {
        scene.topic(topic, 1)?;
    }
    let user = standard(&scene, "subset", &json!({"topics": ["subset-*"]}))?;
    ensure!(topics(&scene, &user)? == ["subset-a", "subset-b"]);
    produce(&scene, &user, "subset-a", "one\n")?;
    ensure!(consume(&scene, &user, "subset-a", 1)? == ["one"]);
    let hidden = scene.client(&user, "kafka-topics", &["--describe", "--topic", "other-a"], "")?;
    ensure!(hidden.all().contains("does not exist"), "{}", hidden.all());
    let mapped = scene
        .stage
        .admin(1)
        .call("GET", "virtual-cluster/subset/topics?name=subset-a", None)?;
    let mapped = crate::scene::json(&mapped.body)?;
    ensure!(
        mapped[0]["physicalName"] == "subset-a" && mapped[0]["owned"] == false,
        "{mapped}"
    );
    // The list changes while clients are there.
    let shorter = resource("subset", &json!({"topics": ["subset-b"]}));
    scene.stage.admin(1).put("virtual-cluster", &shorter)?;
    ensure!(topics(&scene, &user)? == ["subset-b"]);
    Ok(())
}
