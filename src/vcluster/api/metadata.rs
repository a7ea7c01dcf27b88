//! Metadata: the request is made anew, so that it asks for nothing but topics that the caller may know; the answer gets
//! virtual brokers and topics.

use std::borrow::Cow;
use std::collections::HashSet;

use super::ask::{Ask, Stop, Verdict};
use super::back::{Back, BadAnswer, cluster_operations, mark_leaderless};
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way, Whom,
};
use super::error_code::{ErrorCode, naming_error};
use super::rules::AutoCreation;
use crate::authz::Resource;
use crate::vcluster::pending::{Asked, MetadataThen, RefusedMetadata, Then, TopicKey};
use crate::vcluster::plan::{Answer, Attempt, Plan};
use crate::vcluster::rename::Alias;
use crate::wire::{
    Detail, Edits, Item, Message, Node, RequestHeader, Segments, Tape, Value, WireError, field, walk_request,
};
use klamm_raft::model::{Operation, RequestKind};

pub(super) const METADATA: Api = Api {
    key: 3,
    versions: ServedVersions::new(0, 13),
    rights: "DESCRIBE on the topic; to create it CREATE on it or on the cluster",
    on_the_way: "Requested anew for topics that the caller may describe; brokers, controller, cluster id, names, ids and bitfields of the answer are the virtual cluster's. Topics are created through `passthrough`, and in the namespace of a Standard cluster. Who asks for no topics is answered by the gateway when no broker answers.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::everything(request).ruled(RequestKind::CreateTopics),
        response: Response::classified(answer),
        way: Way::All {
            to: Whom::Any,
            unanswered: ErrorCode::LeaderNotAvailable,
            arrays: &[field::BROKERS, field::TOPICS],
        },
        connection: ConnectionUse::Free,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: Some(
            "Everybody who has logged in may know the brokers. Only topics that the caller may describe are requested, or the answer is filtered by that right.",
        ),
    }),
};

/// Before it an empty list means all topics, and there is no way to ask for none.
const EMPTY_MEANS_NONE_FROM: i16 = 1;
/// The first version whose request can say that topics must not be created.
const AUTO_CREATION_FROM: i16 = 4;
/// From here on topics can be asked for by id.
const BY_ID_FROM: i16 = 12;

/// The topics that the caller asks for.
struct Wanted<'a> {
    topics: Topics<'a>,
    refused: Vec<RefusedMetadata>,
    /// Whether brokers may create what is absent: only when the caller may create every absent topic of these.
    creation: Asked,
}

/// The topics that are asked for upstream.
enum Topics<'a> {
    Those(Vec<Known<'a>>),
    /// All of the physical cluster; the answer is filtered.
    All,
}

/// A topic that is asked for upstream, the way the client did.
enum Known<'a> {
    ByName(Cow<'a, Alias>),
    ById(Cow<'a, Alias>),
}

fn request(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let root = ask.message.root();
    let mut wanted = match root.child(field::TOPICS) {
        Some(topics) if is_for_all(topics, ask.version()) => all(ask),
        Some(topics) => match named(ask, topics)? {
            Some(wanted) => wanted,
            None => return refuse_all(ask, topics),
        },
        None => all(ask),
    };
    let then = MetadataThen {
        refused: std::mem::take(&mut wanted.refused),
        topic_operations: Asked::of(root.bool_in(field::INCLUDE_TOPIC_AUTHORIZED_OPERATIONS)),
        cluster_operations: Asked::of(root.bool_in(field::INCLUDE_CLUSTER_AUTHORIZED_OPERATIONS)),
        topics: Asked::of(Some(!wanted.topics.is_none())),
        filter: Asked::of(Some(matches!(wanted.topics, Topics::All))),
    };
    if !ask.has_home() {
        let response = ask.response_before_home(field::NODE_ID)?;
        return ask.reply(&made_here(ask, response, &then));
    }
    if ask.aim.failed.is_some() {
        let mut response = ask.response()?;
        response.set(field::CLUSTER_ID, &*ask.view.kafka_cluster_id);
        return ask.reply(&made_here(ask, response, &then));
    }
    let here = match root.child(field::TOPICS) {
        // Who asks for no topics is told nothing of any. Admin clients ask so, before they ask what the gateway answers.
        Some(topics) if topics.count() == 0 && !is_for_all(topics, ask.version()) => Some(made_here(
            ask,
            ask.response_without_brokers(field::NODE_ID)?,
            &then,
        )),
        _ => None,
    };
    let frame = upstream(ask, &wanted)?;
    let answer = Answer::Expected(ask.pending(Then::Metadata(then)));
    let plan = ask.forward_frame(frame, answer)?;
    match here {
        Some(here) => ask.or_here(plan, &here),
        None => Ok(plan),
    }
}

fn is_for_all(topics: Node<'_>, version: i16) -> bool {
    topics.is_null() || (version < EMPTY_MEANS_NONE_FROM && topics.count() == 0)
}

impl<'a> Wanted<'a> {
    fn these(topics: Vec<Known<'a>>, refused: Vec<RefusedMetadata>) -> Self {
        Self {
            topics: Topics::Those(topics),
            refused,
            creation: Asked::No,
        }
    }
}

impl Topics<'_> {
    fn is_none(&self) -> bool {
        matches!(self, Self::Those(topics) if topics.is_empty())
    }
}

