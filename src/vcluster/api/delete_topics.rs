//! DeleteTopics, by name or by id. Whether a topic exists is told to those who may describe it.

use std::borrow::Cow;

use super::ask::{Ask, Stop, Verdict};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, NOT_OWNED, OVER_QUOTA};
use super::items::{self, Sieve};
use crate::authz::Resource;
use crate::vcluster::names::TopicId;
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Class, Edits, Node, Value, field};
use klamm_raft::model::Operation;

pub(super) const DELETE_TOPICS: Api = Api {
    key: 20,
    versions: ServedVersions::new(1, 6),
    rights: "DESCRIBE and DELETE on the topic",
    on_the_way: "Names or ids. Topics that an alias or a list shows belong to somebody else: POLICY_VIOLATION for those who have the right.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(request),
        response: Response::classified(items::with_refusals),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Deletes(field::RESPONSES),
        uses: QuotaUse::Mutations { refused_from: 5 },
        needs_no_right: None,
    }),
};

const NOT_AUTHORIZED: &str = "Topic authorization failed.";
const ZERO: [u8; 16] = [0; 16];

/// Why a topic is not deleted, and its name if the caller may know it.
struct Refusal {
    error: ErrorCode,
    name: Option<String>,
}

/// The judgement on a topic.
enum Judged<'a> {
    Deleted(Cow<'a, Alias>),
    Refused(Refusal),
}

impl Judged<'_> {
    /// A topic is not deleted while the caller has made more mutations than its quota allows.
    fn within_quota(self, ask: &Ask<'_>) -> Self {
        match self {
            Self::Deleted(alias) if ask.is_over_quota() => refused(
                ErrorCode::ThrottlingQuotaExceeded,
                Some(alias.virtual_name.as_str()),
            ),
            judged => judged,
        }
    }
}

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let sieve = Sieve::new(ask, field::RESPONSES)?;
    let root = ask.message.root();
    let may_delete_all = ask.gate.allows_quietly(Operation::Delete, Resource::CLUSTER);
    match (root.child(field::TOPICS), root.child(field::TOPIC_NAMES)) {
        (Some(topics), _) => states(ask, sieve, topics, may_delete_all),
        (None, Some(names)) => by_names(ask, sieve, names, may_delete_all),
        (None, None) => sieve.finish(ask),
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
            continue;
        }
        match judge_name(ask, name, may_delete_all)?.within_quota(ask) {
            Judged::Deleted(alias) => sieve.keep().set_text(node, Some(alias.physical_name.as_str())),
            Judged::Refused(refusal) => {
                sieve.drop(names, node);
                answer(&mut sieve, refusal, ZERO);
            }
        }
    }
    sieve.finish(ask)
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
        let judged = match topic.topic_name() {
            Some(name) if repeated.binary_search(&name).is_ok() => {
                sieve.drop(topics, topic);
                continue;
            }
            Some(name) if id == ZERO => judge_name(ask, name, may_delete_all)?,
            Some(name) => refused(ErrorCode::InvalidRequest, Some(name)),
            None if id == ZERO || seen_ids.get(&id).is_some_and(|times| *times > 1) => {
                refused(ErrorCode::InvalidRequest, None)
            }
            None => judge_id(ask, id, may_delete_all)?,
        };
        match judged.within_quota(ask) {
            Judged::Deleted(alias) => to_physical(topic, &alias, sieve.keep()),
            Judged::Refused(refusal) => {
                sieve.drop(topics, topic);
                answer(&mut sieve, refusal, id);
            }
        }
    }
    sieve.finish(ask)
}

/// Gives a topic its physical name, or its physical id when it was given by id.
fn to_physical(topic: Node<'_>, alias: &Alias, edits: &mut Edits) {
    let name = topic.child_of(Class::TopicName).filter(|name| !name.is_null());
    let id = topic.child_of(Class::TopicId);
    match (name, id, alias.ids) {
        (Some(name), _, _) => edits.set_text(name, Some(alias.physical_name.as_str())),
        (None, Some(id), Some(ids)) => edits.set_uuid(id, *ids.physical_id.bytes()),
        (None, _, _) => {}
    }
}

