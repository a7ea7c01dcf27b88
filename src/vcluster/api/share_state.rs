//! The APIs by which brokers keep the state of share groups (KIP-932): initialize, read, write and delete it, and read a
//! summary. Who may do what only brokers do is shown the whole physical cluster, or is refused.

use super::ask::{Ask, Stop};
use super::error_code::ErrorCode;
use super::topics::{self, Repeated, Shape};
use super::txn_admin;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

const SHAPE: Shape = Shape {
    operation: None,
    topics: field::TOPICS,
    answered: field::RESULTS,
    // Topics have nothing but ids here.
    name: field::TOPIC_ID,
    partitions: field::PARTITIONS,
    index: field::PARTITION,
    when_refused: txn_admin::in_words,
    repeated: Repeated::Listed,
};

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let error = if !ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER) {
        ErrorCode::ClusterAuthorizationFailed
    } else if !ask.view.names.is_transparent() {
        ErrorCode::PolicyViolation
    } else {
        return ask.forward(Edits::new(), Then::Nothing);
    };
    topics::refuse_all(ask, &SHAPE, error)
}
