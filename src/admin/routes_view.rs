//! Where requests for physical clusters go, as the admin API shows it.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{ClusterRoute, RouteKey, RoutePhase, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a switch has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum PhaseView {
    /// Requests go to the target.
    #[default]
    Open,
    /// Requests go nowhere yet: what is under way is answered first.
    Fenced,
}

/// Where requests for a physical cluster go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Route")]
pub struct RouteView {
    /// The physical cluster that virtual clusters are on.
    pub cluster: String,
    /// The only virtual cluster that this is for; `null`: all that have no route of their own.
    pub v_cluster: Option<String>,
    /// The physical cluster that gets the requests.
    pub target: String,
    pub phase: PhaseView,
    /// The physical cluster that got them before, while the route is fenced.
    pub from: Option<String>,
    /// Whether it stays fenced until somebody says where requests go.
    pub stays_fenced: bool,
    /// The nodes that say that nothing is under way any more, while the route is fenced.
    pub drained_nodes: Vec<u64>,
    /// The number of the switch; 0 where there was none yet.
    pub generation: u32,
    /// Since when it is so, in seconds since the Unix epoch; `null` where there was no switch yet.
    pub since_s: Option<u64>,
    /// The physical clusters that can stand in.
    pub stand_ins: Vec<String>,
}

impl RouteView {
    /// One that is on record, or as it is where none is.
    pub(super) fn of(state: &State, key: &RouteKey) -> Self {
        let known = state.routes.by_key.get(key);
        let bare = Self {
            cluster: key.cluster.to_string(),
            v_cluster: key.vcluster.as_ref().map(ToString::to_string),
            target: key.cluster.to_string(),
            stand_ins: state
                .stand_ins(&key.cluster)
                .iter()
                .map(ToString::to_string)
                .collect(),
            ..Self::default()
        };
        match known {
            None => bare,
            Some(route) => Self {
                target: route.target.to_string(),
                generation: route.generation,
                since_s: Some(route.at_s),
                ..bare.at(route)
            },
        }
    }

    fn at(self, route: &ClusterRoute) -> Self {
        match &route.phase {
            RoutePhase::Open => self,
            RoutePhase::Fenced { from, stays, drained } => Self {
                phase: PhaseView::Fenced,
                from: Some(from.to_string()),
                stays_fenced: *stays,
                drained_nodes: drained.iter().map(|id| id.0).collect(),
                ..self
            },
        }
    }

    /// All that are on record, and those that there could be.
    pub(super) fn all(state: &State) -> Vec<Self> {
        let on_record = state.routes.by_key.keys().cloned();
        let reports = state.cluster_reports.values().flat_map(BTreeMap::values);
        let originals = reports.filter_map(|report| report.stands_in_for.as_ref());
        let keys: BTreeSet<RouteKey> = on_record.chain(originals.map(RouteKey::of_all)).collect();
        keys.iter().map(|key| Self::of(state, key)).collect()
    }
}
