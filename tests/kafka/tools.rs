//! Kafka's stock command line tools, each doing its job through an alias.

use anyhow::{Result, ensure};
use klamm::quickstart::admin;
use serde_json::{Value, json};

use crate::scene::{CLUSTER, IDLE_MS, Login, READER, Scene, counted, lines};
use crate::wire::{Wire, plain};

/// A virtual cluster of its own, its super user, and one physical topic behind the alias `orders`.
fn setup(scene: &Scene, name: &str, partitions: u16) -> Result<Login> {
    let physical = format!("{name}-physical");
    scene.topic(&physical, partitions)?;
    scene.vcluster(name, &[("orders", &physical)])?;
    scene.login(name, "super-user", 1)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("record {number}")).collect()
}

#[test]
fn topics_are_listed_and_described_by_their_aliases() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "listing", 3)?;
    let listed = lines(&scene.client_ok(&user, "kafka-topics", &["--list"])?);
    ensure!(listed == ["orders"], "{listed:?}");
    let described = scene.client_ok(&user, "kafka-topics", &["--describe", "--topic", "orders"])?;
    ensure!(described.contains("PartitionCount: 3"), "{described}");
    ensure!(!described.contains("listing-physical"), "{described}");
    let direct = scene.direct("kafka-topics", &["--describe", "--topic", "listing-physical"], "")?;
    let id = |text: &str| {
        text.split("TopicId: ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next().map(str::to_owned))
    };
    ensure!(
        id(&described).is_some() && id(&described) != id(&direct),
        "{described} {direct}"
    );
    let missing = scene.client(
        &user,
        "kafka-topics",
        &["--describe", "--topic", "listing-physical"],
        "",
    )?;
    ensure!(!missing.status.success(), "{}", missing.all());
    let broker = |kind: &str, how: &[&str]| {
        let entity = ["--describe", "--entity-type", kind, "--entity-name", "1"];
        scene.client_ok(&user, "kafka-configs", &[&entity[..], how].concat())
    };
    let settings = broker("brokers", &["--all"])?;
    ensure!(settings.contains("message.max.bytes="), "{settings}");
    for of_operators in ["connections.max.idle.ms", "throttled.rate", "log.dirs"] {
        ensure!(!settings.contains(of_operators), "{of_operators}: {settings}");
    }
    let loggers = broker("broker-loggers", &[])?;
    ensure!(
        !loggers.contains("org.apache") && !loggers.contains("kafka."),
        "{loggers}"
    );
    Ok(())
}

#[test]
fn records_and_offsets_are_those_of_the_physical_topic() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "offsets", 2)?;
    let records = numbers(50);
    let produced = scene.client(
        &user,
        "kafka-console-producer",
        &["--topic", "orders"],
        &records.join("\n"),
    )?;
    ensure!(!produced.stderr.contains("ERROR"), "{}", produced.all());
    let stored = scene.stored("offsets-physical")?;
    ensure!(counted(&stored) == counted(&records), "{stored:?}");
    let ends = scene.client_ok(&user, "kafka-get-offsets", &["--topic", "orders"])?;
    let sum: usize = lines(&ends)
        .iter()
        .filter_map(|line| line.rsplit(':').next()?.parse::<usize>().ok())
        .sum();
    ensure!(
        sum == 50 && lines(&ends).iter().all(|line| line.starts_with("orders:")),
        "{ends}"
    );
    Ok(())
}

