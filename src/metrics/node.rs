//! Metrics of the node as a whole: connections before they have a virtual cluster, memory, Raft.

use klamm_raft::PeerRefusal;
use klamm_raft::model::Limit;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::GuardMetrics;
use super::book::{Book, Family, Label, Section};
use super::closed::{ClosedValue, closed};
use super::leases::LeaseMetrics;
use super::policies::PolicyMetrics;
use super::reasons::{ClosedFor, TurnedAwayFor};

/// The figures of Raft, taken at each scrape.
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
    /// Members that vote, and those that do not.
    pub voters: u64,
    pub learners: u64,
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
    /// Callers of the port for peers that were turned away, by reason.
    peers_refused: IntCounterVec,
    pub guards: GuardMetrics,
    pub policies: PolicyMetrics,
    pub leases: LeaseMetrics,
}

closed! {
    /// Whose share of a budget is used up.
    pub enum BudgetShare {
        Principal = "principal": "the principal's, a quarter of the node's",
        Vcluster = "vcluster": "the virtual cluster's, half of it",
        Node = "node": "the node's, all of it",
    }
}

closed! {
    /// The result of loading certificate files that changed.
    pub enum TlsReload {
        Ok = "ok": "they are in use",
        Failed = "failed": "the last valid ones stay in use",
    }
}

closed! {
    enum RaftFigure {
        Term = "term": "the term",
        Leads = "leads": "1 on the leader",
        HasLeader = "has_leader": "1 where a leader is known",
        LastLog = "last_log": "the index of the last entry of the log",
        Committed = "committed": "the index of the last entry that is known to be committed",
        Applied = "applied": "the index of the last entry that is applied",
        SnapshotFailures = "snapshot_failures": "how many times in a row no snapshot of the state could be made",
        FeatureLevel = "feature_level": "the feature level of the cluster",
        FeatureLevelKnownToAll = "feature_level_known_to_all": "the highest that every node supports: an upgrade is not finished while it differs from `feature_level`",
    }
}

closed! {
    enum NodesThat {
        All = "all": "all that ever joined",
        Up = "up": "those of them that are up",
        Voters = "voters": "those that vote, by the log of this node",
        Learners = "learners": "members that do not vote",
    }
}

/// The limits of the replicated state.
fn limits() -> Vec<ClosedValue> {
    let value = |limit: Limit| ClosedValue {
        name: limit.name(),
        meaning: limit.to_string().into(),
    };
    Limit::of_state().map(value).collect()
}

/// Why nodes that call are turned away.
fn peer_refusals() -> Vec<ClosedValue> {
    let value = |refusal: PeerRefusal| ClosedValue {
        name: refusal.name(),
        meaning: refusal.meaning().into(),
    };
    PeerRefusal::ALL.into_iter().map(value).collect()
}

const CLOSED: Family = Family::new(
    "klamm_connections_closed_total",
    "Client connections that ended, by reason",
)
.by(&[Label::closed("reason", ClosedFor::values)]);

const TURNED_AWAY: Family = Family::new(
    "klamm_connections_turned_away_total",
    "Client connections closed before they became sessions (TLS, PROXY protocol), by reason",
)
.by(&[Label::closed("reason", TurnedAwayFor::values)]);

const REFUSED: Family = Family::new(
    "klamm_connections_refused_total",
    "Clients that were turned away at their login, because all connections were in use",
)
.on_page(
    "Clients that were turned away at their login: all connections are in use, nobody has more of them, and none of the client's own is idle",
);

const TLS_RELOADS: Family = Family::new(
    "klamm_tls_reloads_total",
    "Changed certificate files that were reloaded, by result (ok, failed)",
)
.by(&[Label::closed("result", TlsReload::values)])
.on_page("Changed certificate files that were reloaded");

const VIEW_REVISION: Family = Family::new(
    "klamm_view_revision",
    "Raft log index of the state on which every session of this node decides",
)
.on_page(
    "Raft log index of the state on which every session of this node decides. Compare it across nodes: a node that stays behind applies old rules",
);

const BUFFERED_BYTES: Family = Family::new(
    "klamm_buffered_bytes",
    "Bytes of client and upstream frames held in memory",
)
.on_page(
    "Bytes of memory that are reserved for frames over 64 KiB, of clients and of brokers, and for what the gateway answers \
     large requests with. Smaller frames are not counted",
);

const BUFFER_WAITS: Family = Family::new(
    "klamm_buffer_waits_total",
    "Large frames that waited for memory, by whose share was used up",
)
.by(&[Label::closed("share", BudgetShare::values)]);

const RAFT: Family = Family::new(
    "klamm_raft",
    "Raft on this node: term, leads, has_leader, last_log, committed, applied, snapshot_failures, feature_level, feature_level_known_to_all",
)
.by(&[Label::closed("figure", RaftFigure::values)])
.on_page("The state of Raft on this node");

