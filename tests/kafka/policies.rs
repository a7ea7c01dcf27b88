//! Policies on records, with stock producers and consumers: partners that share a topic see only their own records, what a
//! rule demands is demanded, and a filter holds from the moment that it is acknowledged.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions};
use klamm::quickstart::admin::{self, Admin};
use serde_json::{Value, json};

use crate::batch;
use crate::scene::{IDLE_MS, Login, Scene, lines};
use crate::wire::{Wire, plain};

/// Kafka's error codes.
const NONE: i16 = 0;
const INVALID_RECORD: i16 = 87;

/// The codecs of producers.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A policy of a virtual cluster on its topic `orders`.
fn policy(vcluster: &str, name: &str, phase: &str, condition: Option<&str>, action: &Value) -> Value {
    let mut policy = json!({
        "kind": "Policy", "apiVersion": "gateway/v2",
        "metadata": {"name": name, "vCluster": vcluster},
        "spec": {"phase": phase, "topics": [{"patternType": "LITERAL", "name": "orders"}], "action": action},
    });
    if let Some(condition) = condition {
        policy["spec"]["condition"] = json!(condition);
    }
    policy
}

/// Has a virtual cluster mark what it writes with its customer, and see only what is marked so.
fn keep_apart(admin: &Admin, vcluster: &str, customer: &str) -> Result<()> {
    let set =
        json!({"type": "modify_headers", "actions": [{"op": "set", "key": "customer", "value": customer}]});
    admin.put("policy", &policy(vcluster, "mark-mine", "produce", None, &set))?;
    let others = format!("record.headers['customer'] != '{customer}'");
    let skip = json!({"type": "skip_record"});
    admin.put(
        "policy",
        &policy(vcluster, "only-mine", "consume", Some(&others), &skip),
    )?;
    Ok(())
}

fn produce(scene: &Scene, user: &Login, codec: &str, records: &[String]) -> Result<String> {
    let arguments = [
        "--topic",
        "orders",
        "--compression-codec",
        codec,
        "--reader-property",
        "parse.headers=true",
    ];
    let produced = scene.client(user, "kafka-console-producer", &arguments, &records.join("\n"))?;
    ensure!(produced.status.success(), "{}", produced.all());
    Ok(produced.all())
}

fn consume(scene: &Scene, user: &Login, count: usize, more: &[&str]) -> Result<Vec<String>> {
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
    let read = scene.client(user, "kafka-console-consumer", &[&arguments, more].concat(), "")?;
    ensure!(read.status.success(), "{}", read.all());
    Ok(lines(&read.stdout))
}

/// Customers share one topic. Each writes in every codec, and reads its own records in order and to the end of the log.
#[test]
fn customers_of_one_topic_see_only_their_own_records() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("policies-orders", 1)?;
    let admin = scene.stage.admin(1);
    let mut users = Vec::new();
    for customer in ["a", "b"] {
        let vcluster = format!("policies-{customer}");
        scene.vcluster(&vcluster, &[("orders", "policies-orders")])?;
        keep_apart(&admin, &vcluster, customer)?;
        users.push((customer, scene.login(&vcluster, "super-user", 1)?));
    }
    for codec in CODECS {
        for (customer, user) in &users {
            // A header is there twice, and one says what it should not.
            let of = |number| format!("customer:forged,n:1,n:2\t{customer}-{codec}-{number}");
            produce(&scene, user, codec, &(0..3).map(of).collect::<Vec<_>>())?;
        }
    }
    let stored = scene.stored("policies-orders")?;
    ensure!(stored.len() == 2 * 3 * CODECS.len(), "{stored:?}");
    for (customer, user) in &users {
        let group = ["--group", &format!("of-{customer}")];
        let seen = consume(&scene, user, 3 * CODECS.len(), &group)?;
        let expected: Vec<String> = CODECS
            .iter()
            .flat_map(|codec| (0..3).map(move |number| (codec, number)))
            .map(|(codec, number)| format!("n:1,n:2,customer:{customer}\t{customer}-{codec}-{number}"))
            .collect();
        ensure!(seen == expected, "{seen:#?}");
    }
    // Whoever asks for everything gets to the end, and nothing else.
    let (_, user) = &users[0];
    let more = scene.client(
        user,
        "kafka-console-consumer",
        &[
            "--topic",
            "orders",
            "--group",
            "to-the-end",
            "--from-beginning",
            "--timeout-ms",
            "15000",
        ],
        "",
    )?;
    ensure!(lines(&more.stdout).len() == 3 * CODECS.len(), "{}", more.all());
    let described = scene.client_ok(
        user,
        "kafka-consumer-groups",
        &["--describe", "--group", "to-the-end"],
    )?;
    let end = 2 * 3 * CODECS.len();
    let reached = lines(&described).into_iter().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&"orders")
            && words.get(3) == Some(&&*end.to_string())
            && words.get(5) == Some(&"0")
    });
    ensure!(reached, "the group is at {end} without lag:\n{described}");
    let metrics = scene.metrics(1)?;
    for outcome in ["changed", "skipped"] {
        let counted = metrics.lines().any(|line| {
            line.starts_with("klamm_policy_records_total{")
                && line.contains("policies-a")
                && line.contains(outcome)
        });
        ensure!(counted, "{outcome} is not counted");
    }
    Ok(())
}

