//! Usage for bills, of the real program between real Kafka and stock clients: counted exactly, merged over nodes, kept through
//! SIGKILL, and what a dead node has is missing, not zero.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::child::{self, Output};
use serde_json::Value;

use crate::leases::address_at;
use crate::scene::{LIMIT, Login, Scene, counted, eventually, json, kcat_of, lines, read_to_end};
use crate::wire::{Wire, plain};

const RECORDS: usize = 1_500;

/// In tests usage is on the disk soon, and few names have metrics.
fn settings(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let usual = [("KLAMM_USAGE_WRITE_SECONDS", "1")];
    let all = usual.iter().chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Longer than sessions, the node and this test's setting keep what is not on the disk.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

fn setup(scene: &Scene, name: &str) -> Result<(Login, Login)> {
    for topic in ["orders", "bills"] {
        scene.topic(&format!("{name}-{topic}"), 1)?;
    }
    let aliases = ["orders", "bills"].map(|topic| (topic, format!("{name}-{topic}")));
    let aliases: Vec<(&str, &str)> = aliases
        .iter()
        .map(|(alias, topic)| (*alias, topic.as_str()))
        .collect();
    scene.vcluster(name, &aliases)?;
    let boss = scene.login(name, "super-user", 1)?;
    scene.client_ok(
        &boss,
        "kafka-acls",
        &[
            "--add",
            "--allow-principal",
            "User:partner",
            "--operation",
            "All",
            "--topic",
            "*",
            "--group",
            "*",
        ],
    )?;
    Ok((boss, scene.login(name, "partner", 1)?))
}

fn records() -> Vec<String> {
    (0..RECORDS).map(|number| format!("{number:0>50}")).collect()
}

/// `klamm usage` for a node (counted from 1), since the day before yesterday at the latest.
fn usage(scene: &Scene, node: usize, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_klamm"));
    command
        .args(["usage", "--from", "2020-01-01"])
        .args(arguments)
        .env("KLAMM_ADMIN_URL", scene.stage.nodes()[node - 1].admin_url())
        .stdin(Stdio::null());
    let output = child::run(command, "", LIMIT)?;
    ensure!(output.status.success(), "{arguments:?}: {}", output.all());
    Ok(output)
}

fn report(scene: &Scene, node: usize, arguments: &[&str]) -> Result<Value> {
    json(&usage(scene, node, &[arguments, &["-o", "json"]].concat())?.stdout)
}

/// A figure of the row with these names, 0 if there is none.
fn figure(report: &Value, names: &[(&str, &str)], figure: &str) -> u64 {
    let rows = report["rows"].as_array();
    let row = rows
        .into_iter()
        .flatten()
        .find(|row| names.iter().all(|(field, name)| row[*field] == *name));
    row.and_then(|row| row[figure].as_u64()).unwrap_or_default()
}

/// The bytes that a physical topic takes on its broker.
fn stored_bytes(scene: &Scene, topic: &str) -> Result<u64> {
    let told = scene.direct("kafka-log-dirs", &["--describe", "--topic-list", topic], "")?;
    let line = told.lines().find(|line| line.starts_with('{')).context("JSON")?;
    let told = json(line)?;
    let dirs = told["brokers"].as_array().into_iter().flatten();
    let dirs = dirs.flat_map(|broker| broker["logDirs"].as_array().into_iter().flatten());
    let partitions = dirs.flat_map(|dir| dir["partitions"].as_array().into_iter().flatten());
    Ok(partitions
        .filter_map(|partition| partition["size"].as_u64())
        .sum())
}

#[test]
fn what_stock_clients_use_is_counted_exactly_and_outlives_a_kill() -> Result<()> {
    let bounds = [("KLAMM_METRICS_ACCOUNTS", "2"), ("KLAMM_METRICS_TOPICS", "1")];
    let mut scene = Scene::start_with(1, "127.0.0.1", |_| Ok(settings(&bounds)))?;
    let (_, partner) = setup(&scene, "usage")?;
    let records = records();
    let compressed = ["--topic", "orders", "--command-property", "compression.type=gzip"];
    let produced = scene.client(
        &partner,
        "kafka-console-producer",
        &compressed,
        &records.join("\n"),
    )?;
    ensure!(!produced.stderr.contains("ERROR"), "{}", produced.all());
    let produced = scene.kcat(&partner, &["-P", "-t", "bills"], "one\ntwo\nthree\n")?;
    ensure!(produced.status.success(), "{}", produced.all());
    // Java reads, and librdkafka: each gets every batch once.
    let count = RECORDS.to_string();
    let consume = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        &count,
        "--timeout-ms",
        "60000",
    ];
    let read = scene.client(&partner, "kafka-console-consumer", &consume, "")?;
    ensure!(
        counted(&lines(&read.stdout)) == counted(&records),
        "{}",
        read.stderr
    );
    ensure!(read_to_end(kcat_of(&partner), "orders", &[])?.len() == RECORDS);
    eventually("both reads are counted", || {
        let report = report(&scene, 1, &["--v-cluster", "usage"])?;
        let read = figure(
            &report,
            &[("account", "partner"), ("topic", "orders")],
            "consumedRecords",
        );
        Ok(read >= 2 * RECORDS as u64)
    })?;
    let before = is_exact(&scene)?;
    is_told_as_csv(&scene)?;
    is_denied(&scene)?;
    let metrics = scene.metrics(1)?;
    are_within_bounds(&metrics)?;

    let directory = scene.stage.nodes()[0].settings().data_dir.join("usage");
    let old = directory.join("2020-01-01T00.usage");
    fs::write(&old, "of long ago")?;
    thread::sleep(WRITTEN_WITHIN);
    scene.stage.node_mut(1).kill();
    scene.stage.node_mut(1).restart()?;
    scene.stage.node_mut(1).await_ready()?;
    let after = is_exact(&scene)?;
    ensure!(after == before, "{after:?} is not {before:?}");
    eventually("old usage is deleted", || Ok(!old.exists()))?;
    for file in fs::read_dir(&directory)? {
        // One that is being written may have its name by now.
        let Ok(metadata) = file?.metadata() else {
            continue;
        };
        let mode = metadata.permissions().mode();
        ensure!(mode & 0o777 == 0o600, "{mode:o}");
    }
    Ok(())
}

