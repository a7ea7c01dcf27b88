//! The policies that concern a client and a topic, as the judge of its records. What depends only on the request is decided
//! once. For a record that is not changed nothing is allocated, but for lists that expressions make.

use std::cell::Cell;
use std::sync::Arc;

use klamm_raft::model::PolicyName;

use super::compiled::CompiledPolicy;
use super::context::PolicyContext;
use super::link::{HeaderValues, Link, RecordStep, Refused};
use super::outcomes::RecordOutcomes;
use super::values::{RecordValues, RequestValues, Syntax};
use crate::records::{Chain, Draft, Verdict};

/// Policies in order of effect. A later one sees what earlier ones changed.
#[derive(Debug)]
pub struct PolicyChain {
    context: Arc<PolicyContext>,
    topic: Box<str>,
    partition: i32,
    links: Vec<Link>,
    values: HeaderValues,
}

/// Why a record is refused, for [`PolicyChain::words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRefusal {
    link: usize,
    why: Refused,
}

impl PolicyChain {
    /// The chain of those policies that can concern a record; none if none of them can.
    pub(super) fn new<'a>(
        policies: impl Iterator<Item = &'a Arc<CompiledPolicy>>,
        context: &Arc<PolicyContext>,
        topic: &str,
    ) -> Option<Self> {
        let request = RequestValues { context, topic };
        let links: Vec<Link> = policies.filter_map(|policy| Link::new(policy, request)).collect();
        (!links.is_empty()).then(|| Self {
            context: Arc::clone(context),
            topic: topic.into(),
            partition: -1,
            links,
            values: HeaderValues::default(),
        })
    }

    /// The most bytes that so many records, of so many bytes, can have more once they were judged.
    pub fn growth(&self, records: usize, bytes: usize) -> usize {
        let request = RequestValues {
            context: &self.context,
            topic: &self.topic,
        };
        let of_link = |link: &Link| {
            let growth = link.growth(request);
            let added = growth.bytes.saturating_mul(records);
            added.saturating_add(growth.copies.saturating_mul(bytes))
        };
        self.links.iter().map(of_link).fold(0, usize::saturating_add)
    }

    /// The records that come now are of this partition.
    pub fn enter(&mut self, partition: i32) {
        self.partition = partition;
    }

    /// The outcomes of the records so far, in order of effect.
    pub fn outcomes(&self) -> impl Iterator<Item = (&PolicyName, RecordOutcomes)> {
        self.links.iter().map(|link| (link.name(), link.outcomes()))
    }

    /// The policy that refuses a record.
    pub fn policy(&self, refusal: RecordRefusal) -> &PolicyName {
        self.links[refusal.link].name()
    }

    /// Why a record is refused, for people. Holds nothing of the record.
    pub fn words(&self, refusal: RecordRefusal) -> String {
        self.links[refusal.link].words(refusal.why)
    }
}

impl Chain for PolicyChain {
    type Reason = RecordRefusal;

    fn judge(&mut self, record: &mut Draft<'_>) -> Verdict<RecordRefusal> {
        let request = RequestValues {
            context: &self.context,
            topic: &self.topic,
        };
        let syntax = Cell::new(Syntax::NotAsked);
        for (index, link) in self.links.iter_mut().enumerate() {
            let effect = {
                let values = RecordValues::new(request, self.partition, record, &syntax);
                link.effect(&values, &mut self.values)
            };
            match link.carry_out(effect, record, &mut self.values) {
                RecordStep::GoesOn => {}
                RecordStep::Skipped => return Verdict::Skip,
                RecordStep::Refused(why) => return Verdict::Refuse(RecordRefusal { link: index, why }),
            }
        }
        Verdict::Keep
    }
}
