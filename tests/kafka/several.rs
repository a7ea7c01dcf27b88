//! One virtual cluster over two and three physical clusters, with stock tools: the same topics, groups, offsets and
//! idempotent producers, wherever the topics are; and what cannot be is refused.

use anyhow::{Result, ensure};
use klamm::quickstart::{admin, child};

use crate::scene::{
    CLUSTER, IDLE_MS, LIMIT, Login, NO_MORE_MS, Scene, THIRD, counted, eventually, json, lines,
};

/// The home of the virtual cluster is `clusterA`, since its first alias is there.
fn over_two(scene: &Scene, name: &str) -> Result<Login> {
    let (left, right) = (format!("{name}-left"), format!("{name}-right"));
    scene.topic(&left, 2)?;
    scene.topic_on("main", &right, 2)?;
    scene.vcluster(name, &[("left", &left)])?;
    let admin = scene.stage.admin(1);
    admin.put("alias-topic", &admin::alias(name, "right", ("main", &right)))?;
    let user = scene.login(name, "super-user", 1)?;
    eventually("both topics have leaders", || all_have_leaders(scene, &user))?;
    Ok(user)
}

/// All of two partitions each, of two topics or three.
fn all_have_leaders(scene: &Scene, user: &Login) -> Result<bool> {
    let told = scene.client(user, "kafka-topics", &["--describe"], "")?.stdout;
    let leaders = if scene.stage.bootstrap(THIRD).is_some() {
        6
    } else {
        4
    };
    Ok(told.matches("Leader: ").count() == leaders && !told.contains("none"))
}

fn at_main(scene: &Scene, tool: &str, arguments: &[&str]) -> Result<String> {
    scene.direct_at("main", (tool, arguments), "")
}

fn produce(scene: &Scene, user: &Login, topic: &str, records: &str) -> Result<()> {
    let produced = scene.client(user, "kafka-console-producer", &["--topic", topic], records)?;
    let is_written = produced.status.success() && !produced.stderr.contains("ERROR");
    ensure!(is_written, "{}", produced.all());
    Ok(())
}

fn consume(scene: &Scene, user: &Login, count: usize) -> Result<Vec<String>> {
    let count = count.to_string();
    let read = [
        "--include",
        "left|right|third",
        "--group",
        "app",
        "--timeout-ms",
        IDLE_MS,
        "--max-messages",
        &count,
        "--command-property",
        "auto.offset.reset=earliest",
    ];
    let read = scene.client(user, "kafka-console-consumer", &read, "")?;
    Ok(lines(&read.stdout))
}

#[test]
fn a_group_reads_topics_of_two_clusters_and_keeps_its_offsets() -> Result<()> {
    let scene = Scene::shared()?;
    let user = over_two(&scene, "several")?;
    ensure!(lines(&scene.client_ok(&user, "kafka-topics", &["--list"])?) == ["left", "right"]);
    produce(&scene, &user, "left", "l1\nl2\n")?;
    produce(&scene, &user, "right", "r1\nr2\n")?;
    let read = consume(&scene, &user, 4)?;
    ensure!(counted(&read).len() == 4, "{read:?}");

    let groups = ["--describe", "--group", "app"];
    let described = scene.client_ok(&user, "kafka-consumer-groups", &groups)?;
    let offsets = |topic: &str| -> u64 {
        let rows = described
            .lines()
            .filter(|line| line.contains(&format!(" {topic} ")));
        rows.filter_map(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok())
            .sum()
    };
    ensure!((offsets("left"), offsets("right")) == (2, 2), "{described}");
    let elsewhere = at_main(
        &scene,
        "kafka-consumer-groups",
        &["--describe", "--group", "several:app"],
    )?;
    ensure!(elsewhere.contains("several-right"), "{elsewhere}");
    let listed = lines(&scene.client_ok(&user, "kafka-consumer-groups", &["--list"])?);
    ensure!(listed == ["app"], "{listed:?}");

    produce(&scene, &user, "left", "l3\n")?;
    produce(&scene, &user, "right", "r3\n")?;
    let read = consume(&scene, &user, 2)?;
    ensure!(
        counted(&read).len() == 2 && read.iter().all(|record| record.ends_with('3')),
        "{read:?}"
    );

    // The broker of `main` is the second one of this virtual cluster.
    let entity = ["--entity-type", "topics", "--describe", "--entity-name"];
    let throttle = [
        "--alter",
        "--add-config",
        "leader.replication.throttled.replicas=[0:1,1:1]",
    ];
    let there = ["--entity-type", "topics", "--entity-name", "several-right"];
    at_main(&scene, "kafka-configs", &[&there[..], &throttle].concat())?;
    let described = scene.client_ok(&user, "kafka-configs", &[&entity[..], &["right"]].concat())?;
    ensure!(described.contains("throttled.replicas=0:2,1:2"), "{described}");

    scene.client_ok(&user, "kafka-consumer-groups", &["--delete", "--group", "app"])?;
    let left = at_main(&scene, "kafka-consumer-groups", &["--list"])?;
    ensure!(!left.contains("several:app"), "{left}");
    Ok(())
}

