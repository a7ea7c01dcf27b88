//! Two virtual clusters that share a physical topic: what one writes under guessed producer ids changes nothing for the
//! producers of the other.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, DescribeProducersRequest, EndTxnRequest, FindCoordinatorRequest,
    InitProducerIdRequest, ProduceRequest, ProducerId, TopicName, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::Record;
use klamm::quickstart::admin;

use crate::batch;
use crate::scene::{CLUSTER, Login, Scene, eventually, lines};
use crate::wire::{Wire, plain};

const NONE: i16 = 0;
const UNKNOWN_TOPIC: i16 = 3;
const INVALID_PRODUCER_EPOCH: i16 = 47;
const INVALID_PRODUCER_ID_MAPPING: i16 = 49;
const UNKNOWN_PRODUCER_ID: i16 = 59;

/// The kind of a coordinator.
const TRANSACTION: i8 = 1;

const PHYSICAL: &str = "fenced-physical";

/// The name by which both virtual clusters call the physical topic.
const TOPIC: &str = "shared";

/// A producer as a client knows it, with the number of its next record.
#[derive(Debug, Clone, Copy)]
struct Producer {
    id: i64,
    epoch: i16,
    sequence: i32,
    /// Whose transactions it writes in; none when it is idempotent.
    transactional: Option<&'static str>,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(text(id))
}

fn open(user: &Login) -> Result<Wire> {
    let mut wire = Wire::connect(&user.bootstrap)?;
    let answer = wire.log_in("PLAIN", &plain(&user.username, &user.token))?;
    ensure!(answer.error_code == NONE, "{answer:?}");
    Ok(wire)
}

impl Producer {
    fn init(wire: &mut Wire, transactional: Option<&'static str>) -> Result<Self> {
        if let Some(id) = transactional {
            // Where nobody ever looked for a coordinator there is none.
            let look = FindCoordinatorRequest::default()
                .with_key_type(TRANSACTION)
                .with_coordinator_keys(vec![text(id)]);
            wire.ask(4, &look)?;
        }
        let first = Self {
            id: -1,
            epoch: -1,
            sequence: 0,
            transactional,
        };
        first.bumped(wire)
    }

    /// This producer with the next epoch (KIP-360).
    fn bumped(self, wire: &mut Wire) -> Result<Self> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(self.transactional.map(transactional_id))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(self.id))
            .with_producer_epoch(self.epoch);
        let mut told = None;
        eventually("a producer gets its id", || {
            let answer = wire.ask(4, &request)?;
            // The coordinator is not there yet, or has another transaction to end.
            let is_later = [14, 15, 16, 51].contains(&answer.error_code);
            ensure!(is_later || answer.error_code == NONE, "{answer:?}");
            told = (!is_later).then_some((answer.producer_id.0, answer.producer_epoch));
            Ok(told.is_some())
        })?;
        let (id, epoch) = told.context("an id")?;
        Ok(Self {
            id,
            epoch,
            sequence: 0,
            ..self
        })
    }

    fn batch(self, value: &'static str) -> Result<Bytes> {
        batch::of(Record {
            transactional: self.transactional.is_some(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            sequence: self.sequence,
            ..batch::record(value)
        })
    }

    /// Writes a record to a partition and says what came of it: the error and the offset.
    fn send(self, wire: &mut Wire, partition: i32, value: &'static str) -> Result<(i16, i64)> {
        let told = send(
            wire,
            TOPIC,
            self.transactional,
            &[(partition, self.batch(value)?)],
        )?;
        told.first().copied().context("a partition")
    }

    /// As the same producer would write with another number.
    fn at(self, sequence: i32) -> Self {
        Self { sequence, ..self }
    }

    fn with_epoch(self, epoch: i16) -> Self {
        Self { epoch, ..self }
    }
}

/// Writes a batch to each of these partitions, in one request.
fn send(
    wire: &mut Wire,
    topic: &str,
    transactional: Option<&str>,
    batches: &[(i32, Bytes)],
) -> Result<Vec<(i16, i64)>> {
    let data = batches.iter().map(|(index, batch)| {
        PartitionProduceData::default()
            .with_index(*index)
            .with_records(Some(batch.clone()))
    });
    let topic = TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(data.collect());
    let request = ProduceRequest::default()
        .with_transactional_id(transactional.map(transactional_id))
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic]);
    let answer = wire.ask(9, &request)?;
    let mut told: Vec<_> = answer
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .collect();
    told.sort_by_key(|partition| partition.index);
    Ok(told
        .into_iter()
        .map(|partition| (partition.error_code, partition.base_offset))
        .collect())
}