/// All topics that the caller may describe.
fn all<'a>(ask: &mut Ask<'a>) -> Wanted<'a> {
    let view = ask.view;
    if let Some(error) = ask.aim.failed {
        return unavailable(ask, error);
    }
    if view.names.is_open() {
        return Wanted {
            topics: Topics::All,
            ..Wanted::these(Vec::new(), Vec::new())
        };
    }
    let mut topics = Vec::new();
    for alias in view.names.aliases() {
        let resource = Resource::topic(alias.virtual_name.as_str());
        if ask.gate.allows_quietly(Operation::Describe, resource) && can_ask_for(ask, alias) {
            topics.push(Known::ByName(Cow::Borrowed(alias)));
        }
    }
    Wanted::these(topics, Vec::new())
}

/// All topics that the caller may describe, when nobody can say where they are.
fn unavailable<'a>(ask: &mut Ask<'a>, error: ErrorCode) -> Wanted<'a> {
    let mut refusals = Vec::new();
    for alias in ask.view.names.aliases() {
        let name = alias.virtual_name.as_str();
        if alias.exists
            && ask
                .gate
                .allows_quietly(Operation::Describe, Resource::topic(name))
        {
            refusals.push(refused(ask, TopicKey::Name(name.to_owned()), error));
        }
    }
    Wanted::these(Vec::new(), refusals)
}

/// The topics that the request names; `None` when it names one in a way that its version does not allow.
fn named<'a>(ask: &mut Ask<'a>, topics: Node<'_>) -> Result<Option<Wanted<'a>>, Stop> {
    let (mut known, mut refusals) = (Vec::new(), Vec::new());
    let mut creation = Creation::new(ask);
    let mut seen = HashSet::new();
    let id_of = |topic: Node<'_>| topic.topic_id().filter(|id| *id != [0; 16]);
    // As brokers: where one topic is asked for by its id, names are not looked at.
    let by_ids = ask.version() >= BY_ID_FROM && topics.children().any(|topic| id_of(topic).is_some());
    for topic in topics.children() {
        let id = id_of(topic);
        if by_ids && id.is_none() || ask.is_left_out(topic) {
            continue;
        }
        let (key, verdict) = match (topic.topic_name(), id) {
            (_, Some(id)) if by_ids => (TopicKey::Id(id), ask.judge_id(id, Some(Operation::Describe))?),
            (Some(name), None) => (
                TopicKey::Name(name.to_owned()),
                ask.judge_name(name, Some(Operation::Describe)),
            ),
            _ => return Ok(None),
        };
        // As brokers: what is named twice is answered once.
        if !seen.insert(key.clone()) {
            continue;
        }
        let error = match (verdict, &key) {
            (Verdict::Refused(error), TopicKey::Name(name)) => naming_error(error, name),
            (Verdict::Refused(error), TopicKey::Id(_)) => error,
            (Verdict::Forwarded(alias), TopicKey::Id(_)) => {
                known.push(Known::ById(alias));
                continue;
            }
            (Verdict::Forwarded(alias), TopicKey::Name(_)) => match creation.judge(ask, &alias) {
                Ok(()) => {
                    known.push(Known::ByName(alias));
                    continue;
                }
                Err(error) => error,
            },
        };
        refusals.push(refused(ask, key, error));
    }
    let creation = creation.outcome(ask.attempt)?;
    Ok(Some(Wanted {
        creation,
        ..Wanted::these(known, refusals)
    }))
}

