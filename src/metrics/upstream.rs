//! Metrics of the connections to one physical cluster.

use klamm_raft::model::ClusterId;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The families, over all physical clusters.
#[derive(Debug)]
pub struct LaneMetrics {
    lanes: IntGaugeVec,
    dials: IntCounterVec,
    errors: IntCounterVec,
    reachable: IntGaugeVec,
    other_cluster: IntGaugeVec,
}

/// The metrics of one physical cluster.
#[derive(Debug)]
pub struct UpstreamMetrics {
    cluster: String,
    /// Upstream connections that a session holds.
    pub leased: IntGauge,
    /// Upstream connections that wait for the next session.
    pub idle: IntGauge,
    /// Upstream connections made.
    pub dials: IntCounter,
    /// 1 while the last look at the cluster succeeded.
    pub reachable: IntGauge,
    /// 1 while another Kafka cluster answers than the one that is expected.
    pub other_cluster: IntGauge,
    errors: IntCounterVec,
}

impl LaneMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let families = Self {
            lanes: IntGaugeVec::new(
                Opts::new(
                    "klamm_lanes",
                    "Upstream connections by physical cluster and state (leased, idle)",
                ),
                &["cluster", "state"],
            )?,
            dials: IntCounterVec::new(
                Opts::new(
                    "klamm_upstream_dials_total",
                    "Upstream connections made, by physical cluster",
                ),
                &["cluster"],
            )?,
            errors: IntCounterVec::new(
                Opts::new(
                    "klamm_upstream_errors_total",
                    "Upstream errors by physical cluster and kind",
                ),
                &["cluster", "kind"],
            )?,
            reachable: IntGaugeVec::new(
                Opts::new(
                    "klamm_upstream_reachable",
                    "1 while the last look at the physical cluster succeeded, else 0",
                ),
                &["cluster"],
            )?,
            other_cluster: IntGaugeVec::new(
                Opts::new(
                    "klamm_upstream_other_cluster",
                    "1 while another Kafka cluster answers than the one that was seen first or accepted, else 0",
                ),
                &["cluster"],
            )?,
        };
        registry.register(Box::new(families.lanes.clone()))?;
        registry.register(Box::new(families.dials.clone()))?;
        registry.register(Box::new(families.errors.clone()))?;
        registry.register(Box::new(families.reachable.clone()))?;
        registry.register(Box::new(families.other_cluster.clone()))?;
        Ok(families)
    }

    pub(super) fn of(&self, cluster: &ClusterId) -> UpstreamMetrics {
        let label = cluster.as_str();
        UpstreamMetrics {
            cluster: label.to_owned(),
            leased: self.lanes.with_label_values(&[label, "leased"]),
            idle: self.lanes.with_label_values(&[label, "idle"]),
            dials: self.dials.with_label_values(&[label]),
            reachable: self.reachable.with_label_values(&[label]),
            other_cluster: self.other_cluster.with_label_values(&[label]),
            errors: self.errors.clone(),
        }
    }
}

impl UpstreamMetrics {
    /// Counts an error; `kind` is the label of a closed set.
    pub fn error(&self, kind: &'static str) {
        self.errors.with_label_values(&[&self.cluster, kind]).inc();
    }
}
