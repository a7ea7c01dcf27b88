//! Brokers of an older release, and a cluster of several brokers, behind the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchRequest, MetadataRequest, MetadataResponse, ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::batch;
use crate::clients::writers::Writers;
use crate::failover::{self, Running};
use crate::scene::{CLUSTER, Login, Scene, counted, eventually, kcat_of, lines, read_to_end};
use crate::wire::{Wire, plain};

/// The last release before 4.0.
const RELEASE: &str = "3.9.1";

/// The number of records that the copier copies.
const COPIED: usize = 500;

/// Where a broker is not the leader of a partition.
const NOT_LEADER: i16 = 6;

/// The APIs that `kafka-broker-api-versions` shows, each with its highest version, without those that nobody can use.
fn versions(shown: &str) -> BTreeMap<String, i16> {
    let version = |line: &str| {
        let (name, rest) = line.trim().split_once("): ")?;
        let range = rest.split(" [").next()?;
        let highest = range.rsplit(" to ").next()?;
        Some((format!("{name})"), highest.parse().ok()?))
    };
    shown.lines().filter_map(version).collect()
}

#[test]
fn brokers_of_an_older_release_serve_with_what_they_know() -> Result<()> {
    let scene = Scene::before(&["--release", RELEASE])?;
    for topic in ["old-in", "old-out"] {
        scene.topic(topic, 2)?;
    }
    scene.vcluster("old", &[("input", "old-in"), ("output", "old-out")])?;
    let user = scene.login("old", "super-user", 1)?;

    let own = versions(&scene.direct("kafka-broker-api-versions", &[], "")?);
    let offered = versions(&scene.client_ok(&user, "kafka-broker-api-versions", &[])?);
    for api in [
        "Produce(0)",
        "Fetch(1)",
        "OffsetCommit(8)",
        "InitProducerId(22)",
        "TxnOffsetCommit(28)",
    ] {
        let (offered, own) = (offered.get(api), own.get(api));
        ensure!(own.is_some() && offered == own, "{api}: {offered:?} of {own:?}");
    }
    let beyond: Vec<_> = ["ShareFetch(78)", "StreamsGroupHeartbeat(88)"]
        .into_iter()
        .filter(|api| offered.contains_key(*api))
        .collect();
    ensure!(beyond.is_empty(), "what these brokers do not have: {beyond:?}");

    let records: Vec<String> = (0..COPIED).map(|number| format!("record {number}")).collect();
    let produce = scene.client(
        &user,
        "kafka-console-producer",
        &["--topic", "input"],
        &records.join("\n"),
    )?;
    ensure!(produce.status.success(), "{}", produce.all());
    // Groups, transactions and what is committed in them.
    let copier = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/java/Copier.java");
    let (copier, count) = (copier.display().to_string(), COPIED.to_string());
    let copied = scene.tool(
        &[&copier, &user.bootstrap, &user.file, "input", "output", &count],
        "",
    )?;
    ensure!(
        copied.status.success() && copied.stdout.contains("aborted"),
        "{}",
        copied.all()
    );
    let read = read_to_end(kcat_of(&user), "output", &[])?;
    let wanted: Vec<String> = records.iter().map(|record| record.to_uppercase()).collect();
    ensure!(counted(&read) == counted(&wanted), "{} are read", read.len());
    let described = ["--describe", "--group", "copier"];
    let described = scene.client_ok(&user, "kafka-consumer-groups", &described)?;
    ensure!(
        described.contains("input") && !described.contains("old-in"),
        "{described}"
    );
    Ok(())
}

/// A session at one address, logged in.
fn session(user: &Login, address: &str) -> Result<Wire> {
    let mut wire = Wire::connect(address)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == 0, "{answer:?}");
    Ok(wire)
}

/// Brokers and partitions as the gateway tells them.
struct Told {
    addresses: BTreeMap<i32, String>,
    /// Of the topic `orders`: leader, then replicas.
    partitions: BTreeMap<i32, (i32, BTreeSet<i32>)>,
}

