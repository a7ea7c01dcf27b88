//! DescribeLogDirs, which tells how much of a broker's disks topics take, and AlterReplicaLogDirs, which moves them
//! from one to another. What paths there are, and how large a disk is, only the physical cluster's own view tells.

use super::ask::{Ask, Stop};
use super::back::{self, Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::items;
use super::topics::{self, COMMITTED, Shape};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

pub(super) const ALTER_REPLICA_LOG_DIRS: Api = Api {
    key: 34,
    versions: ServedVersions::new(1, 2),
    rights: "ALTER on the cluster",
    on_the_way: "Through `passthrough`; elsewhere POLICY_VIOLATION for those who have the right.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(alter),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const DESCRIBE_LOG_DIRS: Api = Api {
    key: 35,
    versions: ServedVersions::new(1, 5),
    rights: "DESCRIBE on the cluster",
    on_the_way: "Topics of this virtual cluster. Paths (elsewhere `log-dir-0`) and sizes of disks are shown through `passthrough` only.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::everything(described),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// AlterReplicaLogDirs.
const ALTER: Shape = Shape {
    operation: None,
    answered: field::RESULTS,
    name: field::TOPIC_NAME,
    repeated: topics::Repeated::Listed,
    ..COMMITTED
};

/// DescribeLogDirs.
fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        return ask.refuse(ErrorCode::ClusterAuthorizationFailed);
    }
    topics::forward_known(ask)
}

/// AlterReplicaLogDirs.
fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
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
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    back::renamed(back, message, edits)?;
    if back.names.is_transparent() {
        return Ok(());
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
    Ok(())
}