/// Whether brokers may be let create the absent topics of a request.
struct Creation {
    /// Whether the client wants it, in a virtual cluster through which topics can be created.
    asked: bool,
    may_create_all: bool,
    /// A topic is absent that the caller may create.
    some: bool,
    /// A topic is absent that the caller may not create.
    refused: bool,
    /// A topic exists that the caller could not create.
    exposed: bool,
}

impl Creation {
    fn new(ask: &mut Ask<'_>) -> Self {
        let wanted = ask.message.root().bool_in(field::ALLOW_AUTO_TOPIC_CREATION);
        let asked = ask.view.names.is_open() && (ask.version() < AUTO_CREATION_FROM || wanted == Some(true));
        Self {
            asked,
            may_create_all: asked && ask.gate.allows_quietly(Operation::Create, Resource::CLUSTER),
            some: false,
            refused: false,
            exposed: false,
        }
    }

    /// Whether a broker may be asked for the topic.
    fn judge(&mut self, ask: &mut Ask<'_>, alias: &Alias) -> Result<(), ErrorCode> {
        if !self.asked {
            return if can_ask_for(ask, alias) {
                Ok(())
            } else {
                Err(ErrorCode::UnknownTopicOrPartition)
            };
        }
        let resource = Resource::topic(alias.virtual_name.as_str());
        if !ask.view.names.owns(alias) {
            // A broker would create it with the others, should it be gone by then.
            self.exposed = true;
            match alias.exists {
                true => Ok(()),
                false => Err(ErrorCode::UnknownTopicOrPartition),
            }
        } else if alias.exists {
            self.exposed |= !self.may_create_all && !ask.gate.allows_quietly(Operation::Create, resource);
            Ok(())
        } else if self.may_create(ask, resource)
            && ask.rules_let_create(resource.name, AutoCreation::Mentioned)
        {
            self.some = true;
            Ok(())
        } else {
            self.refused = true;
            Err(ErrorCode::TopicAuthorizationFailed)
        }
    }

    fn may_create(&self, ask: &mut Ask<'_>, topic: Resource<'_>) -> bool {
        match self.may_create_all {
            true => ask.gate.lets_change(Operation::Create, topic),
            false => ask.gate.allows(Operation::Create, topic),
        }
    }

    /// Whether brokers are let create. The picture of what exists must be fresh where it keeps one from creating: a
    /// topic may have come or gone since it was taken.
    fn outcome(&self, attempt: Attempt) -> Result<Asked, Stop> {
        if attempt == Attempt::First && (self.refused || (self.some && self.exposed)) {
            return Err(Stop::TopicsNotKnown);
        }
        Ok(Asked::of(Some(self.some)))
    }
}

/// Refuses a request that is not valid. One without name and id breaks a broker of a version that takes ids.
fn refuse_all(ask: &Ask<'_>, topics: Node<'_>) -> Result<Plan, Stop> {
    let error = match ask.version() {
        ..BY_ID_FROM => ErrorCode::InvalidRequest,
        _ => ErrorCode::UnknownServerError,
    };
    ask.reply(&failed(ask.response()?, Some(topics), error))
}

/// The answer to a request that failed as a whole: nothing is said but its topics, as they were named.
fn failed(mut response: Item, topics: Option<Node<'_>>, error: ErrorCode) -> Item {
    for topic in topics.into_iter().flat_map(Node::children) {
        let mut item = response.item(field::TOPICS);
        item.set(field::ERROR_CODE, error)
            .set(field::NAME, topic.topic_name().unwrap_or_default())
            .set(field::TOPIC_ID, topic.topic_id().unwrap_or_default());
        response.push(field::TOPICS, item);
    }
    if response.has(field::ERROR_CODE) {
        response.set(field::ERROR_CODE, error);
    }
    response.set(field::CLUSTER_ID, Value::Null);
    response
}

/// The answer to a request that comes in the middle of a login.
pub(super) fn out_of_turn(header: &RequestHeader, frame: &[u8]) -> Result<Segments, WireError> {
    let api = (header.api_key, header.api_version);
    let mut tape = Tape::new();
    let message = walk_request(header, frame, Detail::Classified, &mut tape)?;
    let topics = message.root().child(field::TOPICS);
    let response = failed(Item::response(api.0, api.1)?, topics, ErrorCode::IllegalSaslState);
    response.response_frame(api, header.correlation_id)
}

