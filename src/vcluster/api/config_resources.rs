//! ListConfigResources: of this virtual cluster.

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::config_reader::CLIENT_METRICS;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::resources;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

pub(super) const LIST_CONFIG_RESOURCES: Api = Api {
    key: 74,
    versions: ServedVersions::new(0, 1),
    rights: "DESCRIBE_CONFIGS on the cluster",
    on_the_way: "Topics, groups and brokers of this virtual cluster; metrics subscriptions through `passthrough` only.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(listed),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    if !ask.gate.allows(Operation::DescribeConfigs, Resource::CLUSTER) {
        response.set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed);
        return ask.reply(&response);
    }
    match ask.has_home() {
        true => ask.forward(Edits::new(), Then::Nothing),
        false => ask.reply(&response),
    }
}

/// The answer.
fn listed(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    if let Some(array) = message.root().child(field::CONFIG_RESOURCES) {
        for resource in array.children() {
            // Version 0 knows one kind only.
            let kind = resource.int_in(field::RESOURCE_TYPE).unwrap_or(CLIENT_METRICS);
            let name = resource.child(field::RESOURCE_NAME);
            let text = name.and_then(|name| name.text()).unwrap_or_default();
            match (name, resources::to_virtual(back, kind, text)) {
                (Some(name), Some(virtual_name)) => edits.set_text(name, Some(&virtual_name)),
                _ => edits.remove_item(array, resource),
            }
        }
    }
    Ok(())
}