/// The first column of a table that a tool wrote.
fn producer_ids(table: &str) -> Vec<i64> {
    let rows = table.lines().skip(1);
    rows.filter_map(|row| row.split_whitespace().next()?.parse().ok())
        .collect()
}

#[test]
fn an_idempotent_producer_writes_to_both_and_its_ids_are_marked() -> Result<()> {
    let scene = Scene::shared()?;
    let user = over_two(&scene, "marked")?;
    let records: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for topic in ["left", "right"] {
        produce(&scene, &user, topic, &records.join("\n"))?;
    }
    ensure!(scene.stored("marked-left")?.len() == 500);
    let right = scene.stored_on("main", "marked-right")?;
    ensure!(right.len() == 500, "{} records", right.len());
    let (mut marked, mut told) = (Vec::new(), Vec::new());
    for partition in ["0", "1"] {
        let describe = ["describe-producers", "--partition", partition, "--topic"];
        let there = at_main(
            &scene,
            "kafka-transactions",
            &[&describe[..], &["marked-right"]].concat(),
        )?;
        marked.extend(producer_ids(&there));
        let here = scene.client_ok(&user, "kafka-transactions", &[&describe[..], &["right"]].concat())?;
        told.extend(producer_ids(&here));
    }
    ensure!(
        !marked.is_empty() && marked.iter().all(|id| *id >= 1 << 42),
        "{marked:?}"
    );
    ensure!(
        told.len() == marked.len() && told.iter().all(|id| *id < 1 << 42),
        "{told:?}"
    );
    Ok(())
}

#[test]
fn what_reaches_over_two_clusters_and_cannot_is_refused() -> Result<()> {
    let scene = Scene::shared()?;
    let user = over_two(&scene, "limits")?;
    let perf = |topic: &str| {
        let words = [
            "kafka-producer-perf-test",
            "--topic",
            topic,
            "--num-records",
            "10",
            "--record-size",
            "10",
        ];
        let more = [
            "--throughput",
            "-1",
            "--transactional-id",
            "tx",
            "--transaction-duration-ms",
            "100",
        ];
        let server = [
            "--bootstrap-server",
            &user.bootstrap,
            "--command-config",
            &user.file,
        ];
        scene.tool(&[&words[..], &more, &server].concat(), "")
    };
    let home = perf("left")?;
    ensure!(
        home.status.success() && home.stdout.contains("10 records sent"),
        "{}",
        home.all()
    );
    let elsewhere = perf("right")?;
    ensure!(
        elsewhere.all().contains("another physical cluster"),
        "{}",
        elsewhere.all()
    );

    let read = [
        "--topic",
        "right",
        "--group",
        "modern",
        "--timeout-ms",
        NO_MORE_MS,
    ];
    let read = [&read[..], &["--command-property", "group.protocol=consumer"]].concat();
    let read = scene.client(&user, "kafka-console-consumer", &read, "")?;
    ensure!(read.all().contains("group.protocol=classic"), "{}", read.all());
    Ok(())
}

