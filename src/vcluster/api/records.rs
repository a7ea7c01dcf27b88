//! The records of a request or an answer, where the virtual cluster has policies: which of them are to be judged, and what
//! becomes of the frame once they are. Knows no API.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use klamm_raft::model::PolicyPhase;

use super::ask::{Ask, Stop};
use super::back::Back;
use super::error_code::ErrorCode;
use super::topics::Shape;
use crate::policy::{Policies, PolicyChain, PolicyContext};
use crate::records::{FetchRange, PoisonHandling};
use crate::vcluster::pending::{RefusedBatch, TopicKey};
use crate::vcluster::plan::Caller;
use crate::vcluster::record_work::{Judged, PartitionName, RecordWork, RefusedRecords};
use crate::vcluster::rename::Alias;
use crate::vcluster::view::View;
use crate::wire::{Class, Edits, Item, Message, Node, field};

/// A topic of a request that is sent on, by its name in the virtual cluster.
pub(super) struct KeptTopic<'a> {
    node: Node<'a>,
    name: String,
    /// How many partitions it is known to have.
    partitions: u32,
}

/// Takes note of the topics that are sent on, where the virtual cluster has policies.
#[derive(Default)]
pub(super) struct KeptTopics<'a>(Vec<KeptTopic<'a>>);

impl<'a> KeptTopics<'a> {
    /// Takes note of a topic.
    pub(super) fn add(&mut self, view: &View, node: Node<'a>, alias: &Alias) {
        if view.policies.is_some() {
            let name = alias.virtual_name.as_str().to_owned();
            let partitions = alias.partitions;
            self.0.push(KeptTopic {
                node,
                name,
                partitions,
            });
        }
    }
}

/// The facts about a fetch that are needed when it is answered. Only fetches of a virtual cluster that has policies leave
/// them behind, and only of partitions that there are: a client may name others without end.
#[derive(Debug)]
pub(in crate::vcluster) struct FetchFacts {
    client_id: Option<Arc<str>>,
    /// By the name of the topic in the virtual cluster, and the partition.
    ranges: HashMap<String, BTreeMap<i32, FetchRange>>,
    poison: PoisonHandling,
}

impl FetchFacts {
    /// The facts about a request, if the virtual cluster has policies.
    pub(super) fn of(ask: &Ask<'_>, kept: &KeptTopics<'_>) -> Option<Box<Self>> {
        let mut facts = Self::without_ranges(ask, PoisonHandling::AfterOthers)?;
        for topic in &kept.0 {
            let known = |index: &i32| u32::try_from(*index).is_ok_and(|index| index < topic.partitions);
            let ranges = facts.ranges.entry(topic.name.clone()).or_default();
            for partition in topic.node.items(field::PARTITIONS) {
                let Some(index) = partition.partition_index().filter(known) else {
                    continue;
                };
                let limit = partition.int_in(field::PARTITION_MAX_BYTES);
                let range = FetchRange {
                    from: partition.int_in(field::FETCH_OFFSET),
                    limit: limit.and_then(|limit| usize::try_from(limit).ok()),
                    poison: PoisonHandling::AfterOthers,
                };
                ranges.insert(index, range);
            }
        }
        Some(facts)
    }

    /// The facts about a fetch that does not say from where: a share session does.
    pub(super) fn of_share_session(ask: &Ask<'_>) -> Option<Box<Self>> {
        Self::without_ranges(ask, PoisonHandling::First)
    }

    fn without_ranges(ask: &Ask<'_>, poison: PoisonHandling) -> Option<Box<Self>> {
        ask.view.policies.as_ref()?;
        Some(Box::new(Self {
            client_id: ask.header.client_id(ask.frame).map(Arc::from),
            ranges: HashMap::new(),
            poison,
        }))
    }

    fn range(&self, topic: &str, partition: i32) -> FetchRange {
        let of_topic = self.ranges.get(topic);
        let found = of_topic.and_then(|of_topic| of_topic.get(&partition));
        let unknown = FetchRange {
            poison: self.poison,
            ..FetchRange::default()
        };
        found.copied().unwrap_or(unknown)
    }
}

/// Who sends or gets records.
fn context(view: &View, caller: &Caller, client_id: Option<Arc<str>>) -> Arc<PolicyContext> {
    Arc::new(PolicyContext {
        vcluster: view.name.clone(),
        auth: caller.auth,
        principal: caller.principal.clone(),
        client_id,
        client_address: Arc::clone(&caller.host),
    })
}

/// The batches of a request that do not go on, and the others.
#[derive(Default)]
pub(super) struct JudgedBatches {
    pub(super) refused: Vec<RefusedBatch>,
    /// How many topics are left out altogether.
    pub(super) emptied: usize,
    /// The places of records that others take.
    rewritten: BTreeSet<usize>,
}

impl JudgedBatches {
    /// Whether others take the place of these records.
    pub(super) fn are_rewritten(&self, records: Node<'_>) -> bool {
        self.rewritten.contains(&records.content_span().range().start)
    }
}

