//! Produce: records are neither copied nor read, but for the headers of their batches.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use super::topics::{self, Shape};
use super::txn;
use crate::vcluster::plan::{Answer, CloseReason, Plan};
use crate::wire::{BatchHeader, Class, Edits, Item, batch_headers, field};
use klamm_raft::model::Operation;

pub(super) const SHAPE: Shape = Shape {
    operation: Some(Operation::Write),
    topics: field::TOPIC_DATA,
    answered: field::RESPONSES,
    name: field::NAME,
    partitions: field::PARTITION_RESPONSES,
    index: field::INDEX,
    when_refused,
};

fn when_refused(partition: &mut Item, _: i16) {
    partition.set(field::BASE_OFFSET, -1_i64);
}

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let wants_answer = root.child(field::ACKS).and_then(|acks| acks.int()) != Some(0);
    let mut edits = Edits::new();
    if let Err(error) = judge_transaction(ask, &mut edits) {
        return if wants_answer {
            topics::refuse_all(ask, &SHAPE, error)
        } else {
            Ok(Plan::Close(CloseReason::UnansweredRefusal))
        };
    }
    if wants_answer {
        return topics::request(ask, &SHAPE, edits);
    }
    let split = topics::split(ask, &SHAPE, root, &mut edits)?;
    match (split.kept, split.refused.is_empty()) {
        (0, true) => Ok(Plan::Drop),
        (0, false) => Ok(Plan::Close(CloseReason::UnansweredRefusal)),
        (_, true) => ask.forward_answered_by(edits, Answer::None),
        (_, false) => ask.forward_answered_by(edits, Answer::NoneThenClose),
    }
}

/// Judges the transactional id of a request, by what its batches are and not by what it says of them.
fn judge_transaction(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<(), ErrorCode> {
    let id = ask.message.root().child(field::TRANSACTIONAL_ID);
    let id = id.filter(|id| !id.is_null());
    let mut records = ask
        .message
        .all(Class::Records)
        .filter_map(|records| records.bytes());
    if records.any(|records| batch_headers(records).any(|batch: BatchHeader| batch.is_transactional())) {
        return match id {
            Some(_) => txn::judge(ask, edits),
            None => Err(ErrorCode::TransactionalIdAuthorizationFailed),
        };
    }
    // Without transactional batches nobody looks at the id, and it needs no right: it stays here.
    if let Some(id) = id {
        edits.set_text(id, None);
    }
    Ok(())
}