#[test]
fn one_virtual_cluster_over_three_clusters_serves_all_and_goes_on_without_one() -> Result<()> {
    let scene = Scene::over_three()?;
    let topics = [("left", CLUSTER), ("right", "main"), ("third", THIRD)];
    // Here `main` is the home.
    scene.vcluster("three", &[])?;
    let admin = scene.stage.admin(1);
    for (topic, cluster) in [topics[1], topics[0], topics[2]] {
        let physical = format!("three-{topic}");
        scene.topic_on(cluster, &physical, 2)?;
        admin.put("alias-topic", &admin::alias("three", topic, (cluster, &physical)))?;
    }
    let user = scene.login("three", "super-user", 1)?;
    eventually("all topics have leaders", || all_have_leaders(&scene, &user))?;
    ensure!(lines(&scene.client_ok(&user, "kafka-topics", &["--list"])?) == ["left", "right", "third"]);
    let brokers = scene.client_ok(&user, "kafka-broker-api-versions", &[])?;
    ensure!(brokers.matches("(id: ").count() == 3, "{brokers}");

    let records: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for (topic, cluster) in topics {
        produce(&scene, &user, topic, &records.join("\n"))?;
        let stored = scene.stored_on(cluster, &format!("three-{topic}"))?;
        ensure!(counted(&stored) == counted(&records), "{cluster}: {stored:?}");
    }
    let read = consume(&scene, &user, 300)?;
    let is_thrice = records
        .iter()
        .all(|record| counted(&read).get(record.as_str()) == Some(&3));
    ensure!(read.len() == 300 && is_thrice, "{read:?}");
    // Offsets lie where the topics do, all under the group's name; the tenant sees one group.
    for (topic, cluster) in topics {
        let group = ["--describe", "--group", "three:app"];
        let described = scene.direct_at(cluster, ("kafka-consumer-groups", &group), "")?;
        ensure!(described.contains(&format!("three-{topic}")), "{described}");
    }
    ensure!(lines(&scene.client_ok(&user, "kafka-consumer-groups", &["--list"])?) == ["app"]);

    scene.kill_broker(CLUSTER, 1)?;
    produce(&scene, &user, "right", "r\n")?;
    produce(&scene, &user, "third", "t\n")?;
    let read = consume(&scene, &user, 2)?;
    ensure!(
        counted(&read).keys().copied().collect::<Vec<_>>() == ["r", "t"],
        "{read:?}"
    );
    Ok(())
}

#[test]
fn a_cluster_that_is_lost_costs_its_own_topics_and_offsets_outlive_it_and_the_gateway() -> Result<()> {
    let mut scene = Scene::start(1, "127.0.0.1")?;
    scene.topic("outage-left", 2)?;
    scene.topic_on("main", "outage-right", 2)?;
    // Here `main` is the home, and the other cluster is lost.
    scene.vcluster("outage", &[])?;
    let admin = scene.stage.admin(1);
    admin.put(
        "alias-topic",
        &admin::alias("outage", "right", ("main", "outage-right")),
    )?;
    admin.put(
        "alias-topic",
        &admin::alias("outage", "left", (CLUSTER, "outage-left")),
    )?;
    let user = scene.login("outage", "super-user", 1)?;
    eventually("both topics have leaders", || all_have_leaders(&scene, &user))?;
    produce(&scene, &user, "left", "l1\n")?;
    produce(&scene, &user, "right", "r1\n")?;
    let read = consume(&scene, &user, 2)?;
    ensure!(counted(&read).len() == 2, "{read:?}");

    scene.kill_broker(CLUSTER, 1)?;
    produce(&scene, &user, "right", "r2\n")?;
    let read = consume(&scene, &user, 1)?;
    ensure!(read == ["r2"], "{read:?}");

    scene.stage.node_mut(1).kill();
    let mut broker = scene.start_broker(CLUSTER, 1)?;
    scene.stage.node_mut(1).restart()?;
    eventually("both topics have leaders again", || {
        all_have_leaders(&scene, &user)
    })?;
    produce(&scene, &user, "left", "l2\n")?;
    produce(&scene, &user, "right", "r3\n")?;
    let read = consume(&scene, &user, 2)?;
    broker.kill()?;
    broker.wait()?;
    ensure!(
        counted(&read).keys().copied().collect::<Vec<_>>() == ["l2", "r3"],
        "{read:?}"
    );
    it_is_built_anew(&mut scene, &user)
}

/// The command of the gateway, which must succeed.
fn klamm(scene: &Scene, words: &[&str]) -> Result<String> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    command
        .args(words)
        .env("KLAMM_ADMIN_URL", scene.stage.nodes()[0].admin_url());
    let output = child::run(command, "", LIMIT)?;
    ensure!(output.status.success(), "{words:?}:\n{}", output.all());
    Ok(output.stdout)
}

