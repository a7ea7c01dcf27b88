//! ListConfigResources: of this virtual cluster.

use super::ask::{Ask, Stop};
use super::back::Back;
use super::configs::{self, CLIENT_METRICS};
use super::error_code::ErrorCode;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Message, field};
use klamm_raft::model::Operation;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    if !ask.gate.allows(Operation::DescribeConfigs, Resource::CLUSTER) {
        response.set(field::ERROR_CODE, ErrorCode::ClusterAuthorizationFailed);
        return ask.reply(&response);
    }
    match ask.has_home() {
        true => ask.forward(Edits::new(), Then::ConfigResources),
        false => ask.reply(&response),
    }
}

/// The answer.
pub(super) fn listed(back: &Back<'_>, message: Message<'_>, edits: &mut Edits) {
    if let Some(array) = message.root().child(field::CONFIG_RESOURCES) {
        for resource in array.children() {
            // Version 0 knows one kind only.
            let kind = resource.int_in(field::RESOURCE_TYPE).unwrap_or(CLIENT_METRICS);
            let name = resource.child(field::RESOURCE_NAME);
            let text = name.and_then(|name| name.text()).unwrap_or_default();
            match (name, configs::to_virtual(back, kind, text)) {
                (Some(name), Some(virtual_name)) => edits.set_text(name, Some(&virtual_name)),
                _ => edits.remove_item(array, resource),
            }
        }
    }
}
