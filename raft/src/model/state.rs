//! The whole replicated state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    AccessToken, AccessTokenId, AccountGroup, ClusterId, ClusterReports, ClusterRoutes, GroupName, KeyId,
    Level, NodeId, NodeRecord, PhysicalCluster, Policy, PolicyId, PolicyKey, PortSlot, ProposalRecord,
    Revision, Roster, Shared, SigningKeys, VclusterName, VclusterState,
};

/// Everything that all nodes agree on. Virtual clusters are behind `Arc`, so that a copy of the state is cheap and a
/// reader sees by pointer which of them changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub revision: Revision,
    /// The feature level: the part of what the nodes know that may be used. It is raised once all of them know more,
    /// and never lowered.
    pub level: Level,
    pub vclusters: BTreeMap<VclusterName, Arc<VclusterState>>,
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    /// Slots in use, over all virtual clusters.
    pub slots: BTreeSet<PortSlot>,
    /// Slots that were given back, oldest first; the oldest is reused once no fresh slot is left.
    pub free_slots: Vec<PortSlot>,
    /// The lowest slot that was never used.
    pub next_slot: u16,
    /// The physical clusters that were ever seen.
    pub pinned_clusters: BTreeMap<ClusterId, PinnedCluster>,
    /// The keys that sign tokens (HMAC-SHA-256). The first one is from the configuration, or generated.
    pub signing_keys: Option<SigningKeys>,
    /// The outcomes of the latest proposals of each proposing node: one that is sent twice is applied once.
    pub proposals: BTreeMap<NodeId, ProposalRecord>,
    /// The access tokens that let somebody in to the admin API, beside the users of the configuration.
    pub access_tokens: Shared<BTreeMap<AccessTokenId, AccessToken>>,
    /// The highest number that producer ids were ever marked with. Every mark takes the next one.
    pub last_mark: u32,
    /// Policies of all virtual clusters. Level 1 does not have them: `codec/layout.rs` writes them behind the rest.
    #[serde(skip)]
    pub policies: Shared<BTreeMap<PolicyId, Policy>>,
    /// Groups of accounts. They are written there, too.
    #[serde(skip)]
    pub groups: Shared<BTreeMap<GroupName, AccountGroup>>,
    /// The last revision at which somebody who uses the admin API by an access token may have lost the right to it. Level 1
    /// does not have it.
    #[serde(skip)]
    pub tokens_withdrawn: Revision,
    /// Nodes that come and go. Level 1 does not have it.
    #[serde(skip)]
    pub roster: Shared<Roster>,
    /// The physical clusters that are resources. Level 1 does not have them.
    #[serde(skip)]
    pub physical_clusters: Shared<BTreeMap<ClusterId, PhysicalCluster>>,
    /// The reports of each node on the physical clusters that it knows, with those of its configuration. Nothing is decided by
    /// them but that what a node has in its configuration is not put. Level 1 does not have them.
    #[serde(skip)]
    pub cluster_reports: Shared<BTreeMap<NodeId, ClusterReports>>,
    /// Where requests for physical clusters go. Level 1 does not have them.
    #[serde(skip)]
    pub routes: Shared<ClusterRoutes>,
    /// A field of the level after the newest.
    #[cfg(feature = "next-level")]
    #[serde(skip)]
    pub next: Option<String>,
}

/// A physical cluster that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedCluster {
    /// Kafka's own id of it, when it was first seen, or accepted since: no other cluster may take its place.
    pub kafka_cluster_id: String,
}

impl State {
    /// The highest feature level that every node knows; none before the first node is there.
    pub fn level_known_to_all(&self) -> Option<Level> {
        let levels = self.nodes.values().map(|record| record.ability.highest);
        levels.min()
    }

    /// The highest number that any node is known to have had.
    pub fn last_node_id(&self) -> u64 {
        let ids = [
            self.nodes.last_key_value().map(|(id, _)| id.0),
            self.proposals.last_key_value().map(|(id, _)| id.0),
            self.roster.removed.last_key_value().map(|(id, _)| id.0),
        ];
        let highest = ids.into_iter().flatten().max().unwrap_or_default();
        highest.max(self.roster.last_id)
    }

    /// The policy of that name in that scope, if there is one.
    pub fn policy(&self, key: &PolicyKey) -> Option<&Policy> {
        match key {
            PolicyKey::Everywhere(id) => self.policies.get(id),
            PolicyKey::In(vcluster, id) => self.vclusters.get(vcluster)?.policies.get(id),
        }
    }

    /// The first node that has a physical cluster in its own configuration, as far as nodes have said.
    pub fn configured_at(&self, cluster: &ClusterId) -> Option<NodeId> {
        let nodes = self.nodes.keys().filter(|id| {
            let report = self.cluster_reports.get(id).and_then(|of| of.get(cluster));
            report.is_some_and(|report| report.is_configured)
        });
        nodes.copied().next()
    }

    /// How many tokens hold at that second, of all virtual clusters, that this key signed.
    pub fn live_tokens_of(&self, key: KeyId, at_s: u64) -> u64 {
        let tokens = self
            .vclusters
            .values()
            .flat_map(|vcluster| vcluster.tokens.values());
        let live = tokens.filter(|token| token.key == key && token.expires_at_s > at_s);
        live.count() as u64
    }
}
