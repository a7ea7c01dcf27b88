//! Metrics of the connections to one physical cluster.

use klamm_raft::model::ClusterId;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// A fault between the gateway and a physical cluster.
    pub enum UpstreamFault {
        Resolve = "resolve": "the host name cannot be resolved",
        Connect = "connect": "the host does not accept the connection",
        Tls = "tls": "the handshake failed: the certificate is not trusted or not for this host, or the gateway's own certificate was rejected",
        LoginRefused = "login_refused": "the cluster rejected the gateway's own credentials, or asks for another kind of login",
        Timeout = "timeout": "no answer arrived in time",
        Broken = "broken": "the connection ended in the middle of an exchange",
        Protocol = "protocol": "the broker's answer cannot be parsed or is invalid",
        TooOld = "too_old": "the broker lacks what the gateway needs",
        Loop = "loop": "a broker's address leads back to this gateway",
        OtherCluster = "other_cluster": "another Kafka cluster answers; see [OPERATIONS.md](OPERATIONS.md#a-kafka-cluster-that-was-rebuilt)",
        NoOffers = "no_offers": "no broker reports which API versions it supports",
        TopicDenied = "topic_denied": "the gateway's own account may not describe the physical topic of an alias",
        UnknownBroker = "unknown_broker": "a session asked for a broker that the cluster does not have at the moment",
        Resting = "resting": "no connection was attempted, because the last ones failed",
        Overloaded = "overloaded": "no connection was attempted, because too many sessions are waiting for one",
        NoCredentials = "no_credentials": "the gateway has no token to log in with, or the operating system provides no random bytes",
        Unusable = "unusable": "the resource of the physical cluster cannot be used on this node: a reference in it cannot be followed, or what that leads to is invalid",
        UnknownCredentials = "unknown_credentials": "an account names credentials that this node's configuration does not have",
    }
}

closed! {
    enum LaneState {
        Leased = "leased": "a session has it",
        Idle = "idle": "it is waiting for the next session",
    }
}

const CLUSTER: Label = Label::named("cluster");
const KIND: Label = Label::closed("kind", UpstreamFault::values);
const STATE: Label = Label::closed("state", LaneState::values);

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
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::PhysicalClusters);
        Ok(Self {
            reachable: book.gauges(
                Family::new(
                    "klamm_upstream_reachable",
                    "1 while the last check of the physical cluster succeeded, 0 once one fails or goes unanswered for 3 seconds",
                )
                .by(&[CLUSTER]),
            )?,
            other_cluster: book.gauges(
                Family::new(
                    "klamm_upstream_other_cluster",
                    "1 while a Kafka cluster other than the one seen first or accepted answers, else 0",
                )
                .by(&[CLUSTER])
                .on_page(
                    "1 while a Kafka cluster other than the one seen first or accepted answers, else 0. Nothing is \
                     sent to it",
                ),
            )?,
            dials: book.counters(
                Family::new(
                    "klamm_upstream_dials_total",
                    "Upstream connections made, by physical cluster",
                )
                .by(&[CLUSTER])
                .on_page("Upstream connections made"),
            )?,
            errors: book.counters(
                Family::new(
                    "klamm_upstream_errors_total",
                    "Upstream errors by physical cluster and kind",
                )
                .by(&[CLUSTER, KIND])
                .on_page("Upstream errors, by kind"),
            )?,
            lanes: book.gauges(
                Family::new(
                    "klamm_lanes",
                    "Upstream connections by physical cluster and state (leased, idle)",
                )
                .by(&[CLUSTER, STATE])
                .on_page("Upstream connections, by state"),
            )?,
        })
    }

    pub(super) fn of(&self, cluster: &ClusterId) -> UpstreamMetrics {
        let label = cluster.as_str();
        let lanes = |state: LaneState| self.lanes.with_label_values(&[label, state.name()]);
        UpstreamMetrics {
            cluster: label.to_owned(),
            leased: lanes(LaneState::Leased),
            idle: lanes(LaneState::Idle),
            dials: self.dials.with_label_values(&[label]),
            reachable: self.reachable.with_label_values(&[label]),
            other_cluster: self.other_cluster.with_label_values(&[label]),
            errors: self.errors.clone(),
        }
    }
}

impl LaneMetrics {
    /// Forgets a physical cluster that is gone. Connections that sessions still have are no longer counted.
    pub(super) fn forget(&self, cluster: &ClusterId) {
        let label = cluster.as_str();
        for gauges in [&self.reachable, &self.other_cluster] {
            let _ = gauges.remove_label_values(&[label]);
        }
        let _ = self.dials.remove_label_values(&[label]);
        for state in [LaneState::Leased, LaneState::Idle] {
            let _ = self.lanes.remove_label_values(&[label, state.name()]);
        }
        for kind in UpstreamFault::ALL {
            let _ = self.errors.remove_label_values(&[label, kind.name()]);
        }
    }
}

impl UpstreamMetrics {
    /// Counts an error.
    pub fn error(&self, kind: UpstreamFault) {
        self.errors.with_label_values(&[&self.cluster, kind.name()]).inc();
    }
}
