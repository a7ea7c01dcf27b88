//! Encrypted records, with stock producers and consumers: plain for clients of the gateway, and not for those of the broker.

#[path = "encryption/aws.rs"]
mod aws;
#[path = "encryption/vault.rs"]
mod vault;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{FetchRequest, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};
use klamm::quickstart::admin::Admin;
use serde_json::{Value, json};

use crate::batch;
use crate::program::Program;
use crate::scene::{
    CLUSTER, IDLE_MS, LIMIT, Login, Scene, counted, eventually, json as parsed, key_file, lines,
};
use crate::wire::{Wire, plain};
use vault::{Vault, VaultMood};

const NONE: i16 = 0;
const CORRUPT_MESSAGE: i16 = 2;
const KAFKA_STORAGE_ERROR: i16 = 56;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Keys, as key files have them.
const KEY: &str = "1 q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";
const OTHER_KEY: &str = "1 AAAAASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";

fn policy(vcluster: &str, phase: &str, action: &Value) -> Value {
    json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": format!("{phase}-cipher"), "vCluster": vcluster},
        "spec": {"phase": phase, "action": action},
    })
}

/// Has what a virtual cluster writes encrypted with a key, and what it reads decrypted.
pub(crate) fn encrypted(admin: &Admin, vcluster: &str, encrypt: &Value) -> Result<()> {
    admin.put("policy", &policy(vcluster, "produce", encrypt))?;
    let decrypt = json!({"type": "decrypt", "keys": [encrypt["key"]]});
    admin.put("policy", &policy(vcluster, "consume", &decrypt))?;
    Ok(())
}

pub(crate) fn everything(key: &str) -> Value {
    json!({
        "type": "encrypt", "key": key, "parts": ["value", "key"], "headers": ["ssn"], "deterministicKey": true,
    })
}

/// A virtual cluster of a test, with an alias `orders` of a topic of its name.
fn setup(scene: &Scene, name: &str, encrypt: &Value) -> Result<Login> {
    scene.topic(name, 1)?;
    scene.vcluster(name, &[("orders", name)])?;
    encrypted(&scene.stage.admin(1), name, encrypt)?;
    scene.login(name, "super-user", 1)
}

fn produce(scene: &Scene, user: &Login, codec: &str, records: &[String]) -> Result<()> {
    let arguments = [
        "--topic",
        "orders",
        "--compression-codec",
        codec,
        "--reader-property",
        "parse.headers=true",
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "null.marker=NULL",
        // By itself this tool gives up after half a second; other producers go on for two minutes.
        "--message-send-max-retries",
        "200",
    ];
    let produced = scene.client(user, "kafka-console-producer", &arguments, &records.join("\n"))?;
    ensure!(
        produced.status.success() && !produced.all().contains("Error when sending"),
        "{}",
        produced.all()
    );
    Ok(())
}

const SHOWN: [&str; 6] = [
    "--formatter-property",
    "print.headers=true",
    "--formatter-property",
    "print.key=true",
    "--formatter-property",
    "null.literal=NULL",
];

fn consume(scene: &Scene, user: &Login, count: usize) -> Result<Vec<String>> {
    let count = count.to_string();
    let arguments = [
        "--topic",
        "orders",
        "--from-beginning",
        "--max-messages",
        &count,
        "--timeout-ms",
        IDLE_MS,
    ];
    let arguments = [&arguments[..], &SHOWN].concat();
    let read = scene.client(user, "kafka-console-consumer", &arguments, "")?;
    ensure!(read.status.success(), "{}", read.all());
    Ok(lines(&read.stdout))
}

/// The output of a console consumer at the broker.
fn at_the_broker(scene: &Scene, topic: &str, count: usize) -> Result<String> {
    let count = count.to_string();
    let arguments = ["--topic", topic, "--from-beginning", "--max-messages", &count];
    let arguments = [&arguments[..], &SHOWN].concat();
    scene.direct("kafka-console-consumer", &arguments, "")
}

