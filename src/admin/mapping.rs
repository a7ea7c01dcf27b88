//! Which physical topics the names of a virtual cluster stand for, for operators: clients never see this.

use std::collections::BTreeMap;

use klamm_raft::model::{ClusterId, Neighbours, State, VclusterName, VclusterState};
use serde::Serialize;

use super::services::Services;
use crate::vcluster::rename::{Names, Scope, Sources};

/// One topic of a virtual cluster, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapped {
    pub(super) name: String,
    physical_cluster: String,
    physical_name: String,
    /// Whether topics of this name are created, changed and deleted through the virtual cluster.
    owned: bool,
    exists: bool,
    /// While it is known to exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<u32>,
}

/// Names that a change would make visible, and names that it would make vanish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    appear: Vec<String>,
    vanish: Vec<String>,
}

/// The topics of a virtual cluster, by name.
pub(super) fn topics(services: &Services, name: &VclusterName, vcluster: &VclusterState) -> Vec<Mapped> {
    let mut mapped: Vec<Mapped> = vcluster
        .reached()
        .into_iter()
        .flat_map(|cluster| topics_on(services, name, vcluster, cluster))
        .collect();
    mapped.sort_by(|a, b| a.name.cmp(&b.name));
    mapped
}

fn topics_on(
    services: &Services,
    name: &VclusterName,
    vcluster: &VclusterState,
    cluster: &ClusterId,
) -> Vec<Mapped> {
    let topology = (services.topology)(cluster);
    let unknown = BTreeMap::new();
    let topics = topology.as_deref().map_or(&unknown, |topology| &topology.topics);
    let sources = Sources {
        vcluster: name,
        cluster: Some(cluster),
        aliases: &vcluster.aliases,
        topics,
        // Of no concern to topics.
        neighbours: &Neighbours::default(),
    };
    let names = Names::compile(None, Scope::on(vcluster, Some(cluster)), sources);
    let mapped = names.aliases().iter().map(|alias| Mapped {
        name: alias.virtual_name.as_str().to_owned(),
        physical_cluster: cluster.to_string(),
        physical_name: alias.physical_name.as_str().to_owned(),
        owned: names.owns(alias),
        exists: alias.exists,
        partitions: topics
            .get(alias.physical_name.topic_name())
            .map(|topic| topic.partitions),
    });
    mapped.collect()
}

/// What clients of a virtual cluster see come and go between two states. A name that stands for another topic does both.
pub(super) fn difference(
    services: &Services,
    name: &VclusterName,
    before: &State,
    after: &State,
) -> Difference {
    let shown = |state: &State| -> BTreeMap<String, String> {
        let vcluster = state.vclusters.get(name);
        let topics = vcluster.map(|vcluster| topics(services, name, vcluster));
        let existing = topics.into_iter().flatten().filter(|topic| topic.exists);
        existing.map(|topic| (topic.name, topic.physical_name)).collect()
    };
    let (before, after) = (shown(before), shown(after));
    let missing = |of: &BTreeMap<String, String>, from: &BTreeMap<String, String>| {
        let names = of
            .iter()
            .filter(|(name, physical)| from.get(*name) != Some(*physical));
        names.map(|(name, _)| name.clone()).collect()
    };
    Difference {
        appear: missing(&after, &before),
        vanish: missing(&before, &after),
    }
}
