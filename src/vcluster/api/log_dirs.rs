//! DescribeLogDirs, which tells how much of a broker's disks topics take, and AlterReplicaLogDirs, which moves them
//! from one to another. What paths there are, and how large a disk is, only the physical cluster's own view tells.

use super::ask::{Ask, Stop};
use super::back::Back;
use super::error_code::ErrorCode;
use super::topics::{self, Shape};
use super::{items, offsets, replicas};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

/// AlterReplicaLogDirs.
const ALTER: Shape = Shape {
    operation: None,
    answered: field::RESULTS,
    name: field::TOPIC_NAME,
    repeated: topics::Repeated::Listed,
    ..offsets::COMMIT
};

/// DescribeLogDirs.
pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        let mut response = ask.response()?;
        response.set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed);
        return ask.reply(&response);
    }
    replicas::forward_known(ask, field::TOPICS, Then::LogDirs)
}

/// AlterReplicaLogDirs.
pub(super) fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let error = match items::may_alter(ask) {
        Ok(()) => return ask.forward(Edits::new(), Then::Nothing),
        Err(error) => error,
    };
    let directories = ask.message.root().items(field::DIRS);
    let topics = directories.flat_map(|directory| directory.items(ALTER.topics));
    let refusals: Vec<_> = topics.filter_map(|topic| topics::refused(topic, error)).collect();
    topics::reply(ask, &ALTER, &refusals)
}

/// The answer to DescribeLogDirs.
pub(super) fn described(back: &Back<'_>, message: Message<'_>, edits: &mut Edits) {
    back.convert(message.root(), edits);
    if back.names.is_transparent() {
        return;
    }
    for (result, number) in message.root().items(field::RESULTS).zip(0..) {
        if let Some(path) = result.child(field::LOG_DIR) {
            edits.set_text(path, Some(&format!("log-dir-{number}")));
        }
        for size in [field::TOTAL_BYTES, field::USABLE_BYTES] {
            if let Some(size) = result.child(size) {
                edits.set_int(size, -1);
            }
        }
    }
}