#[test]
fn groups_keep_their_offsets_and_their_names() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "grouping", 2)?;
    scene.direct(
        "kafka-console-producer",
        &["--topic", "grouping-physical"],
        &numbers(10).join("\n"),
    )?;
    let read = [
        "--topic",
        "orders",
        "--group",
        "app",
        "--from-beginning",
        "--timeout-ms",
        IDLE_MS,
    ];
    let first = scene.client(
        &user,
        "kafka-console-consumer",
        &[&read[..], &["--max-messages", "10"]].concat(),
        "",
    )?;
    ensure!(
        counted(&lines(&first.stdout)) == counted(&numbers(10)),
        "{}",
        first.all()
    );

    let groups = lines(&scene.client_ok(&user, "kafka-consumer-groups", &["--list"])?);
    ensure!(groups == ["app"], "{groups:?}");
    let described = scene.client_ok(&user, "kafka-consumer-groups", &["--describe", "--group", "app"])?;
    let lags: Vec<&str> = described.lines().filter(|line| line.contains("orders")).collect();
    ensure!(
        lags.len() == 2 && !described.contains("grouping-physical"),
        "{described}"
    );

    let reset = [
        "--group",
        "app",
        "--topic",
        "orders",
        "--reset-offsets",
        "--to-earliest",
        "--execute",
    ];
    let reset = scene.client(&user, "kafka-consumer-groups", &reset, "")?;
    ensure!(
        reset.status.success() && reset.stdout.contains("orders"),
        "{}",
        reset.all()
    );
    let again = scene.client(
        &user,
        "kafka-console-consumer",
        &[&read[..], &["--max-messages", "10"]].concat(),
        "",
    )?;
    ensure!(
        counted(&lines(&again.stdout)) == counted(&numbers(10)),
        "{}",
        again.all()
    );

    let deleted = scene.client(
        &user,
        "kafka-consumer-groups",
        &["--delete", "--group", "app"],
        "",
    )?;
    ensure!(deleted.status.success(), "{}", deleted.all());
    ensure!(lines(&scene.client_ok(&user, "kafka-consumer-groups", &["--list"])?).is_empty());
    Ok(())
}

#[test]
fn partner_isolation_shows_one_topic_to_partners_who_share_nothing_else() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("common-physical", 1)?;
    scene.topic("secret-physical", 1)?;
    scene.direct(
        "kafka-console-producer",
        &["--topic", "common-physical"],
        &numbers(3).join("\n"),
    )?;
    let own = ("plans", "secret-physical");
    let partners = [
        ("customer-a", vec![("orders", "common-physical"), own]),
        ("customer-b", vec![("orders", "common-physical")]),
        ("customer-c", vec![("sales", "common-physical")]),
    ];
    let mut readers = Vec::new();
    for (name, aliases) in &partners {
        scene.vcluster(name, aliases)?;
        let user = scene.login(name, "super-user", 1)?;
        let seen = lines(&scene.client_ok(&user, "kafka-topics", &["--list"])?);
        let expected: Vec<&str> = aliases.iter().map(|(alias, _)| *alias).collect();
        ensure!(seen == expected, "{name} sees {seen:?}");
        let read = ["--topic", aliases[0].0, "--group", "app", "--from-beginning"];
        let more = ["--max-messages", "3", "--timeout-ms", IDLE_MS];
        let read = scene.client(&user, "kafka-console-consumer", &[&read[..], &more].concat(), "")?;
        ensure!(lines(&read.stdout).len() == 3, "{name} read {}", read.all());
        readers.push((scene.login(name, "reader", 1)?, user));
    }
    // A right in one is none in the other, though the account has the same name there; nor is a token.
    let (reader, super_user) = &readers[0];
    scene.client_ok(super_user, "kafka-acls", &[&["--add"], &READER[..]].concat())?;
    let offsets = ["--topic", "orders"];
    scene.client_ok(reader, "kafka-get-offsets", &offsets)?;
    let denied = scene.client(&readers[1].0, "kafka-get-offsets", &offsets, "")?;
    ensure!(!denied.status.success(), "{}", denied.all());
    let stranger = scene.login_with(readers[1].0.bootstrap.clone(), "reader", reader.token.clone())?;
    let refused = scene.client(&stranger, "kafka-topics", &["--list"], "")?;
    ensure!(
        refused.all().contains("SaslAuthenticationException"),
        "{}",
        refused.all()
    );
    Ok(())
}

#[test]
fn acls_are_added_listed_and_removed() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "acls", 1)?;
    let reader = scene.login("acls", "reader", 1)?;
    let grant = [
        "--allow-principal",
        "User:reader",
        "--consumer",
        "--topic",
        "ord",
        "--group",
        "*",
    ];
    let grant = [&grant[..], &["--resource-pattern-type", "prefixed"]].concat();
    scene.client_ok(&user, "kafka-acls", &[&["--add"], &grant[..]].concat())?;
    let listed = scene.client_ok(&user, "kafka-acls", &["--list"])?;
    ensure!(
        listed.contains("patternType=PREFIXED") && listed.contains("User:reader"),
        "{listed}"
    );
    ensure!(lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?) == ["orders"]);

    let deny = [
        "--add",
        "--deny-principal",
        "User:reader",
        "--operation",
        "All",
        "--topic",
        "orders",
    ];
    scene.client_ok(&user, "kafka-acls", &deny)?;
    ensure!(
        lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?).is_empty(),
        "a denial wins"
    );

    let remove = ["--remove", "--force", "--topic", "orders"];
    scene.client_ok(&user, "kafka-acls", &remove)?;
    ensure!(
        lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?) == ["orders"],
        "the denial is gone"
    );
    scene.client_ok(
        &user,
        "kafka-acls",
        &[&["--remove", "--force"], &grant[..]].concat(),
    )?;
    ensure!(
        lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?).is_empty(),
        "the right is gone"
    );
    Ok(())
}