/// Whether asking a broker for a topic cannot create it: before version 4 only what exists is asked for.
fn can_ask_for(ask: &Ask<'_>, alias: &Alias) -> bool {
    ask.version() >= AUTO_CREATION_FROM || alias.exists
}

fn refused(ask: &Ask<'_>, key: TopicKey, error: ErrorCode) -> RefusedMetadata {
    let operations = match (&key, error) {
        (TopicKey::Name(name), ErrorCode::UnknownTopicOrPartition | ErrorCode::InvalidTopic) => {
            Some(ask.gate.asker().authorized_operations(Resource::topic(name)))
        }
        _ => None,
    };
    RefusedMetadata {
        key,
        error: error.code(),
        operations,
    }
}

/// The request for a broker.
fn upstream(ask: &Ask<'_>, wanted: &Wanted<'_>) -> Result<Segments, Stop> {
    let api = (ask.header.api_key, ask.version());
    let mut request = Item::request(api.0, api.1)?;
    let topics = match &wanted.topics {
        Topics::Those(topics) => topics.as_slice(),
        Topics::All => &[],
    };
    let is_all = matches!(wanted.topics, Topics::All);
    if is_all && ask.version() >= EMPTY_MEANS_NONE_FROM {
        request.set(field::TOPICS, Value::Null);
    } else {
        request.set(field::TOPICS, Value::Empty);
    }
    for topic in topics {
        let mut item = request.item(field::TOPICS);
        match topic {
            Known::ByName(alias) => item.set(field::NAME, alias.physical_name.as_str()),
            Known::ById(alias) => {
                let id = alias.ids.map(|ids| *ids.physical_id.bytes()).unwrap_or_default();
                item.set(field::NAME, Value::Null).set(field::TOPIC_ID, id)
            }
        };
        request.push(field::TOPICS, item);
    }
    if !is_all && topics.is_empty() && ask.version() < EMPTY_MEANS_NONE_FROM {
        // An empty list would be all topics. No topic can have this name, so none is created or found.
        let mut item = request.item(field::TOPICS);
        item.set(field::NAME, ask.view.names.impossible_topic());
        request.push(field::TOPICS, item);
    }
    if ask.version() >= AUTO_CREATION_FROM {
        request.set(field::ALLOW_AUTO_TOPIC_CREATION, wanted.creation == Asked::Yes);
    }
    let client_id = ask.header.client_id(ask.frame).unwrap_or_default();
    Ok(request.request_frame(api, ask.header.correlation_id, client_id)?)
}

/// An answer without a broker's: nothing is said of topics but errors.
fn made_here(ask: &Ask<'_>, mut response: Item, then: &MetadataThen) -> Item {
    for refused in &then.refused {
        let topic = refused_item(&response, refused, then.topic_operations);
        response.push(field::TOPICS, topic);
    }
    if then.cluster_operations == Asked::Yes {
        response.set(
            field::CLUSTER_AUTHORIZED_OPERATIONS,
            cluster_operations(&ask.gate.asker()),
        );
    }
    response
}

/// A refused topic as it is answered. What a 29 answers by id carries no name.
fn refused_item(response: &Item, refused: &RefusedMetadata, operations: Asked) -> Item {
    let mut topic = response.item(field::TOPICS);
    topic.set(field::ERROR_CODE, refused.error);
    match &refused.key {
        TopicKey::Name(name) => topic.set(field::NAME, name.as_str()),
        TopicKey::Id(id) => topic.set(field::NAME, Value::Null).set(field::TOPIC_ID, *id),
    };
    if let Some(operations) = refused.operations.filter(|_| operations == Asked::Yes) {
        topic.set(field::TOPIC_AUTHORIZED_OPERATIONS, operations);
    }
    topic
}

/// The answer.
fn answer(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    let Then::Metadata(then) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let root = message.root();
    back.topics = then.topics;
    back.filter = then.filter;
    back.cluster_operations = then.cluster_operations;
    back.operations = then.topic_operations;
    back.convert(root, edits);
    let Some(array) = root.child(field::TOPICS) else {
        return Ok(());
    };
    let empty = back.empty()?;
    for topic in array.children() {
        mark_leaderless(back, topic, edits);
    }
    for refused in &then.refused {
        edits.append(array, &refused_item(&empty, refused, then.topic_operations));
    }
    Ok(())
}
