//! DescribeConfigs, read-only. Of configurations only those are shown that are on a list ([`ConfigReader`]).

use super::ask::{Ask, Others, Stop, Verdict};
use super::back::Back;
use super::config_reader::ConfigReader;
use super::config_values::{self, PLACES, PLACES_OF_TOPOLOGIES};
use super::error_code::{ErrorCode, denial};
use super::group;
use super::metadata::naming_error;
use crate::authz::Resource;
use crate::vcluster::pending::{RefusedConfig, Then};
use crate::vcluster::plan::Plan;
use crate::wire::{Class, Edits, Item, Message, Node, Value, field};
use klamm_raft::model::Operation;

pub(super) const TOPIC: i64 = 2;
pub(super) const BROKER: i64 = 4;
pub(super) const BROKER_LOGGER: i64 = 8;
pub(super) const CLIENT_METRICS: i64 = 16;
pub(super) const GROUP: i64 = 32;

const NO_GROUP_NAME: &str = "Group name must not be empty";

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let mut refused = Vec::new();
    let mut kept = 0;
    let Some(array) = ask.message.root().child(field::RESOURCES) else {
        return ask.reply(&ask.response()?);
    };
    let is_known = |node: &Node<'_>| {
        matches!(
            kind_of(*node),
            TOPIC | BROKER | BROKER_LOGGER | CLIENT_METRICS | GROUP
        )
    };
    let all_known = array.children().all(|node| is_known(&node));
    for node in array.children() {
        let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
        if is_left_out(ask, node) {
            edits.remove_item(array, node);
            continue;
        }
        // As brokers do: one resource of an unknown type spoils the whole request.
        let judged = if all_known {
            judge(ask, kind_of(node), name)
        } else {
            Err(ErrorCode::InvalidRequest)
        };
        match (judged, node.child(field::RESOURCE_NAME)) {
            (Ok(physical), Some(name)) => {
                edits.set_text(name, Some(&physical));
                kept += 1;
            }
            (judged, _) => {
                edits.remove_item(array, node);
                let error = judged.err().unwrap_or(ErrorCode::InvalidRequest).code();
                let kind = kind_of(node);
                let is_without_group = all_known && kind == GROUP && name.is_empty();
                let no_group_name = is_without_group.then_some(NO_GROUP_NAME);
                refused.push(RefusedConfig {
                    resource_type: i8::try_from(kind).unwrap_or_default(),
                    name: name.to_owned(),
                    error,
                    message: denial(error).or(no_group_name),
                });
            }
        }
    }
    if kept > 0 {
        return ask.forward(edits, Then::Configs(refused));
    }
    let mut response = ask.response()?;
    for refused in &refused {
        let item = item(&response, refused);
        response.push(field::RESULTS, item);
    }
    ask.reply(&response)
}

pub(super) fn kind_of(node: Node<'_>) -> i64 {
    node.int_in(field::RESOURCE_TYPE).unwrap_or_default()
}

/// Whether a resource is on another physical cluster, which is asked too. What is of no cluster is asked of the home.
fn is_left_out(ask: &Ask<'_>, node: Node<'_>) -> bool {
    if ask.aim.others == Others::Refused {
        return false;
    }
    let name = node.text_in(field::RESOURCE_NAME).unwrap_or_default();
    let view = ask.view;
    let cluster = match kind_of(node) {
        TOPIC if view.names.by_virtual_name(name).is_some() => return false,
        TOPIC if view.is_elsewhere(name) => return true,
        BROKER | BROKER_LOGGER => {
            let broker = name.parse().ok().and_then(|id| view.brokers.by_virtual_id(id));
            broker.map(|broker| &broker.cluster)
        }
        _ => None,
    };
    match cluster {
        Some(cluster) => view.cluster.as_ref() != Some(cluster),
        None => view.is_foreign(),
    }
}

/// The physical name of a resource, if the caller may see its configuration.
fn judge(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    let physical = judge_one(ask, kind, name)?;
    ask.aim.failed.map_or(Ok(physical), Err)
}

fn judge_one(ask: &mut Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    let operation = Operation::DescribeConfigs;
    match kind {
        TOPIC => match ask.judge_name(name, Some(operation)) {
            Verdict::Forwarded(alias) => Ok(alias.physical_name.as_str().to_owned()),
            Verdict::Refused(error) => Err(naming_error(error, name)),
        },
        GROUP => judge_group(ask, name, operation),
        _ if !ask.gate.allows(operation, Resource::CLUSTER) => Err(ErrorCode::ClusterAuthorizationFailed),
        _ => physical_name(ask, kind, name),
    }
}