/// In every codec, with Java's clients and with librdkafka.
#[test]
fn clients_see_plain_text_and_the_broker_does_not() -> Result<()> {
    const NAME: &str = "encrypted-clients";
    let scene = Scene::shared()?;
    let user = setup(&scene, NAME, &everything("payroll"))?;
    let mut sent = Vec::new();
    for codec in CODECS {
        let of = |number: usize| {
            let value = match number {
                2 => "NULL".to_owned(),
                _ => format!("secret-value-{codec}-{number}"),
            };
            format!("n:1,ssn:secret-ssn-{number},n:2\tsecret-key-{number}\t{value}")
        };
        let records: Vec<String> = (0..3).map(of).collect();
        produce(&scene, &user, codec, &records)?;
        sent.extend(records);
    }
    ensure!(consume(&scene, &user, sent.len())? == sent, "as it was sent");
    let stored = at_the_broker(&scene, NAME, sent.len())?;
    ensure!(!stored.contains("secret"), "{stored}");
    ensure!(stored.matches("klamm/enc:").count() == sent.len(), "{stored}");
    ensure!(
        stored.matches("NULL").count() == CODECS.len(),
        "tombstones stay: {stored}"
    );

    let more = scene.kcat(
        &user,
        &["-P", "-t", "orders", "-X", "enable.idempotence=true", "-z", "lz4"],
        "secret by another client\n",
    )?;
    ensure!(more.status.success(), "{}", more.all());
    let read = scene.kcat(
        &user,
        &[
            "-C",
            "-t",
            "orders",
            "-o",
            "beginning",
            "-e",
            "-q",
            "-f",
            "%k %s\n",
        ],
        "",
    )?;
    let read = lines(&read.stdout);
    ensure!(read.len() == sent.len() + 1, "{read:?}");
    ensure!(
        read.contains(&"secret-key-1 secret-value-zstd-1".to_owned())
            && read
                .last()
                .is_some_and(|last| last.ends_with("secret by another client")),
        "{read:?}"
    );
    let stored = at_the_broker(&scene, NAME, read.len())?;
    ensure!(!stored.contains("secret"), "{stored}");
    Ok(())
}

pub(crate) fn open(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == NONE, "{answer:?}");
    Ok(wire)
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

pub(crate) fn write(wire: &mut Wire, topic: &str, records: Bytes) -> Result<PartitionProduceResponse> {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    let answer = wire.ask(9, &request)?;
    let topic = answer.responses.into_iter().next().context("a topic")?;
    topic
        .partition_responses
        .into_iter()
        .next()
        .context("a partition")
}

pub(crate) fn fetch(wire: &mut Wire, topic: &str, offset: i64) -> Result<PartitionData> {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_wait_ms(1000)
        .with_min_bytes(1)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let answer = wire.ask(11, &request)?;
    let topic = answer.responses.into_iter().next().context("a topic")?;
    topic.partitions.into_iter().next().context("a partition")
}

pub(crate) fn records(partition: &PartitionData) -> Result<Vec<Record>> {
    let mut records = partition.records.clone().unwrap_or_default();
    let batches = RecordBatchDecoder::decode_all(&mut records)?;
    let all = batches.into_iter().flat_map(|batch| batch.records);
    Ok(all.filter(|record| !record.control).collect())
}

fn values(partition: &PartitionData) -> Result<Vec<String>> {
    ensure!(partition.error_code == NONE, "{partition:?}");
    let text = |record: Record| String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned();
    Ok(records(partition)?.into_iter().map(text).collect())
}

/// A record as it was, to be written once more.
fn again(record: &Record) -> Record {
    Record {
        offset: 0,
        sequence: -1,
        ..record.clone()
    }
}

/// Somebody at the broker changes what is encrypted, and somebody else has another key.
#[test]
fn what_was_tampered_with_is_an_error_at_its_offset() -> Result<()> {
    const NAME: &str = "encrypted-tampered";
    let scene = Scene::shared()?;
    let user = setup(&scene, NAME, &json!({"type": "encrypt", "key": "payroll"}))?;
    let mut wire = open(&user)?;
    for value in ["one", "two"] {
        let written = write(&mut wire, "orders", batch::of(batch::record(value))?)?;
        ensure!(written.error_code == NONE, "{written:?}");
    }
    let mut broker = Wire::connect(scene.physical())?;
    let stored = records(&fetch(&mut broker, NAME, 0)?)?;
    ensure!(stored.len() == 2, "{stored:?}");
    let mut changed = again(&stored[0]);
    let mut value = changed.value.context("a value")?.to_vec();
    value[0] ^= 1;
    changed.value = Some(value.into());
    for record in [changed, again(&stored[1])] {
        let written = write(&mut broker, NAME, batch::of(record)?)?;
        ensure!(written.error_code == NONE, "{written:?}");
    }

    ensure!(
        values(&fetch(&mut wire, "orders", 0)?)? == ["one", "two"],
        "what precedes it"
    );
    ensure!(fetch(&mut wire, "orders", 2)?.error_code == CORRUPT_MESSAGE);
    ensure!(
        values(&fetch(&mut wire, "orders", 3)?)? == ["two"],
        "what is behind it"
    );
    let arguments = [
        "--topic",
        "orders",
        "--partition",
        "0",
        "--offset",
        "2",
        "--timeout-ms",
        "20000",
    ];
    let java = scene
        .client(&user, "kafka-console-consumer", &arguments, "")?
        .all();
    ensure!(java.contains("offset 2"), "Java names the offset: {java}");

    // Who may use another key only, sees nothing.
    const OTHERS: &str = "encrypted-others";
    scene.vcluster(OTHERS, &[("orders", NAME)])?;
    let decrypt = json!({"type": "decrypt", "keys": ["billing"]});
    let admin = scene.stage.admin(1);
    admin.put("policy", &policy(OTHERS, "consume", &decrypt))?;
    let other = scene.login(OTHERS, "super-user", 1)?;
    ensure!(fetch(&mut open(&other)?, "orders", 0)?.error_code == CORRUPT_MESSAGE);
    Ok(())
}

