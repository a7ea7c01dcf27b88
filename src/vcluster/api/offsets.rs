//! ListOffsets, OffsetForLeaderEpoch, OffsetCommit and OffsetDelete.

use std::collections::HashSet;

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use super::group;
use super::topics::{self, Repeated, Shape};
use crate::authz::Resource;
use crate::vcluster::pending::{RefusedTopic, Then};
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
    repeated: Repeated::JoinedWithAll,
    ..LIST
};

pub(super) const DELETE: Shape = COMMIT;

/// What a broker says of a refused partition is the schema's default.
fn by_schema(_: &mut Item, _: i16) {}

/// ListOffsets.
pub(super) fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = as_consumer(ask);
    let mut split = topics::split(ask, &LIST, ask.message.root(), &mut edits)?;
    split.refused = as_listed(split.refused);
    topics::finish(ask, &LIST, split, edits)
}

/// Refusals of ListOffsets as brokers put them. To name a partition twice is a fault, whether there is such a topic or not,
/// and it is answered once. Who may not know of the topic is told that alone, as often as it is named.
fn as_listed(refused: Vec<RefusedTopic>) -> Vec<RefusedTopic> {
    let is_hidden = |topic: &RefusedTopic| topic.error == ErrorCode::TopicAuthorizationFailed.code();
    let (hidden, known) = refused.into_iter().partition(is_hidden);
    let mut listed = topics::joined(known, Repeated::Joined);
    for RefusedTopic {
        partitions, invalid, ..
    } in &mut listed
    {
        let mut seen = HashSet::new();
        partitions.retain(|index| {
            let is_first = seen.insert(*index);
            if !is_first {
                invalid.insert(*index);
            }
            is_first
        });
    }
    listed.extend::<Vec<_>>(hidden);
    listed
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
    let judged = group::judge_own_named(ask, Operation::Delete, &mut edits);
    let failed = ask.aim.failed.filter(|error| *error != ErrorCode::None);
    if let Some(error) = judged.err().or(failed) {
        let mut response = ask.response()?;
        response.set(field::ERROR_CODE, error);
        return ask.reply(&response);
    }
    let split = topics::split(ask, &DELETE, ask.message.root(), &mut edits)?;
    let may_be_left_out = ask.view.is_foreign() && split.refused.is_empty();
    match may_be_left_out || ask.aim.failed.is_some() {
        true => topics::finish(ask, &DELETE, split, edits),
        // Also when nothing is left: only the coordinator knows whether there is such a group, and whether anything of it
        // may be deleted.
        false => ask.forward(edits, Then::Topics(split.refused)),
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
