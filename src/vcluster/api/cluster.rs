//! DescribeCluster: served to everybody; only its bitfield depends on rights.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer, cluster_operations};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way, Whom,
};
use super::error_code::ErrorCode;
use crate::vcluster::pending::{Asked, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, Message, field};

pub(super) const DESCRIBE_CLUSTER: Api = Api {
    key: 60,
    versions: ServedVersions::new(0, 2),
    rights: "none; DESCRIBE on the cluster for the bitfield",
    on_the_way: "Brokers, controller, cluster id, bitfield. The gateway answers when no broker does.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(request),
        response: Response::classified(described),
        way: Way::All {
            to: Whom::Any,
            unanswered: ErrorCode::CoordinatorNotAvailable,
            arrays: &[field::BROKERS],
        },
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "Everybody who has logged in may know the brokers; only the bitfield depends on rights.",
        ),
    }),
};

const ENDPOINT_BROKERS: i64 = 1;
const ENDPOINT_CONTROLLERS: i64 = 2;

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let operations = Asked::of(root.bool_in(field::INCLUDE_CLUSTER_AUTHORIZED_OPERATIONS));
    let (error, words) = match root.int_in(field::ENDPOINT_TYPE).unwrap_or(ENDPOINT_BROKERS) {
        ENDPOINT_BROKERS if ask.aim.failed.is_some() => return without_brokers(ask, operations),
        ENDPOINT_BROKERS if ask.has_home() => return forwarded(ask, operations),
        ENDPOINT_BROKERS => return bootstrap(ask, operations),
        ENDPOINT_CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "This is an endpoint of brokers.",
        ),
        _ => (ErrorCode::UnsupportedEndpointType, "There are no such endpoints."),
    };
    ask.refuse_in_words(error, Some(words))
}

/// The cluster as its brokers describe it, or as the gateway knows it.
fn forwarded(ask: &Ask<'_>, operations: Asked) -> Result<Plan, Stop> {
    let plan = ask.forward(Edits::new(), Then::Cluster(operations))?;
    let here = ask.response_without_brokers(field::BROKER_ID)?;
    ask.or_here(plan, &made_here(ask, here, operations))
}

/// The cluster before its first alias: one broker, the bootstrap address.
fn bootstrap(ask: &Ask<'_>, operations: Asked) -> Result<Plan, Stop> {
    let response = ask.response_before_home(field::BROKER_ID)?;
    ask.reply(&made_here(ask, response, operations))
}

/// The cluster when none of its brokers on one physical cluster can be asked.
fn without_brokers(ask: &Ask<'_>, operations: Asked) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    response.set(field::CLUSTER_ID, &*ask.view.kafka_cluster_id);
    ask.reply(&made_here(ask, response, operations))
}

fn made_here(ask: &Ask<'_>, mut response: Item, operations: Asked) -> Item {
    if operations == Asked::Yes {
        response.set(
            field::CLUSTER_AUTHORIZED_OPERATIONS,
            cluster_operations(&ask.gate.asker()),
        );
    }
    response
}

/// The answer.
fn described(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Cluster(operations) = back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    back.cluster_operations = operations;
    back.convert(message.root(), edits);
    Ok(())
}
