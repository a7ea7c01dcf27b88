//! Resources that have configurations: topics, brokers, groups. How requests name them, which of them may be named, and
//! what is shown of their configurations.

use super::ask::Ask;
use super::back::Back;
use super::config_reader::{BROKER, BROKER_LOGGER, CLIENT_METRICS, ConfigReader, GROUP, TOPIC};
use super::config_values::{self, PLACES, PLACES_OF_TOPOLOGIES};
use super::error_code::ErrorCode;
use super::group;
use crate::wire::{Edits, Node, field};
use klamm_raft::model::Operation;

/// The kind of a resource of a message.
pub(super) fn kind_of(node: Node<'_>) -> i64 {
    node.int_in(field::RESOURCE_TYPE).unwrap_or_default()
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

/// The client's name for a resource of the physical cluster; `None` when it is none of theirs.
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

/// Removes every configuration that is not on the list of its kind, and tells the others to clients.
pub(super) fn keep_shown(back: &Back<'_>, kind: i64, result: Node<'_>, edits: &mut Edits) {
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

/// Keeps what clients may see of a topic.
pub(super) fn keep_shown_of_topic(back: &Back<'_>, topic: Node<'_>, edits: &mut Edits) {
    keep_shown(back, TOPIC, topic, edits);
}

/// Keeps what clients may see of an internal topic of a topology.
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