impl Told {
    fn ask(user: &Login) -> Result<Self> {
        let all = MetadataRequest::default().with_topics(None);
        let told: MetadataResponse = session(user, &user.bootstrap)?.ask(12, &all)?;
        let broker = |broker: &kafka_protocol::messages::metadata_response::MetadataResponseBroker| {
            (broker.node_id.0, format!("{}:{}", broker.host, broker.port))
        };
        let topic = told.topics.first().context("a topic")?;
        let partition =
            |partition: &kafka_protocol::messages::metadata_response::MetadataResponsePartition| {
                let replicas = partition.replica_nodes.iter().map(|broker| broker.0).collect();
                (partition.partition_index, (partition.leader_id.0, replicas))
            };
        Ok(Self {
            addresses: told.brokers.iter().map(broker).collect(),
            partitions: topic.partitions.iter().map(partition).collect(),
        })
    }

    fn leaders(&self) -> BTreeSet<i32> {
        self.partitions.values().map(|(leader, _)| *leader).collect()
    }
}

fn orders() -> TopicName {
    TopicName(StrBytes::from_static_str("orders"))
}

/// KIP-951: who asks the wrong broker hears who leads, at an address of the gateway.
fn the_wrong_broker_tells_the_right_one(user: &Login, told: &Told) -> Result<()> {
    let (&partition, &(leader, _)) = told.partitions.first_key_value().context("a partition")?;
    let (_, other) = told
        .addresses
        .iter()
        .find(|(id, _)| **id != leader)
        .context("a follower")?;
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(batch::of(batch::record("one"))?));
    let topic = TopicProduceData::default()
        .with_name(orders())
        .with_partition_data(vec![data]);
    let produce = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(5_000)
        .with_topic_data(vec![topic]);
    let answer = session(user, other)?.ask(11, &produce)?;
    let refused = &answer.responses[0].partition_responses[0];
    ensure!(
        refused.error_code == NOT_LEADER && refused.current_leader.leader_id.0 == leader,
        "{answer:?}"
    );
    let endpoints: BTreeMap<i32, String> = answer
        .node_endpoints
        .iter()
        .map(|node| (node.node_id.0, format!("{}:{}", node.host, node.port)))
        .collect();
    ensure!(
        endpoints.get(&leader) == told.addresses.get(&leader),
        "{answer:?}"
    );
    Ok(())
}

/// KIP-392: a consumer is sent to the replica in its rack, by the id that the gateway gave that broker.
fn a_consumer_is_sent_to_the_replica_of_its_rack(user: &Login, told: &Told) -> Result<()> {
    let (&partition, &(leader, _)) = told.partitions.first_key_value().context("a partition")?;
    let mut wire = session(user, &told.addresses[&leader])?;
    let mut seen = BTreeSet::new();
    // A leader knows only after a moment how far its replicas are. Until then, and for its own rack, it names none.
    eventually("each rack has its replica", || {
        seen.clear();
        for rack in ["rack-1", "rack-2", "rack-3"] {
            let asked = FetchPartition::default()
                .with_partition(partition)
                .with_partition_max_bytes(1 << 20);
            let topic = FetchTopic::default()
                .with_topic(orders())
                .with_partitions(vec![asked]);
            let fetch = FetchRequest::default()
                .with_max_wait_ms(100)
                .with_session_epoch(-1)
                .with_rack_id(StrBytes::from_static_str(rack))
                .with_topics(vec![topic]);
            let answer = wire.ask(12, &fetch)?;
            let answer = &answer.responses[0].partitions[0];
            ensure!(answer.error_code == 0, "{answer:?}");
            let preferred = answer.preferred_read_replica.0;
            seen.insert(if preferred == -1 { leader } else { preferred });
        }
        Ok(seen.len() == 3)
    })?;
    ensure!(seen.iter().all(|id| told.addresses.contains_key(id)), "{seen:?}");
    Ok(())
}

