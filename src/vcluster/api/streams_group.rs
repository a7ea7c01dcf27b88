//! StreamsGroupHeartbeat and StreamsGroupDescribe (KIP-1071). A member that joins brings the topology of its
//! application; the coordinator keeps it, and asks its own cluster for the internal topics that are not there. Whether
//! they may be created is decided here: a topology that must not create anything asks for more replicas than there can be
//! brokers.

use std::collections::BTreeSet;

use super::ask::{Ask, Stop};
use super::back::Back;
use super::config_values::{self, PLACES_OF_TOPOLOGIES};
use super::consumer_group;
use super::error_code::ErrorCode;
use super::{configs, group};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::{IdRefused, Names};
use crate::wire::{Class, Edits, Form, Message, Node, field};
use klamm_raft::model::{Operation, TopicName};

/// What a broker says of a group with a topic that the caller may not describe.
pub(super) const HIDDEN_TOPICS: &str =
    "The described group uses topics that the client is not authorized to describe.";

/// No cluster has as many brokers: a topic with as many replicas is never created.
const NOT_TO_BE_CREATED: i16 = i16::MAX;
/// The replication factor that stands for the cluster's default.
const DEFAULT_REPLICATION: i16 = 0;

/// The topics that Kafka keeps for itself, and that no application may use.
const KAFKAS_OWN: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

const NO_REGEX: &str = "Regular expressions for source topics are not supported yet.";

/// The status of a group whose internal topics are not there.
const MISSING_INTERNAL_TOPICS: i64 = 3;
const INTERNAL_MISSING: &str = "Internal topics are missing: ";
/// Where a broker has named enough of them.
const AND_MORE: &str = " and ";

/// Why a heartbeat is not sent on, and in which words.
type Refusal = (ErrorCode, Option<String>);

/// The heartbeat of a member.
pub(super) fn heartbeat(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge(ask, Operation::Read, &mut edits).map_err(|error| (error, None));
    match judged.and_then(|()| judge_topology(ask)) {
        Ok(()) => {}
        Err((error, words)) => return consumer_group::refuse_in_words(ask, error, words.as_deref()),
    }
    if topology_to_physical(ask, &mut edits).is_err() {
        return consumer_group::refuse_in_words(ask, ErrorCode::StreamsInvalidTopology, None);
    }
    for topic in internal_topics(ask.message) {
        let configs = topic.items(field::TOPIC_CONFIGS);
        match config_values::to_physical(ask, configs, PLACES_OF_TOPOLOGIES) {
            Ok(values) => values.write(&mut edits),
            Err(words) => {
                let error = ErrorCode::StreamsInvalidTopology;
                return consumer_group::refuse_in_words(ask, error, Some(&words));
            }
        }
    }
    if !may_create_internal_topics(ask) {
        for topic in internal_topics(ask.message) {
            if let Some(replicas) = topic.child(field::REPLICATION_FACTOR) {
                edits.set_int(replicas, NOT_TO_BE_CREATED.into());
            }
        }
    }
    ask.forward(edits, Then::Nothing)
}

/// Every topic of the topology, in the order of the request.
fn topics<'a>(message: Message<'a>) -> impl Iterator<Item = Node<'a>> {
    message
        .all(Class::TopicName)
        .filter(|node| node.form() == Form::Text)
}

/// The topics that belong to the application.
fn internal_topics<'a>(message: Message<'a>) -> impl Iterator<Item = Node<'a>> {
    message.all(Class::Topics).flat_map(Node::children)
}

/// In the order of a broker: names that no topology may hold, then rights, then what coordinators refuse.
fn judge_topology(ask: &mut Ask<'_>) -> Result<(), Refusal> {
    let mut names: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    names.extend(
        topics(ask.message)
            .filter_map(Node::text)
            .filter(|name| seen.insert(*name)),
    );
    let those = |is_refused: fn(&str) -> bool| {
        let refused: Vec<&str> = names.iter().copied().filter(|name| is_refused(name)).collect();
        (!refused.is_empty()).then(|| refused.join(","))
    };
    if let Some(names) = those(|name| KAFKAS_OWN.contains(&name)) {
        let words =
            format!("Use of Kafka internal topics {names} in a Kafka Streams topology is prohibited.");
        return Err((ErrorCode::StreamsInvalidTopology, Some(words)));
    }
    if let Some(names) = those(|name| name.parse::<TopicName>().is_err()) {
        let words = format!("Topic names {names} are not valid topic names.");
        return Err((ErrorCode::StreamsInvalidTopology, Some(words)));
    }
    let mut allowed = true;
    for name in &names {
        allowed &= ask.gate.allows(Operation::Describe, Resource::topic(name));
    }
    if !allowed {
        return Err((ErrorCode::TopicAuthorizationFailed, None));
    }
    // No broker resolves them today; one that did would match other topics than the client's.
    let mut patterns = ask.message.all(Class::TopicPattern);
    if patterns.any(|node| node.form() == Form::Text) {
        return Err((ErrorCode::InvalidRequest, Some(NO_REGEX.into())));
    }
    if !consumer_group::names_a_group(ask) {
        return Err((
            ErrorCode::InvalidRequest,
            Some(consumer_group::NO_GROUP_ID.into()),
        ));
    }
    Ok(())
}

