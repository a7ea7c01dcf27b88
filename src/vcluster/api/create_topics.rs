//! CreateTopics. Only the physical cluster's own view makes topics; in others they are made as alias topics.

use super::ask::{Ask, Stop};
use super::back::Back;
use super::configs;
use super::error_code::ErrorCode;
use super::items::{self, Refusals, Sieve};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::wire::{Edits, Item, Message, Node, Value, field};
use klamm_raft::model::{Operation, TopicName};

/// What no client may create.
const CLUSTER_METADATA: &str = "__cluster_metadata";
const NOT_AUTHORIZED: &str = "Authorization failed.";
const NO_ALIAS: &str = "Topics of this virtual cluster are made as alias topics.";
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
            Ok(()) => items::brokers_to_physical(ask, topic, sieve.keep()),
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

fn judge(ask: &mut Ask<'_>, name: &str, may_create_all: bool) -> Result<(), (ErrorCode, Value)> {
    if name == CLUSTER_METADATA {
        Err((ErrorCode::InvalidRequest, Value::Null))
    } else if !may_create_all && !ask.gate.allows(Operation::Create, Resource::topic(name)) {
        Err((ErrorCode::TopicAuthorizationFailed, NOT_AUTHORIZED.into()))
    } else if name.parse::<TopicName>().is_err() {
        Err((ErrorCode::InvalidTopic, Value::Null))
    } else if !items::owns_topics(ask) {
        Err((ErrorCode::PolicyViolation, NO_ALIAS.into()))
    } else {
        Ok(())
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
        let name = topic.topic_name().unwrap_or_default();
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
                .set(field::TOPIC_ID, topic.topic_id().unwrap_or_default())
                .set(
                    field::TOPIC_CONFIG_ERROR_CODE,
                    ErrorCode::TopicAuthorizationFailed,
                );
            edits.remove_item(array, topic);
            edits.append(array, &bare);
        } else if back.topic(topic, edits) {
            configs::keep_shown_of_topic(topic, edits);
        } else {
            edits.remove_item(array, topic);
        }
    }
    refusals.append(message, edits);
}
