//! DescribeQuorum: of the physical cluster, which only its own view shows.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

const NOT_PERMITTED: &str = "Cluster authorization failed.";
const NOT_SHOWN: &str = "A virtual cluster does not show the quorum of the physical cluster.";

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let (error, words) = if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        (ErrorCode::ClusterAuthorizationFailed, NOT_PERMITTED)
    } else if !ask.view.names.is_transparent() {
        (ErrorCode::PolicyViolation, NOT_SHOWN)
    } else {
        return ask.forward(Edits::new(), Then::Nothing);
    };
    let mut response = ask.response()?;
    response
        .set(field::ERROR_CODE, error)
        .set(field::ERROR_MESSAGE, words);
    ask.reply(&response)
}
