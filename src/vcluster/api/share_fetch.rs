//! ShareFetch and ShareAcknowledge (KIP-932). A broker keeps a share session's partitions; a request names only what
//! changes. So rights are judged on what a request names, and once more on what an answer holds.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::{Ask, Stop};
use super::back::{Back, BadAnswer};
use super::carried;
use super::description::{
    Ahead, AnsweredBy, Api, ConnectionUse, Forwarded, QuotaUse, Request, Response, ServedVersions, Way,
};
use super::error_code::ErrorCode;
use super::group;
use super::records::{self, FetchFacts};
use super::topics::{self, Repeated, Shape};
use crate::authz::Resource;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::{RefusedTopic, Then, TopicKey};
use crate::vcluster::plan::{Attempt, Plan};
use crate::vcluster::rename::Alias;
use crate::wire::{Class, Edits, Item, Message, Node, field};
use klamm_raft::model::Operation;

pub(super) const SHARE_FETCH: Api = Api {
    key: 78,
    versions: ServedVersions::new(1, 2),
    rights: "READ on the group and the topic",
    on_the_way: "Group; topic ids; leaders and endpoints. The connection to the broker stays with its client: share sessions \
         belong to connections.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(fetch),
        response: Response::classified(fetched),
        way: Way::Connected,
        connection: ConnectionUse::Bound,
        ahead: Ahead::Never,
        uses: QuotaUse::ConsumedBytes,
        needs_no_right: None,
    }),
};

pub(super) const SHARE_ACKNOWLEDGE: Api = Api {
    key: 79,
    versions: ServedVersions::new(1, 2),
    rights: "READ on the group and the topic",
    on_the_way: "Group; topic ids; leaders and endpoints.",
    answered_by: AnsweredBy::Broker(Forwarded {
        request: Request::classified(acknowledge),
        response: Response::classified(topics::with_refusals),
        way: Way::Connected,
        connection: ConnectionUse::Bound,
        ahead: Ahead::Never,
        uses: QuotaUse::Nothing,
        needs_no_right: None,
    }),
};

const SHAPE: Shape = Shape {
    operation: Some(Operation::Read),
    topics: field::TOPICS,
    answered: field::RESPONSES,
    name: field::TOPIC_NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused,
    repeated: Repeated::Listed,
};

/// The epoch of a fetch that begins a session.
const INITIAL_EPOCH: i64 = 0;

/// Acknowledgements along with a fetch are refused with it.
fn when_refused(partition: &mut Item, error: i16) {
    if partition.has(field::ACKNOWLEDGE_ERROR_CODE) {
        partition.set(field::ACKNOWLEDGE_ERROR_CODE, error);
    }
}

/// ShareFetch. The broker is not asked to begin a session of which nothing is left; it learns of every later request,
/// because it counts them.
fn fetch(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let epoch = ask.message.first(Class::FetchSessionEpoch).and_then(Node::int);
    let (refused, kept, edits) = match split(ask)? {
        Ok(split) => split,
        Err(error) => return ask.refuse(error),
    };
    // Which partitions are fetched is up to the share session, and from where is up to the broker.
    let facts = FetchFacts::of_share_session(ask);
    if kept == 0 && epoch == Some(INITIAL_EPOCH) {
        return topics::reply(ask, &SHAPE, &refused);
    }
    ask.forward(edits, Then::Fetched(refused, facts, Arc::clone(&ask.view.acls)))
}

/// ShareAcknowledge.
fn acknowledge(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    match split(ask)? {
        Ok((refused, _, edits)) => ask.forward(edits, Then::Topics(&SHAPE, refused)),
        Err(error) => ask.refuse(error),
    }
}

/// The topics that are refused, how many are kept, and how they are sent on.
type Parts = (Vec<RefusedTopic>, usize, Edits);

fn split(ask: &mut Ask<'_>) -> Result<Result<Parts, ErrorCode>, Stop> {
    let mut edits = Edits::new();
    if let Err(error) = group::judge_named(ask, Operation::Read, &mut edits) {
        return Ok(Err(error));
    }
    let root = ask.message.root();
    let split = topics::split(ask, &SHAPE, root, &mut edits)?;
    if let Some(forgotten) = root.child(field::FORGOTTEN_TOPICS_DATA)
        && !forget(ask, forgotten, &mut edits)?
    {
        return Ok(Err(ErrorCode::ShareSessionNotFound));
    }
    Ok(Ok((split.refused, split.kept, edits)))
}

