//! GetTelemetrySubscriptions and PushTelemetry (KIP-714): what clients measure, for the physical cluster's receiver.

use super::ask::{Ask, Stop};
use super::back;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::Edits;

pub(super) const GET_TELEMETRY_SUBSCRIPTIONS: Api = Api {
    key: 71,
    versions: ServedVersions::new(0, 0),
    rights: "none",
    on_the_way: "Unchanged (KIP-714). Brokers offer it only with a receiver of telemetry; the connection to the broker stays with \
         its client, whose measurements belong to the connection.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Bound,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "Brokers require no right either: a client's identity is a number that they made up.",
        ),
    }),
};

pub(super) const PUSH_TELEMETRY: Api = Api {
    key: 72,
    versions: ServedVersions::new(0, 0),
    rights: "none",
    on_the_way: "Unchanged: what a client measures goes to the physical cluster's receiver, with virtual names.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(back::renamed),
        way: Way::Connected,
        connection: ConnectionUse::Bound,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some("Brokers require no right either: what a client measures is its own."),
    }),
};

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    ask.forward(Edits::new(), Then::Nothing)
}