/// Whether the node warns of a key.
fn is_warned_of(scene: &Scene, key: &str) -> Result<bool> {
    let url = format!("{}/health/ready", scene.stage.nodes()[0].admin_url());
    let ready = parsed(&ureq::get(url).call()?.body_mut().read_to_string()?)?;
    ensure!(ready["status"] == "READY", "{ready}");
    Ok(ready["warnings"]
        .to_string()
        .contains(&format!("key {key} for records")))
}

fn write_key(path: &PathBuf, key: &str) -> Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, format!("{key}\n"))?;
    fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
    Ok(fs::rename(beside, path)?)
}

/// The topics of a key are closed while it is gone, and of no other; clients try again, and go on when it is back.
#[test]
fn a_key_that_is_gone_closes_its_topics_until_it_is_back() -> Result<()> {
    const NAME: &str = "encrypted-gone";
    let scene = Scene::shared()?;
    let user = setup(&scene, NAME, &json!({"type": "encrypt", "key": "fleeting"}))?;
    let mut wire = open(&user)?;
    let one = || batch::of(batch::record("one"));
    ensure!(write(&mut wire, "orders", one()?)?.error_code == NONE);
    let path = key_file(&scene, "fleeting");
    fs::remove_file(&path)?;
    eventually("the key is gone", || is_warned_of(&scene, "fleeting"))?;
    let refused = write(&mut wire, "orders", one()?)?;
    ensure!(refused.error_code == KAFKA_STORAGE_ERROR, "{refused:?}");
    let words = refused.error_message.as_deref().unwrap_or_default().to_owned();
    ensure!(words.contains("with the key fleeting"), "{words}");
    ensure!(fetch(&mut wire, "orders", 0)?.error_code == KAFKA_STORAGE_ERROR);
    let shown = "klamm_record_key_usable{key=\"fleeting\"} 0";
    ensure!(scene.metrics(1)?.contains(shown));
    // Another key, another topic.
    let other = setup(
        &scene,
        "encrypted-there",
        &json!({"type": "encrypt", "key": "billing"}),
    )?;
    ensure!(write(&mut open(&other)?, "orders", one()?)?.error_code == NONE);

    // A producer that writes meanwhile waits for it.
    let back = path.clone();
    let returning = thread::spawn(move || {
        thread::sleep(Duration::from_secs(5));
        write_key(&back, KEY)
    });
    produce(&scene, &user, "none", &["a:b\tk\ttwo".to_owned()])?;
    returning.join().expect("the writer does not panic")?;
    eventually("the key is back", || Ok(!is_warned_of(&scene, "fleeting")?))?;
    ensure!(values(&fetch(&mut wire, "orders", 0)?)? == ["one", "two"]);

    // Another key under the name is the wrong one.
    write_key(&path, OTHER_KEY)?;
    eventually("the key is another one", || {
        Ok(fetch(&mut wire, "orders", 0)?.error_code == CORRUPT_MESSAGE)
    })?;
    write_key(&path, KEY)?;
    eventually("it is the right one again", || {
        Ok(fetch(&mut wire, "orders", 0)?.error_code == NONE)
    })?;
    // A key that no node has is told by its name.
    let missing = json!({"type": "encrypt", "key": "missing"});
    scene
        .stage
        .admin(1)
        .put("policy", &policy(NAME, "produce", &missing))?;
    ensure!(write(&mut wire, "orders", one()?)?.error_code == KAFKA_STORAGE_ERROR);
    ensure!(is_warned_of(&scene, "missing")?);
    let gone = json!({"name": "produce-cipher", "vCluster": NAME});
    scene.stage.admin(1).call("DELETE", "policy", Some(&gone))?;
    eventually("nobody names it any more", || {
        Ok(!is_warned_of(&scene, "missing")?)
    })
}