/// Checks records and bytes of the partner against what the physical cluster has.
fn is_exact(scene: &Scene) -> Result<Vec<u64>> {
    let report = report(scene, 1, &["--v-cluster", "usage"])?;
    ensure!(report["isComplete"] == true, "{report}");
    let of = |topic: &str, name: &str| figure(&report, &[("account", "partner"), ("topic", topic)], name);
    let (orders, bills) = (
        stored_bytes(scene, "usage-orders")?,
        stored_bytes(scene, "usage-bills")?,
    );
    let figures = vec![
        of("orders", "producedRecords"),
        of("orders", "producedBytes"),
        of("orders", "consumedRecords"),
        of("orders", "consumedBytes"),
        of("bills", "producedRecords"),
        of("bills", "producedBytes"),
    ];
    let expected = vec![RECORDS as u64, orders, 2 * RECORDS as u64, 2 * orders, 3, bills];
    ensure!(figures == expected, "{figures:?} is not {expected:?}: {report}");
    ensure!(of("", "connections") >= 4 && of("", "requests") >= 10, "{report}");
    ensure!(
        of("", "bytesIn") > orders && of("", "bytesOut") > 2 * orders,
        "{report}"
    );
    Ok(figures)
}

fn is_told_as_csv(scene: &Scene) -> Result<()> {
    let csv = usage(
        scene,
        1,
        &["--v-cluster", "usage", "--by", "topic,day", "-o", "csv"],
    )?;
    let lines: Vec<&str> = csv.stdout.split("\r\n").collect();
    ensure!(
        lines[0].starts_with("start,topic,bytesIn,bytesOut,requests,connections,throttledMs,"),
        "{}",
        csv.stdout
    );
    let columns = lines[0].split(',').count();
    let rows = lines[1..].iter().filter(|line| !line.is_empty());
    ensure!(rows.clone().all(|row| row.split(',').count() == columns));
    ensure!(
        rows.clone().any(|row| row.contains("Z,orders,0,0,0,0,0,0,")),
        "{}",
        csv.stdout
    );
    Ok(())
}

