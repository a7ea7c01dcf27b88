//! Routes: where requests for a physical cluster go, once they were switched to the one that stands in for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ClusterId, NodeId, Shared, State, VclusterName, VclusterState};

/// Topics of a physical cluster that took over from another, by their ids there: the ids that they had where clients saw them
/// first. Those of which clients know the id that they have are not here.
pub type FirstTopicIds = BTreeMap<[u8; 16], [u8; 16]>;

/// The traffic that a route is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RouteKey {
    /// The physical cluster that virtual clusters are on.
    pub cluster: ClusterId,
    /// The only virtual cluster that it is for; none: all that have no route of their own.
    pub vcluster: Option<VclusterName>,
}

impl RouteKey {
    /// Of all virtual clusters that have no route of their own.
    pub fn of_all(cluster: &ClusterId) -> Self {
        Self {
            cluster: cluster.clone(),
            vcluster: None,
        }
    }

    /// Of this virtual cluster alone.
    pub fn of_one(cluster: &ClusterId, vcluster: &VclusterName) -> Self {
        Self {
            vcluster: Some(vcluster.clone()),
            ..Self::of_all(cluster)
        }
    }
}

/// Where requests for a physical cluster go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRoute {
    /// The number of the switch; no two have the same.
    pub generation: u32,
    /// The physical cluster that gets the requests.
    pub target: ClusterId,
    pub phase: RoutePhase,
    /// When it came to this phase, in seconds since the Unix epoch.
    pub at_s: u64,
}

/// How far a switch has come. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoutePhase {
    /// Requests go to the target.
    Open,
    /// They go nowhere: those that went to `from` are answered first.
    Fenced {
        from: ClusterId,
        /// Whether it is to stay so until somebody says where requests go.
        stays: bool,
        /// The nodes on which no request is under way any more.
        drained: BTreeSet<NodeId>,
    },
}

impl ClusterRoute {
    /// Whether requests go nowhere.
    pub fn is_fenced(&self) -> bool {
        matches!(self.phase, RoutePhase::Fenced { .. })
    }

    /// The physical cluster that got requests last.
    pub fn last(&self) -> &ClusterId {
        match &self.phase {
            RoutePhase::Open => &self.target,
            RoutePhase::Fenced { from, .. } => from,
        }
    }
}

/// All routes. Without one, requests for a physical cluster go there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRoutes {
    pub by_key: BTreeMap<RouteKey, ClusterRoute>,
    /// The number of the last switch. Every switch takes the next one.
    pub last_generation: u32,
    /// The number of the last switch of each virtual cluster that ever came to another physical cluster.
    pub switched: BTreeMap<VclusterName, u32>,
    pub first_topic_ids: BTreeMap<ClusterId, Shared<FirstTopicIds>>,
}

impl ClusterRoutes {
    /// The route of a virtual cluster's requests for a physical cluster: its own, or that of all.
    pub fn of(&self, vcluster: &VclusterName, cluster: &ClusterId) -> Option<&ClusterRoute> {
        if self.by_key.is_empty() {
            return None;
        }
        let own = self.by_key.get(&RouteKey::of_one(cluster, vcluster));
        own.or_else(|| self.by_key.get(&RouteKey::of_all(cluster)))
    }

    /// The route that holds for what a key is for.
    pub fn holding(&self, key: &RouteKey) -> Option<&ClusterRoute> {
        match &key.vcluster {
            Some(vcluster) => self.of(vcluster, &key.cluster),
            None => self.by_key.get(key),
        }
    }

    /// The physical cluster that got the requests last that a key is for.
    pub fn last<'a>(&'a self, key: &'a RouteKey) -> &'a ClusterId {
        self.holding(key).map_or(&key.cluster, ClusterRoute::last)
    }

    /// Whether requests of a virtual cluster go nowhere.
    pub fn are_fenced(&self, vcluster: &VclusterName, own: &VclusterState) -> bool {
        let is_fenced = |cluster| self.of(vcluster, cluster).is_some_and(ClusterRoute::is_fenced);
        !self.by_key.is_empty() && own.reached().into_iter().any(is_fenced)
    }

    /// The id that a topic of a physical cluster had where clients saw it first.
    pub fn first_topic_id(&self, cluster: &ClusterId, id: [u8; 16]) -> [u8; 16] {
        let first = self.first_topic_ids.get(cluster);
        first.and_then(|ids| ids.get(&id)).copied().unwrap_or(id)
    }

    /// The physical cluster that gets a virtual cluster's requests for one.
    pub fn target<'a>(&'a self, vcluster: &VclusterName, cluster: &'a ClusterId) -> &'a ClusterId {
        self.of(vcluster, cluster).map_or(cluster, |route| &route.target)
    }
}

impl State {
    /// The physical cluster that this one stands in for, as far as nodes have said.
    pub fn stands_in_for(&self, cluster: &ClusterId) -> Option<&ClusterId> {
        let reports = self.cluster_reports.values();
        reports
            .filter_map(|of| of.get(cluster)?.stands_in_for.as_ref())
            .next()
    }

    /// The virtual clusters whose requests go by a route, or would if there were one.
    pub fn led_by<'a>(&'a self, key: &'a RouteKey) -> impl Iterator<Item = &'a VclusterName> {
        let routes = &self.routes.by_key;
        let has_its_own = |name: &VclusterName| routes.contains_key(&RouteKey::of_one(&key.cluster, name));
        let reaching = self.vclusters.iter().filter(|(_, own)| own.reaches(&key.cluster));
        let names = reaching.map(|(name, _)| name);
        names.filter(move |name| match &key.vcluster {
            Some(only) => only == *name,
            None => !has_its_own(name),
        })
    }

    /// The physical clusters that stand in for this one.
    pub fn stand_ins(&self, cluster: &ClusterId) -> BTreeSet<&ClusterId> {
        let all = self.cluster_reports.values().flat_map(BTreeMap::iter);
        all.filter(|(_, report)| report.stands_in_for.as_ref() == Some(cluster))
            .map(|(id, _)| id)
            .collect()
    }
}
