//! A physical cluster stands in for another, through three nodes: requests are switched there and back while stock producers and
//! a group are under way. Nothing acknowledged is lost or doubled, nothing reaches the next cluster before the last one was left,
//! and clients find the brokers at the same addresses.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{MetadataRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use klamm::quickstart::child::{self, Output};
use serde_json::Value;
use uuid::Uuid;

use crate::batch;
use crate::failover::{acknowledged, start_consumer, start_producer};
use crate::leases::{address_at, signal};
use crate::scene::{CLUSTER, LIMIT, Login, Scene, THIRD, eventually, json, lines, script};
use crate::wire::{Wire, plain};

/// The topic on both clusters.
const TOPIC: &str = "moved-orders";

/// The record that the group reads before anybody else writes.
const FIRST: &str = "first";

/// Records of the producer that librdkafka has, and the pause between them.
const KCAT_RECORDS: usize = 300;
const KCAT_PAUSE: Duration = Duration::from_millis(40);

fn klamm(scene: &Scene, node: usize, words: &[&str]) -> Result<Output> {
    let mut command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    let url = scene.stage.nodes()[node - 1].admin_url();
    command.args(words).args(["--admin-url", &url]);
    Ok(child::run(command, "", LIMIT)?)
}

fn klamm_ok(scene: &Scene, node: usize, words: &[&str]) -> Result<String> {
    let output = klamm(scene, node, words)?;
    ensure!(output.status.success(), "{words:?}: {}", output.all());
    Ok(output.stdout)
}

/// The topic, where brokers say when they wrote a record.
fn create(scene: &Scene, cluster: &str) -> Result<()> {
    let options = [
        "--create",
        "--topic",
        TOPIC,
        "--partitions",
        "2",
        "--config",
        "message.timestamp.type=LogAppendTime",
    ];
    scene.direct_at(cluster, ("kafka-topics", &options), "")?;
    Ok(())
}

/// When a cluster wrote each record, in milliseconds since the Unix epoch, and what.
fn written(scene: &Scene, cluster: &str) -> Result<Vec<(u64, String)>> {
    let options = [
        "--topic",
        TOPIC,
        "--from-beginning",
        "--timeout-ms",
        "6000",
        "--property",
        "print.timestamp=true",
    ];
    let said = scene.direct_at(cluster, ("kafka-console-consumer", &options), "")?;
    let records = said.lines().filter_map(|line| line.split_once('\t'));
    records
        .map(|(time, value)| {
            let time = time.strip_prefix("LogAppendTime:").context("a time")?;
            Ok((time.parse()?, value.to_owned()))
        })
        .collect()
}

/// An idempotent producer of librdkafka that gets its records one by one.
fn start_kcat(scene: &Scene, user: &Login) -> Result<Child> {
    let (name, password) = (
        format!("sasl.username={}", user.username),
        format!("sasl.password={}", user.token),
    );
    let mut command = script("kcat");
    command.args([
        "-b",
        &user.bootstrap,
        "-P",
        "-t",
        "orders",
        "-X",
        "enable.idempotence=true",
    ]);
    command.args([
        "-X",
        "security.protocol=SASL_PLAINTEXT",
        "-X",
        "sasl.mechanism=PLAIN",
    ]);
    command.args(["-X", &name, "-X", &password, "-X", "linger.ms=0"]);
    let errors = std::fs::File::create(scene.stage.directory().join("kcat.err"))?;
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
    Ok(child::start(command)?)
}

/// Feeds it, and waits until it has sent all.
fn feed(scene: &Scene, mut kcat: Child) -> Result<()> {
    let mut input = kcat.stdin.take().context("its input")?;
    for number in 0..KCAT_RECORDS {
        writeln!(input, "kcat-{number}")?;
        input.flush()?;
        thread::sleep(KCAT_PAUSE);
    }
    drop(input);
    let status = child::wait(&mut kcat, LIMIT).context("kcat hangs")?;
    let errors = std::fs::read_to_string(scene.stage.directory().join("kcat.err"))?;
    ensure!(status.success(), "kcat: {status}: {errors}");
    ensure!(!errors.contains("FATAL"), "{errors}");
    Ok(())
}

/// The addresses of brokers as clients are told them.
fn brokers(scene: &Scene, user: &Login) -> Result<BTreeSet<String>> {
    let metadata = scene.kcat(user, &["-L"], "")?.stdout;
    let brokers = metadata
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("broker "));
    let brokers: BTreeSet<String> = brokers.map(|line| line.replace(" (controller)", "")).collect();
    ensure!(!brokers.is_empty(), "{metadata}");
    Ok(brokers)
}

/// The id of the topic as clients are told it, and the epoch of its leader.
fn identity(user: &Login) -> Result<(Uuid, i32)> {
    let mut client = Wire::connect(&user.bootstrap)?;
    client.log_in("PLAIN", &plain(&user.username, &user.token))?;
    let name = TopicName(StrBytes::from_static_str("orders"));
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let request = MetadataRequest::default().with_topics(Some(vec![topic]));
    let mut found = None;
    eventually("the topic has a leader", || {
        let answer = client.ask(12, &request)?;
        let topic = answer.topics.first().context("the topic")?;
        found = topic
            .partitions
            .first()
            .map(|partition| (topic.topic_id, partition.leader_epoch));
        Ok(topic.error_code == 0)
    })?;
    found.context("a partition")
}

