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

    /// Those that are of `others`, too.
    pub(super) fn both(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::All, which) | (which, Self::All) => which.clone(),
            (Self::Those(own), Self::Those(others)) if Arc::ptr_eq(own, others) => self.clone(),
            (Self::Those(own), Self::Those(others)) => {
                Self::Those(Arc::new(own.intersection(others).cloned().collect()))
            }
        }
    }

    /// Those that are not of `others`, and some more.
    pub(super) fn beside<'a>(&self, others: &Self, more: impl Iterator<Item = &'a TopicName>) -> Self {
        let own = match (self, others) {
            (_, Self::All) => BTreeSet::new(),
            (Self::Those(own), Self::Those(others)) if Arc::ptr_eq(own, others) => BTreeSet::new(),
            (Self::All, Self::Those(_)) => return Self::All,
            (Self::Those(own), Self::Those(others)) => own.difference(others).cloned().collect(),
        };
        Self::Those(Arc::new(own.into_iter().chain(more.cloned()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn those(names: &[&str]) -> Tracked {
        Tracked::Those(Arc::new(names.iter().map(|name| name.parse().unwrap()).collect()))
    }

    #[test]
    fn what_is_in_both_and_beside() {
        let (ab, bc) = (those(&["a", "b"]), those(&["b", "c"]));
        assert_eq!(ab.both(&bc), those(&["b"]));
        assert_eq!(ab.both(&Tracked::All), ab);
        assert_eq!(Tracked::All.both(&ab), ab);
        assert_eq!(Tracked::All.both(&Tracked::All), Tracked::All);
        let more: TopicName = "x".parse().unwrap();
        let beside = |one: &Tracked, other: &Tracked| one.beside(other, [&more].into_iter());
        assert_eq!(beside(&ab, &bc), those(&["a", "x"]));
        assert_eq!(beside(&ab, &ab.clone()), those(&["x"]));
        assert_eq!(beside(&ab, &Tracked::All), those(&["x"]));
        assert_eq!(beside(&Tracked::All, &Tracked::All), those(&["x"]));
        assert_eq!(beside(&Tracked::All, &ab), Tracked::All, "they cannot be listed");
    }
}