const LIMITS: Family = Family::new(
    "klamm_limit_used_ratio",
    "How much of a limit of the replicated state is used, in the virtual cluster that is closest to it",
)
.by(&[Label::closed("limit", limits), Label::named("vcluster")])
.on_page(
    "How much of a limit of the replicated state is used; 1 is all of it. For limits per virtual cluster, the value of the one that is closest to its limit. [OPERATIONS.md](OPERATIONS.md#how-much-fits) has the limits",
);

const UNOPENED: Family = Family::new("klamm_addresses_unopened", "Addresses that this node cannot open")
    .on_page("Addresses that this node cannot open, for clients and for peers. It keeps trying");

const NODES: Family = Family::new(
    "klamm_nodes",
    "Gateway nodes that this node knows, by state (all, up, voters, learners)",
)
.by(&[Label::closed("state", NodesThat::values)])
.on_page("Gateway nodes that this node knows");

const PEERS_REFUSED: Family = Family::new(
    "klamm_peers_refused_total",
    "Connections to the port for peers that were turned away before they had identified themselves as a peer, by reason",
)
.by(&[Label::closed("reason", peer_refusals)]);

impl NodeMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Clients);
        let accepted = Family::new("klamm_connections_accepted_total", "Client connections accepted");
        let metrics = Self {
            accepted: book.counter(accepted)?,
            refused: book.counter(REFUSED)?,
            closed: book.counters(CLOSED)?,
            turned_away: book.counters(TURNED_AWAY)?,
            tls_reloads: book.counters(TLS_RELOADS)?,
            view_revision: book.gauge(VIEW_REVISION)?,
            password_checks: book.gauge(Family::new(
                "klamm_password_checks",
                "Passwords of lists of users that are being checked, or waiting for it",
            ))?,
            buffered_bytes: book.gauge(BUFFERED_BYTES)?,
            buffer_waits: book.counters(BUFFER_WAITS)?,
            guards: GuardMetrics::register(book)?,
            policies: PolicyMetrics::register(book)?,
            leases: LeaseMetrics::register(book)?,
            raft: {
                book.open(Section::Raft);
                book.gauges(RAFT)?
            },
            limits: book.ratios(LIMITS)?,
            unopened: book.gauge(UNOPENED)?,
            nodes: book.gauges(NODES)?,
            peers_refused: book.counters(PEERS_REFUSED)?,
        };
        for result in TlsReload::ALL {
            metrics.tls_reloads.with_label_values(&[result.name()]);
        }
        metrics.set_raft(RaftFigures::default());
        metrics.set_peers_refused(&PeerRefusal::ALL.map(|refusal| (refusal, 0)));
        Ok(metrics)
    }

    /// Counts a connection that ended.
    pub fn closed(&self, reason: ClosedFor) {
        self.closed.with_label_values(&[reason.name()]).inc();
    }

    /// Counts a reading of changed certificate files.
    pub fn tls_reloaded(&self, result: TlsReload) {
        self.tls_reloads.with_label_values(&[result.name()]).inc();
    }

    /// Counts a connection that did not become a session.
    pub fn turned_away(&self, reason: TurnedAwayFor) {
        self.turned_away.with_label_values(&[reason.name()]).inc();
    }

    /// Counts frames that wait.
    pub fn buffer_waits(&self, share: BudgetShare) -> IntCounter {
        self.buffer_waits.with_label_values(&[share.name()])
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
        for figure in RaftFigure::ALL {
            let value = match figure {
                RaftFigure::Term => figures.term,
                RaftFigure::Leads => u64::from(figures.leads),
                RaftFigure::HasLeader => u64::from(figures.has_leader),
                RaftFigure::LastLog => figures.last_log,
                RaftFigure::Committed => figures.committed,
                RaftFigure::Applied => figures.applied,
                RaftFigure::SnapshotFailures => figures.snapshot_failures,
                RaftFigure::FeatureLevel => figures.level,
                RaftFigure::FeatureLevelKnownToAll => figures.known_level,
            };
            show(&self.raft, figure.name(), value);
        }
        for state in NodesThat::ALL {
            let value = match state {
                NodesThat::All => figures.nodes,
                NodesThat::Up => figures.nodes_up,
                NodesThat::Voters => figures.voters,
                NodesThat::Learners => figures.learners,
            };
            show(&self.nodes, state.name(), value);
        }
    }

    /// Shows how many callers of the port for peers were turned away since the node began.
    pub fn set_peers_refused(&self, counts: &[(PeerRefusal, u64)]) {
        for (refusal, count) in counts {
            let counter = self.peers_refused.with_label_values(&[refusal.name()]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}

fn show(gauges: &IntGaugeVec, label: &str, value: u64) {
    gauges
        .with_label_values(&[label])
        .set(i64::try_from(value).unwrap_or(i64::MAX));
}
