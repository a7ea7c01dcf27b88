//! Namespaces that come, go or change, and whom that concerns: virtual clusters that let groups in show none of a
//! namespace of another.

use std::collections::BTreeSet;
use std::sync::Arc;

use klamm_raft::model::{ClusterId, State, VclusterKind, VclusterState};

/// The physical clusters on which the namespaces of virtual clusters are others than before.
pub(super) fn moved(before: Option<&State>, after: &State) -> BTreeSet<ClusterId> {
    let mut moved = BTreeSet::new();
    let mut compare = |before: Option<&Arc<VclusterState>>, after: Option<&Arc<VclusterState>>| {
        if let (Some(before), Some(after)) = (before, after)
            && Arc::ptr_eq(before, after)
        {
            return;
        }
        let border = |vcluster: Option<&Arc<VclusterState>>| {
            let (cluster, prefix) = vcluster?.spec.kind.border()?;
            Some((cluster.clone(), prefix.clone()))
        };
        let (before, after) = (border(before), border(after));
        if before != after {
            moved.extend(before.into_iter().chain(after).map(|(cluster, _)| cluster));
        }
    };
    for (name, own) in &after.vclusters {
        compare(before.and_then(|before| before.vclusters.get(name)), Some(own));
    }
    for (name, own) in before.iter().flat_map(|before| &before.vclusters) {
        if !after.vclusters.contains_key(name) {
            compare(Some(own), None);
        }
    }
    moved
}

/// Whether a virtual cluster shows other groups since namespaces moved on these physical clusters.
pub(super) fn concern(moved: &BTreeSet<ClusterId>, own: &VclusterState) -> bool {
    match &own.spec.kind {
        VclusterKind::Standard(standard) => !standard.groups.is_empty() && moved.contains(&standard.backend),
        VclusterKind::Partner | VclusterKind::Passthrough => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vcluster::samples;

    fn state(vclusters: &[(&str, VclusterState)]) -> State {
        let mut state = State::default();
        for (name, own) in vclusters {
            state
                .vclusters
                .insert(name.parse().unwrap(), Arc::new(own.clone()));
        }
        state
    }

    /// Whether that concerns one that lets groups of `main` in.
    fn is_concerned(before: Option<&State>, after: &State) -> bool {
        let lets_in = |groups: &[&str]| {
            let mut own = samples::standard("own-", &[]);
            if let VclusterKind::Standard(standard) = &mut own.spec.kind {
                standard.groups = groups.iter().map(|group| group.parse().unwrap()).collect();
            }
            own
        };
        let moved = moved(before, after);
        assert!(!concern(&moved, &lets_in(&[])), "it shows no groups of others");
        assert!(!concern(&moved, &samples::partner(&[])));
        concern(&moved, &lets_in(&["*"]))
    }

    #[test]
    fn whoever_lets_groups_in_is_concerned_when_a_namespace_comes_goes_or_changes() {
        let (dev, test) = (samples::standard("dev-", &[]), samples::standard("test-", &[]));
        let none = state(&[("partner", samples::partner(&[]))]);
        let with_dev = state(&[("partner", samples::partner(&[])), ("a", dev.clone())]);
        let with_test = state(&[("a", test)]);
        assert!(is_concerned(Some(&none), &with_dev));
        assert!(is_concerned(None, &with_dev));
        assert!(is_concerned(Some(&with_dev), &none));
        assert!(is_concerned(Some(&with_dev), &with_test));
        assert!(!is_concerned(Some(&none), &state(&[])));
        let mut more = dev;
        more.spec.acl_enabled = !more.spec.acl_enabled;
        assert!(!is_concerned(Some(&with_dev), &state(&[("a", more.clone())])));
        if let VclusterKind::Standard(standard) = &mut more.spec.kind {
            standard.backend = "elsewhere".parse().unwrap();
        }
        assert!(!is_concerned(Some(&none), &state(&[("a", more)])));
    }
}
