//! AlterShareGroupOffsets and DeleteShareGroupOffsets (KIP-932). One group each; the coordinator is asked even when nothing is left, because only it knows the group.

use super::ask::{Ask, Stop, Verdict};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, in_words_or_none, message};
use super::group::{self, LET_IN};
use super::items::{self, Sieve};
use super::topics::{self, LISTED, Repeated, Shape};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

pub(super) const ALTER_SHARE_GROUP_OFFSETS: Api = Api {
    key: 91,
    versions: ServedVersions::new(0, 0),
    rights: "READ on the group and the topic",
    on_the_way: LET_IN,
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(alter),
        response: Response::classified(topics::with_refusals),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const DELETE_SHARE_GROUP_OFFSETS: Api = Api {
    key: 92,
    versions: ServedVersions::new(0, 0),
    rights: "DELETE on the group, READ on the topic",
    on_the_way: LET_IN,
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(delete),
        response: Response::classified(items::with_refusals),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// AlterShareGroupOffsets.
const ALTERED: Shape = Shape {
    operation: Some(Operation::Read),
    answered: field::RESPONSES,
    name: field::TOPIC_NAME,
    when_refused: in_words_or_none,
    repeated: Repeated::Joined,
    ..LISTED
};

/// AlterShareGroupOffsets.
fn alter(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    if let Err(error) = group::judge_own_named(ask, Operation::Read, &mut edits) {
        return refuse(ask, error);
    }
    let root = ask.message.root();
    let split = topics::split(ask, &ALTERED, root, &mut edits)?;
    ask.forward(edits, Then::Topics(&ALTERED, split.refused))
}

/// DeleteShareGroupOffsets: of whole topics.
fn delete(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::RESPONSES)?;
    if let Err(error) = group::judge_own_named(ask, Operation::Delete, sieve.keep()) {
        return refuse(ask, error);
    }
    if let Some(array) = ask.message.root().child(field::TOPICS) {
        for topic in array.children() {
            match ask.judge(topic, Some(Operation::Read))? {
                Verdict::Forwarded(alias) => topics::to_physical(topic, &alias, sieve.edits()),
                Verdict::Refused(error) => {
                    sieve.drop(array, topic);
                    let item = sieve.refuse(error);
                    item.set(field::TOPIC_NAME, topic.topic_name().unwrap_or_default());
                    in_words_or_none(item, error.code());
                }
            }
        }
    }
    sieve.finish(ask)
}

fn refuse(ask: &Ask<'_>, error: ErrorCode) -> Result<Plan, Stop> {
    ask.refuse_in_words(error, message(error.code()))
}