/// The ids of the producers of a partition.
fn described(wire: &mut Wire, topic: &str, partition: i32) -> Result<Vec<i64>> {
    let topic = TopicRequest::default()
        .with_name(TopicName(text(topic)))
        .with_partition_indexes(vec![partition]);
    let answer = wire.ask(0, &DescribeProducersRequest::default().with_topics(vec![topic]))?;
    let partition = &answer.topics[0].partitions[0];
    ensure!(partition.error_code == NONE, "{answer:?}");
    let producers = partition.active_producers.iter();
    Ok(producers.map(|producer| producer.producer_id.0).collect())
}

/// The records of a partition that a consumer of committed records is given.
fn committed(scene: &Scene, user: &Login, partition: &str) -> Result<Vec<String>> {
    let words = "-C -e -q -o beginning -X isolation.level=read_committed -t";
    let words: Vec<&str> = words.split(' ').chain([TOPIC, "-p", partition]).collect();
    let read = scene.kcat(user, &words, "")?;
    ensure!(read.status.success(), "{}", read.all());
    Ok(lines(&read.stdout))
}

fn add_partitions(wire: &mut Wire, producer: Producer, id: &str) -> Result<()> {
    let topic = AddPartitionsToTxnTopic::default()
        .with_name(TopicName(text(TOPIC)))
        .with_partitions(vec![1]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional_id(id))
        .with_v3_and_below_producer_id(ProducerId(producer.id))
        .with_v3_and_below_producer_epoch(producer.epoch)
        .with_v3_and_below_topics(vec![topic]);
    eventually("a partition is added", || {
        let answer = wire.ask(3, &request)?;
        let error = answer.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
        ensure!([NONE, 51].contains(&error), "{answer:?}");
        Ok(error == NONE)
    })
}

fn end(wire: &mut Wire, producer: Producer, id: &str, commits: bool) -> Result<()> {
    let request = EndTxnRequest::default()
        .with_transactional_id(transactional_id(id))
        .with_producer_id(ProducerId(producer.id))
        .with_producer_epoch(producer.epoch)
        .with_committed(commits);
    let answer = wire.ask(3, &request)?;
    ensure!(answer.error_code == NONE, "{answer:?}");
    Ok(())
}

#[test]
fn nobody_fences_the_producers_of_another_virtual_cluster() -> Result<()> {
    let scene = Scene::shared()?;
    scene.topic(PHYSICAL, 2)?;
    scene.vcluster("fenced", &[(TOPIC, PHYSICAL)])?;
    scene.vcluster("fencing", &[])?;
    let (owner, other) = (
        scene.login("fenced", "super-user", 1)?,
        scene.login("fencing", "super-user", 1)?,
    );
    let (mut mine, mut theirs) = (open(&owner)?, open(&other)?);
    let producer = goes_on_where_its_id_was_not_marked(&scene, &mut mine)?;

    // What is sent again while the topic becomes a shared one is no other record.
    ensure!(producer.at(2).send(&mut mine, 0, "two")? == (NONE, 2));
    let alias = admin::alias("fencing", TOPIC, (CLUSTER, PHYSICAL));
    scene.stage.admin(1).put("alias-topic", &alias)?;
    ensure!(
        producer.at(2).send(&mut mine, 0, "two")? == (NONE, 2),
        "it is there already"
    );

    // Ids are given out in turn, so the other one can guess it.
    let guessed = producer.with_epoch(producer.epoch + 1);
    eventually("the other one writes", || {
        let (error, _) = guessed.at(0).send(&mut theirs, 0, "theirs")?;
        ensure!([NONE, UNKNOWN_TOPIC].contains(&error), "{error}");
        Ok(error == NONE)
    })?;
    ensure!(
        producer.at(3).send(&mut mine, 0, "three")? == (NONE, 4),
        "it was fenced by another virtual cluster"
    );
    ensure!(
        producer.at(1).send(&mut theirs, 0, "fenced")?.0 == INVALID_PRODUCER_EPOCH,
        "within a virtual cluster producers fence each other as on Kafka"
    );

    // Each is shown its own, under the id that it knows.
    for wire in [&mut mine, &mut theirs] {
        let shown = described(wire, TOPIC, 0)?;
        ensure!(
            shown == [producer.id; 2],
            "one from before, and its own: {shown:?}"
        );
    }
    let mut kafka = Wire::connect(scene.physical())?;
    let on_kafka = described(&mut kafka, PHYSICAL, 0)?;
    let marked: Vec<i64> = on_kafka.iter().copied().filter(|id| id >> 42 > 0).collect();
    ensure!(marked.len() == 2 && on_kafka.len() == 3, "{on_kafka:?}");
    let metrics = scene.metrics(1)?;
    let number = marked.iter().map(|id| id >> 42).min().unwrap_or_default();
    let shown = format!("klamm_producer_mark{{vcluster=\"fenced\"}} {number}");
    ensure!(metrics.contains(&shown), "no {shown}");

    // Who knows how ids are marked does not write them.
    for id in marked {
        let forged = Producer {
            id,
            epoch: 9,
            ..producer
        };
        ensure!(forged.at(0).send(&mut theirs, 0, "forged")?.0 == UNKNOWN_PRODUCER_ID);
        let forged = Producer {
            transactional: Some("fencing"),
            ..forged
        };
        ensure!(forged.at(0).send(&mut theirs, 0, "forged")?.0 == UNKNOWN_PRODUCER_ID);
    }
    let all = ["before", "one", "two", "theirs", "three"];
    ensure!(committed(&scene, &owner, "0")? == all);
    transactions_end_as_they_should(&scene, &owner, (&mut mine, &mut theirs), producer.at(4))
}

