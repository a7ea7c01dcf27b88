//! The errors that the gateway itself puts into an answer. Whoever runs it counts them: no broker's log or metric tells
//! of such an answer.

use bytes::Buf as _;
use smallvec::SmallVec;

use super::error_code::ErrorCode;
use super::tape::TAPE;
use crate::vcluster::pending::{FetchedTopics, RefusedTopic, Then};
use crate::vcluster::plan::{Answer, Plan};
use crate::wire::{Class, Detail, Node, Segments, walk_response};

/// Each error of one answer, once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LocalErrors(SmallVec<[ErrorCode; 2]>);

impl LocalErrors {
    /// In what a plan answers here, or will add to the answer of a broker. Of what is gathered from several clusters,
    /// nothing is known yet.
    pub fn of_plan(plan: &Plan, api: (i16, i16)) -> Self {
        let mut errors = Self::default();
        match plan {
            Plan::Reply(answer) => errors.add_all_of(answer, api),
            Plan::Forward(forward) => {
                if let Answer::Expected(pending) = &forward.answer {
                    errors.add_all_of_pending(&pending.then);
                }
            }
            Plan::Need(_) | Plan::Drop | Plan::Close(_) => {}
        }
        errors
    }

    /// In an answer that was made here.
    pub fn of_answer(answer: &Segments, api: (i16, i16)) -> Self {
        let mut errors = Self::default();
        errors.add_all_of(answer, api);
        errors
    }

    /// Kafka's names of the errors.
    pub fn labels(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|error| error.label())
    }

    /// One more. What is no error of the gateway's is passed over.
    pub(super) fn add(&mut self, code: i16) {
        let error = ErrorCode::of(code).filter(|error| *error != ErrorCode::None);
        if let Some(error) = error.filter(|error| !self.0.contains(error)) {
            self.0.push(error);
        }
    }

    /// Those of another answer.
    pub(super) fn add_each(&mut self, others: &Self) {
        others.0.iter().for_each(|error| self.add(error.code()));
    }

    pub(super) fn add_all_of(&mut self, answer: &Segments, api: (i16, i16)) {
        let mut frame = answer.joined();
        frame.advance(frame.len().min(size_of::<i32>()));
        TAPE.with_borrow_mut(|tape| {
            // It was made from the schema.
            let Ok(message) = walk_response(api, &frame, Detail::Classified, tape) else {
                return;
            };
            let codes = message.all(Class::ErrorCode).filter_map(Node::int);
            for code in codes.filter_map(|code| i16::try_from(code).ok()) {
                self.add(code);
            }
        });
    }

    /// Adds the errors that will be in the answer to a request that is sent on.
    pub(super) fn add_all_of_pending(&mut self, then: &Then) {
        let mut add = |code| self.add(code);
        match then {
            Then::Topics(_, refused) | Then::Fetched(refused, ..) => add_topics(refused, &mut add),
            Then::Produced(refused, batches, _) => {
                add_topics(refused, &mut add);
                batches.iter().for_each(|batch| add(batch.why.error.code()));
            }
            Then::Metadata(then) => then.refused.iter().for_each(|topic| add(topic.error)),
            Then::Coordinators(_, refused) => refused.iter().for_each(|key| add(key.error)),
            Then::OffsetFetch(groups) => groups.iter().for_each(|group| match &group.topics {
                FetchedTopics::All => {}
                FetchedTopics::Named(refused) => refused.iter().for_each(|topic| add(topic.error)),
                FetchedTopics::Refused(error) => add(*error),
            }),
            Then::Groups { refused, .. } => refused.iter().for_each(|group| add(group.error)),
            Then::Configs(refused) => refused.iter().for_each(|config| add(config.error)),
            Then::Transactions(refused) => refused.iter().for_each(|transaction| add(transaction.error)),
            Then::Refusals(refusals) => refusals.errors().for_each(|error| add(error.code())),
            Then::Nothing
            | Then::GivesOutId(_)
            | Then::Cluster(_)
            | Then::Members(_)
            | Then::ListedTransactions(_)
            | Then::Filtered => {}
        }
    }
}

/// Adds the errors of topics that were not sent on.
fn add_topics(refused: &[RefusedTopic], add: &mut impl FnMut(i16)) {
    for topic in refused {
        let mut partitions = topic.partitions.iter();
        if partitions.any(|index| !topic.invalid.contains(index)) {
            add(topic.error);
        }
        if !topic.invalid.is_empty() {
            add(ErrorCode::InvalidRequest.code());
        }
    }
}
