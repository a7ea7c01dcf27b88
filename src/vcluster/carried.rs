//! The records that requests and answers carry, by topic, for whoever counts what is used. It knows no messages.

use klamm_raft::model::TopicName;
use smallvec::SmallVec;

use crate::wire::CarriedRecords;

/// The records that went through, by topic as clients call it.
#[derive(Debug, Default)]
pub struct Carried(SmallVec<[(TopicName, CarriedRecords); 1]>);

/// The batches of a request that a broker has not answered yet.
#[derive(Debug, Default)]
pub(super) struct SentBatches(SmallVec<[SentBatch; 1]>);

/// The batches for one partition.
#[derive(Debug)]
pub(super) struct SentBatch {
    pub(super) topic: TopicName,
    pub(super) partition: i32,
    pub(super) records: CarriedRecords,
}

impl Carried {
    /// Adds records of a topic.
    pub(super) fn add(&mut self, topic: &TopicName, records: CarriedRecords) {
        match self.0.last_mut().filter(|(last, _)| last == topic) {
            Some((_, sum)) => sum.add(records),
            None => self.0.push((topic.clone(), records)),
        }
    }

    /// The topics. One may come more than once.
    pub fn topics(&self) -> impl Iterator<Item = &(TopicName, CarriedRecords)> {
        self.0.iter()
    }
}

impl FromIterator<SentBatch> for SentBatches {
    fn from_iter<T: IntoIterator<Item = SentBatch>>(batches: T) -> Self {
        let mut sent: SmallVec<[SentBatch; 1]> = batches.into_iter().collect();
        sent.sort_unstable_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        Self(sent)
    }
}

impl SentBatches {
    /// The batches for a partition.
    pub(super) fn of(&self, topic: &TopicName, partition: i32) -> Option<&SentBatch> {
        let found = self
            .0
            .binary_search_by(|batch| (&batch.topic, batch.partition).cmp(&(topic, partition)));
        found.ok().map(|place| &self.0[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_found_by_partition_and_summed_by_topic() {
        let name = |text: &str| text.parse::<TopicName>().unwrap();
        let batch = |topic: &str, partition, bytes| SentBatch {
            topic: name(topic),
            partition,
            records: CarriedRecords { bytes, records: 1 },
        };
        let sent: SentBatches = [batch("b", 1, 1), batch("a", 7, 2), batch("b", 0, 4)]
            .into_iter()
            .collect();
        assert_eq!(sent.of(&name("b"), 0).unwrap().records.bytes, 4);
        assert_eq!(sent.of(&name("a"), 7).unwrap().records.bytes, 2);
        assert!(sent.of(&name("a"), 0).is_none());
        let mut carried = Carried::default();
        for partition in [0, 1] {
            carried.add(&name("b"), sent.of(&name("b"), partition).unwrap().records);
        }
        let expected = CarriedRecords { bytes: 5, records: 2 };
        assert_eq!(carried.topics().collect::<Vec<_>>(), [&(name("b"), expected)]);
    }
}
