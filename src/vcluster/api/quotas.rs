//! DescribeClientQuotas, answered by the gateway: a virtual cluster has no quotas, and those of the physical cluster are
//! none of a tenant's business.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::plan::Plan;
use crate::wire::{Value, field};
use klamm_raft::model::Operation;

pub(super) fn describe(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    if ask.gate.allows(Operation::DescribeConfigs, Resource::CLUSTER) {
        response
            .set(field::ERROR_MESSAGE, Value::Null)
            .set(field::ENTRIES, Value::Empty);
    } else {
        response
            .set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed)
            .set(field::ERROR_MESSAGE, "Cluster authorization failed.")
            .set(field::ENTRIES, Value::Null);
    }
    ask.reply(&response)
}
