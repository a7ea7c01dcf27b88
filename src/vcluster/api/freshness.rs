//! Answers that say more than the view shows. A broker tells a member once what it is assigned, so that an answer waits
//! for the view, and is not thrown away; and who changes topics through the gateway finds them changed afterwards.

use super::back::part_of;
use super::description::Ahead;
use super::tape::TAPE;
use crate::vcluster::names::TopicId;
use crate::vcluster::pending::Pending;
use crate::vcluster::view::View;
use crate::wire::{Class, Detail, Field, Node, field, walk_response};

/// The knowledge that is needed before a broker's answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The view knows enough.
    Enough,
    /// The topology, as it is after the answer.
    OneLook,
    /// Topics that the view does not show, or shows still. They may be none of the virtual cluster's.
    Topics,
}

/// The knowledge that is needed before this answer is told.
pub fn freshness(view: &View, pending: &Pending, frame: &[u8]) -> Freshness {
    match pending.api.ahead() {
        Ahead::Never => Freshness::Enough,
        Ahead::Assigns => {
            let names = &part_of(view, pending).names;
            let is_known = |id| {
                // Where ids are the same on both sides, one that is not known yet is as good.
                names.is_transparent() || names.by_physical_id(id).is_some() || names.departed(id).is_some()
            };
            let is_unknown = |node: Node<'_>| node.uuid().is_some_and(|id| !is_known(TopicId::new(id)));
            match in_answer(pending, frame, Class::TopicId, is_unknown) {
                true => Freshness::Topics,
                false => Freshness::Enough,
            }
        }
        // The controller answers, and a broker that is asked may hear of it a little later.
        Ahead::Creates(topics) => after_change(view, pending, frame, (topics, Change::Made)),
        Ahead::Deletes(topics) => after_change(view, pending, frame, (topics, Change::Gone)),
        Ahead::Grows => match in_answer(pending, frame, Class::ErrorCode, |node| node.int() == Some(0)) {
            true => Freshness::OneLook,
            false => Freshness::Enough,
        },
    }
}

/// The change of topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Made,
    Gone,
}

/// The knowledge that is needed after topics were created or deleted: a look, and another until the view shows what was
/// done.
fn after_change(view: &View, pending: &Pending, frame: &[u8], (array, change): (Field, Change)) -> Freshness {
    let names = &part_of(view, pending).names;
    let is_shown = |node: Node<'_>| {
        let name = node.text_in(field::NAME).unwrap_or_default();
        let is_there = names.by_physical_name(name).is_some_and(|alias| alias.exists);
        is_there == (change == Change::Made)
    };
    let api = (pending.api.key, pending.version);
    TAPE.with_borrow_mut(|tape| {
        let Ok(message) = walk_response(api, frame, Detail::Classified, tape) else {
            return Freshness::Enough;
        };
        let done = message.root().items(array).filter(|item| {
            item.child(field::ERROR_CODE)
                .is_some_and(|code| code.int() == Some(0))
        });
        done.fold(Freshness::Enough, |freshness, item| {
            match (freshness, is_shown(item)) {
                (Freshness::Topics, _) | (_, false) => Freshness::Topics,
                (_, true) => Freshness::OneLook,
            }
        })
    })
}

/// Whether one of the fields is so. What does not parse is found out when it is told.
fn in_answer(pending: &Pending, frame: &[u8], class: Class, is_so: impl Fn(Node<'_>) -> bool) -> bool {
    let api = (pending.api.key, pending.version);
    TAPE.with_borrow_mut(|tape| {
        let walked = walk_response(api, frame, Detail::Classified, tape);
        walked.is_ok_and(|message| message.all(class).any(is_so))
    })
}
