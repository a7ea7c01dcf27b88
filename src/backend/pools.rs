//! The pools of one data arbiter. Physical clusters come and go while sessions read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::Addr;
use arc_swap::ArcSwap;
use klamm_raft::model::ClusterId;

use super::Pool;

type ByCluster = BTreeMap<ClusterId, Addr<Pool>>;

/// The pools of one data arbiter, by physical cluster. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Pools(Arc<ArcSwap<ByCluster>>);

impl Pools {
    /// These pools.
    pub fn of(pools: impl IntoIterator<Item = (ClusterId, Addr<Pool>)>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(pools.into_iter().collect())))
    }

    /// The pool of one physical cluster.
    pub fn get(&self, cluster: &ClusterId) -> Option<Addr<Pool>> {
        self.0.load().get(cluster).cloned()
    }

    /// Puts the pool of one physical cluster. One writer at a time.
    pub(super) fn put(&self, cluster: ClusterId, pool: Addr<Pool>) {
        let mut pools = ByCluster::clone(&self.0.load());
        pools.insert(cluster, pool);
        self.0.store(Arc::new(pools));
    }

    /// Takes the pool of one physical cluster away. One writer at a time.
    pub(super) fn take(&self, cluster: &ClusterId) {
        let mut pools = ByCluster::clone(&self.0.load());
        pools.remove(cluster);
        self.0.store(Arc::new(pools));
    }
}
