//! DescribeLogDirs: how much of a broker's disk topics take. Paths are masked; how large a disk is only the physical
//! cluster's own view tells.

use super::ask::{Ask, Stop};
use super::back::Back;
use super::error_code::ErrorCode;
use super::replicas;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        let mut response = ask.response()?;
        response.set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed);
        return ask.reply(&response);
    }
    replicas::forward_known(ask, field::TOPICS, Then::LogDirs)
}

/// The answer.
pub(super) fn described(back: &Back<'_>, message: Message<'_>, edits: &mut Edits) {
    back.convert(message.root(), edits);
    for (result, number) in message.root().items(field::RESULTS).zip(0..) {
        if let Some(path) = result.child(field::LOG_DIR) {
            edits.set_text(path, Some(&format!("log-dir-{number}")));
        }
        if back.names.is_transparent() {
            continue;
        }
        for size in [field::TOTAL_BYTES, field::USABLE_BYTES] {
            if let Some(size) = result.child(size) {
                edits.set_int(size, -1);
            }
        }
    }
}
