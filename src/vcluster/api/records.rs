//! The records of a request or an answer, where the virtual cluster has policies: which of them are to be judged, and what
//! becomes of the frame once they are. Knows no API.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use klamm_raft::model::PolicyPhase;

use super::ask::{Ask, Stop};
use super::back::Back;
use super::error_code::ErrorCode;
use super::topics::Shape;
use crate::policy::{Policies, PolicyChain, PolicyContext, RuledSettings};
use crate::records::{FetchRange, PoisonHandling};
use crate::vcluster::pending::{RefusedBatch, TopicKey};
use crate::vcluster::plan::Caller;
use crate::vcluster::record_work::{Judged, Piece, RecordWork, RefusedRecords};
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

/// Takes note of the topics that are sent on, where policies may look at them.
pub(super) struct KeptTopics<'a> {
    topics: Vec<KeptTopic<'a>>,
    are_looked_at: bool,
}

impl<'a> KeptTopics<'a> {
    /// None so far.
    pub(super) fn of(ask: &Ask<'_>) -> Self {
        Self {
            topics: Vec::new(),
            are_looked_at: ask.view.policies.is_some() || ask.is_ruled(),
        }
    }

    /// Takes note of a topic.
    pub(super) fn add(&mut self, node: Node<'a>, alias: &Alias) {
        if self.are_looked_at {
            let name = alias.virtual_name.as_str().to_owned();
            let partitions = alias.partitions;
            self.topics.push(KeptTopic {
                node,
                name,
                partitions,
            });
        }
    }

