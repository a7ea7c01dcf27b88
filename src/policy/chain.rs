//! The policies that concern a client and a topic, as the judge of its records. What depends only on the request is decided
//! once. For a record that is not changed nothing is allocated, but for lists that expressions make.

use std::cell::Cell;
use std::sync::Arc;

use klamm_raft::model::PolicyName;

use super::at_hand::{AtHand, MayWait, RecordNeed};
use super::compiled::CompiledPolicy;
use super::context::PolicyContext;
use super::link::{Effect, HeaderValues, JudgeMeans, Link, RecordStep, Refused};
use super::outcomes::RecordOutcomes;
use super::values::{RecordValues, RequestValues, Syntax};
use crate::envelope::NoKeys;
use crate::records::{Chain, Draft, Verdict};
use crate::schemas::NoSchemas;

/// Policies in order of effect. A later one sees what earlier ones changed.
#[derive(Debug)]
pub struct PolicyChain {
    context: Arc<PolicyContext>,
    topic: Box<str>,
    partition: i32,
    links: Vec<Link>,
    values: HeaderValues,
    at_hand: Option<AtHand>,
    /// The keys and schemas that are to be waited for.
    lacking: Vec<RecordNeed>,
}

/// The most keys and schemas that are waited for at once. What needs more is told to come again.
const MOST_LACKING: usize = 64;

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
            at_hand: None,
            lacking: Vec::new(),
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

    /// Takes the keys and schemas that are at hand; without them it knows none. Where there is time for it to wait for others, a
    /// record that needs one is not through, and all are to be judged again when [`Self::lacking`] are there.
    pub fn take(&mut self, at_hand: AtHand) {
        self.at_hand = Some(at_hand);
    }

    /// The keys and schemas that are to be waited for, if records need any.
    pub fn lacking(&mut self) -> Vec<RecordNeed> {
        std::mem::take(&mut self.lacking)
    }

    /// Forgets all that came of records so far: they are judged once more.
    pub fn restart(&mut self) {
        self.links.iter_mut().for_each(Link::restart);
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

    /// Whether the same record may go through a little later, as it is.
    pub fn is_for_now(&self, refusal: RecordRefusal) -> bool {
        refusal.why.is_for_now()
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
        let means = match &self.at_hand {
            Some(AtHand {
                keys,
                schemas,
                may_wait,
            }) => JudgeMeans {
                keys: &**keys,
                schemas: &**schemas,
                may_wait: *may_wait,
            },
            None => JudgeMeans {
                keys: &NoKeys,
                schemas: &NoSchemas,
                may_wait: MayWait::NO,
            },
        };
        for (index, link) in self.links.iter_mut().enumerate() {
            let effect = {
                let values = RecordValues::new(request, self.partition, record, &syntax);
                link.effect(&values, &mut self.values)
            };
            let is_other_value = effect == Ok(Effect::Cipher);
            match link.carry_out(effect, record, &mut self.values, means) {
                RecordStep::GoesOn if is_other_value => syntax.set(Syntax::NotAsked),
                RecordStep::GoesOn => {}
                // Whatever comes of the record now, it is judged again.
                RecordStep::Lacks(need) => {
                    if self.lacking.len() < MOST_LACKING && !self.lacking.contains(&need) {
                        self.lacking.push(need);
                    }
                    return Verdict::Keep;
                }
                RecordStep::Skipped => return Verdict::Skip,
                RecordStep::Refused(why) => return Verdict::Refuse(RecordRefusal { link: index, why }),
            }
        }
        Verdict::Keep
    }
}
