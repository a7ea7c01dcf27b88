//! How many partitions a request would create or delete: that much it uses of a quota on mutations (KIP-599).

use super::description::{Api, QuotaUse};
use super::tape::TAPE;
use crate::vcluster::names::TopicId;
use crate::vcluster::view::View;
use crate::wire::{Detail, Node, RequestHeader, field, walk_request};

/// The mutations that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedMutations {
    pub partitions: u64,
    /// Whether the client understands that it is refused while it has used more than it may.
    pub is_refusable: bool,
}

/// The mutations that a request of an API asks for, whether they will be made or not.
pub(super) fn asked(
    view: &View,
    api: &Api,
    (header, frame): (RequestHeader, &[u8]),
) -> Option<AskedMutations> {
    let partitions = TAPE.with_borrow_mut(|tape| {
        let message = walk_request(&header, frame, Detail::Everything, tape).ok()?;
        let root = message.root();
        if root.bool_in(field::VALIDATE_ONLY) == Some(true) {
            return Some(0);
        }
        let topics = root.items(field::TOPICS).map(|topic| of_topic(view, topic));
        let names = root
            .items(field::TOPIC_NAMES)
            .map(|name| known(view, name.text()));
        Some(topics.chain(names).sum())
    })?;
    Some(AskedMutations {
        partitions,
        is_refusable: is_refusable(api, header.api_version),
    })
}

/// Whether a version of an API refuses mutations while the client has used more than it may.
pub(super) fn is_refusable(api: &Api, version: i16) -> bool {
    matches!(api.uses(), QuotaUse::Mutations { refused_from } if version >= refused_from)
}

/// How many partitions a topic of a request would get or lose.
pub(super) fn of_topic(view: &View, topic: Node<'_>) -> u64 {
    let number = |asked: i32| u64::try_from(asked).unwrap_or_default();
    if let Some(asked) = topic.i32_in(field::NUM_PARTITIONS) {
        let assigned = topic.child(field::ASSIGNMENTS).map_or(0, Node::count) as u64;
        return number(asked).max(assigned).max(1);
    }
    let there = match (topic.topic_name(), topic.topic_id()) {
        (None, Some(id)) => {
            let alias = view.names.by_virtual_id(TopicId::new(id));
            alias.map_or(0, |alias| u64::from(alias.partitions))
        }
        (name, _) => known(view, name),
    };
    match topic.i32_in(field::COUNT) {
        Some(asked) => number(asked).saturating_sub(there),
        None => there,
    }
}

/// How many partitions a topic of this name has, as far as is known.
fn known(view: &View, name: Option<&str>) -> u64 {
    let alias = name.and_then(|name| view.names.by_virtual_name(name));
    alias.map_or(0, |alias| u64::from(alias.partitions))
}