fn route(scene: &Scene, node: usize) -> Result<Value> {
    let routes = klamm_ok(scene, node, &["cluster", "routes", "-o", "json"])?;
    Ok(json(&routes)?[0].clone())
}

/// Switches by the command line, and checks that every node knows.
fn switch(scene: &Scene, (node, to): (usize, &str)) -> Result<String> {
    let said = klamm_ok(scene, node, &["cluster", "switch", CLUSTER, "--to", to])?;
    ensure!(
        said.contains(&format!("requests for {CLUSTER} go to {to}")),
        "{said}"
    );
    for node in 1..=3 {
        let route = route(scene, node)?;
        ensure!(
            route["target"] == *to && route["phase"] == "OPEN",
            "node {node}: {route}"
        );
    }
    Ok(said)
}

#[test]
fn requests_are_switched_there_and_back_while_clients_are_under_way() -> Result<()> {
    let scene = Scene::with_stand_in(3)?;
    create(&scene, CLUSTER)?;
    create(&scene, THIRD)?;
    scene.vcluster("moved", &[("orders", TOPIC)])?;
    let user = scene.login("moved", "super-user", 1)?;
    let before = brokers(&scene, &user)?;
    let (id, epoch) = identity(&user)?;
    rehearsed(&scene)?;

    // A rehearsal takes as long as it takes, and producers are to be under way when requests are switched.
    let consumer = start_consumer(&scene, &user)?;
    write_first(&scene, &user)?;
    eventually("the group reads", || Ok(!lines(&consumer.output()).is_empty()))?;
    groups_are_rehearsed(&scene)?;
    let producer = start_producer(&scene, &user)?;
    let kcat = start_kcat(&scene, &user)?;
    let (said, sent) = thread::scope(|scope| -> Result<_> {
        let fed = scope.spawn(|| feed(&scene, kcat));
        eventually("the producer is under way", || Ok(producer.acknowledged() > 500))?;
        let said = switch(&scene, (2, THIRD))?;
        ensure!(
            brokers(&scene, &user)? == before,
            "clients find brokers elsewhere"
        );
        let sent = acknowledged(&producer.finish()?);
        fed.join().expect("the feeder")?;
        Ok((said, sent))
    })?;
    eprintln!("{said}");
    let epoch_there = goes_on(&user, (id, epoch))?;

    let (last, next) = (written(&scene, CLUSTER)?, written(&scene, THIRD)?);
    let left = last
        .iter()
        .map(|(time, _)| *time)
        .max()
        .context("records on the first")?;
    let came = next
        .iter()
        .map(|(time, _)| *time)
        .min()
        .context("records on the second")?;
    ensure!(
        left <= came,
        "a record was written at {came}, and one on the cluster before at {left}"
    );
    let mut stored: Vec<String> = last.iter().chain(&next).map(|(_, value)| value.clone()).collect();
    stored.retain(|value| value != FIRST);
    let kcats = stored
        .extract_if(.., |value| value.starts_with("kcat-"))
        .collect::<BTreeSet<_>>();
    ensure!(
        kcats.len() == KCAT_RECORDS,
        "of librdkafka's records {} are there",
        kcats.len()
    );
    crate::failover::nothing_lost_or_doubled(&sent, &stored)?;

    let there: BTreeSet<String> = next.into_iter().map(|(_, value)| value).collect();
    eventually("the group reads what the second cluster has", || {
        let read: BTreeSet<String> = lines(&consumer.output()).into_iter().collect();
        Ok(there.is_subset(&read))
    })?;
    consumer.end();
    back(&scene, &user, &before)?;
    goes_on(&user, (id, epoch_there)).map(drop)
}

/// Has clients take the topic for the same one after a switch, of which they have newer news; the epoch of its leader.
fn goes_on(user: &Login, (id, epoch): (Uuid, i32)) -> Result<i32> {
    let (id_now, epoch_now) = identity(user)?;
    ensure!(
        id_now == id && epoch_now > epoch,
        "clients take the topic for another one: {id} {epoch}, {id_now} {epoch_now}"
    );
    Ok(epoch_now)
}

/// Writes the record that the group reads before anybody else writes.
fn write_first(scene: &Scene, user: &Login) -> Result<()> {
    let written = scene.kcat(user, &["-P", "-t", "orders"], &format!("{FIRST}\n"))?;
    ensure!(written.status.success(), "{}", written.all());
    Ok(())
}

/// A rehearsal says what becomes of a group: it is at the end here, and has no offset there.
fn groups_are_rehearsed(scene: &Scene) -> Result<()> {
    eventually("the group has committed its offsets", || {
        let words = ["cluster", "switch", CLUSTER, "--to", THIRD, "--dry-run"];
        let said = klamm_ok(scene, 1, &words)?;
        let groups = said.lines().find(|line| line.contains(" groups "));
        let groups = groups.with_context(|| said.clone())?;
        Ok(groups.contains("WARN") && groups.contains("would start app (moved)"))
    })
}

