//! AlterShareGroupOffsets and DeleteShareGroupOffsets (KIP-932), and how the topics of DescribeShareGroupOffsets are
//! answered. One group each; the coordinator is asked even when nothing is left, because only it knows the group.

use super::ask::{Ask, Stop, Verdict};
use super::error_code::{ErrorCode, message};
use super::items::Sieve;
use super::topics::{self, Repeated, Shape};
use super::{consumer_group, group};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, Value, field};
use klamm_raft::model::Operation;

pub(super) const DESCRIBED: Shape = Shape {
    operation: Some(Operation::Describe),
    topics: field::TOPICS,
    answered: field::TOPICS,
    name: field::TOPIC_NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused: without_offset,
    repeated: Repeated::Listed,
};

pub(super) const ALTERED: Shape = Shape {
    operation: Some(Operation::Read),
    answered: field::RESPONSES,
    when_refused: in_words,
    repeated: Repeated::Joined,
    ..DESCRIBED
};

fn without_offset(partition: &mut Item, error: i16) {
    partition.set(field::START_OFFSET, -1_i64);
    in_words(partition, error);
}

fn in_words(item: &mut Item, error: i16) {
    item.set(
        field::ERROR_MESSAGE,
        message(error).map_or(Value::Null, Value::from),
    );
}

/// AlterShareGroupOffsets.
pub(super) fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    if let Err(error) = group::judge_named(ask, Operation::Read, &mut edits) {
        return refuse(ask, error);
    }
    let root = ask.message.root();
    let split = topics::split(ask, &ALTERED, root, &mut edits)?;
    ask.forward(edits, Then::Topics(split.refused))
}

/// DeleteShareGroupOffsets: of whole topics.
pub(super) fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::RESPONSES)?;
    if let Err(error) = group::judge_named(ask, Operation::Delete, sieve.keep()) {
        return refuse(ask, error);
    }
    if let Some(array) = ask.message.root().child(field::TOPICS) {
        for topic in array.children() {
            match ask.judge(topic, Some(Operation::Read))? {
                Verdict::Forwarded(alias) => topics::to_physical(topic, &alias, sieve.edits()),
                Verdict::Refused(error) => {
                    sieve.drop(array, topic);
                    let item = sieve.refuse(error);
                    item.set(field::TOPIC_NAME, topic.topic_name().unwrap_or_default());
                    in_words(item, error.code());
                }
            }
        }
    }
    sieve.finish(ask, Then::Refusals)
}

fn refuse(ask: &Ask<'_>, error: ErrorCode) -> Result<Plan, Stop> {
    consumer_group::refuse_in_words(ask, error, message(error.code()))
}