#[test]
fn three_brokers_are_three_addresses_and_one_may_die() -> Result<()> {
    let scene = Scene::before(&[
        "--nodes",
        "3",
        "--set",
        "broker.session.timeout.ms=3000",
        "--set",
        "broker.heartbeat.interval.ms=500",
        "--set",
        "replica.selector.class=org.apache.kafka.common.replica.RackAwareReplicaSelector",
    ])?;
    scene.topic("spread-physical", 6)?;
    scene.vcluster("spread", &[("orders", "spread-physical")])?;
    let user = scene.login("spread", "super-user", 1)?;

    let told = Told::ask(&user)?;
    let ids: BTreeSet<i32> = told.addresses.keys().copied().collect();
    let addresses: BTreeSet<&String> = told.addresses.values().collect();
    ensure!(
        addresses.len() == 3 && told.leaders() == ids,
        "{:?}",
        told.addresses
    );
    ensure!(
        told.partitions.values().all(|(_, replicas)| *replicas == ids),
        "{:?}",
        told.partitions
    );
    the_wrong_broker_tells_the_right_one(&user, &told)?;
    a_consumer_is_sent_to_the_replica_of_its_rack(&user, &told)?;

    let mut writers = Writers::start(&scene)?;
    writers.go_on()?;
    let producer = failover::start_producer(&scene, &user)?;
    let consumer = failover::start_consumer(&scene, &user)?;
    let again = a_broker_dies_and_comes_back(&scene, &user, &producer);
    let ended = again.and_then(|mut broker| {
        let checked = nothing_was_lost(&scene, producer, &consumer);
        let checked = checked
            .and_then(|()| writers.go_on())
            .and_then(|()| writers.finish(&scene));
        let checked = checked.and_then(|()| leaders_move_back(&scene, &user, &ids));
        broker.kill().ok();
        broker.wait().ok();
        checked
    });
    consumer.end();
    ended
}

/// Kills a broker under load, which goes on at the others, and starts it again.
fn a_broker_dies_and_comes_back(
    scene: &Scene,
    user: &Login,
    producer: &Running,
) -> Result<std::process::Child> {
    eventually("the producer runs", || {
        Ok(producer.acknowledged() > failover::RECORDS / 8)
    })?;
    scene.kill_broker(CLUSTER, 2)?;
    eventually("others lead its partitions", || {
        // Whoever asks may be at the broker that has just died.
        Ok(Told::ask(user).is_ok_and(|told| told.leaders().len() == 2))
    })?;
    scene.start_broker(CLUSTER, 2)
}

fn nothing_was_lost(scene: &Scene, producer: Running, consumer: &Running) -> Result<()> {
    let sent = failover::acknowledged(&producer.finish()?);
    failover::nothing_lost_or_doubled(&sent, &scene.stored("spread-physical")?)?;
    eventually("the consumer has every record", || {
        let read = lines(&consumer.output());
        let read: BTreeSet<&str> = read.iter().map(String::as_str).collect();
        Ok(sent.iter().all(|value| read.contains(value.as_str())))
    })
}

/// After an election all three lead again, and clients find them.
fn leaders_move_back(scene: &Scene, user: &Login, ids: &BTreeSet<i32>) -> Result<()> {
    eventually("all three lead", || {
        let elect = ["--election-type", "preferred", "--all-topic-partitions"];
        // Until the broker is back there is nobody to elect.
        scene.tool(
            &[
                &["kafka-leader-election", "--bootstrap-server", scene.physical()],
                &elect[..],
            ]
            .concat(),
            "",
        )?;
        Ok(Told::ask(user).is_ok_and(|told| told.leaders() == *ids))
    })?;
    let more = scene.kcat(user, &["-P", "-t", "orders"], "after the election\n")?;
    ensure!(more.status.success(), "{}", more.all());
    Ok(())
}