/// Applies what came of the records of a request: the batches that do not go on are taken out of it. If anything is not
/// judged yet, all of it is to be judged.
pub(super) fn judge_produced(
    ask: &Ask<'_>,
    shape: &Shape,
    kept: &KeptTopics<'_>,
    edits: &mut Edits,
) -> Result<JudgedBatches, Stop> {
    let mut batches = JudgedBatches::default();
    let Some(policies) = &ask.view.policies else {
        return Ok(batches);
    };
    let client_id = ask.header.client_id(ask.frame).map(Arc::from);
    let context = context(ask.view, ask.caller, client_id);
    let pieces = || {
        kept.0.iter().flat_map(|topic| {
            let is_judged = policies
                .chain(PolicyPhase::Produce, &context, &topic.name)
                .is_some();
            let array = topic.node.partitions().filter(|_| is_judged);
            let all = array
                .into_iter()
                .flat_map(|array| array.children().map(move |node| (array, node)));
            all.filter_map(move |(array, node)| Some((topic, array, Piece::of(node)?)))
        })
    };
    if pieces().any(|(_, _, piece)| ask.results.at(piece.at, policies).is_none()) {
        let mut work = RecordWork::new(policies);
        for (topic, _, piece) in pieces() {
            if let Some(mut chain) = policies.chain(PolicyPhase::Produce, &context, &topic.name) {
                chain.enter(piece.index);
                work.add(piece.name(&topic.name), piece.records(ask.frame), chain, None);
            }
        }
        return Err(Stop::Unjudged(work));
    }
    let mut left: HashMap<usize, usize> = HashMap::new();
    for (topic, array, piece) in pieces() {
        match ask.results.at(piece.at, policies) {
            None | Some(Judged::AsItCame) => {}
            Some(Judged::Rewritten(records)) => {
                let marked = ask.view.producers.mark(records.clone());
                // Whoever has an id that cannot be marked was refused before.
                edits.set_records(piece.node, marked.map_err(|_| Stop::Malformed)?);
                batches.rewritten.insert(piece.at);
            }
            Some(Judged::Refused(why)) => {
                edits.remove_item(array, piece.partition);
                batches
                    .refused
                    .extend(RefusedBatch::of(topic.node, piece.index, why));
                let place = topic.node.span().range().start;
                let left = left.entry(place).or_insert_with(|| array.count());
                *left -= 1;
                if *left == 0
                    && let Some(topics) = ask.message.root().child(shape.topics)
                {
                    batches.emptied += 1;
                    edits.remove_item(topics, topic.node);
                }
            }
        }
    }
    Ok(batches)
}

/// The records of an answer that must be judged before it is told; none when there are none.
pub(super) fn unjudged(
    back: &Back<'_>,
    message: Message<'_>,
    frame: &Bytes,
    facts: Option<&FetchFacts>,
) -> Option<RecordWork> {
    let policies = back.view.policies.as_ref()?;
    let facts = facts?;
    let mut work = RecordWork::new(policies);
    each_fetched(back, policies, Some(facts), message, |piece, judge| {
        if let Some((topic, chain)) = judge
            && back.results.at(piece.at, policies).is_none()
        {
            let wanted = facts.range(topic, piece.index);
            work.add(piece.name(topic), piece.records(frame), chain, Some(wanted));
        }
    });
    (!work.is_empty()).then_some(work)
}

/// Puts what came of the records of an answer in their place. What was not judged is not told.
pub(super) fn apply_to_answer(
    back: &mut Back<'_>,
    message: Message<'_>,
    facts: Option<&FetchFacts>,
    edits: &mut Edits,
) {
    let Some(policies) = &back.view.policies else {
        return;
    };
    let mut errors = Vec::new();
    each_fetched(back, policies, facts, message, |piece, _| {
        let error = match back.results.at(piece.at, policies) {
            Some(Judged::AsItCame) => return,
            Some(Judged::Rewritten(records)) => {
                edits.set_records(piece.node, records.clone());
                return;
            }
            Some(Judged::Refused(why)) => why.error,
            // A policy came while the client waited, or the topic is not known any more: the client is to ask again.
            None => ErrorCode::KafkaStorageError,
        };
        edits.set_records(piece.node, Bytes::new());
        if let Some(code) = piece.partition.child(field::ERROR_CODE) {
            edits.set_int(code, error.code().into());
        }
        errors.push(error.code());
    });
    errors.into_iter().for_each(|code| back.errors.add(code));
}

