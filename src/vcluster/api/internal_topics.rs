//! Internal topics of streams groups: those that belong to the application, and that the coordinator asks its own cluster
//! to create.

use super::words;
use crate::authz::{Asker, Resource};
use crate::vcluster::rename::Names;
use crate::wire::{Node, field};
use klamm_raft::model::Operation;

/// No cluster has as many brokers: a topic with as many replicas is never created.
pub(super) const NOT_TO_BE_CREATED: i16 = i16::MAX;
/// The replication factor that stands for the cluster's default.
pub(super) const DEFAULT_REPLICATION: i16 = 0;

/// The status of a group whose internal topics are not there.
const MISSING_INTERNAL_TOPICS: i64 = 3;
const INTERNAL_MISSING: &str = "Internal topics are missing: ";
/// Where a broker has named enough of them.
const AND_MORE: &str = " and ";

/// Whether a topic belongs to the virtual cluster.
pub(super) fn is_owned(names: &Names, name: &str) -> bool {
    names
        .by_virtual_name(name)
        .is_some_and(|alias| names.owns(&alias))
}

/// The words of a status in the answer to a heartbeat.
pub(super) fn status_detail((names, asker): (&Names, &Asker<'_>), status: Node<'_>, text: &str) -> String {
    let missing = match status.int_in(field::STATUS_CODE) {
        Some(MISSING_INTERNAL_TOPICS) => text.strip_prefix(INTERNAL_MISSING),
        _ => None,
    };
    match missing {
        Some(missing) => missing_internal_topics((names, asker), missing),
        None if names.is_transparent() => text.to_owned(),
        None => words::renamed(names, text).unwrap_or_default(),
    }
}

/// Which internal topics are missing, and whether that is because the caller may not create them. `missing` is a list
/// of names, of which there may be more than are named, and the reasons of failures after a semicolon.
fn missing_internal_topics((names, asker): (&Names, &Asker<'_>), missing: &str) -> String {
    let (missing, failures) = missing.split_once("; ").unwrap_or((missing, ""));
    let (named, more) = missing.split_once(AND_MORE).unwrap_or((missing, ""));
    let told: Vec<String> = named
        .split(", ")
        .filter_map(|physical| names.virtual_topic_name(physical))
        .collect();
    let mut said = [INTERNAL_MISSING, &told.join(", ")].concat();
    if !more.is_empty() {
        said.extend([AND_MORE, more]);
    }
    let may_create = |name: &str| {
        let allowed = |resource| asker.decide(Operation::Create, resource).is_allowed();
        is_owned(names, name) && (allowed(Resource::CLUSTER) || allowed(Resource::topic(name)))
    };
    let denied: Vec<&str> = told
        .iter()
        .map(String::as_str)
        .filter(|name| !may_create(name))
        .collect();
    if !denied.is_empty() {
        said.extend(["; Unauthorized to CREATE on topics ", &denied.join(", "), "."]);
    } else if let Some(failures) = words::renamed(names, failures).filter(|text| !text.is_empty()) {
        said.extend(["; ", &failures]);
    }
    said
}
