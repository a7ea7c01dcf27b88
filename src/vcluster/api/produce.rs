//! Produce: records are neither copied nor read, but for the headers of their batches.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use super::topics::{self, Shape};
use crate::authz::Resource;
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

fn when_refused(partition: &mut Item) {
    partition.set(field::BASE_OFFSET, -1_i64);
}

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let wants_answer = root.child(field::ACKS).and_then(|acks| acks.int()) != Some(0);
    if let Some(error) = transaction_refusal(ask) {
        return if wants_answer {
            topics::refuse_all(ask, &SHAPE, error)
        } else {
            Ok(Plan::Close(CloseReason::UnansweredRefusal))
        };
    }
    let mut edits = Edits::new();
    // Without transactional batches nobody looks at the id, and it needs no right: it stays here.
    if let Some(id) = root.child(field::TRANSACTIONAL_ID).filter(|id| !id.is_null()) {
        edits.set_text(id, None);
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

/// What all of a request with transactional batches is answered with: transactions are not served.
fn transaction_refusal(ask: &mut Ask<'_>) -> Option<ErrorCode> {
    let mut records = ask
        .message
        .all(Class::Records)
        .filter_map(|records| records.bytes());
    if !records.any(|records| batch_headers(records).any(|batch: BatchHeader| batch.is_transactional())) {
        return None;
    }
    let id = ask.message.root().text_in(field::TRANSACTIONAL_ID);
    let allowed = id.is_some_and(|id| ask.gate.allows(Operation::Write, Resource::transactional_id(id)));
    Some(if allowed {
        ErrorCode::PolicyViolation
    } else {
        ErrorCode::TransactionalIdAuthorizationFailed
    })
}
