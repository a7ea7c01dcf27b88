//! How much of the limits of the replicated state is used, for metrics.

use klamm_raft::model::{Limit, Of, State};

use crate::metrics::LimitFigure;

/// Each limit, in the virtual cluster that is closest to it.
pub(super) fn of(state: &State) -> Vec<LimitFigure> {
    let figures = Limit::of_state().filter_map(|limit| {
        let (vcluster, used) = match limit.of() {
            Of::Gateway => (String::new(), ratio(state.used(limit), limit.most())),
            Of::Vcluster => fullest(state, limit)?,
        };
        Some(LimitFigure {
            limit: limit.name(),
            vcluster,
            used,
        })
    });
    figures.collect()
}

fn fullest(state: &State, limit: Limit) -> Option<(String, f64)> {
    let used = state.vclusters.iter().map(|(name, vcluster)| {
        let used = ratio(vcluster.used(limit), vcluster.most(limit));
        (name, used)
    });
    let (name, used) = used.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    Some((name.to_string(), used))
}

/// Whoever may have nothing has used all of it.
fn ratio(used: u64, most: u64) -> f64 {
    match most {
        0 => 1.0,
        most => used as f64 / most as f64,
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::Limits;

    use super::*;
    use crate::vcluster::samples;

    #[test]
    fn the_virtual_cluster_that_is_closest_to_a_limit_is_named() {
        let mut full = samples::partner(&[("a", "main", "pa"), ("b", "main", "pb")]);
        full.spec.limits = Limits([(Limit::AliasTopics, 4)].into());
        let large = samples::partner(&[("a", "main", "qa"), ("b", "main", "qb"), ("c", "main", "qc")]);
        let mut state = State::default();
        for (name, vcluster) in [("full", full), ("large", large)] {
            state.vclusters.insert(name.parse().unwrap(), vcluster.into());
        }
        let figures = of(&state);
        assert_eq!(figures.len(), Limit::of_state().count());
        let aliases = figures
            .iter()
            .find(|figure| figure.limit == "aliasTopics")
            .unwrap();
        assert_eq!((&*aliases.vcluster, aliases.used), ("full", 0.5));
        let all = figures
            .iter()
            .find(|figure| figure.limit == "virtualClusters")
            .unwrap();
        assert_eq!((&*all.vcluster, all.used), ("", 2.0 / 5000.0));
    }
}
