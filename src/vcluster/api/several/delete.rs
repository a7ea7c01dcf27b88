//! Groups that are deleted: at home first, which refuses those that have members; then the offsets that are kept under
//! their names elsewhere.

use klamm_raft::model::ClusterId;

use super::{Gathered, Gathering, Kept, NoAnswer, Step, broker_there};
use crate::vcluster::api::ask::Aim;
use crate::vcluster::api::error_code::ErrorCode;
use crate::vcluster::api::{LocalErrors, Permit, Permitted, Question, plan, response};
use crate::vcluster::pending::Pending;
use crate::vcluster::plan::{Answer, Call, CallResult, Caller, Forward, Plan, Planned, To};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::subscriptions::Subscriptions;
use crate::vcluster::view::View;
use crate::wire::{Detail, Edits, Item, Segments, Tape, Value, WireError, field, walk_response};

const NONE: i64 = 0;

/// How far a deletion is.
#[derive(Debug)]
pub(super) enum GroupDeletion {
    AtHome(Box<Pending>, Permit),
    Elsewhere(DeletedElsewhere),
}

/// The state of a deletion once the home has answered.
#[derive(Debug)]
pub(super) struct DeletedElsewhere {
    answer: Segments,
    /// The gateway's own, in the answer.
    errors: LocalErrors,
    /// The groups that are being deleted elsewhere, one for each call.
    groups: Vec<String>,
}

/// Plans a DeleteGroups.
pub(super) fn request(view: &View, question: Question<'_>, subscriptions: &mut Subscriptions) -> Planned {
    let Planned { plan, denied, ruled } = plan(view, question, Aim::ALONE, subscriptions);
    let plan = match (plan, broker_there(view, question.caller.place, view)) {
        (
            Plan::Forward(Forward {
                request,
                answer: Answer::Expected(pending),
                ..
            }),
            Some(to),
        ) => {
            let at_home = GroupDeletion::AtHome(Box::new(pending), request.permit());
            let call = Call { to, request };
            Gathering::sent(Kept::of(question), Step::Delete(at_home), vec![call])
        }
        (plan, _) => plan,
    };
    Planned { plan, denied, ruled }
}

/// Goes on with a deletion.
pub(super) fn deleted(
    view: &View,
    caller: &Caller,
    kept: Kept,
    deletion: GroupDeletion,
    answers: Vec<CallResult>,
) -> Result<Gathered, NoAnswer> {
    let (pending, permit) = match deletion {
        GroupDeletion::AtHome(pending, permit) => (pending, permit),
        GroupDeletion::Elsewhere(elsewhere) => return Ok(settled(&kept, elsewhere, answers)?),
    };
    let mut errors = LocalErrors::default();
    let Some(Ok(frame)) = answers.into_iter().next() else {
        let answer = kept.failed(view, caller, kept.unanswered())?;
        errors.add_all_of(&answer, kept.key());
        return Ok(Gathered::answer(answer, errors));
    };
    errors.add_all_of_pending(&pending.then);
    let frame = response(view, caller, *pending, &RecordResults::NONE, frame)?.frame;
    let gone = gone(&kept, &frame)?;
    let (mut calls, mut groups) = (Vec::new(), Vec::new());
    for part in view.foreign() {
        for group in &gone {
            if let (Some(cluster), Ok(physical)) = (&part.cluster, part.names.physical_group(group)) {
                calls.push(call(&kept, permit, cluster, physical)?);
                groups.push(group.clone());
            }
        }
    }
    if calls.is_empty() {
        return Ok(Gathered::answer(frame, errors));
    }
    let elsewhere = GroupDeletion::Elsewhere(DeletedElsewhere {
        answer: frame,
        errors,
        groups,
    });
    Ok(Gathering::sent(kept, Step::Delete(elsewhere), calls).into())
}

/// The groups that the home has no more: they were deleted now, or earlier.
fn gone(kept: &Kept, frame: &Segments) -> Result<Vec<String>, WireError> {
    let (frame, mut tape) = (frame.body(), Tape::new());
    let api = kept.key();
    let message = walk_response(api, &frame, Detail::Classified, &mut tape)?;
    let results = message.root().items(field::RESULTS);
    let gone = results.filter(|result| {
        let error = result.int_in(field::ERROR_CODE);
        error == Some(NONE) || error == Some(ErrorCode::GroupIdNotFound.code().into())
    });
    Ok(gone
        .filter_map(|result| result.text_in(field::GROUP_ID).map(str::to_owned))
        .collect())
}

fn call(kept: &Kept, permit: Permit, cluster: &ClusterId, group: String) -> Result<Call, WireError> {
    let api = kept.key();
    let mut request = Item::request(api.0, api.1)?;
    request.set(field::GROUPS_NAMES, Value::list([group.as_str()]));
    let client_id = kept.header.client_id(&kept.frame).unwrap_or_default();
    let frame = request.request_frame(api, kept.header.correlation_id, client_id)?;
    let to = To::Coordinator(cluster.clone(), group);
    Ok(Call {
        to,
        request: Permitted::new(permit, frame),
    })
}

/// The home's answer, with what came of the offsets elsewhere.
fn settled(
    kept: &Kept,
    elsewhere: DeletedElsewhere,
    answers: Vec<CallResult>,
) -> Result<Gathered, WireError> {
    let api = kept.key();
    let mut local = elsewhere.errors;
    let mut errors: Vec<(&str, i64)> = Vec::new();
    for (group, answer) in elsewhere.groups.iter().zip(answers) {
        errors.push((group, error_of(api, answer)?));
    }
    let (frame, mut tape) = (elsewhere.answer.body(), Tape::new());
    let message = walk_response(api, &frame, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    let not_found = i64::from(ErrorCode::GroupIdNotFound.code());
    for result in message.root().items(field::RESULTS) {
        let Some(node) = result.child(field::ERROR_CODE) else {
            continue;
        };
        let id = result.text_in(field::GROUP_ID);
        let of_group = || {
            errors
                .iter()
                .filter(|(group, _)| Some(*group) == id)
                .map(|(_, error)| *error)
        };
        let failed = of_group().find(|error| *error != NONE && *error != not_found);
        if failed.is_some() {
            // Clients try again, and what is gone by then counts as deleted.
            let error = ErrorCode::CoordinatorNotAvailable.code();
            edits.set_int(node, error.into());
            local.add(error);
        } else if node.int() == Some(not_found) && of_group().any(|error| error == NONE) {
            edits.set_int(node, NONE);
        }
    }
    Ok(Gathered::answer(edits.finish(message, &frame)?, local))
}

fn error_of(api: (i16, i16), answer: CallResult) -> Result<i64, WireError> {
    let Ok(frame) = answer else {
        return Ok(ErrorCode::CoordinatorNotAvailable.code().into());
    };
    let mut tape = Tape::new();
    let message = walk_response(api, &frame, Detail::Classified, &mut tape)?;
    let result = message.root().items(field::RESULTS).next();
    Ok(result
        .and_then(|result| result.int_in(field::ERROR_CODE))
        .unwrap_or(NONE))
}
