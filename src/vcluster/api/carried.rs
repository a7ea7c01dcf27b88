//! Takes note of the records that brokers took from clients and sent to them, by topic, for whoever counts what is used. Of
//! batches only the headers are read.

use klamm_raft::model::TopicName;
use smallvec::SmallVec;

use super::back::Back;
use super::error_code::ErrorCode;
use crate::vcluster::carried::{Carried, SentBatch, SentBatches};
use crate::vcluster::pending::{RefusedBatch, TopicKey};
use crate::vcluster::record_work::Judged;
use crate::vcluster::rename::Alias;
use crate::wire::{CarriedRecords, Class, Message, Node, field};

/// The topics of a Produce request that are sent on.
#[derive(Debug, Default)]
pub(super) struct SentTopics<'a>(SmallVec<[(Node<'a>, TopicName); 2]>);

impl<'a> SentTopics<'a> {
    /// Takes note of a topic.
    pub(super) fn add(&mut self, topic: Node<'a>, alias: &Alias) {
        self.0.push((topic, alias.virtual_name.topic_name().clone()));
    }

    /// Their batches, until the broker says what it took.
    pub(super) fn batches(&self) -> SentBatches {
        let topics = self.0.iter();
        let batches = topics.flat_map(|(topic, name)| {
            partitions(*topic).map(|(partition, records)| SentBatch {
                topic: name.clone(),
                partition,
                records: CarriedRecords::of(records),
            })
        });
        batches.collect()
    }

    /// Their batches but those that are refused, where the broker says nothing.
    pub(super) fn without(&self, refused: &[RefusedBatch]) -> Carried {
        let mut carried = Carried::default();
        for (topic, name) in &self.0 {
            let is_refused = |partition: i32| {
                let key = (!refused.is_empty()).then(|| TopicKey::of(*topic)).flatten();
                refused
                    .iter()
                    .any(|batch| batch.partition == partition && Some(&batch.topic) == key.as_ref())
            };
            for (_, records) in partitions(*topic).filter(|(partition, _)| !is_refused(*partition)) {
                carried.add(name, CarriedRecords::of(records));
            }
        }
        carried
    }
}

/// The records of the partitions of a topic of a Produce request.
fn partitions<'a>(topic: Node<'a>) -> impl Iterator<Item = (i32, &'a [u8])> {
    let partitions = topic.partitions().into_iter().flat_map(Node::children);
    partitions.filter_map(|partition| {
        let records = partition.child_of(Class::Records)?.bytes()?;
        Some((partition.partition_index()?, records))
    })
}

/// The batches that a broker took.
pub(super) fn taken(back: &Back<'_>, message: Message<'_>, sent: &SentBatches) -> Carried {
    let mut carried = Carried::default();
    for topic in message.root().items(field::RESPONSES) {
        let Some(alias) = back.alias_of(topic) else {
            continue;
        };
        let name = alias.virtual_name.topic_name();
        for partition in topic.items(field::PARTITION_RESPONSES) {
            let is_taken = partition.int_in(field::ERROR_CODE) == Some(ErrorCode::None.code().into());
            let batch = partition
                .partition_index()
                .and_then(|partition| sent.of(name, partition));
            if let Some(batch) = batch.filter(|_| is_taken) {
                carried.add(name, batch.records);
            }
        }
    }
    carried
}

/// The records of an answer that a client gets, of topics that it is told of. `withheld` are the places of records that it does
/// not get.
pub(super) fn told(
    back: &Back<'_>,
    message: Message<'_>,
    withheld: &[usize],
    is_told: impl Fn(&Back<'_>, &Alias) -> bool,
) -> Carried {
    let mut carried = Carried::default();
    for topic in message.root().items(field::RESPONSES) {
        let mut sum = CarriedRecords::default();
        for partition in topic.items(field::PARTITIONS) {
            if let Some(records) = partition.child_of(Class::Records) {
                sum.add(told_of(back, records, withheld));
            }
        }
        // Most fetches bring nothing.
        if sum == CarriedRecords::default() {
            continue;
        }
        if let Some(alias) = back.alias_of(topic).filter(|alias| is_told(back, alias)) {
            carried.add(alias.virtual_name.topic_name(), sum);
        }
    }
    carried
}

fn told_of(back: &Back<'_>, records: Node<'_>, withheld: &[usize]) -> CarriedRecords {
    let at = records.content_span().range().start;
    if withheld.contains(&at) {
        return CarriedRecords::default();
    }
    let judged = back.view.policies.as_ref();
    match judged.and_then(|policies| back.results.at(at, policies)) {
        Some(Judged::Rewritten(others)) => CarriedRecords::of(others),
        _ => CarriedRecords::of(records.bytes().unwrap_or_default()),
    }
}