/// A request that is denied counts once, also where it is denied two things.
fn is_denied(scene: &Scene) -> Result<()> {
    let stranger = scene.login("usage", "stranger", 1)?;
    let mut wire = Wire::connect(&stranger.bootstrap)?;
    wire.log_in("PLAIN", &plain(&stranger.username, &stranger.token))?;
    let topic =
        |name| MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str(name))));
    let both = MetadataRequest::default().with_topics(Some(vec![topic("orders"), topic("bills")]));
    wire.ask(4, &both)?;
    wire.ask(4, &both)?;
    wire.ask(4, &MetadataRequest::default().with_topics(Some(Vec::new())))?;
    drop(wire);
    eventually("it is counted", || {
        let report = report(scene, 1, &["--v-cluster", "usage", "--account", "stranger"])?;
        let of = |name: &str| figure(&report, &[("account", "stranger"), ("topic", "")], name);
        ensure!(of("deniedRequests") <= 2, "{report}");
        Ok(of("deniedRequests") == 2 && of("connections") == 1 && of("requests") == 5)
    })
}

/// Two accounts and a topic have series, and everything else one.
fn are_within_bounds(metrics: &str) -> Result<()> {
    let names = |family: &str, label: &str| -> BTreeSet<String> {
        let of_family = metrics.lines().filter(|line| line.starts_with(family));
        let named = of_family.filter_map(|line| line.split_once(&format!("{label}=\"")));
        named
            .filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()))
            .collect()
    };
    let accounts = names("klamm_account_requests_total", "account");
    ensure!(accounts.len() == 3 && accounts.contains("_other"), "{accounts:?}");
    let topics = names("klamm_topic_bytes_total", "topic");
    ensure!(topics.len() == 2 && topics.contains("_other"), "{topics:?}");
    ensure!(
        !metrics
            .lines()
            .any(|line| line.contains("account=") && line.contains("topic="))
    );
    Ok(())
}

#[test]
fn three_nodes_are_merged_and_a_dead_one_is_missing_and_not_zero() -> Result<()> {
    let mut scene = Scene::start_with(3, "127.0.0.1", |_| Ok(settings(&[])))?;
    let (_, anywhere) = setup(&scene, "merged")?;
    // Each node lets another number of connections log in.
    for (index, connections) in [1, 2, 4].into_iter().enumerate() {
        let there = address_at(&scene, &anywhere, index)?;
        for _ in 0..connections {
            let mut wire = Wire::connect(&there)?;
            wire.log_in("PLAIN", &plain(&anywhere.username, &anywhere.token))?;
            ensure!(wire.is_served());
        }
    }
    let connections = |report: &Value| figure(report, &[("account", "partner")], "connections");
    let asked = ["--v-cluster", "merged", "--by", "account"];
    for node in 1..=3 {
        eventually("all nodes are summed, whichever is asked", || {
            let report = report(&scene, node, &asked)?;
            ensure!(connections(&report) <= 7, "{report}");
            Ok(report["isComplete"] == true && connections(&report) == 7)
        })?;
    }
    thread::sleep(WRITTEN_WITHIN);
    scene.stage.node_mut(3).kill();
    let output = usage(&scene, 1, &[&asked[..], &["-o", "json"]].concat())?;
    let without = json(&output.stdout)?;
    ensure!(
        without["isComplete"] == false && connections(&without) == 3,
        "{without}"
    );
    ensure!(
        without["nodes"][2]["id"] == 3 && without["nodes"][2]["state"] == "MISSING",
        "{without}"
    );
    ensure!(
        output.stderr.contains("the usage of node 3 is missing"),
        "{}",
        output.all()
    );
    let csv = usage(&scene, 2, &[&asked[..], &["-o", "csv"]].concat())?;
    let rows: Vec<&str> = csv
        .stdout
        .split("\r\n")
        .skip(1)
        .filter(|row| !row.is_empty())
        .collect();
    ensure!(
        !rows.is_empty() && rows.iter().all(|row| row.ends_with(",3")),
        "{}",
        csv.stdout
    );

    scene.stage.node_mut(3).restart()?;
    eventually("its usage is there again", || {
        let report = report(&scene, 2, &asked)?;
        Ok(report["isComplete"] == true && connections(&report) == 7)
    })?;
    // Before they began, the nodes have nothing on record, and say so.
    let report = report(&scene, 1, &asked)?;
    let nodes = report["nodes"].as_array().context("nodes")?;
    ensure!(
        nodes
            .iter()
            .all(|node| node["unrecorded"][0]["from"] == "2020-01-01T00:00:00Z"),
        "{report}"
    );
    Ok(())
}
