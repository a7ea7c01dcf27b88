//! The traces of requests, read from the two physical clusters without gateway and authorizer: records, groups and
//! offsets.

use anyhow::{Context, Result, ensure};
use klamm::wire::{BatchHeader, batch_headers, field};

use crate::fields::{Fields, is, items, list, null};
use crate::settings::TOPICS;
use crate::side::Side;
use crate::tree::Tree;
use crate::world::{ANYBODY, PARTITIONS, World, request};

const FETCH_BYTES: i32 = 50 << 20;

/// Where the number begins that producer ids are marked with, in bits.
const MARK_SHIFT: u32 = 42;

/// Compares what is stored.
pub(crate) fn compare(world: &mut World) -> Result<()> {
    let (prefix, mark) = (world.kind.prefix(), world.kind.mark());
    let [guarded, open] = &mut world.physical;
    let (mut batches, mut marked) = (0, 0);
    for topic in TOPICS {
        for partition in 0..PARTITIONS {
            let (mut broker, gateway) = (
                records(guarded, topic, partition)?,
                records(open, topic, partition)?,
            );
            for batch in &mut broker {
                let is_marked = batch.producer_id >= 0 && !batch.is_transactional();
                marked += usize::from(is_marked);
                if is_marked {
                    batch.producer_id |= mark << MARK_SHIFT;
                }
            }
            let differs = broker.iter().zip(&gateway).find(|(one, other)| one != other);
            ensure!(
                differs.is_none() && broker.len() == gateway.len(),
                "records of {topic}-{partition}: broker and gateway {differs:?}, {} and {} batches",
                broker.len(),
                gateway.len()
            );
            batches += broker.len();
        }
    }
    ensure!(marked > 0, "no batch of an idempotent producer was written");
    ensure!(batches > 100, "only {batches} batches were written");
    let (broker, gateway) = (groups(guarded, "")?, groups(open, prefix)?);
    ensure!(
        broker == gateway,
        "groups: broker {broker:?}, gateway {gateway:?}"
    );
    ensure!(broker.len() > 5, "only the groups {broker:?}");
    for group in broker {
        let [broker, gateway] = [
            offsets(guarded, &group)?,
            offsets(open, &format!("{prefix}{group}"))?,
        ];
        let differences = Tree::differences(&broker, &gateway);
        ensure!(differences.is_empty(), "offsets of {group}: {differences:?}");
    }
    Ok(())
}

/// The headers of all batches of a partition. Which number a producer has is no choice of its own.
fn records(side: &mut Side, topic: &str, partition: i32) -> Result<Vec<BatchHeader>> {
    let part = vec![
        is(field::PARTITION, partition),
        is(field::PARTITION_MAX_BYTES, FETCH_BYTES),
    ];
    let fetched: Fields = vec![is(field::TOPIC, topic), items(field::PARTITIONS, vec![part])];
    let fields = vec![
        is(field::MAX_BYTES, FETCH_BYTES),
        is(field::SESSION_EPOCH, -1),
        items(field::TOPICS, vec![fetched]),
    ];
    let answer = side.must(ANYBODY, &request(1, 12, &fields)?)?;
    let mut records = None;
    answer.each("Records", &mut |value| {
        if let Tree::Bytes(bytes) = value {
            records = Some(bytes.clone());
        }
    });
    let records = records.with_context(|| format!("records of {topic}-{partition}"))?;
    let without_producer = |header: BatchHeader| match header.is_transactional() {
        true => BatchHeader {
            producer_id: 0,
            ..header
        },
        false => header,
    };
    Ok(batch_headers(&records).map(without_producer).collect())
}

/// The names of the groups that begin like this, without that beginning.
fn groups(side: &mut Side, prefix: &str) -> Result<Vec<String>> {
    let answer = side.must(ANYBODY, &request(16, 4, &Vec::new())?)?;
    let mut names = Vec::new();
    answer.each("GroupId", &mut |value| {
        if let Tree::Text(name) = value {
            names.extend(name.strip_prefix(prefix).map(str::to_owned));
        }
    });
    names.sort();
    Ok(names)
}

/// All offsets of a group.
fn offsets(side: &mut Side, group: &str) -> Result<Tree> {
    let fields = vec![
        is(field::GROUP_ID, group),
        null(field::TOPICS),
        list::<i32>(field::GROUPS, []),
    ];
    side.must(ANYBODY, &request(9, 7, &fields)?)
}
