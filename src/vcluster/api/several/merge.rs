//! Makes one answer of the answers of several physical clusters. They are of the same version, and say nothing about the
//! same thing, so that the items of their arrays are put together as they are.

use super::parts::AnswerPart;
use super::{Gathered, Kept, NoAnswer};
use crate::vcluster::api::description::Offsets;
use crate::vcluster::api::error_code::ErrorCode;
use crate::vcluster::api::{LocalErrors, response};
use crate::vcluster::plan::{CallResult, Caller};
use crate::vcluster::record_work::RecordResults;
use crate::vcluster::view::View;
use crate::wire::{Detail, Edits, Field, Node, Segments, Tape, WireError, field, walk_response};

/// Answers a request of which all parts are there.
pub(super) fn merge(
    view: &View,
    caller: &Caller,
    kept: &Kept,
    parts: Vec<AnswerPart>,
    answers: Vec<CallResult>,
) -> Result<Gathered, NoAnswer> {
    let mut frames = Vec::with_capacity(parts.len());
    let mut errors = LocalErrors::default();
    let mut may_be_elsewhere = false;
    if answers.len() == parts.len()
        && answers.iter().all(Result::is_err)
        && let Some(answer) = kept.otherwise(view, caller)
    {
        return Ok(Gathered::answer(answer, errors));
    }
    let mut answers = answers.into_iter();
    for part in parts {
        let (cluster, pending) = match part {
            AnswerPart::Here(frame) => {
                errors.add_all_of(&frame, kept.key());
                frames.push(frame);
                continue;
            }
            AnswerPart::Answered(frame, own) => {
                errors.add_each(&own);
                frames.push(frame);
                continue;
            }
            AnswerPart::Awaited(cluster, pending) => (cluster, pending),
        };
        let made_here = match answers.next() {
            Some(Ok(frame)) => {
                errors.add_all_of_pending(&pending.then);
                let answered = response(view, caller, *pending, &RecordResults::NONE, frame)?;
                errors.add_each(&answered.errors);
                let elsewhere = view.on(&cluster).filter(|part| part.is_foreign());
                match elsewhere {
                    Some(part) if has_no_offsets(kept, &answered.frame)? => Some((part, ErrorCode::None)),
                    _ => {
                        may_be_elsewhere |= elsewhere.is_some();
                        frames.push(answered.frame);
                        None
                    }
                }
            }
            _ => {
                may_be_elsewhere = true;
                view.on(&cluster).map(|part| (part, kept.unanswered()))
            }
        };
        if let Some((part, error)) = made_here {
            let frame = kept.failed(part, caller, error)?;
            errors.add_all_of(&frame, kept.key());
            frames.push(frame);
        }
    }
    if let Some(at_home) = frames.first_mut()
        && has_no_offsets(kept, at_home)?
    {
        if !may_be_elsewhere {
            let answer = std::mem::take(at_home);
            return Ok(Gathered::answer(answer, LocalErrors::default()));
        }
        *at_home = kept.failed(view, caller, ErrorCode::None)?;
        errors.add_all_of(at_home, kept.key());
    }
    Ok(Gathered::answer(merged(kept, frames)?, errors))
}

/// Whether offsets were to be deleted of a group that has none there. Only when that is so everywhere, there is no such group.
fn has_no_offsets(kept: &Kept, frame: &Segments) -> Result<bool, WireError> {
    let not_found = i64::from(ErrorCode::GroupIdNotFound.code());
    Ok(kept.is_to(Offsets::Delete) && failure_of(kept, frame)? == Some(not_found))
}

/// The error of a whole answer.
pub(super) fn failure_of(kept: &Kept, frame: &Segments) -> Result<Option<i64>, WireError> {
    let (frame, mut tape) = (frame.body(), Tape::new());
    let message = walk_response(kept.key(), &frame, Detail::Classified, &mut tape)?;
    Ok(failure(message.root()))
}

/// One frame of many. The first says what is not in an array.
pub(super) fn merged(kept: &Kept, frames: Vec<Segments>) -> Result<Segments, WireError> {
    let api = kept.key();
    let mut frames = frames.into_iter();
    let first = frames.next().unwrap_or_default();
    let mut rest = frames.peekable();
    if rest.peek().is_none() {
        return Ok(first);
    }
    let (first, mut tape) = (first.body(), Tape::new());
    let message = walk_response(api, &first, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    let mut has_failed = failure(message.root()).is_some();
    for other in rest {
        let (other, mut tape) = (other.body(), Tape::new());
        let other = walk_response(api, &other, Detail::Classified, &mut tape)?.root();
        has_failed |= fail_like(message.root(), other, has_failed, &mut edits);
        for array in kept.arrays() {
            append(message.root(), other, *array, &mut edits);
        }
        if kept.is_to(Offsets::Fetch) {
            add_groups(message.root(), other, &mut edits);
        }
    }
    edits.finish(message, &first)
}

fn append(first: Node<'_>, other: Node<'_>, array: Field, edits: &mut Edits) {
    if let (Some(array), Some(theirs)) = (first.child(array), other.child(array)) {
        edits.append_all(array, theirs);
    }
}

fn failure(node: Node<'_>) -> Option<i64> {
    node.int_in(field::ERROR_CODE).filter(|error| *error != 0)
}

/// An error of any part is one of the whole. Whether there is one now.
fn fail_like(first: Node<'_>, other: Node<'_>, has_failed: bool, edits: &mut Edits) -> bool {
    let (Some(node), Some(error)) = (first.child(field::ERROR_CODE), failure(other)) else {
        return false;
    };
    if !has_failed {
        edits.set_int(node, error);
    }
    true
}

/// Adds the topics of each group to those of the same group.
fn add_groups(first: Node<'_>, other: Node<'_>, edits: &mut Edits) {
    for theirs in other.items(field::GROUPS) {
        let id = theirs.text_in(field::GROUP_ID);
        let mut groups = first.items(field::GROUPS);
        let Some(group) = groups.find(|group| group.text_in(field::GROUP_ID) == id) else {
            continue;
        };
        let has_failed = failure(group).is_some();
        if !has_failed && !fail_like(group, theirs, has_failed, edits) {
            append(group, theirs, field::TOPICS, edits);
        }
    }
}
