//! InitProducerId, for idempotent and for transactional producers.

use super::ask::{Ask, Stop};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::{transactional_id, txn_producer};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::producer::GivenIds;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

pub(super) const INIT_PRODUCER_ID: Api = Api {
    key: 22,
    versions: ServedVersions::new(0, 5),
    rights: "WRITE on the transactional id; without one IDEMPOTENT_WRITE on the cluster, or WRITE on any topic",
    on_the_way: "Transactional id, if there is one; [producer id](VIRTUAL-CLUSTERS.md#producer-ids).",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(txn_producer::given_out),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let is_transactional = ask.message.root().text_in(field::TRANSACTIONAL_ID).is_some();
    let judged = if is_transactional {
        transactional_id::judge(ask, &mut edits).map(drop)
    } else {
        judge_idempotent(ask)
    };
    match judged {
        Ok(()) if is_transactional => {
            txn_producer::renew(ask, &mut edits);
            let ids = GivenIds::OfTransactions(ask.view.transactions);
            ask.forward(edits, Then::GivesOutId(ids))
        }
        Ok(()) => {
            let ids = GivenIds::OfProducers(ask.view.producers);
            ask.forward(edits, Then::GivesOutId(ids))
        }
        Err(error) => {
            let mut response = ask.response()?;
            response
                .set(field::ERROR_CODE, error)
                .set(field::PRODUCER_ID, -1_i64);
            response.set(field::PRODUCER_EPOCH, -1_i16);
            ask.reply(&response)
        }
    }
}

/// Without transactions, whoever may write anywhere may be idempotent.
fn judge_idempotent(ask: &mut Ask<'_>) -> Result<(), ErrorCode> {
    let allowed =
        ask.gate.allows_any_topic_write() || ask.gate.allows(Operation::IdempotentWrite, Resource::CLUSTER);
    match (allowed, ask.has_home() && ask.aim.failed.is_none()) {
        (false, _) => Err(ErrorCode::ClusterAuthorizationFailed),
        (true, false) => Err(ErrorCode::CoordinatorLoadInProgress),
        (true, true) => Ok(()),
    }
}