    /// The topics, with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Node<'a>, &str)> {
        self.topics.iter().map(|topic| (topic.node, topic.name.as_str()))
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
        for topic in &kept.topics {
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

/// Who asks.
pub(super) fn context(view: &View, caller: &Caller, client_id: Option<Arc<str>>) -> PolicyContext {
    PolicyContext {
        vcluster: view.name.clone(),
        auth: caller.auth,
        principal: caller.principal.clone(),
        client_id,
        client_address: Arc::clone(&caller.host),
    }
}

/// The batches of a request that were judged: those that do not go on, and those that others take the place of.
#[derive(Default)]
pub(super) struct JudgedBatches {
    pub(super) refused: Vec<RefusedBatch>,
    /// How many topics are left out altogether.
    pub(super) emptied: usize,
    /// By the place of the records that they replace.
    rewritten: BTreeMap<usize, Bytes>,
}

impl JudgedBatches {
    /// The records that take the place of these.
    pub(super) fn instead_of(&self, records: Node<'_>) -> Option<&Bytes> {
        self.rewritten.get(&records.content_span().range().start)
    }
}

/// A topic of a request, with the array of its partitions and the judge of its records.
type JudgedTopic<'k, 'n> = (&'k KeptTopic<'n>, Node<'n>, Option<PolicyChain>);

/// Takes the batches that do not go on out of a request. If anything is not judged yet, all of it is to be judged.
pub(super) fn judge_produced(
    ask: &mut Ask<'_>,
    shape: &Shape,
    kept: &KeptTopics<'_>,
    edits: &mut Edits,
) -> Result<JudgedBatches, Stop> {
    let mut batches = JudgedBatches::default();
    if kept.topics.is_empty() {
        return Ok(batches);
    }
    let ruled = ruled(ask, kept);
    let topics = with_judges(ask, kept);
    let outcome = |records: &PartitionRecords<'_>, chain: &Option<PolicyChain>| {
        let by_rules = ruled.get(&records.at).cloned().map(Judged::Refused);
        let policies = ask.view.policies.as_ref().filter(|_| chain.is_some());
        by_rules.or_else(|| match policies {
            Some(policies) => ask.results.at(records.at, policies).cloned(),
            None => Some(Judged::AsItCame),
        })
    };
    let is_unjudged = |(_, array, chain): &JudgedTopic<'_, '_>| {
        let mut records = array.children().filter_map(PartitionRecords::of);
        records.any(|records| outcome(&records, chain).is_none())
    };
    if let Some(policies) = &ask.view.policies
        && topics.iter().any(is_unjudged)
    {
        let mut work = RecordWork::new(policies);
        for (topic, array, chain) in topics {
            let records = array.children().filter_map(PartitionRecords::of);
            let records = records.filter(|records| !ruled.contains_key(&records.at));
            let pieces = records.map(|records| records.piece(ask.frame, None));
            if let Some(chain) = chain {
                work.add(&topic.name, chain, pieces.collect());
            }
        }
        return Err(Stop::Unjudged(work));
    }
    for (topic, array, chain) in &topics {
        let mut left = array.count();
        for records in array.children().filter_map(PartitionRecords::of) {
            match outcome(&records, chain) {
                None | Some(Judged::AsItCame) => {}
                Some(Judged::Rewritten(others)) => {
                    batches.rewritten.insert(records.at, others);
                }
                Some(Judged::Refused(why)) => {
                    edits.remove_item(*array, records.partition);
                    left -= 1;
                    let refused = RefusedBatch::of(topic.node, records.index, why);
                    batches.refused.extend(refused);
                }
            }
        }
        if left == 0
            && array.count() > 0
            && let Some(topics) = ask.message.root().child(shape.topics)
        {
            batches.emptied += 1;
            edits.remove_item(topics, topic.node);
        }
    }
    Ok(batches)
}

/// The batches that rules on requests refuse, by the place of their records.
fn ruled(ask: &mut Ask<'_>, kept: &KeptTopics<'_>) -> BTreeMap<usize, RefusedRecords> {
    let mut refused = BTreeMap::new();
    if !ask.is_ruled() {
        return refused;
    }
    for (topic, name) in kept.iter() {
        let partitions = topic.partitions().into_iter().flat_map(Node::children);
        for records in partitions.filter_map(PartitionRecords::of) {
            if let Err(words) = ask.rule(records.partition, Some(name), &mut RuledSettings::default()) {
                refused.insert(records.at, RefusedRecords::by_rule(words));
            }
        }
    }
    refused
}

/// The topics of a request with their partitions, and with the judges of their records, where there are some.
fn with_judges<'k, 'n>(ask: &Ask<'_>, kept: &'k KeptTopics<'n>) -> Vec<JudgedTopic<'k, 'n>> {
    let client_id = ask.header.client_id(ask.frame).map(Arc::from);
    let context = Arc::new(context(ask.view, ask.caller, client_id));
    let chain = |topic: &KeptTopic<'_>| {
        let policies = ask.view.policies.as_ref()?;
        policies.chain(PolicyPhase::Produce, &context, &topic.name)
    };
    let topics = kept.topics.iter();
    topics
        .filter_map(|topic| Some((topic, topic.node.partitions()?, chain(topic))))
        .collect()
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
    each_fetched(back, policies, Some(facts), message, |records, judge| {
        let Some((topic, chain)) = judge else { return };
        let unjudged = records.filter(|records| back.results.at(records.at, policies).is_none());
        let pieces = unjudged.map(|records| {
            let range = facts.range(topic, records.index);
            records.piece(frame, Some(range))
        });
        work.add(topic, chain, pieces.collect());
    });
    (!work.is_empty()).then_some(work)
}

/// Puts what came of the records of an answer in their place. What was not judged is not told. Gives the places of records that
/// the client does not get.
pub(super) fn apply_to_answer(
    back: &mut Back<'_>,
    message: Message<'_>,
    facts: Option<&FetchFacts>,
    edits: &mut Edits,
) -> Vec<usize> {
    let (mut errors, mut withheld) = (Vec::new(), Vec::new());
    let Some(policies) = &back.view.policies else {
        return withheld;
    };
    each_fetched(back, policies, facts, message, |all, _| {
        for records in all {
            let error = match back.results.at(records.at, policies) {
                Some(Judged::AsItCame) => continue,
                Some(Judged::Rewritten(others)) => {
                    edits.set_records(records.node, others.clone());
                    continue;
                }
                Some(Judged::Refused(why)) => why.error,
                // A policy came while the client waited, or the topic is not known any more: the client is to ask again.
                None => ErrorCode::KafkaStorageError,
            };
            edits.set_records(records.node, Bytes::new());
            if let Some(code) = records.partition.child(field::ERROR_CODE) {
                edits.set_int(code, error.code().into());
            }
            errors.push(error.code());
            withheld.push(records.at);
        }
    });
    errors.into_iter().for_each(|code| back.errors.add(code));
    withheld
}

/// Calls `each` for each topic of an answer that a policy may concern, with the records of its partitions, its name in the
/// virtual cluster and their judge; without the latter two, where nobody knows which topic it is.
fn each_fetched<'n>(
    back: &Back<'_>,
    policies: &Arc<Policies>,
    facts: Option<&FetchFacts>,
    message: Message<'n>,
    mut each: impl FnMut(&mut dyn Iterator<Item = PartitionRecords<'n>>, Option<(&str, PolicyChain)>),
) {
    let client_id = facts.and_then(|facts| facts.client_id.clone());
    let context = Arc::new(context(back.view, back.caller(), client_id));
    for topic in message.root().items(field::RESPONSES) {
        let mut records = topic.items(field::PARTITIONS).filter_map(PartitionRecords::of);
        let Some(alias) = back.alias_of(topic) else {
            each(&mut records, None);
            continue;
        };
        let name = alias.virtual_name.as_str();
        if let Some(chain) = policies.chain(PolicyPhase::Consume, &context, name) {
            each(&mut records, Some((name, chain)));
        }
    }
}

/// The records of one partition in a frame.
struct PartitionRecords<'a> {
    partition: Node<'a>,
    index: i32,
    node: Node<'a>,
    /// Where they begin in the frame.
    at: usize,
}

impl<'a> PartitionRecords<'a> {
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

    /// The records as a piece of work, shared with the frame.
    fn piece(&self, frame: &Bytes, range: Option<FetchRange>) -> Piece {
        Piece {
            partition: self.index,
            at: self.at,
            records: frame.slice(self.node.content_span().range()),
            range,
        }
    }
}

impl RefusedBatch {
    fn of(topic: Node<'_>, partition: i32, why: RefusedRecords) -> Option<Self> {
        let topic = TopicKey::of(topic)?;
        Some(Self {
            topic,
            partition,
            why,
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
    if let Some(first) = batches.first() {
        shape.name_topic(&mut topic, &first.topic);
    }
    for batch in batches {
        let partition = batch.answered(&topic);
        topic.push(shape.partitions, partition);
    }
    topic
}
