//! The physical clusters of this node: a watcher for each, and a pool for each on every data arbiter. Those of the node's
//! configuration stay as they are; others come, change and go.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;
use klamm_raft::model::ClusterId;
use tokio::time::timeout;

use super::config::{AnonymousClients, BackendConfig};
use super::watcher::picture;
use super::{
    ClientTlsError, Dialer, Expected, LookNow, Picture, Pool, Pools, Redial, Retire, Survey, Unusable,
    Watcher,
};
use crate::metrics::Metrics;
use crate::supervision::{Component, Supervisor};

/// When a cluster is connected to in another way, a picture that was taken so is waited for, so long at most: it may have other
/// addresses.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// One physical cluster.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub watcher: Addr<Watcher>,
    pub picture: Picture,
    pub anonymous: AnonymousClients,
    /// The physical cluster that it stands in for, if it does not serve by itself.
    pub stands_in_for: Option<ClusterId>,
    /// Whether it is part of the node's configuration.
    pub is_configured: bool,
    /// The references that cannot be followed now, as they are written; what they led to before is still in use.
    pub missing: Arc<BTreeSet<String>>,
    dialer: Arc<Dialer>,
    /// One change takes effect after the other.
    turns: Arc<tokio::sync::Mutex<()>>,
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

/// A physical cluster as it is to be connected to from now on.
#[derive(Debug)]
pub struct Connecting {
    /// None where this node cannot connect.
    pub config: Result<BackendConfig, Unusable>,
    pub anonymous: AnonymousClients,
    pub stands_in_for: Option<ClusterId>,
}

/// All physical clusters. Clones are one. It is written to by the control arbiter only.
#[derive(Debug, Clone)]
pub struct Upstreams(Arc<UpstreamParts>);

#[derive(Debug)]
struct UpstreamParts {
    by_cluster: ArcSwap<BTreeMap<ClusterId, Upstream>>,
    /// The data arbiters, and what they have. No session comes here.
    arbiters: Mutex<Vec<(ArbiterHandle, Pools)>>,
    own_ports: Vec<RangeInclusive<u16>>,
    metrics: Metrics,
    supervisor: Supervisor,
}

impl Upstreams {
    /// Starts a watcher for each cluster of the configuration, on the current arbiter. `own_ports` are those that this
    /// gateway listens on.
    pub fn start(
        backends: &BTreeMap<ClusterId, BackendConfig>,
        own_ports: &[RangeInclusive<u16>],
        metrics: &Metrics,
        supervisor: &Supervisor,
    ) -> Result<Self, UpstreamError> {
        let this = Self(Arc::new(UpstreamParts {
            by_cluster: ArcSwap::default(),
            arbiters: Mutex::default(),
            own_ports: own_ports.to_vec(),
            metrics: metrics.clone(),
            supervisor: supervisor.clone(),
        }));
        for (id, backend) in backends {
            let dialer = Dialer::new(backend.clone(), own_ports.to_vec(), metrics.upstream(id));
            let dialer = dialer.map_err(|source| UpstreamError {
                cluster: id.clone(),
                source,
            })?;
            let upstream = this.watched(id, dialer, backend.anonymous);
            this.set(
                id,
                Upstream {
                    is_configured: true,
                    stands_in_for: backend.stands_in_for.clone(),
                    ..upstream
                },
            );
        }
        Ok(this)
    }

    /// Starts the watcher of a cluster.
    fn watched(&self, id: &ClusterId, dialer: Dialer, anonymous: AnonymousClients) -> Upstream {
        let dialer = Arc::new(dialer);
        let (publisher, picture) = picture();
        let watcher = Watcher::new(Arc::clone(&dialer), publisher);
        Upstream {
            watcher: self.0.supervisor.start(Component::Watcher(id.clone()), watcher),
            picture,
            anonymous,
            stands_in_for: None,
            is_configured: false,
            missing: Arc::default(),
            dialer,
            turns: Arc::default(),
        }
    }

    fn set(&self, id: &ClusterId, upstream: Upstream) {
        let mut by_cluster = BTreeMap::clone(&self.0.by_cluster.load());
        by_cluster.insert(id.clone(), upstream);
        self.0.by_cluster.store(Arc::new(by_cluster));
    }

