//! InitProducerId, for idempotent producers. Transactions are not served.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    match refusal(ask) {
        None => ask.forward(Edits::new(), Then::Nothing),
        Some(error) => {
            let mut response = ask.response()?;
            response
                .set(field::ERROR_CODE, error)
                .set(field::PRODUCER_ID, -1_i64);
            response.set(field::PRODUCER_EPOCH, -1_i16);
            ask.reply(&response)
        }
    }
}

fn refusal(ask: &mut Ask<'_>) -> Option<ErrorCode> {
    if let Some(id) = ask.message.root().text_in(field::TRANSACTIONAL_ID) {
        let allowed = ask.gate.allows(Operation::Write, Resource::transactional_id(id));
        return Some(match allowed {
            true => ErrorCode::PolicyViolation,
            false => ErrorCode::TransactionalIdAuthorizationFailed,
        });
    }
    let allowed =
        ask.gate.allows_any_topic_write() || ask.gate.allows(Operation::IdempotentWrite, Resource::CLUSTER);
    match (allowed, ask.has_home()) {
        (false, _) => Some(ErrorCode::ClusterAuthorizationFailed),
        (true, false) => Some(ErrorCode::CoordinatorLoadInProgress),
        (true, true) => None,
    }
}