/// Gives topics that leave a session their physical ids, shown or departed: a broker keeps what it is not told to
/// forget, and fails every fetch of a session that holds a topic which is gone. `false` when one of them was never
/// heard of here: then the session is of no use.
fn forget(ask: &Ask<'_>, forgotten: Node<'_>, edits: &mut Edits) -> Result<bool, Stop> {
    for topic in forgotten.children() {
        let Some((node, id)) = topic
            .child_of(Class::TopicId)
            .and_then(|node| Some((node, node.uuid()?)))
        else {
            return Err(Stop::Malformed);
        };
        match ask.view.names.physical_topic_id(TopicId::new(id)) {
            Some(physical) => edits.set_uuid(node, *physical.bytes()),
            None if ask.attempt == Attempt::First => return Err(Stop::TopicsNotKnown),
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// A topic as an answer tells of it.
enum Told {
    /// A topic that may be told.
    Shown,
    /// That it is gone, which is so: these partitions were asked for.
    Gone(RefusedTopic),
    /// A topic that may not be told.
    Hidden,
}

/// The answer to ShareFetch. When the session holds a topic that the caller may not read any more, or that is none of
/// the virtual cluster any more, nothing of the answer is told: the client is made to begin a new session, which will
/// not have that topic. One that was deleted is told as such: the client forgets it, and the session goes on.
fn fetched(back: &mut Back<'_>, message: Message<'_>, edits: &mut Edits) -> Result<(), BadAnswer> {
    // All topics are judged once more, whatever they were judged by.
    let Then::Fetched(refused, facts, _) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    let root = message.root();
    back.convert(root, edits);
    let withheld = records::apply_to_answer(back, message, facts.as_deref(), edits);
    let Some(array) = root.child(field::RESPONSES) else {
        return Ok(());
    };
    let error = root.child(field::ERROR_CODE);
    let Some(error) = error.filter(|error| error.int() == Some(0)) else {
        return Ok(());
    };
    let mut gone = Vec::new();
    let mut is_hidden = false;
    for topic in array.children() {
        match told(back, topic) {
            Told::Shown => {}
            Told::Gone(topic) => gone.push(topic),
            Told::Hidden => is_hidden = true,
        }
    }
    if !is_hidden {
        back.carried = carried::told(back, message, &withheld, |_, _| true);
        if back.names.is_transparent() {
            gone.clear();
        }
        let empty = back.empty()?;
        topics::splice(&SHAPE, root, &empty, &gone, edits);
        topics::splice(&SHAPE, root, &empty, refused, edits);
        return Ok(());
    }
    let not_found = ErrorCode::ShareSessionNotFound.code();
    edits.set_int(error, not_found.into());
    // What is none of the virtual cluster's is left out already.
    let is_left_out = |topic: &Node<'_>| alias_of(back, *topic).is_none() && !back.names.is_transparent();
    for topic in array.children().filter(|topic| !is_left_out(topic)) {
        edits.remove_item(array, topic);
    }
    back.errors.add(not_found);
    Ok(())
}

fn told(back: &Back<'_>, topic: Node<'_>) -> Told {
    let Some(id) = topic.topic_id().map(TopicId::new) else {
        return Told::Hidden;
    };
    if let Some(alias) = back.names.by_physical_id(id) {
        return match may_read(back, alias) {
            true => Told::Shown,
            false => Told::Hidden,
        };
    }
    let departed = back.names.departed(id).filter(|alias| may_read(back, alias));
    let failed = |partition: Node<'_>| {
        partition
            .int_in(field::ERROR_CODE)
            .is_some_and(|error| error != 0)
    };
    let partitions = || topic.items(field::PARTITIONS);
    match departed.and_then(|alias| alias.ids) {
        Some(ids) if partitions().all(failed) => Told::Gone(RefusedTopic {
            key: TopicKey::Id(*ids.virtual_id.bytes()),
            partitions: partitions().filter_map(Node::partition_index).collect(),
            error: ErrorCode::UnknownTopicId.code(),
            invalid: BTreeSet::new(),
        }),
        _ => Told::Hidden,
    }
}

fn alias_of<'a>(back: &Back<'a>, topic: Node<'_>) -> Option<&'a Alias> {
    back.names.by_physical_id(topic.topic_id().map(TopicId::new)?)
}

fn may_read(back: &Back<'_>, alias: &Alias) -> bool {
    let topic = Resource::topic(alias.virtual_name.as_str());
    back.asker.decide(Operation::Read, topic).is_allowed()
}
