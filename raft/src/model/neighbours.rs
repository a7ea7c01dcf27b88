//! The namespaces of other virtual clusters on a physical cluster: what is in them is let in by no selector of groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::NamePrefix;
use super::{VclusterKind, VclusterName, VclusterState};

/// The prefixes of the others, in order. None begins with another, which the state machine sees to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours(Vec<NamePrefix>);

impl Neighbours {
    /// Those of the virtual cluster `name`. Only one that lets groups in needs to know them.
    pub fn of(
        name: &VclusterName,
        kind: &VclusterKind,
        all: &BTreeMap<VclusterName, Arc<VclusterState>>,
    ) -> Self {
        let VclusterKind::Standard(standard) = kind else {
            return Self::default();
        };
        if standard.groups.is_empty() {
            return Self::default();
        }
        let others = all.iter().filter(|(other, _)| *other != name);
        let prefixes = others.filter_map(|(_, their)| {
            let (backend, prefix) = their.spec.kind.border()?;
            (*backend == standard.backend).then(|| prefix.clone())
        });
        Self::from_iter(prefixes)
    }

    /// Whether the id is in one of their namespaces.
    pub fn have(&self, id: &str) -> bool {
        // A prefix of the id is not behind it, and none is between the two: it would begin with the prefix.
        let behind = self.0.partition_point(|prefix| prefix.as_str() <= id);
        let nearest = behind.checked_sub(1).and_then(|place| self.0.get(place));
        nearest.is_some_and(|prefix| id.starts_with(prefix.as_str()))
    }
}

impl FromIterator<NamePrefix> for Neighbours {
    fn from_iter<T: IntoIterator<Item = NamePrefix>>(prefixes: T) -> Self {
        let mut prefixes: Vec<NamePrefix> = prefixes.into_iter().collect();
        prefixes.sort_unstable();
        Self(prefixes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_in_a_namespace_whose_prefix_it_begins_with() {
        let neighbours: Neighbours = ["test-", "dev-", "a", "zz"]
            .into_iter()
            .map(|prefix| prefix.parse().unwrap())
            .collect();
        for theirs in ["dev-", "dev-app", "test-~", "a", "app", "zz"] {
            assert!(neighbours.have(theirs), "{theirs}");
        }
        for free in ["", "dev", "dev.app", "b", "te", "test", "z", "A", "~"] {
            assert!(!neighbours.have(free), "{free}");
        }
        assert!(!Neighbours::default().have("x"));
    }
}
