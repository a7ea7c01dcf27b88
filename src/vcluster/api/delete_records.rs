//! DeleteRecords. Records behind an alias topic are not a tenant's to delete.

use super::ask::{Ask, Stop, Verdict};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::topics::{self, LISTED, Repeated, Shape};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, field};
use klamm_raft::model::Operation;

pub(super) const DELETE_RECORDS: Api = Api {
    key: 21,
    versions: ServedVersions::new(0, 2),
    rights: "DELETE on the topic",
    on_the_way: "Names. Topics that an alias or a list shows: as for DeleteTopics.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(topics::with_refusals),
        way: Way::Leader,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const SHAPE: Shape = Shape {
    operation: Some(Operation::Delete),
    when_refused: without_watermark,
    repeated: Repeated::Once,
    ..LISTED
};

fn without_watermark(partition: &mut Item, _: i16) {
    partition.set(field::LOW_WATERMARK, -1_i64);
}

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
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
        _ => ask.forward(edits, Then::Topics(&SHAPE, refusals)),
    }
}
