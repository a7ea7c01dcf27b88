//! `PhysicalCluster`.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    ClusterId, ClusterReport, ClusterReports, KafkaProperties, MAIN_CLUSTER, NodeId, PhysicalCluster,
    ReportedReach, State,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::API_VERSION;
use super::event_gateway::labels::{self, MAX_DESCRIPTION_CHARS};
use super::invalid::{Invalid, required};
use super::object::object;
use super::schema::{CONFIGURED, LABELS};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "PhysicalCluster";

/// The properties in which a physical cluster keeps its part.
const ROLES: &str = "gateway.roles";
const FAILOVER_FOR: &str = "gateway.failover.for";
const FAILOVER: &str = "failover";

/// The id of a physical cluster, and what people and their tools keep beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct ClusterMetadata {
    #[schemars(regex(pattern = CONFIGURED))]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
}

/// The part that a physical cluster has: it serves by itself, or stands in for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum ClusterRole {
    Upstream,
    Failover,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roles: Option<ClusterRole>,
    /// With the role failover: the physical cluster that it stands in for. By default main.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = CONFIGURED))]
    failover_for: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    /// Properties of a Kafka client, as in the configuration of a node. Secrets are not written here, but references to what
    /// each node has: ${env[NAME]} or ${file[PATH]}.
    properties: KafkaProperties,
    /// Further credentials, which service accounts name: the SASL properties that differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credentials: Option<BTreeMap<String, KafkaProperties>>,
}

/// A physical cluster. Its status may be there when it is put, and is not read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PhysicalCluster")]
pub(crate) struct PhysicalClusterResource {
    #[schemars(extend("enum" = [KIND]))]
    kind: String,
    #[schemars(extend("enum" = [API_VERSION]))]
    api_version: String,
    #[serde(deserialize_with = "object")]
    metadata: ClusterMetadata,
    #[serde(deserialize_with = "object")]
    spec: Spec,
    #[serde(rename = "status", default)]
    #[schemars(with = "ClusterStatus", extend("readOnly" = true))]
    _status: Option<IgnoredAny>,
}

impl PhysicalClusterResource {
    /// Reads what is put; `at_s` is the time. Its properties are not looked at.
    pub(crate) fn read(self, at_s: u64) -> Result<(ClusterId, PhysicalCluster), Invalid> {
        super::check_envelope(KIND, &self.kind, &self.api_version)?;
        let id = required("metadata.name", &self.metadata.name)?;
        let Spec {
            roles,
            failover_for,
            description,
            mut properties,
            credentials,
        } = self.spec;
        if roles == Some(ClusterRole::Failover) {
            properties.insert(ROLES.to_owned(), FAILOVER.to_owned());
        }
        if let Some(original) = failover_for {
            properties.insert(FAILOVER_FOR.to_owned(), original);
        }
        let credentials = credentials.unwrap_or_default().into_iter();
        let credentials = credentials.map(|(name, own)| Ok((required("spec.credentials", &name)?, own)));
        let cluster = PhysicalCluster {
            properties,
            credentials: credentials.collect::<Result<_, Invalid>>()?,
            description: labels::description(description.unwrap_or_default())?,
            labels: labels::labels(self.metadata.labels.unwrap_or_default())?,
            times: klamm_raft::model::Times {
                created_s: at_s,
                updated_s: at_s,
            },
        };
        Ok((id, cluster))
    }
}

/// A physical cluster as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownCluster {
    kind: &'static str,
    api_version: &'static str,
    metadata: ClusterMetadata,
    spec: Spec,
    status: ClusterStatus,
}

/// How the nodes reach it, and what is on it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct ClusterStatus {
    /// The id of the Kafka cluster that it is, as all nodes agree; null before it was seen.
    kafka_cluster_id: Option<String>,
    /// How many nodes reach it, of how many.
    reachable: String,
    /// By the id of the node.
    nodes: BTreeMap<String, NodeSight>,
    /// The virtual clusters that show something of it.
    used_by: Vec<String>,
}

/// A physical cluster as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct NodeSight {
    /// Where the node has it from: CONFIGURATION counts before RESOURCE.
    source: SightSource,
    reachable: bool,
    brokers: u32,
    last_error: Option<String>,
    /// The references that the node cannot follow.
    missing_references: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
enum SightSource {
    Resource,
    Configuration,
}

impl NodeSight {
    fn of(report: ClusterReport) -> Self {
        let ClusterReport {
            is_configured,
            reach,
            brokers,
            fault,
            missing,
            stands_in_for: _,
        } = report;
        Self {
            source: match is_configured {
                true => SightSource::Configuration,
                false => SightSource::Resource,
            },
            reachable: reach == ReportedReach::Reachable,
            brokers,
            last_error: fault,
            missing_references: missing,
        }
    }
}

fn is_failover(cluster: &PhysicalCluster) -> bool {
    cluster.properties.get(ROLES).is_some_and(|role| role == FAILOVER)
}

/// The physical cluster that this one says it stands in for.
pub(crate) fn original(cluster: &PhysicalCluster) -> Option<&str> {
    let said = cluster.properties.get(FAILOVER_FOR).map(String::as_str);
    is_failover(cluster).then(|| said.unwrap_or(MAIN_CLUSTER))
}

/// A physical cluster as it is shown. `here` is what this node sees now; the others have said what they saw.
pub(crate) fn show(
    id: &ClusterId,
    cluster: &PhysicalCluster,
    state: &State,
    (node, here): (NodeId, &ClusterReports),
) -> ShownCluster {
    let labels = Some(cluster.labels.clone());
    let description = Some(cluster.description.clone());
    let mut properties = cluster.properties.clone();
    let is_failover = is_failover(cluster);
    if is_failover {
        properties.remove(ROLES);
    }
    let credentials = cluster.credentials.iter();
    let credentials: BTreeMap<_, _> = credentials
        .map(|(name, own)| (name.to_string(), own.clone()))
        .collect();
    ShownCluster {
        kind: KIND,
        api_version: API_VERSION,
        metadata: ClusterMetadata {
            name: id.to_string(),
            labels: labels.filter(|labels| !labels.is_empty()),
        },
        spec: Spec {
            roles: is_failover.then_some(ClusterRole::Failover),
            failover_for: properties.remove(FAILOVER_FOR),
            description: description.filter(|text| !text.is_empty()),
            properties,
            credentials: Some(credentials).filter(|all| !all.is_empty()),
        },
        status: status(id, state, (node, here)),
    }
}

fn status(id: &ClusterId, state: &State, (node, here): (NodeId, &ClusterReports)) -> ClusterStatus {
    let others = state.nodes.keys().filter(|other| **other != node);
    let told = others.map(|other| (*other, state.cluster_reports.get(other)));
    let nodes: BTreeMap<NodeId, NodeSight> = told
        .chain([(node, Some(here))])
        .map(|(node, reports)| {
            let report = reports.and_then(|reports| reports.get(id)).cloned();
            (node, NodeSight::of(report.unwrap_or_default()))
        })
        .collect();
    let reaching = nodes.values().filter(|sight| sight.reachable).count();
    let pinned = state.pinned_clusters.get(id);
    let users = state.vclusters.iter().filter(|(_, own)| own.reaches(id));
    ClusterStatus {
        kafka_cluster_id: pinned.map(|pinned| pinned.kafka_cluster_id.clone()),
        reachable: format!("{reaching}/{}", nodes.len()),
        used_by: users.map(|(name, _)| name.to_string()).collect(),
        nodes: nodes
            .into_iter()
            .map(|(node, sight)| (node.to_string(), sight))
            .collect(),
    }
}