/// The physical name of a group that has configurations: there are none for all groups. Those of a group that is let in
/// are changed by whom it belongs to.
pub(super) fn judge_group(ask: &mut Ask<'_>, name: &str, operation: Operation) -> Result<String, ErrorCode> {
    let physical = match operation {
        Operation::AlterConfigs => group::judge_own_id(ask, name, operation),
        _ => group::judge_id(ask, name, operation),
    }?;
    match name {
        "" => Err(ErrorCode::InvalidRequest),
        _ => Ok(physical),
    }
}

/// The physical name of a resource that belongs to the cluster.
pub(super) fn physical_name(ask: &Ask<'_>, kind: i64, name: &str) -> Result<String, ErrorCode> {
    match kind {
        // The defaults of all brokers.
        BROKER if name.is_empty() && ask.has_home() => Ok(String::new()),
        BROKER | BROKER_LOGGER => {
            let id = name.parse().map_err(|_| ErrorCode::InvalidRequest)?;
            let broker = ask
                .view
                .brokers
                .by_virtual_id(id)
                .ok_or(ErrorCode::InvalidRequest)?;
            Ok(broker.physical_id.to_string())
        }
        CLIENT_METRICS if ask.view.names.is_transparent() => Ok(name.to_owned()),
        // What clients of the whole physical cluster are asked to measure is no tenant's business.
        _ => Err(ErrorCode::InvalidRequest),
    }
}

fn item(response: &Item, refused: &RefusedConfig) -> Item {
    let mut item = response.item(field::RESULTS);
    let message = refused.message.map_or(Value::Null, Value::from);
    item.set(field::ERROR_CODE, refused.error)
        .set(field::ERROR_MESSAGE, message);
    item.set(field::RESOURCE_TYPE, refused.resource_type)
        .set(field::RESOURCE_NAME, refused.name.as_str());
    item
}

/// The answer. Refused resources come last, as brokers have it.
pub(super) fn described(
    back: &Back<'_>,
    message: Message<'_>,
    empty: &Item,
    refused: &[RefusedConfig],
    edits: &mut Edits,
) {
    let Some(array) = message.root().child(field::RESULTS) else {
        return;
    };
    for result in array.children() {
        let name = result.child_of(Class::ResourceName);
        let kind = kind_of(result);
        let virtual_name = name
            .and_then(Node::text)
            .and_then(|name| to_virtual(back, kind, name));
        match (name, virtual_name) {
            (Some(name), Some(virtual_name)) => {
                edits.set_text(name, Some(&virtual_name));
                back.convert(result, edits);
                keep_shown(back, kind, result, edits);
            }
            _ => edits.remove_item(array, result),
        }
    }
    for refused in refused {
        edits.append(array, &item(empty, refused));
    }
}

/// What clients call a resource of the physical cluster; `None` when it is none of theirs.
pub(super) fn to_virtual(back: &Back<'_>, kind: i64, name: &str) -> Option<String> {
    match kind {
        TOPIC => Some(
            back.names
                .by_physical_name(name)?
                .virtual_name
                .as_str()
                .to_owned(),
        ),
        GROUP => back.names.virtual_group(name).map(str::to_owned),
        BROKER if name.is_empty() => Some(String::new()),
        BROKER | BROKER_LOGGER => {
            let broker = back
                .view
                .brokers
                .by_physical_id(back.names.cluster(), name.parse().ok()?)?;
            Some(broker.virtual_id.to_string())
        }
        CLIENT_METRICS if back.names.is_transparent() => Some(name.to_owned()),
        _ => None,
    }
}

/// The same for a topic.
pub(super) fn keep_shown_of_topic(back: &Back<'_>, topic: Node<'_>, edits: &mut Edits) {
    keep_shown(back, TOPIC, topic, edits);
}

/// The same for an internal topic of a topology.
pub(super) fn keep_shown_of_internal_topic(back: &Back<'_>, topic: Node<'_>, edits: &mut Edits) {
    let Some(configs) = topic.child(field::TOPIC_CONFIGS) else {
        return;
    };
    let reader = ConfigReader::of(back.names);
    for config in configs.children() {
        match reader.may_see(TOPIC, config.text_in(field::KEY).unwrap_or_default()) {
            true => config_values::to_virtual(back, config, PLACES_OF_TOPOLOGIES, edits),
            false => edits.remove_item(configs, config),
        }
    }
}

/// Removes every configuration that is not on the list of its kind, and tells the others to clients.
fn keep_shown(back: &Back<'_>, kind: i64, result: Node<'_>, edits: &mut Edits) {
    let Some(configs) = result.child(field::CONFIGS) else {
        return;
    };
    let reader = ConfigReader::of(back.names);
    for config in configs.children() {
        if !reader.may_see(kind, config.text_in(field::NAME).unwrap_or_default()) {
            edits.remove_item(configs, config);
        } else if kind == TOPIC {
            for value in [config].into_iter().chain(config.items(field::SYNONYMS)) {
                config_values::to_virtual(back, value, PLACES, edits);
            }
        }
    }
}