    /// Starts a cluster that is not part of the configuration, or has connections to it made anew: those that there are go on
    /// until they are quiet.
    pub fn put(&self, id: &ClusterId, connecting: Connecting) {
        let Connecting {
            config,
            anonymous,
            stands_in_for,
        } = connecting;
        let missing = config.as_ref().err().map(|unusable| unusable.missing.clone());
        let missing = Arc::new(missing.unwrap_or_default());
        let Some(known) = self.get(id) else {
            let metrics = self.0.metrics.upstream(id);
            let dialer = Dialer::of_resource(id, config, self.0.own_ports.clone(), metrics);
            let upstream = self.watched(id, dialer, anonymous);
            for (arbiter, pools) in &*self.arbiters() {
                pools.put(id.clone(), self.pool_on(arbiter, id, &upstream));
            }
            self.set(
                id,
                Upstream {
                    missing,
                    stands_in_for,
                    ..upstream
                },
            );
            return;
        };
        let dialer = Arc::new(known.dialer.renewed(config));
        let renewed = Upstream {
            dialer: Arc::clone(&dialer),
            anonymous,
            missing,
            stands_in_for,
            ..known.clone()
        };
        self.set(id, renewed);
        drop(actix_rt::spawn(self.clone().renew(id.clone(), known, dialer)));
    }

    /// Has the cluster looked at in the new way, then connected to. Connections of the generation before go on until they are
    /// quiet.
    async fn renew(self, id: ClusterId, before: Upstream, dialer: Arc<Dialer>) {
        let _turn = before.turns.lock().await;
        let redial = Redial { dialer };
        // Whoever has ended meanwhile needs nothing.
        let _ = before.watcher.send(redial.clone()).await;
        let _ = timeout(LOOK_LIMIT, before.watcher.send(LookNow)).await;
        for pool in self.pools(&id) {
            let _ = pool.send(redial.clone()).await;
        }
        before.dialer.end();
    }

    /// The pools of a cluster, of all data arbiters.
    fn pools(&self, id: &ClusterId) -> Vec<Addr<Pool>> {
        let arbiters = self.arbiters();
        arbiters.iter().filter_map(|(_, pools)| pools.get(id)).collect()
    }

    /// Says which references of a cluster cannot be followed now, while what they led to before stays in use.
    pub fn miss(&self, id: &ClusterId, missing: BTreeSet<String>) {
        if let Some(known) = self.get(id) {
            let missing = Arc::new(missing);
            self.set(id, Upstream { missing, ..known });
        }
    }

    /// Ends the watcher and the pools of a cluster. Connections that sessions have go on until they are quiet.
    pub fn remove(&self, id: &ClusterId) {
        let mut by_cluster = BTreeMap::clone(&self.0.by_cluster.load());
        if let Some(gone) = by_cluster.remove(id) {
            self.0.by_cluster.store(Arc::new(by_cluster));
            gone.dialer.end();
            // They need not answer: what they do until then harms nobody.
            drop(actix_rt::spawn(gone.watcher.send(Retire)));
            for pool in self.pools(id) {
                drop(actix_rt::spawn(pool.send(Retire)));
            }
            for (_, pools) in &*self.arbiters() {
                pools.take(id);
            }
            self.0.metrics.forget_upstream(id);
        }
    }

    fn arbiters(&self) -> MutexGuard<'_, Vec<(ArbiterHandle, Pools)>> {
        self.0.arbiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pool_on(&self, arbiter: &ArbiterHandle, id: &ClusterId, upstream: &Upstream) -> Addr<Pool> {
        let dialer = Arc::clone(&upstream.dialer);
        let topology = upstream.picture.topology.clone();
        self.0
            .supervisor
            .start_on(arbiter, Component::Pool(id.clone()), move || {
                Pool::new(dialer, topology)
            })
    }

    /// Starts a pool for each cluster on a data arbiter, which also has those of clusters that come later.
    pub fn pools_on(&self, arbiter: &ArbiterHandle) -> Pools {
        let all = self.all();
        let started = all
            .iter()
            .map(|(id, upstream)| (id.clone(), self.pool_on(arbiter, id, upstream)));
        let pools = Pools::of(started);
        self.arbiters().push((arbiter.clone(), pools.clone()));
        pools
    }

    /// One physical cluster, if this node knows it.
    pub fn get(&self, id: &ClusterId) -> Option<Upstream> {
        self.0.by_cluster.load().get(id).cloned()
    }

    /// All of them, by their ids.
    pub fn all(&self) -> Arc<BTreeMap<ClusterId, Upstream>> {
        self.0.by_cluster.load_full()
    }
}
