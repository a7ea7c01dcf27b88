//! Metrics of the node as a whole: connections before they have a virtual cluster, memory, Raft.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// What Raft says of itself, taken at each scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RaftFigures {
    pub term: u64,
    /// Whether this node leads.
    pub leads: bool,
    /// Whether any leader is known.
    pub has_leader: bool,
    pub last_log: u64,
    pub committed: u64,
    pub applied: u64,
    /// Nodes that are up, this one included.
    pub nodes_up: u64,
    /// Nodes that are known.
    pub nodes: u64,
}

/// Metrics that belong to no virtual cluster.
#[derive(Debug)]
pub struct NodeMetrics {
    /// Client connections accepted.
    pub accepted: IntCounter,
    /// Client connections that ended, by reason.
    closed: IntCounterVec,
    /// Bytes of client and upstream frames held in memory.
    pub buffered_bytes: IntGauge,
    /// Large frames that waited for memory, by whose share was used up.
    buffer_waits: IntCounterVec,
    /// Client connections refused because a limit was reached.
    pub refused: IntCounter,
    /// The Raft log index of the state that every session of this node decides on.
    pub view_revision: IntGauge,
    /// Changed certificate files, by whether they could be used.
    tls_reloads: IntCounterVec,
    /// Connections closed before they were sessions, by reason.
    turned_away: IntCounterVec,
    raft: IntGaugeVec,
    nodes: IntGaugeVec,
}

impl NodeMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            accepted: IntCounter::new("klamm_connections_accepted_total", "Client connections accepted")?,
            closed: IntCounterVec::new(
                Opts::new(
                    "klamm_connections_closed_total",
                    "Client connections that ended, by reason",
                ),
                &["reason"],
            )?,
            buffered_bytes: IntGauge::new(
                "klamm_buffered_bytes",
                "Bytes of client and upstream frames held in memory",
            )?,
            buffer_waits: IntCounterVec::new(
                Opts::new(
                    "klamm_buffer_waits_total",
                    "Large frames that waited for memory, by whose share was used up",
                ),
                &["share"],
            )?,
            refused: IntCounter::new(
                "klamm_connections_refused_total",
                "Client connections refused because a limit was reached",
            )?,
            view_revision: IntGauge::new(
                "klamm_view_revision",
                "Raft log index of the state that every session of this node decides on",
            )?,
            tls_reloads: IntCounterVec::new(
                Opts::new(
                    "klamm_tls_reloads_total",
                    "Changed certificate files that were read again, by result (ok, failed)",
                ),
                &["result"],
            )?,
            turned_away: IntCounterVec::new(
                Opts::new(
                    "klamm_connections_turned_away_total",
                    "Client connections closed before they were sessions (TLS, PROXY protocol), by reason",
                ),
                &["reason"],
            )?,
            raft: IntGaugeVec::new(
                Opts::new(
                    "klamm_raft",
                    "Raft on this node: term, leads, has_leader, last_log, committed, applied",
                ),
                &["figure"],
            )?,
            nodes: IntGaugeVec::new(
                Opts::new(
                    "klamm_nodes",
                    "Gateway nodes that this node knows, by state (all, up)",
                ),
                &["state"],
            )?,
        };
        registry.register(Box::new(metrics.accepted.clone()))?;
        registry.register(Box::new(metrics.closed.clone()))?;
        registry.register(Box::new(metrics.buffered_bytes.clone()))?;
        registry.register(Box::new(metrics.buffer_waits.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.view_revision.clone()))?;
        registry.register(Box::new(metrics.tls_reloads.clone()))?;
        registry.register(Box::new(metrics.turned_away.clone()))?;
        registry.register(Box::new(metrics.raft.clone()))?;
        registry.register(Box::new(metrics.nodes.clone()))?;
        for result in ["ok", "failed"] {
            metrics.tls_reloads.with_label_values(&[result]);
        }
        metrics.set_raft(RaftFigures::default());
        Ok(metrics)
    }

    /// Counts a connection that ended; `reason` is the label of a closed set.
    pub fn closed(&self, reason: &'static str) {
        self.closed.with_label_values(&[reason]).inc();
    }

    /// Counts a reading of changed certificate files; `result` is of a closed set.
    pub fn tls_reloaded(&self, result: &'static str) {
        self.tls_reloads.with_label_values(&[result]).inc();
    }

    /// Counts a connection that did not become a session; `reason` is the label of a closed set.
    pub fn turned_away(&self, reason: &'static str) {
        self.turned_away.with_label_values(&[reason]).inc();
    }

    /// Counts frames that wait; `share` is the label of a closed set.
    pub fn buffer_waits(&self, share: &'static str) -> IntCounter {
        self.buffer_waits.with_label_values(&[share])
    }

    /// Shows what Raft says of itself.
    pub fn set_raft(&self, figures: RaftFigures) {
        let shown = [
            ("term", figures.term),
            ("leads", u64::from(figures.leads)),
            ("has_leader", u64::from(figures.has_leader)),
            ("last_log", figures.last_log),
            ("committed", figures.committed),
            ("applied", figures.applied),
        ];
        for (figure, value) in shown {
            self.raft
                .with_label_values(&[figure])
                .set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.nodes
            .with_label_values(&["all"])
            .set(i64::try_from(figures.nodes).unwrap_or(i64::MAX));
        self.nodes
            .with_label_values(&["up"])
            .set(i64::try_from(figures.nodes_up).unwrap_or(i64::MAX));
    }
}
