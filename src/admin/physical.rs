//! The physical clusters that there are for this node: those of its configuration, which count first, and those that are
//! resources.

use std::collections::BTreeSet;

use klamm_raft::model::{ClusterId, CredentialsName, PhysicalCluster, RouteKey, State};

use super::services::Services;
use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::config::check_cluster;

impl Services {
    /// Whether a physical cluster is part of this node's configuration.
    pub(super) fn is_configured(&self, id: &ClusterId) -> bool {
        self.backends.iter().any(|backend| backend.id == *id)
    }

    /// All of them.
    pub(super) fn clusters(&self, state: &State) -> BTreeSet<ClusterId> {
        let configured = self.backends.iter().map(|backend| &backend.id);
        configured
            .chain(state.physical_clusters.keys())
            .cloned()
            .collect()
    }

    /// The physical cluster that gets requests for this one: itself, or what stands in for it.
    pub(super) fn serving(&self, id: &ClusterId) -> ClusterId {
        self.state().routes.last(&RouteKey::of_all(id)).clone()
    }

    /// A physical cluster that is a resource, without its secrets.
    pub(super) fn backend(&self, id: &ClusterId, cluster: &PhysicalCluster) -> Option<BackendConfig> {
        // What an older version took, this one may not.
        check_cluster(id, cluster, self.anonymous).ok()
    }

    /// Whether nobody may reach a physical cluster who does not log in.
    pub(super) fn is_closed(&self, state: &State, id: &ClusterId) -> bool {
        let configured = self.backends.iter().find(|backend| backend.id == *id);
        let anonymous = match (configured, state.physical_clusters.get(id)) {
            (Some(configured), _) => Some(configured.anonymous),
            (None, Some(cluster)) => self.backend(id, cluster).map(|backend| backend.anonymous),
            (None, None) => None,
        };
        anonymous == Some(AnonymousClients::Refused)
    }

    /// The names of further credentials for one of them.
    pub(super) fn credentials_of(&self, state: &State, id: &ClusterId) -> BTreeSet<CredentialsName> {
        let configured = self.backends.iter().find(|backend| backend.id == *id);
        match (configured, state.physical_clusters.get(id)) {
            (Some(configured), _) => configured.credentials.keys().cloned().collect(),
            (None, Some(cluster)) => cluster.credentials.keys().cloned().collect(),
            (None, None) => BTreeSet::new(),
        }
    }

    /// The names of further credentials for any of them but one.
    pub(super) fn credentials(&self, state: &State, except: Option<&ClusterId>) -> BTreeSet<CredentialsName> {
        let configured = self
            .backends
            .iter()
            .flat_map(|backend| backend.credentials.keys());
        let resources = state
            .physical_clusters
            .iter()
            .filter(|(id, _)| Some(*id) != except)
            .flat_map(|(_, cluster)| cluster.credentials.keys());
        configured.chain(resources).cloned().collect()
    }
}
