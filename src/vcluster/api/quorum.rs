//! DescribeQuorum: of the physical cluster, which only its own view shows.

use super::ask::{Ask, Stop};
use super::back;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::Edits;
use klamm_raft::model::Operation;

pub(super) const DESCRIBE_QUORUM: Api = Api {
    key: 55,
    versions: ServedVersions::new(0, 2),
    rights: "DESCRIBE on the cluster",
    on_the_way: "Through `passthrough` only. A controller that is not a broker has the id -1; listeners are left out.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(back::renamed),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const NOT_PERMITTED: &str = "Cluster authorization failed.";
const NOT_SHOWN: &str = "A virtual cluster does not show the quorum of the physical cluster.";

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let (error, words) = if !ask.gate.allows(Operation::Describe, Resource::CLUSTER) {
        (ErrorCode::ClusterAuthorizationFailed, NOT_PERMITTED)
    } else if !ask.view.names.is_transparent() {
        (ErrorCode::PolicyViolation, NOT_SHOWN)
    } else {
        return ask.forward(Edits::new(), Then::Nothing);
    };
    ask.refuse_in_words(error, Some(words))
}
