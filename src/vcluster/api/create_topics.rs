//! CreateTopics. A virtual cluster makes topics of its own namespace; others are there by aliases or selectors, and
//! whoever asks for one that is there is told so.

use std::borrow::Cow;

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::config_values::{self, PLACES};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::{ErrorCode, OVER_QUOTA, REPEATED};
use super::items::{self, Sieve};
use super::resources;
use super::room::TopicRoom;
use super::rules;
use super::topics;
use crate::authz::Resource;
use crate::policy::RuledSettings;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::Then;
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Edits, Message, Node, Value, field};
use klamm_raft::model::{CLUSTER_METADATA_TOPIC, Operation, RequestKind, RequestSetting, TopicName};

pub(super) const CREATE_TOPICS: Api = Api {
    key: 19,
    versions: ServedVersions::new(2, 7),
    rights: "CREATE on the cluster or the topic; DESCRIBE_CONFIGS for details",
    on_the_way: "Names; replica assignments. Topics of a Standard cluster's own namespace, and any through `passthrough`; for others, and in a Partner, those who have the right are told TOPIC_ALREADY_EXISTS if the virtual cluster shows one of that name, else POLICY_VIOLATION.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(request).ruled(RequestKind::CreateTopics),
        response: Response::classified(created),
        way: Way::Home,
        connection: ConnectionUse::Free,
        ahead: Ahead::Creates(field::TOPICS),
        uses: QuotaUse::Mutations { refused_from: 6 },
        needs_no_right: None,
    }),
};

const NOT_AUTHORIZED: &str = "Authorization failed.";
const NOT_CREATED: &str = "Topics with this name cannot be created through this virtual cluster.";
/// The first version that tells what a topic became.
const DETAILS_FROM: i16 = 5;

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut sieve = Sieve::new(ask, field::TOPICS)?;
    let Some(array) = ask.message.root().child(field::TOPICS) else {
        return sieve.finish(ask);
    };
    let repeated = items::repeated(array.children().filter_map(Node::topic_name));
    for name in &repeated {
        sieve
            .refuse(ErrorCode::InvalidRequest)
            .set(field::NAME, *name)
            .set(field::ERROR_MESSAGE, REPEATED);
    }
    let mut room = None;
    let may_create_all = ask.gate.allows_quietly(Operation::Create, Resource::CLUSTER);
    for topic in array.children() {
        let name = topic.topic_name().unwrap_or_default();
        if repeated.binary_search(&name).is_ok() {
            sieve.drop(array, topic);
            continue;
        }
        match judge(ask, name, may_create_all)? {
            Judged::Created(_) if ask.is_over_quota() => {
                let error = ErrorCode::ThrottlingQuotaExceeded;
                refuse(&mut sieve, (array, topic), error, OVER_QUOTA.into());
            }
            Judged::Created(alias) => {
                if let Err((error, words)) = create(ask, (topic, &alias), &mut room, &mut sieve)? {
                    refuse(&mut sieve, (array, topic), error, words.into());
                }
            }
            Judged::Refused(error, message) => refuse(&mut sieve, (array, topic), error, message),
        }
    }
    sieve.finish(ask)
}

/// Has a topic created as far as policies and limits let it.
fn create(
    ask: &mut Ask<'_>,
    (topic, alias): (Node<'_>, &Alias),
    room: &mut Option<TopicRoom>,
    sieve: &mut Sieve,
) -> Result<Result<(), (ErrorCode, String)>, Stop> {
    let values = match config_values::to_physical(ask, topic.items(field::CONFIGS), PLACES) {
        Ok(values) => values,
        Err(words) => return Ok(Err((ErrorCode::InvalidConfig, words))),
    };
    let mut settings = RuledSettings::default();
    if let Err(words) = ask.rule(topic, topic.topic_name(), &mut settings) {
        return Ok(Err((ErrorCode::PolicyViolation, words)));
    }
    let room = match room {
        Some(room) => room,
        None => room.insert(TopicRoom::of(ask)?),
    };
    let partitions = settings.number(&RequestSetting::Partitions);
    if let Err(words) = room.create((ask, topic), alias, partitions) {
        return Ok(Err((ErrorCode::PolicyViolation, words)));
    }
    let edits = sieve.keep();
    topics::to_physical(topic, alias, edits);
    items::brokers_to_physical(ask, topic, edits);
    values.write(edits);
    rules::set_in_topic(ask, topic, &settings, edits)?;
    Ok(Ok(()))
}

fn refuse(sieve: &mut Sieve, (array, topic): (Node<'_>, Node<'_>), error: ErrorCode, message: Value) {
    sieve.drop(array, topic);
    sieve
        .refuse(error)
        .set(field::NAME, topic.topic_name().unwrap_or_default())
        .set(field::ERROR_MESSAGE, message);
}

/// The judgement on a topic of a request.
enum Judged<'a> {
    Created(Cow<'a, Alias>),
    Refused(ErrorCode, Value),
}

fn judge<'a>(ask: &mut Ask<'a>, name: &str, may_create_all: bool) -> Result<Judged<'a>, Stop> {
    let refused = |error, message| Ok(Judged::Refused(error, message));
    if name == CLUSTER_METADATA_TOPIC {
        return refused(ErrorCode::InvalidRequest, Value::Null);
    }
    let resource = Resource::topic(name);
    let may_create = match may_create_all {
        true => ask.gate.lets_change(Operation::Create, resource),
        false => ask.gate.allows(Operation::Create, resource),
    };
    if !may_create {
        return refused(ErrorCode::TopicAuthorizationFailed, NOT_AUTHORIZED.into());
    }
    if name.parse::<TopicName>().is_err() {
        return refused(ErrorCode::InvalidTopic, Value::Null);
    }
    let view = ask.view;
    let alias = match view.alias_elsewhere(name) {
        None => match view.names.by_virtual_name(name) {
            Some(alias) if view.names.owns(&alias) => return Ok(Judged::Created(alias)),
            known => known,
        },
        elsewhere => elsewhere,
    };
    match alias {
        // Who may create a topic is told that there is one, whosever it is: clients look for this and go on.
        Some(alias) if ask.is_there(&alias)? => {
            let message = format!("Topic '{name}' already exists.");
            refused(ErrorCode::TopicAlreadyExists, message.into())
        }
        _ => refused(ErrorCode::PolicyViolation, NOT_CREATED.into()),
    }
}

/// The answer. What a topic became is told to those who may describe its configuration.
fn created(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Refusals(refusals) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let Some(array) = message.root().child(field::TOPICS) else {
        return Ok(());
    };
    let empty = back.empty()?;
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
        if is_created && back.pending.version >= DETAILS_FROM && !may_know() {
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
            resources::keep_shown_of_topic(back, topic, edits);
        }
    }
    refusals.append(message, edits);
    Ok(())
}

/// The id of a topic that clients are told.
fn virtual_id(back: &Back<'_>, alias: &Alias, topic: Node<'_>) -> [u8; 16] {
    let physical = TopicId::new(topic.topic_id().unwrap_or_default());
    *back.names.virtual_topic_id(alias, physical).bytes()
}