/// The log cleaner compares keys, and takes null for the end of one: encrypted keys are the same, and null stays null.
#[test]
#[ignore = "takes a minute: make encryption"]
fn encrypted_keys_and_tombstones_are_compacted() -> Result<()> {
    const NAME: &str = "encrypted-compacted";
    let scene = Scene::shared()?;
    let user = setup(&scene, NAME, &everything("payroll"))?;
    let settings = "cleanup.policy=compact,segment.ms=1000,min.cleanable.dirty.ratio=0.001,min.compaction.lag.ms=0,delete.retention.ms=600000";
    let alter = [
        "--alter",
        "--entity-type",
        "topics",
        "--entity-name",
        NAME,
        "--add-config",
        settings,
    ];
    scene.direct("kafka-configs", &alter, "")?;
    let of = |round: usize| {
        let records = (0..5).map(|key| match (round, key) {
            (2, 3) => format!("a:b\tkey-{key}\tNULL"),
            _ => format!("a:b\tkey-{key}\tvalue-{key}-{round}"),
        });
        records.collect::<Vec<_>>()
    };
    for round in 0..3 {
        produce(&scene, &user, "zstd", &of(round))?;
    }
    eventually("the log is compacted", || {
        thread::sleep(Duration::from_millis(1200));
        // A segment is closed when something is written behind it.
        produce(&scene, &user, "none", &["a:b\tlast\tvalue".to_owned()])?;
        let stored = records(&fetch(&mut Wire::connect(scene.physical())?, NAME, 0)?)?;
        let first = stored.first().map_or(0, |record| record.offset);
        Ok(first >= 10)
    })?;
    let stored = records(&fetch(&mut Wire::connect(scene.physical())?, NAME, 0)?)?;
    let left: Vec<&Record> = stored.iter().filter(|record| record.offset < 15).collect();
    ensure!(left.len() == 5, "one record of each key is left: {left:?}");
    ensure!(left.iter().filter(|record| record.value.is_none()).count() == 1);
    let seen = consume(&scene, &user, 5)?;
    let mut expected = of(2);
    let mut seen = seen[..5].to_vec();
    seen.sort();
    expected.sort();
    ensure!(seen == expected, "{seen:?}");
    Ok(())
}

/// How many records the copier last said are committed.
fn committed(said: &str) -> usize {
    let counts = said
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("committed "));
    counts.filter_map(|count| count.parse().ok()).next().unwrap_or(0)
}

/// A copier reads what is encrypted and writes it encrypted, in transactions, through a restart of the broker.
#[test]
#[ignore = "takes a minute: make encryption"]
fn encrypted_records_are_copied_exactly_once_through_a_broker_kill() -> Result<()> {
    const RECORDS: usize = 2_000;
    let scene = Scene::keyed()?;
    let vcluster = "copying";
    for topic in ["copying-in", "copying-out"] {
        scene.topic(topic, 2)?;
    }
    scene.vcluster(vcluster, &[("input", "copying-in"), ("output", "copying-out")])?;
    let value = json!({"type": "encrypt", "key": "payroll"});
    encrypted(&scene.stage.admin(1), vcluster, &value)?;
    let user = scene.login(vcluster, "super-user", 1)?;
    let sent: Vec<String> = (0..RECORDS).map(|number| format!("record {number}")).collect();
    let words = [
        "-P",
        "-t",
        "input",
        "-X",
        "enable.idempotence=true",
        "-X",
        "sticky.partitioning.linger.ms=0",
    ];
    let written = scene.kcat(&user, &words, &sent.join("\n"))?;
    ensure!(written.status.success(), "{}", written.all());

    let mut copier = Program::start(
        &scene,
        "Copier",
        &user,
        &["input", "output", &RECORDS.to_string()],
    )?;
    copier.shows("a part is committed", |said| committed(said) >= RECORDS / 4)?;
    // In the middle of a transaction, but not at its end: see the test of transactions without encryption.
    copier.tell("hold")?;
    copier.shows("it holds", |said| said.contains("holding"))?;
    scene.kill_broker(CLUSTER, 1)?;
    let mut broker = scene.start_broker(CLUSTER, 1)?;
    copier.tell("go on")?;
    let said = copier.finish(LIMIT);
    let checked = said.and_then(|_| {
        let limit = (RECORDS + 1).to_string();
        let arguments = [
            "--topic",
            "output",
            "--isolation-level",
            "read_committed",
            "--from-beginning",
            "--timeout-ms",
            "10000",
            "--max-messages",
            &limit,
        ];
        let read = scene.client(&user, "kafka-console-consumer", &arguments, "")?;
        let (copied, wanted) = (
            lines(&read.stdout),
            sent.iter().map(|record| record.to_uppercase()),
        );
        let wanted: Vec<String> = wanted.collect();
        let (copied, wanted) = (counted(&copied), counted(&wanted));
        ensure!(copied == wanted, "{} of {} are right", copied.len(), wanted.len());
        for topic in ["copying-in", "copying-out"] {
            let stored = scene.stored(topic)?.join("\n");
            ensure!(!stored.to_lowercase().contains("record "), "{topic} is encrypted");
        }
        Ok(())
    });
    broker.kill().ok();
    broker.wait().ok();
    checked
}