/// The virtual cluster `declared`, in which `reader` may do these things to the topics that begin with `ord`.
fn declaring(operations: &[&str]) -> Value {
    let acl = |operation: &&str| {
        json!({"resourcePattern": {"resourceType": "TOPIC", "name": "ord", "patternType": "PREFIXED"},
            "principal": "User:reader", "host": "*", "operation": operation, "permissionType": "ALLOW"})
    };
    let acls: Vec<_> = operations.iter().map(acl).collect();
    let mut resource = admin::vcluster("declared", "super-user");
    resource["spec"]["aclMode"] = json!("REST_API");
    resource["spec"]["acls"] = json!(acls);
    resource
}

/// Rights in a file: what the file says holds, at once and alone.
#[test]
fn what_is_over_a_limit_is_refused_with_the_figure() -> Result<()> {
    let scene = Scene::shared()?;
    let admin = scene.stage.admin(1);
    let mut bounded = admin::vcluster("bounded", "super-user");
    bounded["spec"]["limits"] = json!({ "acls": 1, "serviceAccounts": 2 });
    admin.put("virtual-cluster", &bounded)?;
    let user = scene.login("bounded", "super-user", 1)?;
    let add = |principal: &str| {
        let acl = [
            "--add",
            "--allow-principal",
            principal,
            "--operation",
            "Read",
            "--topic",
            "orders",
        ];
        scene.client(&user, "kafka-acls", &acl, "").map(|done| done.all())
    };
    let long = format!("User:{}", "x".repeat(600));
    let refused = add(&long)?;
    ensure!(
        refused.contains("the principal of an ACL can have at most 512 bytes"),
        "{refused}"
    );
    let made = add("User:alice")?;
    ensure!(
        made.contains("User:alice") && !made.contains("PolicyViolation"),
        "{made}"
    );
    let refused = add("User:bob")?;
    ensure!(
        refused.contains(
            "virtual cluster bounded cannot have more than 1 ACLs: delete some, or raise spec.limits.acls"
        ),
        "{refused}"
    );

    admin.put("service-account", &admin::account("bounded", "second"))?;
    let third = admin.call(
        "PUT",
        "service-account",
        Some(&admin::account("bounded", "third")),
    )?;
    ensure!(
        third.status == 409 && third.body.contains("more than 2 service accounts"),
        "{}",
        third.body
    );
    let metrics = scene.metrics(1)?;
    ensure!(
        metrics.contains("klamm_limit_used_ratio{limit=\"acls\",vcluster=\"bounded\"} 1"),
        "{metrics}"
    );
    // More room is given, and the same is taken.
    bounded["spec"]["limits"] = json!({ "acls": 2 });
    admin.put("virtual-cluster", &bounded)?;
    let made = add("User:bob")?;
    ensure!(
        made.contains("User:bob") && !made.contains("PolicyViolation"),
        "{made}"
    );
    Ok(())
}

#[test]
fn declared_acls_are_those_that_kafka_acls_lists_and_cannot_change() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("declared-physical", 1)?;
    let admin = scene.stage.admin(1);
    admin.put("virtual-cluster", &declaring(&["DESCRIBE"]))?;
    admin.put(
        "alias-topic",
        &admin::alias("declared", "orders", (CLUSTER, "declared-physical")),
    )?;
    let user = scene.login("declared", "super-user", 1)?;
    let reader = scene.login("declared", "reader", 1)?;
    let listed = scene.client_ok(&user, "kafka-acls", &["--list"])?;
    ensure!(
        listed.contains("principal=User:reader, host=*, operation=DESCRIBE, permissionType=ALLOW")
            && listed.contains("patternType=PREFIXED"),
        "{listed}"
    );
    ensure!(lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?) == ["orders"]);

    for change in [
        [
            "--add",
            "--allow-principal",
            "User:reader",
            "--operation",
            "Write",
            "--topic",
            "orders",
        ]
        .as_slice(),
        [
            "--remove",
            "--force",
            "--topic",
            "ord",
            "--resource-pattern-type",
            "prefixed",
        ]
        .as_slice(),
    ] {
        let refused = scene.client(&user, "kafka-acls", change, "")?;
        ensure!(
            refused
                .all()
                .contains("declared in its spec.acls (aclMode REST_API)"),
            "{}",
            refused.all()
        );
    }
    ensure!(
        scene.client_ok(&user, "kafka-acls", &["--list"])? == listed,
        "nothing changed"
    );

    admin.put("virtual-cluster", &declaring(&[]))?;
    ensure!(
        lines(&scene.client_ok(&reader, "kafka-topics", &["--list"])?).is_empty(),
        "the right is gone with the answer"
    );
    let mut other = admin::vcluster("declared", "super-user");
    other["spec"]["aclMode"] = json!("KAFKA_API");
    let fixed = admin.call("PUT", "virtual-cluster", Some(&other))?;
    ensure!(
        fixed.status == 409 && fixed.body.contains("which cannot change"),
        "{}",
        fixed.body
    );
    Ok(())
}

