//! The state of the node that answers, which may be otherwise on the others, as JSON for operators.

use klamm_raft::model::{ClusterId, KeyName, RegistryName, VclusterState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of one node as it sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Here {
    pub deciding: DecidingView,
    pub unopened: Vec<UnopenedView>,
    pub physical_clusters: Vec<PhysicalView>,
    /// Components that wait to be started again.
    pub panicked: Vec<String>,
    /// The keys for records that cannot be used, with why.
    pub unusable_keys: Vec<(KeyName, String)>,
    /// The schema registries that cannot be asked, with why.
    pub unusable_registries: Vec<(RegistryName, String)>,
}

/// Whether the node that answers decides requests of clients, and on which grounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum DecidingView {
    /// It needs no lease: it is alone, or the feature level has none.
    #[default]
    Freely,
    ByLease,
    /// It has no lease, and goes on because an operator said so.
    AsAllowed,
    /// It has no lease, and goes on because it is configured to.
    AsConfigured,
    /// It has no lease: it holds requests back, and closes connections.
    No,
}

/// Addresses that the node cannot open. It tries again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UnopenedView {
    pub listener: String,
    /// Whose addresses they are.
    pub virtual_clusters: Vec<String>,
    pub reason: String,
}

/// A physical cluster of the node's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PhysicalView {
    pub name: String,
    pub state: PhysicalState,
    /// The id of the Kafka cluster that it is, as all nodes agree; `null` before it was seen.
    pub kafka_cluster_id: Option<String>,
    /// The id of the Kafka cluster that answers instead of it.
    pub answers: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum PhysicalState {
    Reachable,
    Unreachable,
    /// Nothing is sent to it, until the other Kafka cluster is accepted.
    OtherCluster,
    /// Nobody has looked yet.
    #[default]
    Unknown,
}

impl Here {
    /// The faults that do not keep the node from serving all that it can, for people.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unopened = self.unopened.iter().map(|unopened| {
            let whose = match unopened.virtual_clusters.is_empty() {
                true => String::new(),
                false => format!(" (of {})", unopened.virtual_clusters.join(", ")),
            };
            let UnopenedView { listener, reason, .. } = unopened;
            format!("listener {listener}: {reason}{whose}; it will be retried")
        });
        let strangers = self.physical_clusters.iter().filter_map(PhysicalView::warning);
        let panicked = self.panicked.iter();
        let panicked = panicked.map(|component| format!("{component} panicked and is about to be restarted"));
        let keys = self.unusable_keys.iter().map(|(name, why)| {
            format!("key {name} for records: {why}; what policies encrypt or decrypt with it is refused until it can be used")
        });
        let registries = self.unusable_registries.iter().map(|(name, why)| {
            format!("schema registry {name}: {why}; records of schemas that this node does not know yet are refused until it can be asked")
        });
        let parts = unopened.chain(strangers).chain(panicked);
        parts.chain(keys).chain(registries).collect()
    }

    /// The parts of a virtual cluster that cannot be served, for people.
    pub(super) fn unavailable(&self, vcluster: &VclusterState) -> Vec<String> {
        let reached = vcluster.reached();
        let is_reached = |seen: &&PhysicalView| {
            let id = seen.name.parse::<ClusterId>();
            id.is_ok_and(|id| reached.contains(&id))
        };
        let reached = self.physical_clusters.iter().filter(is_reached);
        reached.filter_map(PhysicalView::warning).collect()
    }
}

impl PhysicalView {
    /// The warning and the remedy when another Kafka cluster answers.
    pub fn warning(&self) -> Option<String> {
        let (name, answers) = (&self.name, self.answers.as_ref()?);
        let known = self.kafka_cluster_id.as_deref().unwrap_or("none");
        Some(format!(
            "physical cluster {name}: the Kafka cluster {answers} answers instead of {known}, so nothing is sent to it; if it was rebuilt on purpose: klamm cluster accept-kafka-cluster {name} --id {answers} --dry-run"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_say_what_to_do() {
        let fine = PhysicalView {
            name: "main".to_owned(),
            state: PhysicalState::Reachable,
            ..PhysicalView::default()
        };
        let rebuilt = PhysicalView {
            name: "east".to_owned(),
            state: PhysicalState::OtherCluster,
            kafka_cluster_id: Some("old".to_owned()),
            answers: Some("new".to_owned()),
        };
        let here = Here {
            deciding: DecidingView::ByLease,
            unopened: vec![UnopenedView {
                listener: "default".to_owned(),
                virtual_clusters: vec!["a".to_owned()],
                reason: "127.0.0.1:6970 cannot be opened".to_owned(),
            }],
            physical_clusters: vec![fine, rebuilt],
            panicked: vec!["the watcher of the physical cluster east".to_owned()],
            unusable_keys: vec![(
                "payroll".parse().unwrap(),
                "the key file does not exist".to_owned(),
            )],
            unusable_registries: vec![(
                "central".parse().unwrap(),
                "the registry does not answer".to_owned(),
            )],
        };
        let [port, cluster, component, key, registry] = &here.warnings()[..] else {
            panic!("five warnings")
        };
        assert!(
            registry.starts_with("schema registry central: the registry does not answer;"),
            "{registry}"
        );
        assert!(
            key.starts_with("key payroll for records: the key file does not exist"),
            "{key}"
        );
        assert!(component.starts_with("the watcher of"), "{component}");
        assert!(
            port.contains("127.0.0.1:6970") && port.contains("(of a)"),
            "{port}"
        );
        assert!(
            cluster.contains("accept-kafka-cluster east --id new"),
            "{cluster}"
        );
    }
}
