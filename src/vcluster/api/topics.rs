//! The steps that all APIs share whose requests are lists of topics with partitions: the request is split into what is
//! sent on and what is refused, and the refusals are added to the answer.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::ask::{Ask, Stop, Verdict};
use super::back::{Back, BadAnswer};
use super::error_code::{ErrorCode, denial};
use super::items;
use crate::vcluster::pending::{RefusedTopic, Then, TopicKey};
use crate::vcluster::plan::Plan;
use crate::vcluster::rename::Alias;
use crate::wire::{Class, Edits, Field, Form, Item, Message, Node, Value, field};
use klamm_raft::model::Operation;

/// The particulars of an API.
#[derive(Debug, Clone, Copy)]
pub(in crate::vcluster) struct Shape {
    /// The right that the caller must have to each topic; `None` when the request as a whole was allowed.
    pub(super) operation: Option<Operation>,
    /// The topics of a request.
    pub(super) topics: Field,
    /// The topics of an answer.
    pub(super) answered: Field,
    /// A topic's name in an answer.
    pub(super) name: Field,
    /// A topic's partitions in an answer.
    pub(super) partitions: Field,
    /// A partition's number in an answer.
    pub(super) index: Field,
    /// The change of an answered partition beside this error, where the schema's default is not what a broker says.
    pub(super) when_refused: fn(&mut Item, i16),
    pub(super) repeated: Repeated,
}

impl Shape {
    /// Says which topic an item of an answer is.
    pub(super) fn name_topic(&self, topic: &mut Item, key: &TopicKey) {
        match key {
            TopicKey::Name(name) => topic.set(self.name, name.as_str()),
            TopicKey::Id(id) => topic.set(field::TOPIC_ID, *id),
        };
    }
}

/// Descriptions of partitions, where a broker says the schema's defaults of those that it refuses.
pub(super) const LISTED: Shape = Shape {
    operation: Some(Operation::Describe),
    topics: field::TOPICS,
    answered: field::TOPICS,
    name: field::NAME,
    partitions: field::PARTITIONS,
    index: field::PARTITION_INDEX,
    when_refused: by_schema,
    repeated: Repeated::Listed,
};

/// Offsets that are committed.
pub(super) const COMMITTED: Shape = Shape {
    operation: Some(Operation::Read),
    repeated: Repeated::JoinedWithAll,
    ..LISTED
};

fn by_schema(_: &mut Item, _: i16) {}

/// Adds a broker's words to a refused partition.
pub(super) fn in_words(partition: &mut Item, error: i16) {
    if let Some(words) = denial(error) {
        partition.set(field::ERROR_MESSAGE, words);
    }
}

/// How brokers answer a topic that a request names more than once, and that they refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vcluster) enum Repeated {
    /// As often as it is named.
    Listed,
    /// As one topic, with all partitions that are named.
    Joined,
    /// Like `Joined`, and those are answered as well that are not refused but named beside it.
    JoinedWithAll,
    /// As one topic, with each of its partitions once.
    Once,
}

/// A request's list of topics, split.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// How many topics are sent on.
    pub(super) kept: usize,
    pub(super) refused: Vec<RefusedTopic>,
}

/// Splits the topics in the field of `parent`; what is kept gets its physical names.
pub(super) fn split(
    ask: &mut Ask<'_>,
    shape: &Shape,
    parent: Node<'_>,
    edits: &mut Edits,
) -> Result<Split, Stop> {
    split_noting(ask, shape, parent, edits, |_, _| {})
}

/// Splits, and tells `note` each topic that is kept.
pub(super) fn split_noting<'n>(
    ask: &mut Ask<'_>,
    shape: &Shape,
    parent: Node<'n>,
    edits: &mut Edits,
    mut note: impl FnMut(Node<'n>, &Alias),
) -> Result<Split, Stop> {
    let mut split = Split::default();
    let Some(array) = parent.child(shape.topics) else {
        return Ok(split);
    };
    for topic in array.children() {
        if ask.is_left_out(topic) {
            edits.remove_item(array, topic);
            continue;
        }
        match ask.judge(topic, shape.operation)? {
            Verdict::Forwarded(alias) => {
                to_physical(topic, &alias, edits);
                to_physical_epochs(ask, topic, edits);
                note(topic, &alias);
                split.kept += 1;
            }
            Verdict::Refused(error) => {
                edits.remove_item(array, topic);
                split.refused.extend(refused(topic, error));
            }
        }
    }
    split.refused = joined(split.refused, shape.repeated);
    Ok(split)
}

