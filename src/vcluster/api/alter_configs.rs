//! AlterConfigs and IncrementalAlterConfigs. Through the physical cluster's own view everything can be configured, in
//! other virtual clusters only the topics and groups that are theirs alone.

use super::ask::{Ask, Stop, Verdict};
use super::back::Back;
use super::configs::{self, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::error_code::ErrorCode;
use super::group;
use super::items::{self, Refusals, Sieve};
use super::table::Api;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Message, Node, field};
use klamm_raft::model::Operation;

/// The operation of IncrementalAlterConfigs that needs no value.
const DELETE: i64 = 1;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::RESPONSES)?;
    let Some(array) = ask.message.root().child(field::RESOURCES) else {
        return sieve.finish(ask, Then::Altered);
    };
    let key = |node: Node<'_>| {
        let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
        (configs::kind_of(node), name.to_owned())
    };
    let mut keys: Vec<_> = array.children().map(key).collect();
    keys.sort_unstable();
    for resource in array.children() {
        let own = key(resource);
        let is_repeated =
            keys.partition_point(|key| *key <= own) - keys.partition_point(|key| *key < own) > 1;
        let judged = match is_repeated || !is_well_formed(ask, resource) {
            true => Err(ErrorCode::InvalidRequest),
            false => judge(ask, own.0, &own.1),
        };
        match (judged, resource.child(field::RESOURCE_NAME)) {
            (Ok(physical), Some(name)) => sieve.keep().set_text(name, Some(&physical)),
            (judged, _) => {
                sieve.drop(array, resource);
                let kind = i8::try_from(own.0).unwrap_or_default();
                sieve
                    .refuse(judged.err().unwrap_or(ErrorCode::InvalidRequest))
                    .set(field::RESOURCE_TYPE, kind)
                    .set(field::RESOURCE_NAME, own.1.as_str());
            }
        }
    }
    sieve.finish(ask, Then::Altered)
}

/// What is said of each key is said once, with a value where one is needed.
fn is_well_formed(ask: &Ask<'_>, resource: Node<'_>) -> bool {
    let names = resource
        .items(field::CONFIGS)
        .filter_map(|config| config.text_in(field::NAME));
    let needs_value = |config: &Node<'_>| config.int_in(field::CONFIG_OPERATION) != Some(DELETE);
    let has_value = |config: Node<'_>| config.text_in(field::VALUE).is_some();
    let is_known_here =
        ask.api == Api::IncrementalAlterConfigs || configs::kind_of(resource) != BROKER_LOGGER;
    is_known_here
        && items::repeated(names).is_empty()
        && resource.items(field::CONFIGS).filter(needs_value).all(has_value)
}

/// The physical name of a resource, if the caller may configure it.
fn judge(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    let operation = Operation::AlterConfigs;
    match kind {
        TOPIC => match ask.judge_name(name, Some(operation)) {
            Verdict::Forwarded(alias) if !ask.view.names.owns(&alias) => Err(ErrorCode::PolicyViolation),
            Verdict::Forwarded(alias) => Ok(alias.physical_name.as_str().to_owned()),
            Verdict::Refused(error) => Err(error),
        },
        GROUP => group::judge_own_id(ask, name, operation),
        BROKER | BROKER_LOGGER | CLIENT_METRICS => {
            if !ask.gate.allows(operation, Resource::CLUSTER) {
                Err(ErrorCode::ClusterAuthorizationFailed)
            } else if !ask.view.names.is_transparent() {
                Err(ErrorCode::PolicyViolation)
            } else {
                configs::physical_name(ask, kind, name)
            }
        }
        _ => Err(ErrorCode::InvalidRequest),
    }
}

/// The answer.
pub(super) fn altered(back: &Back<'_>, message: Message<'_>, refusals: &Refusals, edits: &mut Edits) {
    let Some(array) = message.root().child(field::RESPONSES) else {
        return;
    };
    for result in array.children() {
        let name = result.child_of(Class::ResourceName);
        let virtual_name = name
            .and_then(Node::text)
            .and_then(|name| configs::to_virtual(back, configs::kind_of(result), name));
        match (name, virtual_name) {
            (Some(name), Some(virtual_name)) => {
                edits.set_text(name, Some(&virtual_name));
                back.convert(result, edits);
            }
            _ => edits.remove_item(array, result),
        }
    }
    refusals.append(message, edits);
}
