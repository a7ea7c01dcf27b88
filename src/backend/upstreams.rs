//! The physical clusters of this node: a watcher for each, and a pool for each on every data arbiter.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use actix::prelude::*;
use klamm_raft::model::ClusterId;

use super::config::{AnonymousClients, BackendConfig};
use super::watcher::picture;
use super::{ClientTlsError, Dialer, Expected, Picture, Pool, Survey, Watcher};
use crate::metrics::Metrics;
use crate::supervision::{Component, Supervisor};

/// One physical cluster.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub watcher: Addr<Watcher>,
    pub picture: Picture,
    pub anonymous: AnonymousClients,
    dialer: Arc<Dialer>,
}

impl Upstream {
    /// Asks the brokers that are known; none before the cluster was seen.
    pub fn survey(&self) -> Option<Survey> {
        let topology = self.picture.topology.borrow().clone()?;
        Some(Survey::new(Arc::clone(&self.dialer), &topology))
    }

    /// Which Kafka cluster it has to be.
    pub fn expected(&self) -> &Expected {
        self.dialer.expected()
    }
}

/// A physical cluster cannot be connected to with this configuration.
#[derive(Debug, thiserror::Error)]
#[error("the TLS configuration of physical cluster {cluster} cannot be used")]
pub struct UpstreamError {
    cluster: ClusterId,
    #[source]
    source: ClientTlsError,
}

/// All physical clusters.
#[derive(Debug, Clone)]
pub struct Upstreams {
    by_cluster: BTreeMap<ClusterId, Upstream>,
    supervisor: Supervisor,
}

impl Upstreams {
    /// Starts a watcher for each cluster, on the current arbiter. `own_ports` are those that this gateway listens on.
    pub fn start(
        backends: &BTreeMap<ClusterId, BackendConfig>,
        own_ports: &[RangeInclusive<u16>],
        metrics: &Metrics,
        supervisor: &Supervisor,
    ) -> Result<Self, UpstreamError> {
        let mut by_cluster = BTreeMap::new();
        for (id, backend) in backends {
            let dialer =
                Dialer::new(backend.clone(), own_ports.to_vec(), metrics.upstream(id)).map_err(|source| {
                    UpstreamError {
                        cluster: id.clone(),
                        source,
                    }
                })?;
            let dialer = Arc::new(dialer);
            let (publisher, picture) = picture();
            let watcher = Watcher::new(Arc::clone(&dialer), publisher);
            let watcher = supervisor.start(Component::Watcher(id.clone()), watcher);
            by_cluster.insert(
                id.clone(),
                Upstream {
                    watcher,
                    picture,
                    anonymous: backend.anonymous,
                    dialer,
                },
            );
        }
        Ok(Self {
            by_cluster,
            supervisor: supervisor.clone(),
        })
    }

    /// Starts a pool for each cluster on a data arbiter.
    pub fn pools_on(&self, arbiter: &ArbiterHandle) -> BTreeMap<ClusterId, Addr<Pool>> {
        let start = |id: &ClusterId, upstream: &Upstream| {
            let dialer = Arc::clone(&upstream.dialer);
            let topology = upstream.picture.topology.clone();
            let pool = Component::Pool(id.clone());
            self.supervisor
                .start_on(arbiter, pool, move || Pool::new(dialer, topology))
        };
        self.by_cluster
            .iter()
            .map(|(id, upstream)| (id.clone(), start(id, upstream)))
            .collect()
    }

    /// One physical cluster, if it is configured.
    pub fn get(&self, id: &ClusterId) -> Option<&Upstream> {
        self.by_cluster.get(id)
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&ClusterId, &Upstream)> {
        self.by_cluster.iter()
    }
}