fn open(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == NONE, "{answer:?}");
    Ok(wire)
}

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

/// Writes one batch to `orders`.
fn write(wire: &mut Wire, records: Bytes) -> Result<PartitionProduceResponse> {
    let partition = PartitionProduceData::default().with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(orders())
        .with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![topic]);
    let answer = wire.ask(9, &request)?;
    let topic = answer.responses.into_iter().next().context("a topic")?;
    ensure!(topic.name == orders(), "{topic:?}");
    topic
        .partition_responses
        .into_iter()
        .next()
        .context("a partition")
}

/// A batch of these records.
fn batch_of(values: &[&'static str]) -> Result<Bytes> {
    let mut records = Vec::new();
    for (offset, value) in (0..).zip(values) {
        let mut record = batch::record(value);
        record.offset = offset;
        // Records of one batch: those whose sequence and offset do not go together are put into several.
        record.sequence = i32::try_from(offset)? - 1;
        record.key = Some(Bytes::from_static(value.as_bytes()));
        records.push(record);
    }
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut batch = bytes::BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options)?;
    Ok(batch.freeze())
}

/// A batch with records that break a rule is refused as a whole, and the producer is told which they are and why.
#[test]
fn a_producer_is_told_which_records_break_a_rule() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("policies-ruled", 1)?;
    scene.vcluster("policies-ruled", &[("orders", "policies-ruled")])?;
    let admin = scene.stage.admin(1);
    let require = json!({"type": "require", "description": "keys begin with c-"});
    let condition = Some("record.key.startsWith('c-')");
    admin.put(
        "policy",
        &policy("policies-ruled", "prefix", "produce", condition, &require),
    )?;
    let user = scene.login("policies-ruled", "super-user", 1)?;
    let mut wire = open(&user)?;
    let refused = write(&mut wire, batch_of(&["c-1", "x-2", "c-3", "x-4"])?)?;
    ensure!(refused.error_code == INVALID_RECORD, "{refused:?}");
    let told: Vec<(i32, &str)> = refused
        .record_errors
        .iter()
        .map(|record| {
            let words = record.batch_index_error_message.as_deref();
            (record.batch_index, words.unwrap_or_default())
        })
        .collect();
    let indexes: Vec<i32> = told.iter().map(|(index, _)| *index).collect();
    ensure!(indexes == [1, 3], "{refused:?}");
    ensure!(
        told.iter().all(|(_, words)| words.contains("keys begin with c-")),
        "{refused:?}"
    );
    ensure!(
        refused
            .error_message
            .is_some_and(|words| words.contains("keys begin with c-"))
    );
    let taken = write(&mut wire, batch_of(&["c-1", "c-2"])?)?;
    ensure!(taken.error_code == NONE, "{taken:?}");
    ensure!(scene.stored("policies-ruled")?.len() == 2);

    // A Java producer says the same to whoever uses it.
    let arguments = ["--topic", "orders", "--reader-property", "parse.key=true"];
    let written = scene.client(&user, "kafka-console-producer", &arguments, "x-1\tvalue\n")?;
    ensure!(written.all().contains("keys begin with c-"), "{}", written.all());
    ensure!(scene.stored("policies-ruled")?.len() == 2);

    // Without the rule the same is taken.
    let gone = json!({"name": "prefix", "vCluster": "policies-ruled"});
    let deleted = admin.call("DELETE", "policy", Some(&gone))?;
    ensure!(deleted.status == 204, "{deleted:?}");
    let taken = write(&mut wire, batch_of(&["x-1"])?)?;
    ensure!(taken.error_code == NONE, "{taken:?}");
    Ok(())
}

