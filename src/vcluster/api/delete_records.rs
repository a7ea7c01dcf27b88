//! DeleteRecords. Records behind an alias topic are not a tenant's to delete.

use super::ask::{Ask, Stop, Verdict};
use super::error_code::ErrorCode;
use super::items;
use super::offsets;
use super::topics::{self, Shape};
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, field};
use klamm_raft::model::Operation;

pub(super) const SHAPE: Shape = Shape {
    operation: Some(Operation::Delete),
    when_refused: without_watermark,
    ..offsets::LIST
};

fn without_watermark(partition: &mut Item, _: i16) {
    partition.set(field::LOW_WATERMARK, -1_i64);
}

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if items::owns_topics(ask) {
        return topics::request(ask, &SHAPE, Edits::new());
    }
    let mut refusals = Vec::new();
    for topic in ask.message.root().items(SHAPE.topics) {
        let error = match ask.judge(topic, SHAPE.operation)? {
            Verdict::Forwarded(_) => ErrorCode::PolicyViolation,
            Verdict::Refused(error) => error,
        };
        refusals.extend(topics::refused(topic, error));
    }
    topics::reply(ask, &SHAPE, &refusals)
}