/// Gives the partitions of a topic the epochs of their leaders that the physical cluster knows.
fn to_physical_epochs(ask: &Ask<'_>, topic: Node<'_>, edits: &mut Edits) {
    let epochs = ask.view.epochs;
    if epochs.are_plain() {
        return;
    }
    for partition in topic.all(Class::Partition) {
        if let Some(node) = partition.child_of(Class::LeaderEpoch)
            && let Some(told) = node.int()
        {
            edits.set_int(node, epochs.physical(told));
        }
    }
}

/// Refusals as they are answered: what was named more than once is put together.
pub(super) fn joined(refusals: Vec<RefusedTopic>, repeated: Repeated) -> Vec<RefusedTopic> {
    if repeated == Repeated::Listed {
        return refusals;
    }
    let mut places = HashMap::with_capacity(refusals.len());
    let mut joined: Vec<RefusedTopic> = Vec::with_capacity(refusals.len());
    for refusal in refusals {
        match places.entry(refusal.key.clone()) {
            Entry::Vacant(place) => {
                place.insert(joined.len());
                joined.push(refusal);
            }
            Entry::Occupied(place) => joined[*place.get()].partitions.extend(refusal.partitions),
        }
    }
    if repeated == Repeated::Once {
        for refusal in &mut joined {
            let mut seen = HashSet::new();
            refusal.partitions.retain(|partition| seen.insert(*partition));
        }
    }
    joined
}

/// Gives a topic its physical name, or says why it is not sent on.
pub(super) fn forward_or_refuse(
    ask: &mut Ask<'_>,
    shape: &Shape,
    topic: Node<'_>,
    edits: &mut Edits,
) -> Result<Option<ErrorCode>, Stop> {
    Ok(match ask.judge(topic, shape.operation)? {
        Verdict::Forwarded(alias) => {
            to_physical(topic, &alias, edits);
            None
        }
        Verdict::Refused(error) => Some(error),
    })
}

/// A request that needs nothing but the split: sent on with what is left, or answered when that is nothing.
pub(super) fn request(ask: &mut Ask<'_>, shape: &'static Shape, mut edits: Edits) -> Result<Plan, Stop> {
    let split = split(ask, shape, ask.message.root(), &mut edits)?;
    finish(ask, shape, split, edits)
}

/// Sends on what is left of a request, or answers it when that is nothing.
pub(super) fn finish(ask: &Ask<'_>, shape: &'static Shape, split: Split, edits: Edits) -> Result<Plan, Stop> {
    if split.kept == 0 {
        return reply(ask, shape, &split.refused);
    }
    ask.forward(edits, Then::Topics(shape, split.refused))
}

/// Sends on which of its topics a request names, or that it names none and means all; the answer is about topics of
/// this virtual cluster.
pub(super) fn forward_known(ask: &mut Ask<'_>) -> Result<Plan, Stop> {
    let mut edits = Edits::new();
    let named = ask
        .message
        .root()
        .child(field::TOPICS)
        .filter(|array| !array.is_null());
    let mut kept = 0;
    if let Some(array) = named {
        for topic in array.children() {
            match ask.judge(topic, None)? {
                Verdict::Forwarded(alias) => {
                    to_physical(topic, &alias, &mut edits);
                    kept += 1;
                }
                Verdict::Refused(_) => edits.remove_item(array, topic),
            }
        }
    }
    if !ask.has_home() || (named.is_some_and(|array| array.count() > 0) && kept == 0) {
        let mut response = ask.response()?;
        if response.has(field::ERROR_MESSAGE) {
            response.set(field::ERROR_MESSAGE, Value::Null);
        }
        return ask.reply(&response);
    }
    ask.forward(edits, Then::Nothing)
}

/// Answers all partitions of all topics of the request with one error.
pub(super) fn refuse_all(ask: &Ask<'_>, shape: &Shape, error: ErrorCode) -> Result<Plan, Stop> {
    let topics = ask.message.root().items(shape.topics);
    let refusals: Vec<_> = topics.filter_map(|topic| refused(topic, error)).collect();
    reply(ask, shape, &refusals)
}

/// Answers with refusals alone.
pub(super) fn reply(ask: &Ask<'_>, shape: &Shape, refusals: &[RefusedTopic]) -> Result<Plan, Stop> {
    let mut response = ask.response()?;
    add_refused(&mut response, shape, refusals);
    ask.reply(&response)
}

/// Adds refusals to an answer that is made here.
pub(super) fn add_refused(response: &mut Item, shape: &Shape, refusals: &[RefusedTopic]) {
    for refusal in refusals {
        let topic = answered(response, shape, refusal);
        response.push(shape.answered, topic);
    }
}

