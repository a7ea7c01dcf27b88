//! CreateTopics. Only the physical cluster's own view makes topics; in others they are made as alias topics.

use std::borrow::Cow;

use super::ask::{Ask, Stop};
use super::back::Back;
use super::configs;
use super::error_code::ErrorCode;
use super::items::{self, Refusals, Sieve};
use super::topics;
use crate::authz::Resource;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Edits, Item, Message, Node, Value, field};
use klamm_raft::model::{CLUSTER_METADATA_TOPIC, Operation, TopicName};

const NOT_AUTHORIZED: &str = "Authorization failed.";
const NOT_OWNED: &str = "Topics of this name are not created through this virtual cluster.";
/// The first version that tells what a topic became.
const DETAILS_FROM: i16 = 5;

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::TOPICS)?;
    let Some(array) = ask.message.root().child(field::TOPICS) else {
        return sieve.finish(ask, Then::Created);
    };
    let repeated = items::repeated(array.children().filter_map(Node::topic_name));
    for name in &repeated {
        sieve.refuse(ErrorCode::InvalidRequest).set(field::NAME, *name);
    }
    let may_create_all = ask.gate.allows_quietly(Operation::Create, Resource::CLUSTER);
    for topic in array.children() {
        let name = topic.topic_name().unwrap_or_default();
        if repeated.binary_search(&name).is_ok() {
            sieve.drop(array, topic);
            continue;
        }
        match judge(ask, name, may_create_all) {
            Ok(alias) => {
                let edits = sieve.keep();
                topics::to_physical(topic, &alias, edits);
                items::brokers_to_physical(ask, topic, edits);
            }
            Err((error, message)) => {
                sieve.drop(array, topic);
                sieve
                    .refuse(error)
                    .set(field::NAME, name)
                    .set(field::ERROR_MESSAGE, message);
            }
        }
    }
    sieve.finish(ask, Then::Created)
}

fn judge<'a>(
    ask: &mut Ask<'a>,
    name: &str,
    may_create_all: bool,
) -> Result<Cow<'a, Alias>, (ErrorCode, Value)> {
    let names = &ask.view.names;
    if name == CLUSTER_METADATA_TOPIC {
        Err((ErrorCode::InvalidRequest, Value::Null))
    } else if !may_create_all && !ask.gate.allows(Operation::Create, Resource::topic(name)) {
        Err((ErrorCode::TopicAuthorizationFailed, NOT_AUTHORIZED.into()))
    } else if name.parse::<TopicName>().is_err() {
        Err((ErrorCode::InvalidTopic, Value::Null))
    } else {
        match names.by_virtual_name(name) {
            Some(alias) if names.owns(&alias) => Ok(alias),
            _ => Err((ErrorCode::PolicyViolation, NOT_OWNED.into())),
        }
    }
}

/// The answer. What a topic became is told to those who may describe its configuration.
pub(super) fn created(
    back: &Back<'_>,
    message: Message<'_>,
    (empty, version): (&Item, i16),
    refusals: &Refusals,
    edits: &mut Edits,
) {
    let Some(array) = message.root().child(field::TOPICS) else {
        return;
    };
    for topic in array.children() {
        let alias = topic
            .topic_name()
            .and_then(|name| back.names.by_physical_name(name));
        let Some(alias) = alias else {
            edits.remove_item(array, topic);
            continue;
        };
        let name = alias.virtual_name.as_str();
        let is_created = topic.int_in(field::ERROR_CODE) == Some(0);
        let may_know = || {
            let resource = Resource::topic(name);
            back.asker
                .decide(Operation::DescribeConfigs, resource)
                .is_allowed()
        };
        if is_created && version >= DETAILS_FROM && !may_know() {
            let mut bare = empty.item(field::TOPICS);
            bare.set(field::NAME, name)
                .set(field::ERROR_MESSAGE, Value::Null)
                .set(field::CONFIGS, Value::Empty)
                .set(field::TOPIC_ID, virtual_id(back, &alias, topic))
                .set(
                    field::TOPIC_CONFIG_ERROR_CODE,
                    ErrorCode::TopicAuthorizationFailed,
                );
            edits.remove_item(array, topic);
            edits.append(array, &bare);
        } else {
            back.topic(topic, edits);
            configs::keep_shown_of_topic(topic, edits);
        }
    }
    refusals.append(message, edits);
}

/// What clients are told of a topic's id.
fn virtual_id(back: &Back<'_>, alias: &Alias, topic: Node<'_>) -> [u8; 16] {
    let physical = TopicId::new(topic.topic_id().unwrap_or_default());
    *back.names.virtual_topic_id(alias, physical).bytes()
}
