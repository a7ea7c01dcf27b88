//! The whole replicated state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    AccessToken, AccessTokenId, ClusterId, NodeId, NodeRecord, PortSlot, ProposalRecord, Revision, Shared,
    VclusterName, VclusterState,
};

/// Everything that all nodes agree on. Virtual clusters are behind `Arc`, so that a copy of the state is cheap and a
/// reader sees by pointer which of them changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub revision: Revision,
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
    /// The key that signs tokens (HMAC-SHA-256), set once: from the configuration or generated.
    pub signing_key: Option<SigningKey>,
    /// What the latest proposals of each proposing node came to: one that is sent twice is applied once.
    pub proposals: BTreeMap<NodeId, ProposalRecord>,
    /// What lets somebody in to the admin API beside the users of the configuration.
    pub access_tokens: Shared<BTreeMap<AccessTokenId, AccessToken>>,
}

/// A physical cluster that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedCluster {
    /// Kafka's own id of it, when it was first seen, or accepted since: no other cluster may take its place.
    pub kafka_cluster_id: String,
    /// Differs between clusters, also between one and what was built anew in its place. Producer ids of this cluster are marked with it where they are used on
    /// another one.
    pub number: u32,
}

/// A secret key. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey(pub Vec<u8>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}
