//! Which topics of a physical cluster somebody is interested in.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_raft::model::TopicName;

/// The topics that a picture shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracked {
    Those(Arc<BTreeSet<TopicName>>),
    /// All that the gateway's own account may describe.
    All,
}

impl Tracked {
    pub(super) const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub(super) fn holds(&self, name: &TopicName) -> bool {
        match self {
            Self::Those(names) => names.contains(name),
            Self::All => true,
        }
    }

    /// Those that are not of `others`, and some more.
    pub(super) fn beside<'a>(&self, others: &Self, more: impl Iterator<Item = &'a TopicName>) -> Self {
        let own = match (self, others) {
            (_, Self::All) => BTreeSet::new(),
            (Self::All, Self::Those(_)) => return Self::All,
            (Self::Those(own), Self::Those(others)) => own.difference(others).cloned().collect(),
        };
        Self::Those(Arc::new(own.into_iter().chain(more.cloned()).collect()))
    }
}