/// Gives the topology its physical names. Their order stays: other fields count in it.
fn topology_to_physical(ask: &Ask<'_>, edits: &mut Edits) -> Result<(), IdRefused> {
    for node in topics(ask.message) {
        let name = node.text().unwrap_or_default();
        edits.set_text(node, Some(&ask.view.names.topic_or_absent(name)?));
    }
    Ok(())
}

/// Whether the coordinator may create what the application needs: topics that belong to the virtual cluster, for those
/// with the right.
fn may_create_internal_topics(ask: &mut Ask<'_>) -> bool {
    let names = &ask.view.names;
    let mut internal = internal_topics(ask.message).filter_map(Node::topic_name);
    if !internal.all(|name| is_owned(names, name)) {
        return false;
    }
    let may_create = |ask: &mut Ask<'_>, resource| ask.gate.allows_quietly(Operation::Create, resource);
    if may_create(ask, Resource::CLUSTER) {
        return true;
    }
    let mut internal = internal_topics(ask.message).filter_map(Node::topic_name);
    internal.all(|name| may_create(ask, Resource::topic(name)))
}

fn is_owned(names: &Names, name: &str) -> bool {
    names
        .by_virtual_name(name)
        .is_some_and(|alias| names.owns(&alias))
}

/// The words of a status in the answer to a heartbeat.
pub(super) fn status_detail(back: &Back<'_>, status: Node<'_>, text: &str) -> String {
    let missing = match status.int_in(field::STATUS_CODE) {
        Some(MISSING_INTERNAL_TOPICS) => text.strip_prefix(INTERNAL_MISSING),
        _ => None,
    };
    match missing {
        Some(missing) => missing_internal_topics(back, missing),
        None if back.names.is_transparent() => text.to_owned(),
        None => super::words::renamed(back.names, text).unwrap_or_default(),
    }
}

/// Which internal topics are missing, and whether that is because the caller may not create them. `missing` is a list
/// of names, of which there may be more than are named, and the reasons of failures after a semicolon.
fn missing_internal_topics(back: &Back<'_>, missing: &str) -> String {
    let (missing, failures) = missing.split_once("; ").unwrap_or((missing, ""));
    let (named, more) = missing.split_once(AND_MORE).unwrap_or((missing, ""));
    let names: Vec<String> = named
        .split(", ")
        .filter_map(|physical| back.names.virtual_topic_name(physical))
        .collect();
    let mut said = [INTERNAL_MISSING, &names.join(", ")].concat();
    if !more.is_empty() {
        said.extend([AND_MORE, more]);
    }
    let denied: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !may_create(back, name))
        .collect();
    if !denied.is_empty() {
        said.extend(["; Unauthorized to CREATE on topics ", &denied.join(", "), "."]);
    } else if let Some(failures) = super::words::renamed(back.names, failures).filter(|text| !text.is_empty())
    {
        said.extend(["; ", &failures]);
    }
    said
}

fn may_create(back: &Back<'_>, name: &str) -> bool {
    let allowed = |resource| back.asker.decide(Operation::Create, resource).is_allowed();
    is_owned(back.names, name) && (allowed(Resource::CLUSTER) || allowed(Resource::topic(name)))
}

/// Whether a described group uses a topic that the caller may not describe.
pub(super) fn has_hidden_topic(back: &Back<'_>, group: Node<'_>) -> bool {
    let mut names = group
        .all(Class::TopicName)
        .filter(|node| node.form() == Form::Text);
    names.any(|node| {
        let name = back.names.virtual_topic_name(node.text().unwrap_or_default());
        name.is_some_and(|name| {
            let topic = Resource::topic(&name);
            !back.asker.decide(Operation::Describe, topic).is_allowed()
        })
    })
}

/// Internal topics of a description are told with the replication factor that clients gave them, and with
/// configurations of topics only.
pub(super) fn as_clients_gave(back: &Back<'_>, group: Node<'_>, edits: &mut Edits) {
    for topic in group.all(Class::Topics).flat_map(Node::children) {
        configs::keep_shown_of_internal_topic(back, topic, edits);
        let replicas = topic.child(field::REPLICATION_FACTOR);
        if let Some(replicas) = replicas.filter(|node| node.int() == Some(NOT_TO_BE_CREATED.into())) {
            edits.set_int(replicas, DEFAULT_REPLICATION.into());
        }
    }
}