/// Starts the node again, which has no data key then.
fn forget(scene: &mut Scene) -> Result<()> {
    let node = scene.stage.node_mut(1);
    node.restart()?;
    Ok(node.await_ready()?)
}

/// The transit engine of HashiCorp Vault, as a stand-in has it, wraps the data keys. While it does not answer, clients are told to
/// try again, and it is not asked each time; when it has forgotten a key, nobody reads what was encrypted with it.
#[test]
fn a_key_service_wraps_the_keys() -> Result<()> {
    const NAME: &str = "encrypted-vault";
    let vault = Vault::start(&["orders"])?;
    let mut scene = Scene::start_with(1, "127.0.0.1", |stage| {
        let path = stage.directory().join("vault-token");
        fs::write(&path, vault::TOKEN)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let (url, token) = (&vault.url, path.display());
        let keys =
            format!("{{orders: {{kind: vault, url: '{url}', key: orders, token: {{file: {token}}}}}}}");
        Ok(vec![("KLAMM_KEYS".to_owned(), keys)])
    })?;
    let encrypt = json!({"type": "encrypt", "key": "orders", "headers": ["ssn"]});
    let user = setup(&scene, NAME, &encrypt)?;
    let sent: Vec<String> = (0..3)
        .map(|number| format!("ssn:secret-{number}\tk\tsecret-{number}"))
        .collect();
    produce(&scene, &user, "lz4", &sent)?;
    ensure!(consume(&scene, &user, 3)? == sent);
    ensure!(!at_the_broker(&scene, NAME, 3)?.contains("secret"));

    let one = || batch::of(batch::record("one"));
    for mood in [VaultMood::Sealed, VaultMood::Mute] {
        vault.set_mood(mood);
        forget(&mut scene)?;
        let (mut wire, before) = (open(&user)?, vault.calls());
        for _ in 0..10 {
            let refused = write(&mut wire, "orders", one()?)?;
            ensure!(refused.error_code == KAFKA_STORAGE_ERROR, "{mood:?}: {refused:?}");
            let withheld = fetch(&mut wire, "orders", 0)?;
            ensure!(
                withheld.error_code == KAFKA_STORAGE_ERROR,
                "{mood:?}: {withheld:?}"
            );
        }
        let calls = vault.calls() - before;
        ensure!((1..20).contains(&calls), "{mood:?}: asked {calls} times");
        vault.set_mood(VaultMood::Well);
        eventually("records are encrypted again", || {
            Ok(write(&mut wire, "orders", one()?)?.error_code == NONE)
        })?;
        eventually("records are decrypted again", || {
            Ok(fetch(&mut wire, "orders", 0)?.error_code == NONE)
        })?;
    }
    vault.set_mood(VaultMood::Slow(Duration::from_millis(300)));
    forget(&mut scene)?;
    let written = write(&mut open(&user)?, "orders", one()?)?;
    ensure!(written.error_code == NONE, "it is waited for: {written:?}");

    vault.set_mood(VaultMood::Well);
    vault.delete_key("orders");
    forget(&mut scene)?;
    let lost = fetch(&mut open(&user)?, "orders", 0)?;
    ensure!(
        [CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR].contains(&lost.error_code),
        "{lost:?}"
    );
    Ok(())
}