/// Calls `each` for the records of each partition of an answer that a policy may concern, with the topic's name in the
/// virtual cluster and the judge; without, where nobody knows which topic it is.
fn each_fetched<'n>(
    back: &Back<'_>,
    policies: &Arc<Policies>,
    facts: Option<&FetchFacts>,
    message: Message<'n>,
    mut each: impl FnMut(Piece<'n>, Option<(&str, PolicyChain)>),
) {
    let client_id = facts.and_then(|facts| facts.client_id.clone());
    let context = context(back.view, back.caller(), client_id);
    for topic in message.root().items(field::RESPONSES) {
        let alias = back.alias_of(topic);
        let name = alias.as_ref().map(|alias| alias.virtual_name.as_str());
        for piece in topic.items(field::PARTITIONS).filter_map(Piece::of) {
            let Some(name) = name else {
                each(piece, None);
                continue;
            };
            let Some(mut chain) = policies.chain(PolicyPhase::Consume, &context, name) else {
                break;
            };
            chain.enter(piece.index);
            each(piece, Some((name, chain)));
        }
    }
}

/// The records of one partition in a frame.
struct Piece<'a> {
    partition: Node<'a>,
    index: i32,
    node: Node<'a>,
    /// Where they begin in the frame.
    at: usize,
}

impl<'a> Piece<'a> {
    /// The records of a partition, if it has any.
    fn of(partition: Node<'a>) -> Option<Self> {
        let node = partition.child_of(Class::Records)?;
        let place = node.content_span().range();
        (!place.is_empty()).then_some(Self {
            partition,
            index: partition.partition_index()?,
            node,
            at: place.start,
        })
    }

    /// Where they begin in the frame, and the bytes, shared with it.
    fn records(&self, frame: &Bytes) -> (usize, Bytes) {
        (self.at, frame.slice(self.node.content_span().range()))
    }

    fn name(&self, topic: &str) -> PartitionName {
        PartitionName {
            topic: topic.to_owned(),
            index: self.index,
        }
    }
}

impl RefusedBatch {
    fn of(topic: Node<'_>, partition: i32, why: &RefusedRecords) -> Option<Self> {
        Some(Self {
            topic: TopicKey::of(topic)?,
            partition,
            why: why.clone(),
        })
    }

    /// The partition as it is answered.
    fn answered(&self, topic: &Item) -> Item {
        let mut partition = topic.item(field::PARTITION_RESPONSES);
        partition
            .set(field::INDEX, self.partition)
            .set(field::ERROR_CODE, self.why.error)
            .set(field::BASE_OFFSET, -1_i64);
        if partition.has(field::ERROR_MESSAGE) {
            partition.set(field::ERROR_MESSAGE, self.why.message.as_str());
        }
        if partition.has(field::RECORD_ERRORS) {
            for (index, words) in &self.why.records {
                let mut record = partition.item(field::RECORD_ERRORS);
                record
                    .set(field::BATCH_INDEX, *index)
                    .set(field::BATCH_INDEX_ERROR_MESSAGE, words.as_str());
                partition.push(field::RECORD_ERRORS, record);
            }
        }
        partition
    }

    /// Whether it is of this topic of an answer, whose names are those of the physical cluster.
    fn is_of(&self, back: &Back<'_>, topic: Node<'_>) -> bool {
        back.alias_of(topic).is_some_and(|alias| match &self.topic {
            TopicKey::Name(name) => alias.virtual_name.as_str() == name,
            TopicKey::Id(id) => alias.ids.is_some_and(|ids| ids.virtual_id.bytes() == id),
        })
    }
}

/// Adds refused batches to the topics of an answer that holds nothing but refusals.
pub(super) fn answer_refused(response: &mut Item, shape: &Shape, refused: &[RefusedBatch]) {
    for batches in refused.chunk_by(|a, b| a.topic == b.topic) {
        let topic = refused_topic(response, shape, batches);
        response.push(shape.answered, topic);
    }
}

/// Adds refused batches to a broker's answer: to their topics, where it has them.
pub(super) fn add_refused(
    back: &Back<'_>,
    (shape, refused): (&Shape, &[RefusedBatch]),
    (root, empty): (Node<'_>, &Item),
    edits: &mut Edits,
) {
    let Some(array) = root.child(shape.answered) else {
        return;
    };
    for batches in refused.chunk_by(|a, b| a.topic == b.topic) {
        let Some(first) = batches.first() else { continue };
        let there = array.children().find(|topic| first.is_of(back, *topic));
        match there.and_then(|topic| topic.child(shape.partitions)) {
            Some(partitions) => {
                let topic = empty.item(shape.answered);
                for batch in batches {
                    edits.append(partitions, &batch.answered(&topic));
                }
            }
            None => edits.append(array, &refused_topic(empty, shape, batches)),
        }
    }
}

/// One topic of an answer with its refused batches.
fn refused_topic(parent: &Item, shape: &Shape, batches: &[RefusedBatch]) -> Item {
    let mut topic = parent.item(shape.answered);
    for batch in batches {
        match &batch.topic {
            TopicKey::Name(name) => topic.set(shape.name, name.as_str()),
            TopicKey::Id(id) => topic.set(field::TOPIC_ID, *id),
        };
        let partition = batch.answered(&topic);
        topic.push(shape.partitions, partition);
    }
    topic
}
