//! Physical clusters that stand in for others: the other has to be one that has something of its own.

use std::collections::BTreeMap;

use klamm_raft::model::ClusterId;

use super::clusters::ClusterSection;
use super::kafka_names::{FAILOVER_FOR, ROLES};
use super::problem::{Problem, SettingPlace};
use crate::backend::config::BackendConfig;

/// Mistakes, or what may be mistakes, in what stand-ins stand in for.
#[derive(Debug, Default)]
pub(super) struct FailoverFindings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// Where each physical cluster says what it stands in for.
pub(super) fn aims(sections: &BTreeMap<ClusterId, ClusterSection>) -> BTreeMap<ClusterId, SettingPlace> {
    let place = |section: &ClusterSection| {
        let said = [FAILOVER_FOR, ROLES].map(|name| section.properties.get(name));
        said.into_iter()
            .flatten()
            .next()
            .map(|setting| setting.place.clone())
    };
    sections
        .iter()
        .filter_map(|(id, section)| Some((id.clone(), place(section)?)))
        .collect()
}

/// Compares what each stands in for with what there is in this configuration.
pub(super) fn check(
    backends: &BTreeMap<ClusterId, BackendConfig>,
    mut aims: BTreeMap<ClusterId, SettingPlace>,
) -> FailoverFindings {
    let mut found = FailoverFindings::default();
    for (id, backend) in backends {
        let Some(original) = &backend.stands_in_for else {
            continue;
        };
        let Some(place) = aims.remove(id) else {
            continue;
        };
        match backends.get(original) {
            // Whether main is given is asked for all.
            None if original.is_main() => {}
            None => found.warnings.push(
                Problem::new(
                    place,
                    format!("the physical cluster {original} is not in this configuration"),
                )
                .hint("requests can be switched only if it is a resource (klamm get physicalclusters)"),
            ),
            Some(BackendConfig {
                stands_in_for: Some(other),
                ..
            }) => found.problems.push(
                Problem::new(
                    place,
                    format!("{original} itself stands in for {other}, and has nothing of its own"),
                )
                .hint(format!("gateway.failover.for: {other}")),
            ),
            Some(_) => {}
        }
    }
    found
}
