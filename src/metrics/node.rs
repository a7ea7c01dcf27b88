//! Metrics of the node as a whole: connections before they have a virtual cluster, memory, Raft.

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::GuardMetrics;

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
    /// How often in a row no snapshot of the state could be made.
    pub snapshot_failures: u64,
    /// The feature level of the cluster, and the highest that every node knows.
    pub level: u64,
    pub known_level: u64,
    /// Nodes that are up, this one included.
    pub nodes_up: u64,
    /// Nodes that are known.
    pub nodes: u64,
}

/// How much of a limit is used, taken at each scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitFigure {
    pub limit: &'static str,
    /// The virtual cluster that is closest to it; empty for what all of the gateway has.
    pub vcluster: String,
    /// Of 1, which is all of it.
    pub used: f64,
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
    /// Passwords that are checked, or wait for that.
    pub password_checks: IntGauge,
    /// Clients that were refused a seat at their login, because all were taken.
    pub refused: IntCounter,
    /// The Raft log index of the state that every session of this node decides on.
    pub view_revision: IntGauge,
    /// Changed certificate files, by whether they could be used.
    tls_reloads: IntCounterVec,
    /// Connections closed before they were sessions, by reason.
    turned_away: IntCounterVec,
    /// Addresses that this node cannot open.
    unopened: IntGauge,
    raft: IntGaugeVec,
    nodes: IntGaugeVec,
    /// How much of each limit is used.
    limits: GaugeVec,
    pub guards: GuardMetrics,
}

fn limits() -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(
        Opts::new(
            "klamm_limit_used_ratio",
            "How much of a limit of the replicated state is used, in the virtual cluster that is closest to it",
        ),
        &["limit", "vcluster"],
    )
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
            password_checks: IntGauge::new(
                "klamm_password_checks",
                "Passwords of lists of users that are checked, or wait for that",
            )?,
            refused: IntCounter::new(
                "klamm_connections_refused_total",
                "Clients that were refused a seat at their login, because all were taken",
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
            unopened: IntGauge::new("klamm_addresses_unopened", "Addresses that this node cannot open")?,
            raft: IntGaugeVec::new(
                Opts::new(
                    "klamm_raft",
                    "Raft on this node: term, leads, has_leader, last_log, committed, applied, snapshot_failures, feature_level, feature_level_known_to_all",
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
            limits: limits()?,
            guards: GuardMetrics::register(registry)?,
        };
        metrics.show_in(registry)?;
        for result in ["ok", "failed"] {
            metrics.tls_reloads.with_label_values(&[result]);
        }
        metrics.set_raft(RaftFigures::default());
        Ok(metrics)
    }

    fn show_in(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let families: [Box<dyn Collector>; 13] = [
            Box::new(self.accepted.clone()),
            Box::new(self.closed.clone()),
            Box::new(self.buffered_bytes.clone()),
            Box::new(self.buffer_waits.clone()),
            Box::new(self.password_checks.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.view_revision.clone()),
            Box::new(self.tls_reloads.clone()),
            Box::new(self.turned_away.clone()),
            Box::new(self.unopened.clone()),
            Box::new(self.raft.clone()),
            Box::new(self.nodes.clone()),
            Box::new(self.limits.clone()),
        ];
        families
            .into_iter()
            .try_for_each(|family| registry.register(family))
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

    /// Shows how many addresses are not open that should be.
    pub fn set_unopened(&self, count: usize) {
        self.unopened.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Shows how much of each limit is used; what was shown before is gone.
    pub fn set_limits(&self, figures: &[LimitFigure]) {
        self.limits.reset();
        for figure in figures {
            self.limits
                .with_label_values(&[figure.limit, &figure.vcluster])
                .set(figure.used);
        }
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
            ("snapshot_failures", figures.snapshot_failures),
            ("feature_level", figures.level),
            ("feature_level_known_to_all", figures.known_level),
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