/// The values of the records of an answer, and the offset behind all that it covers.
fn told(answer: &FetchResponse) -> Result<(Vec<String>, i64)> {
    let topic = answer.responses.first().context("a topic")?;
    let partition = topic.partitions.first().context("a partition")?;
    ensure!(partition.error_code == NONE, "{partition:?}");
    let mut records = partition.records.clone().unwrap_or_default();
    let (mut values, mut next) = (Vec::new(), 0);
    for batch in RecordBatchDecoder::decode_all(&mut records)? {
        for record in batch.records {
            next = record.offset + 1;
            if !record.control {
                let value = record.value.unwrap_or_default();
                values.push(String::from_utf8_lossy(&value).into_owned());
            }
        }
    }
    Ok((values, next))
}

/// A filter that is put while somebody waits for records holds for what they get: it is acknowledged before the records
/// are written.
#[test]
fn a_filter_holds_for_those_who_wait_already() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic("policies-polled", 1)?;
    scene.vcluster("policies-polled", &[("orders", "policies-polled")])?;
    let admin = scene.stage.admin(1);
    // There are policies already, of another topic.
    let mut other = policy(
        "policies-polled",
        "other",
        "consume",
        Some("true"),
        &json!({"type": "skip_record"}),
    );
    other["spec"]["topics"][0]["name"] = json!("others");
    admin.put("policy", &other)?;
    let user = scene.login("policies-polled", "super-user", 1)?;
    let (mut reader, mut writer) = (open(&user)?, open(&user)?);
    let waiting = thread::spawn(move || -> Result<FetchResponse> {
        let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default()
            .with_topic(orders())
            .with_partitions(vec![partition]);
        let fetch = FetchRequest::default()
            .with_max_wait_ms(5000)
            .with_min_bytes(1)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        reader.ask(11, &fetch)
    });
    thread::sleep(Duration::from_millis(500));
    let secret = Some("record.key.startsWith('secret')");
    let skip = json!({"type": "skip_record"});
    admin.put(
        "policy",
        &policy("policies-polled", "no-secrets", "consume", secret, &skip),
    )?;
    let written = write(&mut writer, batch_of(&["secret-1", "public-2", "secret-3"])?)?;
    ensure!(written.error_code == NONE, "{written:?}");
    let answer = waiting.join().expect("the reader does not panic")?;
    let (values, next) = told(&answer)?;
    ensure!(values == ["public-2"], "{values:?}");
    ensure!(
        next == 3,
        "the position moves on past what is withheld, to {next}"
    );
    Ok(())
}

/// An interceptor that stamps what is written to topics like `orders`.
fn stamp(scope: &Value, origin: &str) -> Value {
    json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2", "metadata": {"name": "stamp", "scope": scope},
        "spec": {
            "pluginClass": "io.conduktor.gateway.interceptor.DynamicHeaderInjectionPlugin", "priority": 100,
            "config": {"topic": "(old-)?orders", "headers": {"origin": origin}, "overrideIfExists": true},
        },
    })
}