#[test]
fn performance_tools_move_many_records() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "performing", 2)?;
    let load = [
        "--topic",
        "orders",
        "--num-records",
        "20000",
        "--record-size",
        "1000",
        "--throughput",
        "-1",
    ];
    let words = [
        "kafka-producer-perf-test",
        "--bootstrap-server",
        &user.bootstrap,
        "--command-config",
        &user.file,
    ];
    let produced = scene.tool(&[&words[..], &load].concat(), "")?;
    ensure!(
        produced.stdout.contains("20000 records sent"),
        "{}",
        produced.all()
    );
    let words = [
        "kafka-consumer-perf-test",
        "--bootstrap-server",
        &user.bootstrap,
        "--command-config",
        &user.file,
    ];
    let consumed = scene.tool(
        &[&words[..], &["--topic", "orders", "--num-records", "20000"]].concat(),
        "",
    )?;
    let counts = consumed
        .stdout
        .lines()
        .nth(1)
        .unwrap_or_default()
        .split(',')
        .nth(4)
        .unwrap_or_default()
        .trim()
        .to_owned();
    ensure!(
        counts.parse::<u64>().is_ok_and(|count| count >= 20_000),
        "{}",
        consumed.all()
    );
    Ok(())
}

#[test]
fn only_what_is_served_is_announced() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "announcing", 1)?;
    let announced = scene.client_ok(&user, "kafka-broker-api-versions", &[])?;
    for served in [
        "Produce(0)",
        "Fetch(1)",
        "Metadata(3)",
        "DescribeAcls(29)",
        "InitProducerId(22)",
    ] {
        let line = announced
            .lines()
            .find(|line| line.contains(served))
            .unwrap_or_default();
        ensure!(
            !line.is_empty() && !line.contains("UNSUPPORTED"),
            "{served} in {announced}"
        );
    }
    for hidden in [
        "CreateDelegationToken(38)",
        "UpdateFeatures(57)",
        "AddRaftVoter(80)",
    ] {
        let line = announced
            .lines()
            .find(|line| line.contains(hidden))
            .unwrap_or_default();
        ensure!(
            line.is_empty() || line.contains("UNSUPPORTED"),
            "{hidden} in {announced}"
        );
    }
    Ok(())
}

#[test]
fn a_wrong_password_is_refused_as_such() -> Result<()> {
    let scene = Scene::shared()?;
    let user = setup(&scene, "refusing", 1)?;
    let wrong = scene.login_with(user.bootstrap.clone(), "super-user", format!("{}x", user.token))?;
    let listed = scene.client(&wrong, "kafka-topics", &["--list"], "")?;
    ensure!(
        listed.all().contains("SaslAuthenticationException"),
        "{}",
        listed.all()
    );
    Ok(())
}

#[test]
fn a_token_of_many_years_ends_its_sessions_no_later_than_timers_of_clients_hold() -> Result<()> {
    const LONGEST_SECONDS: u64 = 2_147_483_647;
    let scene = Scene::shared()?;
    let user = setup(&scene, "decades", 1)?;
    let admin = scene.stage.admin(1);
    let token = admin.token("decades", &user.username, LONGEST_SECONDS)?;
    let mut client = Wire::connect(&user.bootstrap)?;
    let answer = client.log_in("PLAIN", &plain(&user.username, &token))?;
    ensure!(answer.session_lifetime_ms == i64::from(i32::MAX), "{answer:?}");
    ensure!(client.is_served());
    Ok(())
}
