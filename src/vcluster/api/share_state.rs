//! The APIs by which brokers keep the state of share groups (KIP-932): initialize, read, write and delete it, and read a
//! summary. Who may do what only brokers do is shown the whole physical cluster, or is refused.

use super::ask::{Ask, Stop};
use super::back;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::topics::{self, Repeated, Shape, in_words};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, field};
use klamm_raft::model::Operation;

/// The others differ from it in key and versions alone.
pub(super) const INITIALIZE_SHARE_GROUP_STATE: Api = Api {
    key: 83,
    versions: ServedVersions::new(0, 0),
    rights: "CLUSTER_ACTION on the cluster",
    on_the_way: BETWEEN_BROKERS,
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const READ_SHARE_GROUP_STATE: Api = Api {
    key: 84,
    ..INITIALIZE_SHARE_GROUP_STATE
};

pub(super) const WRITE_SHARE_GROUP_STATE: Api = Api {
    key: 85,
    versions: ServedVersions::new(0, 1),
    ..INITIALIZE_SHARE_GROUP_STATE
};

pub(super) const DELETE_SHARE_GROUP_STATE: Api = Api {
    key: 86,
    ..INITIALIZE_SHARE_GROUP_STATE
};

pub(super) const READ_SHARE_GROUP_STATE_SUMMARY: Api = Api {
    key: 87,
    versions: ServedVersions::new(0, 1),
    ..INITIALIZE_SHARE_GROUP_STATE
};

/// The words of the page on the protocol for all of them.
const BETWEEN_BROKERS: &str = "Requests between brokers: unchanged through `passthrough`; elsewhere POLICY_VIOLATION for those who have the right.";

const SHAPE: Shape = Shape {
    operation: None,
    topics: field::TOPICS,
    answered: field::RESULTS,
    // Topics have nothing but ids here.
    name: field::TOPIC_ID,
    partitions: field::PARTITIONS,
    index: field::PARTITION,
    when_refused: in_words,
    repeated: Repeated::Listed,
};

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let error = if !ask.gate.allows(Operation::ClusterAction, Resource::CLUSTER) {
        ErrorCode::ClusterAuthorizationFailed
    } else if !ask.view.names.is_transparent() {
        ErrorCode::PolicyViolation
    } else {
        return ask.forward(Edits::new(), Then::Nothing);
    };
    topics::refuse_all(ask, &SHAPE, error)
}
