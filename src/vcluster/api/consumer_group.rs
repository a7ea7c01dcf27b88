//! ConsumerGroupHeartbeat (KIP-848), and the same of share groups. Members
//! subscribe by name and get partitions by topic id.

use std::collections::BTreeSet;

use super::ask::{Ask, Stop};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::expression;
use super::expression::BesideExpression;
use super::group::{self, NO_GROUP_ID};
use crate::authz::Resource;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::{Attempt, Plan};
use crate::wire::{Class, Edits, Form, Message, Node, field};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const CONSUMER_GROUP_HEARTBEAT: Api = Api {
    key: 68,
    versions: ServedVersions::new(0, 1),
    rights: "READ on the group, DESCRIBE on all topics subscribed to",
    on_the_way: "Group; names subscribed to; topic ids of owned and assigned partitions. A regular expression is evaluated by the broker or resolved by the gateway, see below.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(heartbeat).ruled(RequestKind::ConsumerGroupHeartbeat),
        response: Response::classified(group::heartbeat_answered),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Assigns,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

pub(super) const SHARE_GROUP_HEARTBEAT: Api = Api {
    key: 76,
    versions: ServedVersions::new(1, 1),
    rights: "READ on the group, DESCRIBE on all topics subscribed to",
    on_the_way: "Group; names subscribed to; topic ids of assigned partitions.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(heartbeat),
        response: Response::classified(group::heartbeat_answered),
        way: Way::Connected,
        connection: ConnectionUse::Free,
        ahead: Ahead::Assigns,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

/// The words for a member whose group cannot be assigned by a broker.
const ELSEWHERE: &str = "A topic is on another physical cluster than the groups of this virtual cluster, whose brokers cannot assign it: use a group of the classic protocol (group.protocol=classic), or none.";

/// Why a heartbeat is not sent on, and in which words.
type Refusal = (ErrorCode, Option<&'static str>);

/// The heartbeat of a member.
fn heartbeat(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let judged = group::judge(ask, Operation::Read, &mut edits);
    if judged == Err(ErrorCode::GroupAuthorizationFailed) {
        return ask.refuse(ErrorCode::GroupAuthorizationFailed);
    }
    if !may_describe_all(ask) {
        return ask.refuse(ErrorCode::TopicAuthorizationFailed);
    }
    if judged.is_ok() && must_look_for_topics(ask) {
        return Err(Stop::TopicsNotKnown);
    }
    let named = judged.and_then(|()| match group::names_a_group(ask) {
        true => Ok(()),
        false => Err(ErrorCode::InvalidRequest),
    });
    if named == Err(ErrorCode::InvalidRequest) {
        return ask.refuse_in_words(ErrorCode::InvalidRequest, Some(NO_GROUP_ID));
    }
    if named.is_ok() && subscribed_names(ask.message).any(|name| ask.view.is_elsewhere(name)) {
        return ask.refuse_in_words(ErrorCode::InvalidRequest, Some(ELSEWHERE));
    }
    if let Err(error) = named {
        return ask.refuse(error);
    }
    let is_leaving = ask
        .message
        .root()
        .int_in(field::MEMBER_EPOCH)
        .is_some_and(|epoch| epoch < 0);
    if !is_leaving && let Err(words) = ask.rule_root() {
        return ask.refuse_in_words(ErrorCode::PolicyViolation, Some(&words));
    }
    if let Err((error, words)) = subscribe(ask, &mut edits)? {
        return ask.refuse_in_words(error, words);
    }
    owned_to_physical(ask, &mut edits)?;
    ask.forward(edits, Then::Nothing)
}

/// The regular expression that a member subscribes by, if it says one.
fn pattern_of<'a>(ask: &Ask<'a>) -> Option<Node<'a>> {
    let node = ask.message.root().child_of(Class::TopicPattern);
    node.filter(|node| !node.is_null())
}

/// Whether topics that the view does not show yet must be looked for: those that a member names, and those that an
/// expression may stand for.
fn must_look_for_topics(ask: &Ask<'_>) -> bool {
    let names = &ask.view.names;
    let is_to_come = |name: &str| names.by_virtual_name(name).is_some_and(|alias| !alias.exists);
    ask.attempt == Attempt::First
        && ask.has_home()
        && (subscribed_names(ask.message).any(is_to_come) || (pattern_of(ask).is_some() && names.is_open()))
}

/// The names that a member subscribes to; none when that did not change.
fn subscribed_names(message: Message<'_>) -> impl Iterator<Item = &str> {
    let names = message
        .all(Class::TopicName)
        .filter(|node| node.form() == Form::Text);
    names.map(|name| name.text().unwrap_or_default())
}

/// One name that is hidden from the caller refuses the heartbeat.
fn may_describe_all(ask: &mut Ask<'_>) -> bool {
    let names: BTreeSet<&str> = subscribed_names(ask.message).collect();
    let mut allowed = true;
    for name in names {
        allowed &= ask.gate.allows(Operation::Describe, Resource::topic(name));
    }
    allowed
}

/// Gives the subscription its physical names. A name that is no alias is sent with the namespace of the virtual
/// cluster, so that it cannot be taken for a physical topic.
///
/// As "no expression" and "as before" look alike where names stand for an expression, clearing it clears the names that
/// came of it.
fn subscribe(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<Result<(), Refusal>, Stop> {
    let root = ask.message.root();
    let pattern = pattern_of(ask);
    let Some(array) = root.child_of(Class::TopicName) else {
        return Ok(Ok(()));
    };
    if array.is_null() && pattern.is_none() {
        return expression::unsaid(ask, (array, root.child_of(Class::TopicPattern)), edits).map(Ok);
    }
    let names = &ask.view.names;
    let mut physical = BTreeSet::new();
    for name in subscribed_names(ask.message) {
        physical.insert(match names.by_virtual_name(name) {
            Some(alias) => alias.physical_name.as_str().to_owned(),
            None => match names.stand_in(name) {
                Ok(name) => name,
                Err(_) => return Ok(Err((ErrorCode::InvalidRequest, None))),
            },
        });
    }
    let said = pattern.and_then(|node| Some((node, node.text().filter(|text| !text.is_empty())?)));
    let Some((node, text)) = said else {
        expression::said(ask, None);
        edits.set_texts(array, &physical);
        return Ok(Ok(()));
    };
    let beside = match physical.is_empty() {
        true => BesideExpression::Nothing,
        false => BesideExpression::Names,
    };
    let meaning = match expression::resolve(ask, text, beside) {
        Ok(meaning) => meaning,
        Err(unmeant) => {
            let (error, words) = unmeant.into_answer(text)?;
            return Ok(Err((error, Some(words))));
        }
    };
    expression::said(
        ask,
        (beside == BesideExpression::Nothing).then_some((text, &meaning)),
    );
    meaning.tell((array, node), physical, edits);
    Ok(Ok(()))
}

/// Gives partitions that a member has their physical ids, also those of topics that departed: the broker waits until the
/// member lets go of them. What was never heard of here no broker has assigned.
fn owned_to_physical(ask: &mut Ask<'_>, edits: &mut Edits) -> Result<(), Stop> {
    for array in ask.message.all(Class::Topics) {
        for topic in array.children() {
            let Some((node, id)) = topic
                .child_of(Class::TopicId)
                .and_then(|node| Some((node, node.uuid()?)))
            else {
                return Err(Stop::Malformed);
            };
            match ask.view.names.physical_topic_id(TopicId::new(id)) {
                Some(physical) => edits.set_uuid(node, *physical.bytes()),
                None => {
                    ask.judge_id(id, None)?;
                    edits.remove_item(array, topic);
                }
            }
        }
    }
    Ok(())
}