fn refused(error: ErrorCode, name: Option<&str>) -> Judged<'static> {
    Judged::Refused(Refusal {
        error,
        name: name.map(str::to_owned),
    })
}

fn answer(sieve: &mut Sieve, refusal: Refusal, id: [u8; 16]) {
    let message = match refusal.error {
        ErrorCode::TopicAuthorizationFailed => NOT_AUTHORIZED.into(),
        ErrorCode::PolicyViolation => NOT_OWNED.into(),
        ErrorCode::ThrottlingQuotaExceeded => OVER_QUOTA.into(),
        _ => Value::Null,
    };
    let item = sieve.refuse(refusal.error);
    match refusal.name {
        Some(name) => item.set(field::NAME, name.as_str()),
        None => item.set(field::NAME, Value::Null),
    };
    item.set(field::TOPIC_ID, id).set(field::ERROR_MESSAGE, message);
}

/// Judges a topic that is given by name.
fn judge_name<'a>(ask: &mut Ask<'a>, name: &str, may_delete_all: bool) -> Result<Judged<'a>, Stop> {
    let refusal = |error| Ok(refused(error, Some(name)));
    let resource = Resource::topic(name);
    if !may_delete_all && !ask.gate.allows(Operation::Describe, resource) {
        return refusal(ErrorCode::TopicAuthorizationFailed);
    }
    if let Some(error) = ask.aim.failed {
        return refusal(error);
    }
    let may_delete = match may_delete_all {
        true => !ask.gate.is_read_only(Operation::Delete, resource),
        false => ask.gate.allows_quietly(Operation::Delete, resource),
    };
    let view = ask.view;
    let alias = match view.alias_elsewhere(name) {
        None => match view.names.by_virtual_name(name) {
            Some(alias) if may_delete && view.names.owns(&alias) => return Ok(Judged::Deleted(alias)),
            known => known,
        },
        elsewhere => elsewhere,
    };
    match alias {
        Some(alias) if ask.is_there(&alias)? => {}
        _ => return refusal(ErrorCode::UnknownTopicOrPartition),
    }
    if may_delete {
        return refusal(ErrorCode::PolicyViolation);
    }
    // Once more, so that the refusal is taken note of.
    may_delete_it(ask, resource, may_delete_all);
    refusal(ErrorCode::TopicAuthorizationFailed)
}

/// Whether the caller may delete a topic, who may delete all or not.
fn may_delete_it(ask: &mut Ask<'_>, topic: Resource<'_>, may_delete_all: bool) -> bool {
    match may_delete_all {
        true => ask.gate.lets_change(Operation::Delete, topic),
        false => ask.gate.allows(Operation::Delete, topic),
    }
}

/// Judges a topic that is given by id.
fn judge_id<'a>(ask: &mut Ask<'a>, id: [u8; 16], may_delete_all: bool) -> Result<Judged<'a>, Stop> {
    if let Some(name) = ask.view.name_elsewhere(TopicId::new(id)) {
        return Ok(elsewhere(ask, name, may_delete_all));
    }
    let alias = match ask.judge_id(id, None)? {
        Verdict::Forwarded(alias) => alias,
        Verdict::Refused(error) => return Ok(refused(error, None)),
    };
    let name = alias.virtual_name.as_str();
    let resource = Resource::topic(name);
    if may_delete_it(ask, resource, may_delete_all) {
        return match ask.view.names.owns(&alias) {
            true => Ok(Judged::Deleted(alias)),
            false => Ok(refused(ErrorCode::PolicyViolation, Some(name))),
        };
    }
    let may_know = ask.gate.allows_quietly(Operation::Describe, resource);
    Ok(refused(
        ErrorCode::TopicAuthorizationFailed,
        may_know.then_some(name),
    ))
}

/// A topic on another physical cluster than the home is there by an alias: nobody deletes it through this virtual
/// cluster.
fn elsewhere(ask: &mut Ask<'_>, name: &str, may_delete_all: bool) -> Judged<'static> {
    let resource = Resource::topic(name);
    if may_delete_it(ask, resource, may_delete_all) {
        return refused(ErrorCode::PolicyViolation, Some(name));
    }
    let may_know = ask.gate.allows_quietly(Operation::Describe, resource);
    refused(ErrorCode::TopicAuthorizationFailed, may_know.then_some(name))
}
