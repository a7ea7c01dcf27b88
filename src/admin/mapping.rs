//! Which physical topics the names of a virtual cluster stand for, for operators: clients never see this.

use std::collections::BTreeMap;

use klamm_raft::model::{ClusterId, Holder, Neighbours, State, VclusterKind, VclusterName, VclusterState};
use schemars::JsonSchema;
use serde::Serialize;

use super::services::Services;
use crate::vcluster::rename::{HeldBy, Hidden, Names, Scope, Sources};

/// One topic of a virtual cluster, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Topic")]
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
    /// Who has the name of a topic that clients do not see.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden_by: Option<String>,
}

/// Names that a change would make visible, and names that it would make vanish.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    appear: Vec<String>,
    vanish: Vec<String>,
}

/// The topics of a virtual cluster, by name; those that are hidden come after who has the name.
pub(super) fn topics(services: &Services, name: &VclusterName, vcluster: &VclusterState) -> Vec<Mapped> {
    let mut mapped: Vec<Mapped> = vcluster
        .reached()
        .into_iter()
        .flat_map(|cluster| topics_on(services, name, vcluster, cluster))
        .collect();
    mapped.sort_by(|a, b| (&a.name, &a.hidden_by).cmp(&(&b.name, &b.hidden_by)));
    mapped
}

fn topics_on(
    services: &Services,
    name: &VclusterName,
    vcluster: &VclusterState,
    cluster: &ClusterId,
) -> Vec<Mapped> {
    let topology = (services.topology)(&services.serving(cluster));
    let unknown = BTreeMap::new();
    let topics = topology.as_deref().map_or(&unknown, |topology| &topology.topics);
    let sources = Sources {
        vcluster: name,
        cluster: Some(cluster),
        aliases: &vcluster.aliases,
        topics,
        holders: &vcluster.holders,
        // Of no concern to topics.
        neighbours: &Neighbours::default(),
        first_ids: None,
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
        hidden_by: None,
    });
    let hidden = names.hidden().iter().map(|hidden| Mapped {
        name: hidden.name.to_string(),
        physical_cluster: cluster.to_string(),
        physical_name: hidden.physical.to_string(),
        owned: false,
        exists: true,
        partitions: Some(hidden.partitions),
        hidden_by: Some(holder(hidden, vcluster)),
    });
    mapped.chain(hidden).collect()
}

/// Who has the name of a hidden topic, for operators.
fn holder(hidden: &Hidden, vcluster: &VclusterState) -> String {
    let name = &hidden.name;
    match (hidden.by, &vcluster.spec.kind) {
        (HeldBy::Alias, _) => format!("AliasTopic {name}"),
        (HeldBy::Topic(Holder::LetIn), _) => format!("topic {name}, which is let in"),
        (HeldBy::Topic(Holder::Own), VclusterKind::Standard(standard)) => match standard.namespace.prefix() {
            Some(prefix) => format!("topic {prefix}{name} of the namespace"),
            None => "a topic of the namespace".to_owned(),
        },
        (HeldBy::Topic(Holder::Own), _) => "a topic of the namespace".to_owned(),
        (HeldBy::Nobody, _) => "nobody yet: it is not known which topic was there first".to_owned(),
    }
}

/// The topics that clients of a virtual cluster see come and go between two states. A name that stands for another
/// topic does both.
pub(super) fn difference(
    services: &Services,
    name: &VclusterName,
    before: &State,
    after: &State,
) -> Difference {
    let shown = |state: &State| -> BTreeMap<String, String> {
        let vcluster = state.vclusters.get(name);
        let topics = vcluster.map(|vcluster| topics(services, name, vcluster));
        let is_shown = |topic: &Mapped| topic.exists && topic.hidden_by.is_none();
        let existing = topics.into_iter().flatten().filter(is_shown);
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
