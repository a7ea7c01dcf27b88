//! The metrics that Prometheus sees. Every metric is made through `book` below this module, which registers it and
//! describes it for `docs/METRICS.md`, too.
//!
//! Structs of resolved metrics are handed down by constructor; labels are closed sets or configured names, never text
//! that a client sent.

mod backups;
mod book;
mod closed;
mod components;
mod guards;
mod keys;
mod leases;
mod node;
mod page;
mod policies;
mod reasons;
mod record_keys;
mod registries;
mod upstream;
mod usage;
mod vcluster;

use std::sync::Arc;

use klamm_raft::model::{ClusterId, VclusterName};
use prometheus::{Encoder, Registry, TextEncoder};

use book::Book;

pub use backups::{BackupMetrics, BackupResult};
pub use components::{ComponentKind, ComponentMetrics};
pub use guards::{GuardMetrics, SeatLostFor, SeatedAt};
pub use keys::KeyMetrics;
pub use leases::{HeldRequest, LeaseMetrics};
pub use node::{BudgetShare, LimitFigure, NodeMetrics, RaftFigures, TlsReload};
pub use policies::PolicyMetrics;
pub use reasons::{ClosedFor, LoginFailedFor, TurnedAwayFor};
pub use record_keys::{KeyCall, KeyCallOutcome, RecordKeyMetrics};
pub use registries::{RegistryCallOutcome, RegistryMetrics};
pub use upstream::{LaneMetrics, UpstreamFault, UpstreamMetrics};
pub use usage::{OTHERS, UsageMetrics};
pub use vcluster::{
    ApiMetrics, Families, PolicyCounters, RecordPhase, ThrottledBy, VclusterMetrics, VclusterPolicies,
};

/// All metrics of this process.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    pub node: Arc<NodeMetrics>,
    families: Arc<Families>,
    lanes: Arc<LaneMetrics>,
    pub keys: KeyMetrics,
    pub record_keys: RecordKeyMetrics,
    pub registries: RegistryMetrics,
    pub components: ComponentMetrics,
    pub backups: BackupMetrics,
    pub usage: UsageMetrics,
}

/// A metric could not be registered: two have the same name.
#[derive(Debug, thiserror::Error)]
#[error("a metric could not be set up")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// Registers every metric, with the process's own (`process_*`).
    pub fn new() -> Result<Self, MetricsError> {
        Self::described().map(|(metrics, _)| metrics)
    }

    /// All metrics, and what is said of them.
    fn described() -> Result<(Self, Book), MetricsError> {
        let registry = Registry::new();
        registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        let mut book = Book::new(registry.clone());
        let metrics = Self {
            node: Arc::new(NodeMetrics::register(&mut book)?),
            families: Arc::new(Families::register(&mut book)?),
            lanes: Arc::new(LaneMetrics::register(&mut book)?),
            keys: KeyMetrics::register(&mut book)?,
            record_keys: RecordKeyMetrics::register(&mut book)?,
            registries: RegistryMetrics::register(&mut book)?,
            components: ComponentMetrics::register(&mut book)?,
            backups: BackupMetrics::register(&mut book)?,
            usage: UsageMetrics::register(&mut book)?,
            registry,
        };
        Ok((metrics, book))
    }

    /// The page on metrics with its tables made anew.
    ///
    /// # Errors
    /// The page lacks something that is needed to renew it.
    pub fn renew_page(page: &str) -> Result<String, String> {
        let (_, book) = Self::described().map_err(|error| error.to_string())?;
        page::renewed(page, &book.entries)
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

    /// Forgets a physical cluster that is gone.
    pub fn forget_upstream(&self, cluster: &ClusterId) {
        self.lanes.forget(cluster);
    }

    /// Prometheus's text format, version 0.0.4.
    pub fn encode(&self) -> Result<String, MetricsError> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}
