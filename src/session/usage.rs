//! The usage of a session's client, for bills: summed here, without a lock, and left for the node about once in a second and at
//! the end.

use std::time::Duration;

use klamm_raft::model::TopicName;

use super::Session;
use crate::usage::{AccountTally, Figures};
use crate::vcluster::carried::Carried;
use crate::wire::CarriedRecords;

/// The longest that sums stay with their session.
pub(super) const STAYS: Duration = Duration::from_secs(1);

/// So many topics, and the sums are left at once.
const MAX_TOPICS: usize = 1000;

/// The sums of a session that it has not left yet.
#[derive(Debug, Default)]
pub(super) struct SessionUsage {
    used: AccountTally,
    /// For how long the client was not read.
    throttled: Duration,
}

impl SessionUsage {
    /// Takes the sums. A part of a millisecond stays.
    fn take(&mut self) -> AccountTally {
        let ms = u64::try_from(self.throttled.as_millis()).unwrap_or(u64::MAX);
        self.throttled = self.throttled.saturating_sub(Duration::from_millis(ms));
        self.used.own.throttled_ms += ms;
        std::mem::take(&mut self.used)
    }
}

impl Session {
    /// Counts something that is of no topic.
    pub(super) fn uses(&mut self, count: impl FnOnce(&mut Figures)) {
        count(&mut self.usage.used.own);
        self.deadlines.has_used(self.now + STAYS);
    }

    /// Counts records that a broker took.
    pub(super) fn produced(&mut self, carried: &Carried) {
        for (topic, records) in carried.topics() {
            self.uses_topic(topic, *records, |figures, CarriedRecords { bytes, records }| {
                figures.produced_bytes += bytes;
                figures.produced_records += records;
            });
        }
    }

    /// Counts records that the client gets.
    pub(super) fn consumed(&mut self, carried: &Carried) {
        for (topic, records) in carried.topics() {
            self.uses_topic(topic, *records, |figures, CarriedRecords { bytes, records }| {
                figures.consumed_bytes += bytes;
                figures.consumed_records += records;
            });
        }
    }

    fn uses_topic(
        &mut self,
        topic: &TopicName,
        records: CarriedRecords,
        count: impl FnOnce(&mut Figures, CarriedRecords),
    ) {
        count(self.usage.used.topic(topic), records);
        self.deadlines.has_used(self.now + STAYS);
        if self.usage.used.topics.len() >= MAX_TOPICS {
            self.hand_usage_over();
        }
    }

    /// Counts for how long a client is not read that was read until now, or until later.
    pub(super) fn is_throttled_for(&mut self, wait: Duration) {
        let before = self.deadlines.throttled_for(self.now).unwrap_or_default();
        self.usage.throttled += wait.saturating_sub(before);
        self.deadlines.has_used(self.now + STAYS);
    }

    /// Leaves the sums for the node. Before a login nobody knows whose they are.
    pub(super) fn hand_usage_over(&mut self) {
        self.deadlines.handed_over();
        let Some(caller) = &self.caller else {
            return;
        };
        let used = self.usage.take();
        let inbox = &self.setup.shared.usage;
        inbox.hand_over(self.setup.door.metrics.name(), caller.principal.name(), &used);
    }
}