/// A rehearsal says everything that it finds, and a switch that clients would notice is not made.
fn rehearsed(scene: &Scene) -> Result<()> {
    eventually("all nodes have said how they reach it", || {
        // It is refused until one of them has said that it is a stand-in.
        let words = ["cluster", "switch", CLUSTER, "--to", THIRD, "--dry-run"];
        let said = klamm(scene, 1, &words)?;
        let reach = said.stdout.contains("every node reaches") && !said.stdout.contains("BLOCK");
        Ok(said.status.success() && reach)
    })?;
    scene.topic_on(CLUSTER, "left-behind", 1)?;
    scene.vcluster("behind", &[("left", "left-behind")])?;
    eventually("what is missing is seen", || {
        let refused = klamm(scene, 1, &["cluster", "switch", CLUSTER, "--to", THIRD])?;
        Ok(!refused.status.success() && refused.all().contains("left-behind"))
    })?;
    ensure!(route(scene, 1)?["generation"] == 0, "it was not switched");
    let foreign = klamm(scene, 1, &["cluster", "switch", CLUSTER, "--to", "main"])?;
    ensure!(foreign.all().contains("does not stand in"), "{}", foreign.all());
    scene.topic_on(THIRD, "left-behind", 1)?;
    eventually("nothing is missing", || {
        let said = klamm_ok(
            scene,
            3,
            &["cluster", "switch", CLUSTER, "--to", THIRD, "--dry-run"],
        )?;
        Ok(!said.contains("BLOCK"))
    })
}

/// Back by the reference's way, with producers that were there before: their ids are new to brokers that know them.
fn back(scene: &Scene, user: &Login, before: &BTreeSet<String>) -> Result<()> {
    let producer = start_producer(scene, user)?;
    eventually("the producer is under way", || Ok(producer.acknowledged() > 500))?;
    let admin = scene.stage.admin(3);
    let path = format!("/admin/pclusters/v1/pcluster/{CLUSTER}/switch?to={CLUSTER}");
    let answer = admin.ask("POST", &path, None)?.ok()?;
    ensure!(
        json(&answer.body)?["message"] == "Cluster switched",
        "{}",
        answer.body
    );
    ensure!(brokers(scene, user)? == *before, "clients find brokers elsewhere");
    let sent = acknowledged(&producer.finish()?);
    ensure!(
        sent.len() == crate::failover::RECORDS,
        "{} were acknowledged",
        sent.len()
    );
    let fenced = klamm_ok(
        scene,
        1,
        &["cluster", "switch", CLUSTER, "--to", THIRD, "--fence"],
    )?;
    ensure!(fenced.contains("go nowhere"), "{fenced}");
    let still = klamm_ok(scene, 2, &["cluster", "routes"])?;
    ensure!(still.contains("fenced, and stays so"), "{still}");
    switch(scene, (1, CLUSTER))?;
    a_paused_node_sends_nothing_to_the_cluster_that_was_left(scene, user)
}

/// A record that lies in the socket of a paused node while requests are switched does not come to the last cluster.
fn a_paused_node_sends_nothing_to_the_cluster_that_was_left(scene: &Scene, user: &Login) -> Result<()> {
    let leader = scene.stage.admin(1).leader()? - 1;
    let paused = (0..3).find(|index| *index != leader).context("another node")?;
    let there = address_at(scene, user, paused)?;
    let mut client = Wire::connect(&there)?;
    client.log_in("PLAIN", &plain(&user.username, &user.token))?;
    let written = client.ask(9, &produce("before")?)?;
    let error = written.responses[0].partition_responses[0].error_code;
    ensure!(error == 0, "{written:?}");

    signal(scene, paused, "-STOP")?;
    let admin = scene.stage.admin(leader + 1);
    let path = format!("/admin/pclusters/v1/pcluster/{CLUSTER}/switch?to=failover");
    let said = admin.ask("POST", &path, None);
    let sent = client.send(9, &produce("late")?);
    signal(scene, paused, "-CONT")?;
    let said = said?.ok()?;
    ensure!(
        json(&said.body)?["message"] == "Cluster switched",
        "{}",
        said.body
    );
    sent?;
    let answer = client.receive::<ProduceRequest>(9);
    eventually("the paused node knows", || {
        let route = route(scene, paused + 1)?;
        Ok(route["target"] == *THIRD && route["phase"] == "OPEN")
    })?;
    let has = |cluster: &str, value: &str| -> Result<bool> {
        Ok(scene
            .stored_on(cluster, TOPIC)?
            .iter()
            .any(|stored| stored == value))
    };
    ensure!(has(CLUSTER, "before")?, "what was written before is there");
    ensure!(
        !has(CLUSTER, "late")?,
        "it was sent to the cluster that was left: {answer:?}"
    );
    Ok(())
}

fn produce(value: &'static str) -> Result<ProduceRequest> {
    let data = PartitionProduceData::default().with_records(Some(batch::of(batch::record(value))?));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_static_str("orders")))
        .with_partition_data(vec![data]);
    Ok(ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![topic]))
}
