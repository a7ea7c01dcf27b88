//! Makes one answer of the answers of several physical clusters. They are of the same version, and say nothing about the
//! same thing, so that the items of their arrays are put together as they are.

use bytes::{Buf, Bytes};

use super::parts::Part;
use super::{Kept, NoAnswer};
use crate::vcluster::api::response;
use crate::vcluster::api::table::Api;
use crate::vcluster::plan::{CallResult, Caller, Plan};
use crate::vcluster::view::View;
use crate::wire::{Detail, Edits, Field, Node, Segments, Tape, WireError, field, walk_response};

/// The arrays of answers that are made of several.
const ARRAYS: [Field; 3] = [field::BROKERS, field::TOPICS, field::RESULTS];

/// Answers a request of which all parts are there.
pub(super) fn merge(
    view: &View,
    caller: &Caller,
    kept: &Kept,
    parts: Vec<Part>,
    answers: Vec<CallResult>,
) -> Result<Plan, NoAnswer> {
    let mut answers = answers.into_iter();
    let mut frames = Vec::with_capacity(parts.len());
    for part in parts {
        let (cluster, pending) = match part {
            Part::Here(frame) => {
                frames.push(frame);
                continue;
            }
            Part::Awaited(cluster, pending) => (cluster, pending),
        };
        if let Some(Ok(frame)) = answers.next() {
            frames.push(response(view, caller, *pending, frame)?.frame);
        } else if let Some(part) = view.on(&cluster) {
            frames.push(kept.failed(part, caller, kept.unanswered())?);
        }
    }
    Ok(Plan::Reply(merged(kept, frames)?))
}

/// One frame of many. The first says what is not in an array.
pub(super) fn merged(kept: &Kept, frames: Vec<Segments>) -> Result<Segments, WireError> {
    let api = (kept.api.key(), kept.header.api_version);
    let mut frames = frames.into_iter();
    let first = frames.next().unwrap_or_default();
    let mut rest = frames.peekable();
    if rest.peek().is_none() {
        return Ok(first);
    }
    let (first, mut tape) = (body(&first), Tape::new());
    let message = walk_response(api, &first, Detail::Classified, &mut tape)?;
    let mut edits = Edits::new();
    let mut has_failed = failure(message.root()).is_some();
    for other in rest {
        let (other, mut tape) = (body(&other), Tape::new());
        let other = walk_response(api, &other, Detail::Classified, &mut tape)?.root();
        has_failed |= fail_like(message.root(), other, has_failed, &mut edits);
        for array in ARRAYS {
            append(message.root(), other, array, &mut edits);
        }
        if kept.api == Api::OffsetFetch {
            add_groups(message.root(), other, &mut edits);
        }
    }
    edits.finish(message, &first)
}

/// A frame in one piece, without its length prefix.
pub(super) fn body(frame: &Segments) -> Bytes {
    let mut bytes = frame.joined();
    bytes.advance(bytes.len().min(4));
    bytes
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
