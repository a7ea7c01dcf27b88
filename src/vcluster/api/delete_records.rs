//! DeleteRecords. Records behind an alias topic are not a tenant's to delete.

use super::ask::{Ask, Stop, Verdict};
use super::offsets;
use super::topics::{self, Repeated, Shape};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, field};
use klamm_raft::model::Operation;

pub(super) const SHAPE: Shape = Shape {
    operation: Some(Operation::Delete),
    when_refused: without_watermark,
    repeated: Repeated::Once,
    ..offsets::LIST
};

fn without_watermark(partition: &mut Item, _: i16) {
    partition.set(field::LOW_WATERMARK, -1_i64);
}

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let Some(array) = ask.message.root().child(SHAPE.topics) else {
        return topics::reply(ask, &SHAPE, &[]);
    };
    let (mut edits, mut refusals, mut kept) = (Edits::new(), Vec::new(), 0);
    for topic in array.children() {
        let verdict = ask.judge(topic, SHAPE.operation)?;
        match ask.if_owned(verdict)? {
            Verdict::Forwarded(alias) => {
                topics::to_physical(topic, &alias, &mut edits);
                kept += 1;
            }
            Verdict::Refused(error) => {
                edits.remove_item(array, topic);
                refusals.extend(topics::refused(topic, error));
            }
        }
    }
    let refusals = topics::joined(refusals, SHAPE.repeated);
    match kept {
        0 => topics::reply(ask, &SHAPE, &refusals),
        _ => ask.forward(edits, Then::Topics(refusals)),
    }
}
