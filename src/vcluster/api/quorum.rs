//! DescribeQuorum: of the physical cluster, which only its own view shows.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Value, field};
use klamm_raft::model::Operation;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let error = if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        ErrorCode::ClusterAuthorizationFailed
    } else if !ask.view.names.is_transparent() {
        ErrorCode::PolicyViolation
    } else {
        return ask.forward(Edits::new(), Then::Nothing);
    };
    let mut response = ask.response()?;
    response
        .set(field::ERROR_CODE, error)
        .set(field::ERROR_MESSAGE, Value::Null);
    ask.reply(&response)
}