/// Records that a producer wrote before ids were marked: the broker knows it under its plain id. It goes on.
fn goes_on_where_its_id_was_not_marked(scene: &Scene, mine: &mut Wire) -> Result<Producer> {
    let producer = Producer::init(mine, None)?;
    let mut kafka = Wire::connect(scene.physical())?;
    let before = send(&mut kafka, PHYSICAL, None, &[(0, producer.batch("before")?)])?;
    ensure!(before == [(NONE, 0)], "{before:?}");
    ensure!(producer.at(1).send(mine, 0, "one")? == (NONE, 1));
    ensure!(
        producer.at(1).send(mine, 0, "one")? == (NONE, 1),
        "it is there already"
    );
    Ok(producer)
}

/// One that is committed, beside a batch of none; then, with another epoch, one that is aborted.
fn transactions_end_as_they_should(
    scene: &Scene,
    owner: &Login,
    (mine, theirs): (&mut Wire, &mut Wire),
    idempotent: Producer,
) -> Result<()> {
    const ID: &str = "shop";
    let first = Producer::init(mine, Some(ID))?;
    add_partitions(mine, first, ID)?;
    let both = [(0, idempotent.batch("four")?), (1, first.batch("committed")?)];
    let sent = send(mine, TOPIC, Some(ID), &both)?;
    ensure!(sent == [(NONE, 5), (NONE, 0)], "{sent:?}");
    end(mine, first, ID, true)?;

    let second = first.bumped(mine)?;
    ensure!(second.id == first.id && second.epoch > first.epoch, "{second:?}");
    // The broker asks the coordinator whose id it is.
    let intruder = Producer {
        transactional: Some("theirs"),
        ..second.with_epoch(second.epoch + 1)
    };
    Producer::init(theirs, Some("theirs"))?;
    let refused = intruder.send(theirs, 1, "intruder")?;
    ensure!(refused.0 == INVALID_PRODUCER_ID_MAPPING, "{refused:?}");

    add_partitions(mine, second, ID)?;
    let both = [
        (0, idempotent.at(5).batch("five")?),
        (1, second.batch("aborted")?),
    ];
    let sent = send(mine, TOPIC, Some(ID), &both)?;
    ensure!(sent.iter().all(|(error, _)| *error == NONE), "{sent:?}");
    let shown = described(mine, TOPIC, 1)?;
    ensure!(shown == [second.id], "{shown:?}");
    end(mine, second, ID, false)?;
    eventually("what was aborted is not shown", || {
        Ok(committed(scene, owner, "1")? == ["committed"])
    })?;
    ensure!(committed(scene, owner, "0")?.ends_with(&["four".to_owned(), "five".to_owned()]));
    Ok(())
}
