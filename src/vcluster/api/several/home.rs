//! Offsets that are deleted: the home says first whether the group may lose any. Elsewhere a group is a name, and loses them
//! to everybody; one that never had members may have offsets there alone.

use super::merge::failure_of;
use super::parts::{AnswerPart, Parts};
use super::{Gathered, Gathering, Kept, NoAnswer, Step};
use crate::vcluster::api::error_code::ErrorCode;
use crate::vcluster::api::{LocalErrors, Question, response};
use crate::vcluster::plan::{CallResult, Caller, Planned};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::view::View;

/// Sends the home's part, which is the first one.
pub(super) fn sent(question: Question<'_>, mut parts: Parts) -> Planned {
    let is_awaited = matches!(parts.parts.first(), Some(AnswerPart::Awaited(..)));
    if !is_awaited || parts.calls.len() < 2 {
        return parts.sent(question);
    }
    let (denied, ruled) = parts.take_verdicts();
    let at_home = parts.calls.remove(0);
    let plan = Gathering::sent(Kept::of(question), Step::Home(parts), vec![at_home]);
    Planned { plan, denied, ruled }
}

/// The home has answered.
pub(super) fn answered(
    view: &View,
    caller: &Caller,
    kept: Kept,
    mut parts: Parts,
    answers: Vec<CallResult>,
) -> Result<Gathered, NoAnswer> {
    let mut errors = LocalErrors::default();
    let (Some(Ok(frame)), AnswerPart::Awaited(_, pending)) =
        (answers.into_iter().next(), parts.parts.remove(0))
    else {
        let answer = kept.failed(view, caller, kept.unanswered())?;
        errors.add_all_of(&answer, kept.key());
        return Ok(Gathered::answer(answer, errors));
    };
    errors.add_all_of_pending(&pending.then);
    let frame = response(view, caller, *pending, &RecordResults::NONE, frame)?.frame;
    if let Some(error) = failure_of(&kept, &frame)? {
        // It says nothing of topics, so that none of them is refused.
        errors = LocalErrors::default();
        if error != i64::from(ErrorCode::GroupIdNotFound.code()) {
            return Ok(Gathered::answer(frame, errors));
        }
    }
    parts.parts.insert(0, AnswerPart::Answered(frame, errors));
    Ok(Gathering::sent(kept, Step::Merge(parts.parts), parts.calls).into())
}
