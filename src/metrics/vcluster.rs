//! Metrics of one virtual cluster.

use std::sync::OnceLock;

use klamm_raft::model::VclusterName;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// API keys at and above this share one label; Kafka's highest is far below.
const API_KEYS: usize = 128;

/// Request times, in seconds: from a local answer to a long poll.
const LATENCY_BUCKETS_S: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// The families, over all virtual clusters.
#[derive(Debug)]
pub struct Families {
    sessions: IntGaugeVec,
    hidden_topics: IntGaugeVec,
    producer_mark: IntGaugeVec,
    bytes: IntCounterVec,
    requests: IntCounterVec,
    latency: HistogramVec,
    decisions: IntCounterVec,
    gateway_refused: IntCounterVec,
    local_errors: IntCounterVec,
    logins: IntCounterVec,
    login_failures: IntCounterVec,
}

/// The metrics of one virtual cluster, resolved once.
#[derive(Debug)]
pub struct VclusterMetrics {
    name: VclusterName,
    /// Open sessions on this node.
    pub sessions: IntGauge,
    /// Topics that are not shown because others have their names.
    pub hidden_topics: IntGauge,
    /// The number that producer ids are marked with; 0 where they are not.
    pub producer_mark: IntGauge,
    /// Bytes that clients sent.
    pub bytes_in: IntCounter,
    /// Bytes that were sent to clients.
    pub bytes_out: IntCounter,
    /// Successful logins.
    pub logins: IntCounter,
    /// Requests that were sent to the broker of their connection, whatever the authorizer was asked about them.
    pub allowed: IntCounter,
    /// Questions that the authorizer answered with no: one for each operation on something that a request names.
    pub denied: IntCounter,
    /// Answers in which a physical cluster refuses the gateway's own account.
    pub gateway_refused: IntCounter,
    apis: Vec<OnceLock<ApiMetrics>>,
    requests: IntCounterVec,
    latency: HistogramVec,
    local_errors: IntCounterVec,
    login_failures: IntCounterVec,
}

/// The metrics of one API in one virtual cluster.
#[derive(Debug)]
pub struct ApiMetrics {
    /// Requests received.
    pub requests: IntCounter,
    /// From the request's last byte read to its answer handed to the socket, in seconds.
    pub latency: Histogram,
}

impl Families {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let families = Self {
            sessions: IntGaugeVec::new(
                Opts::new("klamm_sessions", "Open client connections by virtual cluster"),
                &["vcluster"],
            )?,
            hidden_topics: IntGaugeVec::new(
                Opts::new(
                    "klamm_hidden_topics",
                    "Topics of physical clusters that are hidden because another has their name, by virtual cluster",
                ),
                &["vcluster"],
            )?,
            producer_mark: IntGaugeVec::new(
                Opts::new(
                    "klamm_producer_mark",
                    "The number that producer ids are marked with on brokers, by virtual cluster",
                ),
                &["vcluster"],
            )?,
            bytes: counter(
                "klamm_client_bytes_total",
                "Bytes from and to clients by virtual cluster and direction (in, out)",
                &["vcluster", "direction"],
            )?,
            requests: counter(
                "klamm_requests_total",
                "Requests received by virtual cluster and API",
                &["vcluster", "api"],
            )?,
            latency: HistogramVec::new(
                HistogramOpts::new(
                    "klamm_request_seconds",
                    "Time from a request to its answer by virtual cluster and API, long polls included",
                )
                .buckets(LATENCY_BUCKETS_S.to_vec()),
                &["vcluster", "api"],
            )?,
            decisions: counter(
                "klamm_authorizations_total",
                "Requests sent to brokers (allowed) and questions answered with no (denied), by virtual cluster and decision",
                &["vcluster", "decision"],
            )?,
            gateway_refused: counter(
                "klamm_gateway_refused_total",
                "Answers in which a physical cluster refuses the gateway's own account, by virtual cluster",
                &["vcluster"],
            )?,
            local_errors: counter(
                "klamm_local_errors_total",
                "Answers with an error that the gateway itself put into them, by virtual cluster, API and error",
                &["vcluster", "api", "error"],
            )?,
            logins: counter(
                "klamm_logins_total",
                "Successful logins by virtual cluster",
                &["vcluster"],
            )?,
            login_failures: counter(
                "klamm_login_failures_total",
                "Failed logins by virtual cluster and reason",
                &["vcluster", "reason"],
            )?,
        };
        for collector in families.collectors() {
            registry.register(collector)?;
        }
        Ok(families)
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.sessions.clone()),
            Box::new(self.hidden_topics.clone()),
            Box::new(self.producer_mark.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.requests.clone()),
            Box::new(self.latency.clone()),
            Box::new(self.decisions.clone()),
            Box::new(self.gateway_refused.clone()),
            Box::new(self.local_errors.clone()),
            Box::new(self.logins.clone()),
            Box::new(self.login_failures.clone()),
        ]
    }

    pub(super) fn of(&self, name: &VclusterName) -> VclusterMetrics {
        let label = name.as_str();
        VclusterMetrics {
            name: name.clone(),
            sessions: self.sessions.with_label_values(&[label]),
            hidden_topics: self.hidden_topics.with_label_values(&[label]),
            producer_mark: self.producer_mark.with_label_values(&[label]),
            bytes_in: self.bytes.with_label_values(&[label, "in"]),
            bytes_out: self.bytes.with_label_values(&[label, "out"]),
            logins: self.logins.with_label_values(&[label]),
            allowed: self.decisions.with_label_values(&[label, "allowed"]),
            denied: self.decisions.with_label_values(&[label, "denied"]),
            gateway_refused: self.gateway_refused.with_label_values(&[label]),
            apis: (0..=API_KEYS).map(|_| OnceLock::new()).collect(),
            requests: self.requests.clone(),
            latency: self.latency.clone(),
            local_errors: self.local_errors.clone(),
            login_failures: self.login_failures.clone(),
        }
    }

    /// Forgets the gauges of a virtual cluster that is gone. Counters stay: Prometheus takes a vanished counter for a
    /// restart.
    pub(super) fn forget(&self, name: &VclusterName) {
        let label = [name.as_str()];
        // An error only says that there was nothing to forget.
        drop(self.sessions.remove_label_values(&label));
        drop(self.hidden_topics.remove_label_values(&label));
        drop(self.producer_mark.remove_label_values(&label));
    }
}

impl VclusterMetrics {
    /// The metrics of an API, by key; `label` is its name, used when it is met first.
    pub fn api(&self, key: i16, label: fn(i16) -> &'static str) -> &ApiMetrics {
        let place = usize::try_from(key).unwrap_or(API_KEYS).min(API_KEYS);
        self.apis[place].get_or_init(|| {
            let labels = [
                self.name.as_str(),
                if place == API_KEYS { "unknown" } else { label(key) },
            ];
            ApiMetrics {
                requests: self.requests.with_label_values(&labels),
                latency: self.latency.with_label_values(&labels),
            }
        })
    }

    /// Counts an answer with an error of the gateway's own. Both labels are of closed sets: names of APIs and errors.
    pub fn local_error(&self, api: &'static str, error: &'static str) {
        self.local_errors
            .with_label_values(&[self.name.as_str(), api, error])
            .inc();
    }

    /// Counts a failed login; `reason` is the label of a closed set.
    pub fn login_failed(&self, reason: &'static str) {
        self.login_failures
            .with_label_values(&[self.name.as_str(), reason])
            .inc();
    }
}
