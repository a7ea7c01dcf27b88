//! What Prometheus sees. Every metric is declared below this module and described in `docs/METRICS.md`.
//!
//! Structs of resolved metrics are handed down by constructor; labels are closed sets or configured names, never text
//! that a client sent.

mod components;
mod guards;
mod keys;
mod node;
mod upstream;
mod vcluster;

use std::sync::Arc;

use klamm_raft::model::{ClusterId, VclusterName};
use prometheus::{Encoder, Registry, TextEncoder};

pub use components::ComponentMetrics;
pub use guards::GuardMetrics;
pub use keys::KeyMetrics;
pub use node::{LimitFigure, NodeMetrics, RaftFigures};
pub use upstream::{LaneMetrics, UpstreamMetrics};
pub use vcluster::{ApiMetrics, Families, VclusterMetrics};

/// All metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    pub node: Arc<NodeMetrics>,
    families: Arc<Families>,
    lanes: Arc<LaneMetrics>,
    pub keys: KeyMetrics,
    pub components: ComponentMetrics,
}

/// A metric could not be registered: two have the same name.
#[derive(Debug, thiserror::Error)]
#[error("a metric could not be set up")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// Registers every metric, with the process's own (`process_*`).
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Self {
            node: Arc::new(NodeMetrics::register(&registry)?),
            families: Arc::new(Families::register(&registry)?),
            lanes: Arc::new(LaneMetrics::register(&registry)?),
            keys: KeyMetrics::register(&registry)?,
            components: ComponentMetrics::register(&registry)?,
            registry,
        })
    }

    /// The metrics of one virtual cluster.
    pub fn vcluster(&self, name: &VclusterName) -> Arc<VclusterMetrics> {
        Arc::new(self.families.of(name))
    }

    /// Forgets a virtual cluster that is gone.
    pub fn forget(&self, name: &VclusterName) {
        self.families.forget(name);
    }

    /// The metrics of one physical cluster.
    pub fn upstream(&self, cluster: &ClusterId) -> Arc<UpstreamMetrics> {
        Arc::new(self.lanes.of(cluster))
    }

    /// Prometheus's text format, version 0.0.4.
    pub fn encode(&self) -> Result<String, MetricsError> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}
