//! Puts the settings into a request that rules gave other values.

use super::super::ask::{Ask, Stop};
use crate::policy::{RuledSettings, SettingValue};
use crate::wire::{Edits, Field, Item, Node, field};
use klamm_raft::model::RequestSetting;

/// The operation of IncrementalAlterConfigs that sets a value.
const SET: i64 = 0;
/// The first version of CreatePartitions with compact arrays.
const COMPACT_PARTITIONS_FROM: i16 = 2;

/// Puts them into a topic that is to be created. Where it says which brokers have which replicas, it says how many of both
/// there are, so that this goes too, and the cluster chooses brokers.
pub(in crate::vcluster::api) fn set_in_topic(
    ask: &Ask<'_>,
    topic: Node<'_>,
    settings: &RuledSettings,
    edits: &mut Edits,
) -> Result<(), Stop> {
    let partitions = settings.number(&RequestSetting::Partitions);
    let replicas = settings.number(&RequestSetting::ReplicationFactor);
    let assigned = topic.child(field::ASSIGNMENTS).filter(|array| array.count() > 0);
    let (mut assigned_partitions, mut assigned_replicas) = (None, None);
    if let Some(array) = assigned.filter(|_| partitions.is_some() || replicas.is_some()) {
        assigned_partitions = i64::try_from(array.count()).ok();
        let first = array
            .children()
            .next()
            .and_then(|item| item.child(field::BROKER_IDS));
        assigned_replicas = first.and_then(|brokers| i64::try_from(brokers.i32s().count()).ok());
        array.children().for_each(|item| edits.remove_item(array, item));
    }
    set(
        topic,
        field::NUM_PARTITIONS,
        partitions.or(assigned_partitions),
        edits,
    );
    set(
        topic,
        field::REPLICATION_FACTOR,
        replicas.or(assigned_replicas),
        edits,
    );
    let request = Item::request(ask.header.api_key, ask.header.api_version)?;
    set_configs(topic, &request.item(field::TOPICS), settings, edits);
    Ok(())
}

/// Has a topic have another number of partitions than is asked for: which brokers have the new ones, the cluster chooses.
pub(in crate::vcluster::api) fn set_in_partitions(
    ask: &Ask<'_>,
    topic: Node<'_>,
    partitions: i64,
    edits: &mut Edits,
) {
    set(topic, field::COUNT, Some(partitions), edits);
    if let Some(assigned) = topic.child(field::ASSIGNMENTS).filter(|array| !array.is_null()) {
        let null: &[u8] = match ask.header.api_version >= COMPACT_PARTITIONS_FROM {
            true => &[0],
            false => &[0xff; 4],
        };
        edits.replace(assigned.span(), null);
    }
}

/// Puts them into a resource whose configuration is to be changed.
pub(in crate::vcluster::api) fn set_in_resource(
    ask: &Ask<'_>,
    resource: Node<'_>,
    settings: &RuledSettings,
    edits: &mut Edits,
) -> Result<(), Stop> {
    let request = Item::request(ask.header.api_key, ask.header.api_version)?;
    set_configs(resource, &request.item(field::RESOURCES), settings, edits);
    Ok(())
}

/// Puts them into a fetch.
pub(in crate::vcluster::api) fn set_in_fetch(root: Node<'_>, settings: &RuledSettings, edits: &mut Edits) {
    for (setting, field) in [
        (RequestSetting::MaxBytes, field::MAX_BYTES),
        (RequestSetting::MinBytes, field::MIN_BYTES),
        (RequestSetting::MaxWaitMs, field::MAX_WAIT_MS),
    ] {
        set(root, field, settings.number(&setting), edits);
    }
    let level = settings.get(&RequestSetting::IsolationLevel);
    let is_committed = level.map(|level| *level == SettingValue::Text("read_committed".to_owned()));
    set(root, field::ISOLATION_LEVEL, is_committed.map(i64::from), edits);
}

fn set(of: Node<'_>, field: Field, value: Option<i64>, edits: &mut Edits) {
    if let (Some(node), Some(value)) = (of.child(field), value) {
        edits.set_int(node, value);
    }
}

/// Puts configurations into a resource, of which `empty` is an empty one: those that it names get other values, others are
/// added.
fn set_configs(resource: Node<'_>, empty: &Item, settings: &RuledSettings, edits: &mut Edits) {
    let Some(array) = resource.child(field::CONFIGS) else {
        return;
    };
    for (name, value) in settings.configs() {
        let mut is_there = false;
        for config in array
            .children()
            .filter(|config| config.text_in(field::NAME) == Some(name))
        {
            is_there = true;
            set(config, field::CONFIG_OPERATION, Some(SET), edits);
            if let Some(node) = config.child(field::VALUE) {
                edits.set_text(node, Some(value));
            }
        }
        if !is_there {
            let mut config = empty.item(field::CONFIGS);
            config.set(field::NAME, name).set(field::VALUE, value);
            edits.append(array, &config);
        }
    }
}
