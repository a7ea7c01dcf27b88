//! DeleteTopics, by name or by id. Whether a topic exists is told to those who may describe it.

use super::ask::{Ask, Stop, Verdict};
use super::error_code::ErrorCode;
use super::items::{self, Sieve};
use crate::authz::Resource;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::{Attempt, Plan};
use crate::wire::{Node, Value, field};
use klamm_raft::model::Operation;

const NOT_AUTHORIZED: &str = "Topic authorization failed.";
const NO_ALIAS: &str = "Topics of this virtual cluster are deleted as alias topics.";
const ZERO: [u8; 16] = [0; 16];

/// Why a topic is not deleted, and its name if the caller may know it.
struct Refusal {
    error: ErrorCode,
    name: Option<String>,
}

pub(super) fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let sieve = Sieve::new(ask, field::RESPONSES)?;
    let root = ask.message.root();
    let may_delete_all = ask.gate.allows_quietly(Operation::Delete, Resource::CLUSTER);
    match (root.child(field::TOPICS), root.child(field::TOPIC_NAMES)) {
        (Some(topics), _) => states(ask, sieve, topics, may_delete_all),
        (None, Some(names)) => by_names(ask, sieve, names, may_delete_all),
        (None, None) => sieve.finish(ask, Then::Refusals),
    }
}

/// Up to version 5: names.
fn by_names(
    ask: &mut Ask<'_>,
    mut sieve: Sieve,
    names: Node<'_>,
    may_delete_all: bool,
) -> Result<Plan, Stop> {
    let repeated = items::repeated(names.children().filter_map(Node::text));
    for name in &repeated {
        sieve.refuse(ErrorCode::InvalidRequest).set(field::NAME, *name);
    }
    for node in names.children() {
        let name = node.text().unwrap_or_default();
        if repeated.binary_search(&name).is_ok() {
            sieve.drop(names, node);
        } else if let Some(refusal) = judge_name(ask, name, may_delete_all)? {
            sieve.drop(names, node);
            answer(&mut sieve, refusal, ZERO);
        } else {
            sieve.keep();
        }
    }
    sieve.finish(ask, Then::Refusals)
}

/// From version 6 on: names or ids.
fn states(ask: &mut Ask<'_>, mut sieve: Sieve, topics: Node<'_>, may_delete_all: bool) -> Result<Plan, Stop> {
    let ids: Vec<[u8; 16]> = topics
        .children()
        .map(|topic| topic.topic_id().unwrap_or(ZERO))
        .collect();
    let repeated = items::repeated(topics.children().filter_map(Node::topic_name));
    for name in &repeated {
        sieve.refuse(ErrorCode::InvalidRequest).set(field::NAME, *name);
    }
    let mut seen_ids = std::collections::HashMap::<[u8; 16], usize>::new();
    for id in &ids {
        *seen_ids.entry(*id).or_default() += 1;
    }
    for (topic, id) in topics.children().zip(ids) {
        let refusal = match topic.topic_name() {
            Some(name) if repeated.binary_search(&name).is_ok() => {
                sieve.drop(topics, topic);
                continue;
            }
            Some(name) if id == ZERO => judge_name(ask, name, may_delete_all)?,
            Some(name) => Some(Refusal {
                error: ErrorCode::InvalidRequest,
                name: Some(name.to_owned()),
            }),
            None if id == ZERO || seen_ids.get(&id).is_some_and(|times| *times > 1) => Some(Refusal {
                error: ErrorCode::InvalidRequest,
                name: None,
            }),
            None => judge_id(ask, id, may_delete_all)?,
        };
        match refusal {
            Some(refusal) => {
                sieve.drop(topics, topic);
                answer(&mut sieve, refusal, id);
            }
            None => {
                sieve.keep();
            }
        }
    }
    sieve.finish(ask, Then::Refusals)
}

fn answer(sieve: &mut Sieve, refusal: Refusal, id: [u8; 16]) {
    let message = match refusal.error {
        ErrorCode::TopicAuthorizationFailed => NOT_AUTHORIZED.into(),
        ErrorCode::PolicyViolation => NO_ALIAS.into(),
        _ => Value::Null,
    };
    let item = sieve.refuse(refusal.error);
    match refusal.name {
        Some(name) => item.set(field::NAME, name.as_str()),
        None => item.set(field::NAME, Value::Null),
    };
    item.set(field::TOPIC_ID, id).set(field::ERROR_MESSAGE, message);
}

/// Why a topic that is given by name is not deleted; `None` when the physical cluster may be asked to.
fn judge_name(ask: &mut Ask<'_>, name: &str, may_delete_all: bool) -> Result<Option<Refusal>, Stop> {
    let refusal = |error| {
        Ok(Some(Refusal {
            error,
            name: Some(name.to_owned()),
        }))
    };
    let resource = Resource::topic(name);
    if !may_delete_all && !ask.gate.allows(Operation::Describe, resource) {
        return refusal(ErrorCode::TopicAuthorizationFailed);
    }
    let Verdict::Forwarded(alias) = ask.judge_name(name, None) else {
        return refusal(ErrorCode::UnknownTopicOrPartition);
    };
    if may_delete_all || ask.gate.allows_quietly(Operation::Delete, resource) {
        return match items::owns_topics(ask) {
            true => Ok(None),
            false => refusal(ErrorCode::PolicyViolation),
        };
    }
    if !alias.exists {
        // It may have been created a moment ago.
        return match ask.attempt {
            Attempt::First if items::owns_topics(ask) => Err(Stop::UnknownTopicId),
            _ => refusal(ErrorCode::UnknownTopicOrPartition),
        };
    }
    // Once more, so that the refusal is taken note of.
    ask.gate.allows(Operation::Delete, resource);
    refusal(ErrorCode::TopicAuthorizationFailed)
}

/// The same for a topic that is given by id.
fn judge_id(ask: &mut Ask<'_>, id: [u8; 16], may_delete_all: bool) -> Result<Option<Refusal>, Stop> {
    let alias = match ask.judge_id(id, None)? {
        Verdict::Forwarded(alias) => alias,
        Verdict::Refused(error) => return Ok(Some(Refusal { error, name: None })),
    };
    let name = alias.virtual_name.as_str();
    let resource = Resource::topic(name);
    let (error, name) = if may_delete_all || ask.gate.allows(Operation::Delete, resource) {
        if items::owns_topics(ask) {
            return Ok(None);
        }
        (ErrorCode::PolicyViolation, Some(name))
    } else if ask.gate.allows_quietly(Operation::Describe, resource) {
        (ErrorCode::TopicAuthorizationFailed, Some(name))
    } else {
        (ErrorCode::TopicAuthorizationFailed, None)
    };
    Ok(Some(Refusal {
        error,
        name: name.map(str::to_owned),
    }))
}
