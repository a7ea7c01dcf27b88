//! A request in parts, one for each physical cluster that it concerns.

use klamm_raft::model::ClusterId;

use super::{Gathering, Kept, Step};
use crate::policy::RequestTally;
use crate::vcluster::api::{LocalErrors, Question};
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{Answer, Call, CloseReason, Denials, Plan, Planned, To};
use crate::vcluster::view::View;
use crate::wire::Segments;

/// One cluster's part of an answer.
#[derive(Debug)]
pub(super) enum AnswerPart {
    /// It was made here.
    Here(Segments),
    Awaited(ClusterId, Box<Pending>),
    /// A broker's, with what the gateway itself put into it.
    Answered(Segments, LocalErrors),
}

/// The parts, and the calls of those that are awaited, in their order.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) parts: Vec<AnswerPart>,
    pub(super) calls: Vec<Call>,
    pub(super) denied: Denials,
    pub(super) ruled: RequestTally,
}

impl Parts {
    /// Adds what was planned for a part. Gives back a plan that concerns the whole request.
    pub(super) fn add(
        &mut self,
        part: &View,
        planned: Planned,
        to: impl Fn(&View) -> Option<To>,
    ) -> Result<(), Box<Planned>> {
        let Planned { plan, denied, ruled } = planned;
        match (plan, to(part)) {
            (Plan::Reply(answer), _) => self.parts.push(AnswerPart::Here(answer)),
            (Plan::Forward(forward), Some(to)) => {
                let Answer::Expected(pending) = forward.answer else {
                    return Err(Box::new(Plan::Close(CloseReason::BadRequest).into()));
                };
                self.parts
                    .push(AnswerPart::Awaited(to.cluster().clone(), Box::new(pending)));
                self.calls.push(Call {
                    to,
                    request: forward.request,
                });
            }
            (plan, _) => return Err(Box::new(Planned { plan, denied, ruled })),
        }
        self.denied.add_all(denied);
        self.ruled = std::mem::take(&mut self.ruled).or(ruled);
        Ok(())
    }

    /// The refusals and the outcomes of policies, of which nobody else tells then.
    pub(super) fn take_verdicts(&mut self) -> (Denials, RequestTally) {
        (std::mem::take(&mut self.denied), std::mem::take(&mut self.ruled))
    }

    /// The plan that sends the calls and makes one answer of theirs.
    pub(super) fn sent(self, question: Question<'_>) -> Planned {
        Planned {
            plan: Gathering::sent(Kept::of(question), Step::Merge(self.parts), self.calls),
            denied: self.denied,
            ruled: self.ruled,
        }
    }
}
