//! ShareFetch and ShareAcknowledge (KIP-932). A broker keeps a share session's partitions; a request names only what
//! changes. So rights are judged on what a request names, and once more on what an answer holds.

use super::ask::{Ask, Stop, Verdict};
use super::back::Back;
use super::consumer_group;
use super::error_code::ErrorCode;
use super::group;
use super::topics::{self, Shape};
use crate::authz::Resource;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::{RefusedTopic, Then};
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Class, Edits, Item, Message, Node, field};
use klamm_raft::model::Operation;

pub(super) const SHAPE: Shape = Shape {
    operation: Some(Operation::Read),
    topics: field::TOPICS,
    answered: field::RESPONSES,
    name: field::TOPIC_NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused,
};

/// The epoch of a fetch that begins a session.
const INITIAL_EPOCH: i64 = 0;

/// What is acknowledged along with a fetch is refused with it.
fn when_refused(partition: &mut Item, error: i16) {
    if partition.has(field::ACKNOWLEDGE_ERROR_CODE) {
        partition.set(field::ACKNOWLEDGE_ERROR_CODE, error);
    }
}

/// ShareFetch. The broker is not asked to begin a session of which nothing is left; it learns of every later request,
/// because it counts them.
pub(super) fn fetch(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let epoch = ask.message.first(Class::FetchSessionEpoch).and_then(Node::int);
    let (refused, kept, edits) = match split(ask)? {
        Ok(split) => split,
        Err(error) => return consumer_group::refuse(ask, error),
    };
    if kept == 0 && epoch == Some(INITIAL_EPOCH) {
        return topics::reply(ask, &SHAPE, &refused);
    }
    ask.forward(edits, Then::Topics(refused))
}

/// ShareAcknowledge.
pub(super) fn acknowledge(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    match split(ask)? {
        Ok((refused, _, edits)) => ask.forward(edits, Then::Topics(refused)),
        Err(error) => consumer_group::refuse(ask, error),
    }
}

/// What is refused, how many topics are kept, and how they are sent on.
type Parts = (Vec<RefusedTopic>, usize, Edits);

fn split(ask: &mut Ask<'_>) -> Result<Result<Parts, ErrorCode>, Stop> {
    let mut edits = Edits::new();
    if let Err(error) = group::judge_named(ask, Operation::Read, &mut edits) {
        return Ok(Err(error));
    }
    let root = ask.message.root();
    let split = topics::split(ask, &SHAPE, root, &mut edits)?;
    if let Some(forgotten) = root.child(field::FORGOTTEN_TOPICS_DATA) {
        for topic in forgotten.children() {
            match ask.judge(topic, None)? {
                Verdict::Forwarded(alias) => topics::to_physical(topic, &alias, &mut edits),
                Verdict::Refused(_) => edits.remove_item(forgotten, topic),
            }
        }
    }
    Ok(Ok((split.refused, split.kept, edits)))
}

/// The answer to ShareFetch. When the session holds a topic that the caller may not read any more, or that is none of
/// the virtual cluster any more, nothing of the answer is told: the client is made to begin a new session, which will
/// not have that topic.
pub(super) fn fetched(
    back: &Back<'_>,
    message: Message<'_>,
    empty: &Item,
    refused: &[RefusedTopic],
    edits: &mut Edits,
) {
    let root = message.root();
    back.convert(root, edits);
    let Some(array) = root.child(field::RESPONSES) else {
        return;
    };
    let is_hidden = array.children().any(|topic| !may_read(back, topic));
    let error = root.child(field::ERROR_CODE);
    let Some(error) = error.filter(|error| error.int() == Some(0)) else {
        return;
    };
    if !is_hidden {
        topics::splice(&SHAPE, root, empty, refused, edits);
        return;
    }
    edits.set_int(error, ErrorCode::ShareSessionNotFound.code().into());
    // Those of others are gone already.
    for topic in array.children().filter(|topic| alias_of(back, *topic).is_some()) {
        edits.remove_item(array, topic);
    }
}

fn alias_of<'a>(back: &Back<'a>, topic: Node<'_>) -> Option<&'a Alias> {
    back.names.by_physical_id(topic.topic_id().map(TopicId::new)?)
}

fn may_read(back: &Back<'_>, topic: Node<'_>) -> bool {
    alias_of(back, topic).is_some_and(|alias| {
        let topic = Resource::topic(alias.virtual_name.as_str());
        back.asker.decide(Operation::Read, topic).is_allowed()
    })
}
