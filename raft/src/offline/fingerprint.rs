//! A number by which people and tests see that two states have the same in them.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use crate::codec::{self, layout::SnapshotV1};
use crate::model::{Revision, Roster, RoutePhase, State};
use crate::types::SnapshotMeta;

/// The part of a state that a new cluster begins with: all that people have put there. The nodes of the cluster that was are
/// not those of the new one, and ask nothing twice.
pub(super) fn carried(mut state: State) -> State {
    state.roster = Roster {
        last_id: state.last_node_id(),
        ..Roster::default()
    }
    .into();
    state.nodes.clear();
    state.cluster_reports = Default::default();
    for route in state.routes.by_key.values_mut() {
        if let RoutePhase::Fenced { drained, .. } = &mut route.phase {
            drained.clear();
        }
    }
    state.proposals.clear();
    state
}

/// The SHA-256 of what a new cluster would begin with, whatever the revision. None: it cannot be encoded.
pub fn fingerprint(state: &State) -> Option<String> {
    let mut carried = carried(state.clone());
    carried.revision = Revision::default();
    carried.roster = Default::default();
    let snapshot = SnapshotV1::new(&SnapshotMeta::default(), Arc::new(carried));
    let bytes = codec::encode(&snapshot).ok()?;
    let sum = digest(&SHA256, &bytes);
    Some(sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::snapshot_of_level_2;

    #[test]
    fn two_states_have_one_number_when_a_new_cluster_would_begin_with_the_same() {
        let state = State::clone(&snapshot_of_level_2().state);
        let before = fingerprint(&state).expect("a number");
        assert_eq!(before.len(), 64);
        let mut later = carried(state.clone());
        later.revision = Revision(state.revision.0 + 1_000_000);
        assert_eq!(fingerprint(&later), Some(before.clone()));
        let mut other = state;
        other.pinned_clusters.clear();
        assert_ne!(fingerprint(&other), Some(before));
    }
}