/// Puts topics of an answer together that the request named more than once: so brokers do where they refuse others beside
/// them. Of a partition nothing but its number and its error is said.
fn join_answered(back: &Back<'_>, shape: &Shape, (parent, empty): (Node<'_>, &Item), edits: &mut Edits) {
    let Some(array) = parent.child(shape.answered) else {
        return;
    };
    let mut firsts = HashMap::new();
    // The others are left out already.
    for topic in array.children().filter(|topic| back.knows(*topic)) {
        match firsts.entry((topic.topic_name(), topic.topic_id())) {
            Entry::Vacant(place) => {
                place.insert(topic);
            }
            Entry::Occupied(first) => {
                if let (Some(to), Some(from)) =
                    (first.get().child(shape.partitions), topic.child(shape.partitions))
                {
                    for partition in from.children() {
                        let mut moved = empty.item(shape.answered).item(shape.partitions);
                        let index = partition.i32_in(shape.index).unwrap_or_default();
                        moved
                            .set(shape.index, index)
                            .set(field::ERROR_CODE, back.error_of(partition));
                        edits.append(to, &moved);
                    }
                    edits.remove_item(array, topic);
                }
            }
        }
    }
}

/// Converts an answer that needs nothing but topics added that were refused.
pub(super) fn with_refusals(
    back: &mut Back<'_>,
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    let Then::Topics(shape, refused) = &back.pending.then else {
        return Err(BadAnswer::OtherApi);
    };
    convert_and_add(back, (shape, refused), message, edits)
}

/// Converts an answer, and adds topics that were refused.
pub(super) fn convert_and_add(
    back: &Back<'_>,
    (shape, refused): (&Shape, &[RefusedTopic]),
    message: Message<'_>,
    edits: &mut Edits,
) -> Result<(), BadAnswer> {
    back.convert(message.root(), edits);
    if refused.is_empty() || items::failed(message) {
        return Ok(());
    }
    let (root, empty) = (message.root(), back.empty()?);
    if shape.repeated == Repeated::JoinedWithAll {
        join_answered(back, shape, (root, &empty), edits);
    }
    splice(shape, root, &empty, refused, edits);
    Ok(())
}

/// Adds refusals to the topics in an answer. `parent` is the struct that holds them, `item` one like it.
pub(super) fn splice(
    shape: &Shape,
    parent: Node<'_>,
    item: &Item,
    refusals: &[RefusedTopic],
    edits: &mut Edits,
) {
    let Some(array) = parent.child(shape.answered) else {
        return;
    };
    for refusal in refusals {
        edits.append(array, &answered(item, shape, refusal));
    }
}

/// A refused topic as it is answered, for the struct `parent`.
pub(super) fn answered(parent: &Item, shape: &Shape, refusal: &RefusedTopic) -> Item {
    let mut topic = parent.item(shape.answered);
    shape.name_topic(&mut topic, &refusal.key);
    for index in &refusal.partitions {
        let error = match refusal.invalid.contains(index) {
            true => ErrorCode::InvalidRequest.code(),
            false => refusal.error,
        };
        let mut partition = topic.item(shape.partitions);
        partition.set(shape.index, *index).set(field::ERROR_CODE, error);
        (shape.when_refused)(&mut partition, error);
        topic.push(shape.partitions, partition);
    }
    topic
}

/// How a topic of a request that is not sent on will be answered.
pub(super) fn refused(topic: Node<'_>, error: ErrorCode) -> Option<RefusedTopic> {
    Some(RefusedTopic {
        key: TopicKey::of(topic)?,
        partitions: partitions(topic),
        error: error.code(),
        invalid: BTreeSet::new(),
    })
}

fn partitions(topic: Node<'_>) -> Vec<i32> {
    match topic.partitions() {
        Some(array) if array.class() == Class::Partitions => {
            array.children().filter_map(Node::partition_index).collect()
        }
        Some(array) if array.form() == Form::Array => array.i32s().map(|(_, index)| index).collect(),
        _ => Vec::new(),
    }
}

/// Gives a topic of a request its physical name or id.
pub(super) fn to_physical(topic: Node<'_>, alias: &Alias, edits: &mut Edits) {
    if let Some(name) = topic.child_of(Class::TopicName) {
        edits.set_text(name, Some(alias.physical_name.as_str()));
    }
    if let (Some(id), Some(ids)) = (topic.child_of(Class::TopicId), alias.ids) {
        edits.set_uuid(id, *ids.physical_id.bytes());
    }
}
