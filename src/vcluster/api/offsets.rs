//! ListOffsets, OffsetForLeaderEpoch, OffsetCommit and OffsetDelete.

use std::collections::HashSet;

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, Offsets, QuotaUse, Request, Response, ServedVersions,
    Way,
};
use super::error_code::ErrorCode;
use super::group::{self, LET_IN, NoMember};
use super::topics::{self, COMMITTED, LISTED, Repeated, Shape};
use crate::authz::Resource;
use crate::vcluster::pending::{RefusedTopic, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Message, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const LIST_OFFSETS: Api = Api {
    key: 2,
    versions: ServedVersions::new(1, 11),
    rights: "DESCRIBE on the topic",
    on_the_way: "Names.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(list),
        response: Response::classified(topics::with_refusals),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const OFFSET_FOR_LEADER_EPOCH: Api = Api {
    key: 23,
    versions: ServedVersions::new(2, 4),
    rights: "CLUSTER_ACTION on the cluster, or DESCRIBE on the topic",
    on_the_way: "Names.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(for_leader_epoch),
        response: Response::classified(topics::with_refusals),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const OFFSET_COMMIT: Api = Api {
    key: 8,
    versions: ServedVersions::new(2, 10),
    rights: "READ on the group and the topic",
    on_the_way: "Group; names or ids.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything_abroad(commit).ruled(RequestKind::OffsetCommit),
        response: Response::classified(committed),
        way: Way::Offsets(Offsets::Commit),
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const OFFSET_DELETE: Api = Api {
    key: 47,
    versions: ServedVersions::new(0, 0),
    rights: "DELETE on the group, READ on the topic",
    on_the_way: LET_IN,
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(delete),
        response: Response::classified(topics::with_refusals),
        way: Way::Offsets(Offsets::Delete),
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// OffsetForLeaderEpoch.
const FOR_LEADER_EPOCH: Shape = Shape {
    name: field::TOPIC,
    index: field::PARTITION,
    ..LISTED
};

/// OffsetForLeaderEpoch, where the request as a whole was allowed.
const FOR_LEADER_EPOCH_OF_ALL: Shape = Shape {
    operation: None,
    ..FOR_LEADER_EPOCH
};

/// ListOffsets.
fn list(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = as_consumer(ask);
    let mut split = topics::split(ask, &LISTED, ask.message.root(), &mut edits)?;
    split.refused = as_listed(split.refused);
    topics::finish(ask, &LISTED, split, edits)
}

/// Refusals of ListOffsets as brokers put them. To name a partition twice is a fault, whether there is such a topic or
/// not, and it is answered once. Who may not know of the topic is told that alone, as often as it is named.
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
fn for_leader_epoch(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    if ask.view.route.is_rejoining {
        return topics::refuse_all(ask, &FOR_LEADER_EPOCH, ErrorCode::NotLeaderOrFollower);
    }
    let edits = as_consumer(ask);
    if ask
        .gate
        .allows_quietly(Operation::ClusterAction, Resource::CLUSTER)
    {
        return topics::request(ask, &FOR_LEADER_EPOCH_OF_ALL, edits);
    }
    topics::request(ask, &FOR_LEADER_EPOCH, edits)
}

/// The answer to OffsetCommit.
fn committed(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    topics::with_refusals(back, message, edits)?;
    group::have_members_rejoin(back, message, edits);
    Ok(())
}

/// OffsetCommit.
fn commit(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge(ask, Operation::Read, &mut edits);
    match judged.and_then(|()| ask.rule_whole()) {
        Ok(()) => {
            group::without_member(ask, ask.message.root(), NoMember::Empty, &mut edits);
            topics::request(ask, &COMMITTED, edits)
        }
        Err(error) => topics::refuse_all(ask, &COMMITTED, error),
    }
}

/// OffsetDelete.
fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge_own_named(ask, Operation::Delete, &mut edits);
    let failed = ask.aim.failed.filter(|error| *error != ErrorCode::None);
    if let Some(error) = judged.err().or(failed) {
        return ask.refuse(error);
    }
    let split = topics::split(ask, &COMMITTED, ask.message.root(), &mut edits)?;
    let may_be_left_out = ask.view.is_foreign() && split.refused.is_empty();
    match may_be_left_out || ask.aim.failed.is_some() {
        true => topics::finish(ask, &COMMITTED, split, edits),
        // Also when nothing is left: only the coordinator knows whether there is such a group, and whether anything of it
        // may be deleted.
        false => ask.forward(edits, Then::Topics(&COMMITTED, split.refused)),
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