/// The Kafka cluster that answers instead of the one that was there.
fn stranger(scene: &Scene) -> Result<Option<String>> {
    let status = scene.stage.admin(1).call("GET", "cluster", None)?;
    let status = json(&status.body)?;
    let clusters = status["physicalClusters"].as_array().into_iter().flatten();
    let mut others = clusters.filter(|cluster| cluster["state"] == "OTHER_CLUSTER");
    Ok(others.find_map(|cluster| Some(cluster["answers"].as_str()?.to_owned())))
}

/// The lost cluster comes back empty, under a new id. It is served no more, everything else is, until somebody accepts it.
fn it_is_built_anew(scene: &mut Scene, user: &Login) -> Result<()> {
    scene.stage.rebuild_kafka(CLUSTER)?;
    scene.topic("outage-left", 2)?;
    let mut found = None;
    eventually("it is known for another one", || {
        found = stranger(scene)?;
        Ok(found.is_some())
    })?;
    let found = found.unwrap_or_default();
    scene.stage.node_mut(1).await_ready()?;
    produce(scene, user, "right", "r4\n")?;
    let stray = ["-P", "-t", "left", "-X", "message.timeout.ms=3000"];
    scene.kcat(user, &stray, "stray\n")?;
    ensure!(
        scene.stored("outage-left")?.is_empty(),
        "a record reached the other cluster"
    );
    let shown = klamm(scene, &["get", "virtual-cluster", "outage", "-o", "yaml"])?;
    ensure!(shown.contains(&found), "{shown}");

    let accept = ["cluster", "accept-kafka-cluster", CLUSTER, "--id", &found];
    let dry = klamm(scene, &[&accept[..], &["--dry-run"]].concat())?;
    ensure!(dry.contains("  outage: alias topics: 1\n"), "{dry}");
    ensure!(
        stranger(scene)?.as_deref() == Some(&*found),
        "a dry run accepts nothing"
    );
    klamm(scene, &accept)?;
    eventually("both topics have leaders once more", || {
        all_have_leaders(scene, user)
    })?;
    produce(scene, user, "left", "l3\n")?;
    let read = consume(scene, user, 2)?;
    ensure!(
        counted(&read).keys().copied().collect::<Vec<_>>() == ["l3", "r4"],
        "{read:?}"
    );
    Ok(())
}

/// The page on virtual clusters.
const PAGES: [(&str, usize); 2] = [
    (include_str!("../../docs/VIRTUAL-CLUSTERS.md"), 6),
    (include_str!("../../docs/POLICIES.md"), 14),
];

#[test]
fn the_examples_of_the_pages_are_applied_as_they_stand() -> Result<()> {
    let scene = Scene::over_three()?;
    for (cluster, topic) in [("main", "orders"), (CLUSTER, "sales-2024"), (THIRD, "returns-eu")] {
        scene.topic_on(cluster, topic, 1)?;
    }
    let mut all = Vec::new();
    for (page, count) in PAGES {
        let examples = page.split("```yaml\n").skip(1);
        let examples = examples.filter_map(|rest| rest.split("```").next());
        // Some are of the configuration.
        let examples: Vec<&str> = examples
            .filter(|example| !example.starts_with("klamm."))
            .collect();
        ensure!(examples.len() == count, "{} examples", examples.len());
        all.extend(examples);
    }
    for example in all {
        let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        command
            .args(["apply", "-f", "-"])
            .env("KLAMM_ADMIN_URL", scene.stage.nodes()[0].admin_url());
        let applied = child::run(command, example, LIMIT)?;
        ensure!(applied.status.success(), "{example}:\n{}", applied.all());
    }
    // What the first page says of them: one topic, two names; a part of the topics; two clusters in one.
    for (vcluster, seen) in [
        ("team-dev", &["dev-orders"][..]),
        ("team-test", &["test-orders"]),
        ("billing", &["orders"]),
        ("partner-a", &["returns", "sales"]),
        ("env-dev", &[]),
        ("testers", &["test-orders"]),
    ] {
        let topics = format!("virtual-cluster/{vcluster}/topics");
        let topics = json(&scene.stage.admin(1).call("GET", &topics, None)?.body)?;
        let names = topics.as_array().into_iter().flatten();
        let mut names: Vec<&str> = names.filter_map(|topic| topic["name"].as_str()).collect();
        names.sort_unstable();
        ensure!(names == seen, "{vcluster}: {topics}");
    }
    Ok(())
}
