//! ListOffsets, OffsetForLeaderEpoch, OffsetCommit and OffsetDelete.

use super::ask::{Ask, Stop};
use super::group;
use super::topics::{self, Repeated, Shape};
use crate::authz::Resource;
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, field};
use klamm_raft::model::Operation;

pub(super) const LIST: Shape = Shape {
    operation: Some(Operation::Describe),
    topics: field::TOPICS,
    answered: field::TOPICS,
    name: field::NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused: by_schema,
    repeated: Repeated::Listed,
};

pub(super) const FOR_LEADER_EPOCH: Shape = Shape {
    name: field::TOPIC,
    index: field::PARTITION,
    ..LIST
};

pub(super) const COMMIT: Shape = Shape {
    operation: Some(Operation::Read),
    repeated: Repeated::Joined,
    ..LIST
};

pub(super) const DELETE: Shape = COMMIT;

/// What a broker says of a refused partition is the schema's default.
fn by_schema(_: &mut Item, _: i16) {}

/// ListOffsets.
pub(super) fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let edits = as_consumer(ask);
    topics::request(ask, &LIST, edits)
}

/// OffsetForLeaderEpoch: brokers may ask too, so CLUSTER_ACTION is as good as DESCRIBE on each topic.
pub(super) fn for_leader_epoch(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let edits = as_consumer(ask);
    if ask
        .gate
        .allows_quietly(Operation::ClusterAction, Resource::CLUSTER)
    {
        let every_topic = Shape {
            operation: None,
            ..FOR_LEADER_EPOCH
        };
        return topics::request(ask, &every_topic, edits);
    }
    topics::request(ask, &FOR_LEADER_EPOCH, edits)
}

/// OffsetCommit.
pub(super) fn commit(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    match group::judge(ask, Operation::Read, &mut edits) {
        Ok(()) => {
            group::without_member(ask, ask.message.root(), &mut edits);
            topics::request(ask, &COMMIT, edits)
        }
        Err(error) => topics::refuse_all(ask, &COMMIT, error),
    }
}

/// OffsetDelete.
pub(super) fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    match group::judge_named(ask, Operation::Delete, &mut edits) {
        Ok(()) => topics::request(ask, &DELETE, edits),
        Err(error) => {
            let mut response = ask.response()?;
            response.set(field::ERROR_CODE, error);
            ask.reply(&response)
        }
    }
}

/// A request that says it comes from a replica is sent on as a consumer's: replicas see what consumers must not.
fn as_consumer(ask: &Ask<'_>) -> Edits {
    let mut edits = Edits::new();
    for id in ask
        .message
        .all(Class::ReplicaId)
        .filter(|id| id.int().is_some_and(|id| id >= 0))
    {
        edits.set_int(id, -1);
    }
    edits
}