/// An interceptor that keeps stamps from whom it is for.
fn unseen(scope: &Value) -> Value {
    json!({
        "kind": "Interceptor", "apiVersion": "gateway/v2", "metadata": {"name": "unseen", "scope": scope},
        "spec": {
            "pluginClass": "io.conduktor.gateway.interceptor.safeguard.MessageHeaderRemovalPlugin",
            "priority": 1, "config": {"headerKeyRegex": "or.*|other"},
        },
    })
}

/// Records of the members of a group are stamped as an interceptor for the group says, and those of one of them as his own
/// says. Who comes into the group while he writes is stamped from the moment that it is acknowledged. One of them is not shown
/// stamps.
#[test]
fn members_of_a_group_are_intercepted_and_one_of_them_in_his_own_way() -> Result<()> {
    const VCLUSTER: &str = "policies-groups";
    let scene = Scene::shared()?;
    scene.topic(VCLUSTER, 1)?;
    let admin = scene.stage.admin(1);
    scene.vcluster(VCLUSTER, &[("orders", VCLUSTER)])?;
    let mut own = admin::vcluster(VCLUSTER, "super-user");
    own["spec"]["superUsers"] = json!(["super-user", "clerk", "boss"]);
    admin.put("virtual-cluster", &own)?;
    let [user, clerk, boss] = ["super-user", "clerk", "boss"].map(|name| scene.login(VCLUSTER, name, 1));
    let (user, clerk, boss) = (user?, clerk?, boss?);
    let group = |members: &[&str]| {
        let member = |name: &&str| json!({"name": name, "vCluster": VCLUSTER});
        let members: Vec<Value> = members.iter().map(member).collect();
        json!({"kind": "GatewayGroup", "apiVersion": "gateway/v2", "metadata": {"name": "clerks"},
               "spec": {"members": members}})
    };
    admin.put("group", &group(&["clerk", "boss"]))?;
    admin.put(
        "interceptor",
        &stamp(&json!({"group": "clerks"}), "group of {{user}}"),
    )?;
    let of_boss = json!({"vCluster": VCLUSTER, "username": "boss"});
    admin.put("interceptor", &stamp(&of_boss, "{{user}} of {{vcluster}}"))?;
    let of_clerk = json!({"vCluster": VCLUSTER, "username": "clerk"});
    admin.put("interceptor", &unseen(&of_clerk))?;

    let mut wire = open(&user)?;
    ensure!(write(&mut wire, batch_of(&["u-1"])?)?.error_code == NONE);
    produce(&scene, &clerk, "lz4", &["a:1,origin:forged\tc-2".to_owned()])?;
    produce(&scene, &boss, "none", &["a:1\tb-3".to_owned()])?;
    admin.put("group", &group(&["clerk", "boss", "super-user"]))?;
    ensure!(
        write(&mut wire, batch_of(&["u-4"])?)?.error_code == NONE,
        "the connection is still there"
    );

    let seen = consume(&scene, &boss, 4, &[])?;
    let stamped = [
        "a:1,origin:group of clerk\tc-2",
        "a:1,origin:boss of policies-groups\tb-3",
        "origin:group of super-user\tu-4",
    ];
    ensure!(
        seen.len() == 4 && !seen[0].contains("origin") && seen[1..] == stamped,
        "{seen:#?}"
    );
    let seen = consume(&scene, &clerk, 4, &[])?;
    let without = |line: &String| line.starts_with("a:1\t") || !line.contains(':');
    ensure!(seen.iter().all(without), "{seen:#?}");
    let format = [
        "-C",
        "-t",
        "orders",
        "-o",
        "beginning",
        "-c",
        "4",
        "-f",
        "%h %s\\n",
    ];
    let seen = lines(&scene.kcat(&boss, &format, "")?.stdout);
    ensure!(seen[3] == "origin=group of super-user u-4", "{seen:#?}");

    let holding = admin.call("POST", "interceptor/resolve", Some(&of_clerk))?;
    let holding: Vec<Value> = serde_json::from_str(&holding.body)?;
    let names: Vec<&Value> = holding.iter().map(|one| &one["metadata"]["name"]).collect();
    ensure!(names == ["unseen", "stamp"], "{holding:#?}");
    Ok(())
}
