//! StreamsGroupHeartbeat (KIP-1071). A member that joins brings the topology of its
//! application; the coordinator keeps it, and asks its own cluster for the internal topics that are not there. Whether
//! they may be created is decided here: a topology that must not create anything asks for more replicas than there can be
//! brokers.

use std::collections::BTreeSet;

use super::ask::{Ask, Stop};
use super::config_values::{self, PLACES_OF_TOPOLOGIES};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::group;
use super::internal_topics::{NOT_TO_BE_CREATED, is_owned};
use super::rules::AutoCreation;
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::IdRefused;
use crate::wire::{Class, Edits, Form, Message, Node, field};
use klamm_raft::model::{INTERNAL_TOPICS, Operation, RequestKind, TopicName};

pub(super) const STREAMS_GROUP_HEARTBEAT: Api = Api {
    key: 88,
    versions: ServedVersions::new(0, 0),
    rights: "READ on the group, DESCRIBE on all topics of the topology; CREATE on the cluster or the internal topics for those to be created",
    on_the_way: "Group; every topic of the topology; endpoints of applications stay. Internal topics are created where clients may create topics: not in a Partner, see below.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(heartbeat).ruled(RequestKind::CreateTopics),
        response: Response::everything(group::heartbeat_answered),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const NO_REGEX: &str = "Regular expressions for source topics are not supported yet.";

/// Why a heartbeat is not sent on, and in which words.
type Refusal = (ErrorCode, Option<String>);

/// The heartbeat of a member.
fn heartbeat(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge(ask, Operation::Read, &mut edits).map_err(|error| (error, None));
    match judged.and_then(|()| judge_topology(ask)) {
        Ok(()) => {}
        Err((error, words)) => return ask.refuse_in_words(error, words.as_deref()),
    }
    if topology_to_physical(ask, &mut edits).is_err() {
        return ask.refuse_in_words(ErrorCode::StreamsInvalidTopology, None);
    }
    for topic in internal_topics(ask.message) {
        let configs = topic.items(field::TOPIC_CONFIGS);
        match config_values::to_physical(ask, configs, PLACES_OF_TOPOLOGIES) {
            Ok(values) => values.write(&mut edits),
            Err(words) => {
                let error = ErrorCode::StreamsInvalidTopology;
                return ask.refuse_in_words(error, Some(&words));
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
    if let Some(names) = those(|name| INTERNAL_TOPICS.contains(&name)) {
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
    if !group::names_a_group(ask) {
        return Err((ErrorCode::InvalidRequest, Some(group::NO_GROUP_ID.into())));
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
/// with the right, and where policies let each of them be created.
fn may_create_internal_topics(ask: &mut Ask<'_>) -> bool {
    let names = &ask.view.names;
    let mut internal = internal_topics(ask.message).filter_map(Node::topic_name);
    if !internal.all(|name| is_owned(names, name)) {
        return false;
    }
    let may_create_all = ask.gate.allows_quietly(Operation::Create, Resource::CLUSTER);
    let mut internal = internal_topics(ask.message).filter_map(Node::topic_name);
    internal.all(|name| {
        let topic = Resource::topic(name);
        let may_create = match may_create_all {
            true => ask.gate.lets_change(Operation::Create, topic),
            false => ask.gate.allows_quietly(Operation::Create, topic),
        };
        may_create && ask.rules_let_create(name, AutoCreation::ForStreams)
    })
}
