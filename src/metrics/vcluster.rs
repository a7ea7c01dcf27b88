//! Metrics of one virtual cluster.

mod policies;

use std::sync::OnceLock;

use klamm_raft::model::VclusterName;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;
use super::reasons::LoginFailedFor;
use policies::PolicyFamilies;
pub use policies::{PolicyCounters, RecordPhase, VclusterPolicies};

/// API keys at and above this share one label; Kafka's highest is far below.
const API_KEYS: usize = 128;

/// Request times, in seconds: from a local answer to a long poll.
const LATENCY_BUCKETS_S: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Times for which clients are not read, in seconds.
const THROTTLE_BUCKETS_S: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0];

const VCLUSTER: Label = Label::named("vcluster");
const API: Label = Label::named("api");

const BYTES: Family = Family::new(
    "klamm_client_bytes_total",
    "Bytes from and to clients by virtual cluster and direction (in, out)",
)
.by(&[VCLUSTER, Label::closed("direction", Direction::values)])
.on_page("Bytes from and to clients");

const REQUESTS: Family = Family::new(
    "klamm_requests_total",
    "Requests received by virtual cluster and API",
)
.by(&[VCLUSTER, API])
.on_page("Requests received");

const LATENCY: Family = Family::new(
    "klamm_request_seconds",
    "Time from a request to its answer by virtual cluster and API, long polls included",
)
.by(&[VCLUSTER, API])
.on_page(
    "Seconds from a request to its answer. Long polls (Fetch, JoinGroup) are included: a slow Fetch is normal",
);

const DECISIONS: Family = Family::new(
    "klamm_authorizations_total",
    "Requests sent to brokers (allowed) and authorization questions answered with no (denied), by virtual cluster and decision",
)
.by(&[VCLUSTER, Label::closed("decision", Decision::values)])
.on_page("The outcome of requests, as far as the authorizer had a say. See below");

const GATEWAY_REFUSED: Family = Family::new(
    "klamm_gateway_refused_total",
    "Answers in which a physical cluster refuses the gateway's own account, by virtual cluster",
)
.by(&[VCLUSTER])
.on_page("Answers in which a physical cluster refuses the gateway's own account: it lacks a right there");

const LOCAL_ERRORS: Family = Family::new(
    "klamm_local_errors_total",
    "Answers with an error that the gateway itself put into them, by virtual cluster, API and error",
)
.by(&[VCLUSTER, API, Label::named("error")])
.on_page(
    "Answers with an error that the gateway itself put into them, by Kafka's name for it: no broker knows about them. An answer counts once for each different error",
);

const LOGINS: Family = Family::new("klamm_logins_total", "Successful logins by virtual cluster")
    .by(&[VCLUSTER])
    .on_page("Successful logins");

const LOGIN_FAILURES: Family = Family::new(
    "klamm_login_failures_total",
    "Failed logins by virtual cluster and reason",
)
.by(&[VCLUSTER, Label::closed("reason", LoginFailedFor::values)])
.on_page("Failed logins. Clients get the same answer whatever the reason");

const THROTTLES: Family = Family::new(
    "klamm_throttle_seconds",
    "How long clients were not read because of quotas and limits, by virtual cluster and quota",
)
.by(&[VCLUSTER, Label::closed("quota", ThrottledBy::values)])
.on_page("How long clients were not read because of [quotas and limits](QUOTAS.md), each time that this began or became longer");

closed! {
    /// The quota for which a client is not read.
    pub enum ThrottledBy {
        ProducedBytes = "producer_byte_rate": "bytes of Produce requests",
        ConsumedBytes = "consumer_byte_rate": "bytes of answers to Fetch",
        RequestTime = "request_percentage": "time of threads of the gateway",
        Mutations = "controller_mutation_rate": "partitions that are created and deleted",
        Connections = "connection_creation_rate": "connections from an address",
        BytesIn = "bytesInPerSecond": "the virtual cluster's limit of bytes of requests",
        BytesOut = "bytesOutPerSecond": "the virtual cluster's limit of bytes of answers",
        Requests = "requestsPerSecond": "the virtual cluster's limit of requests",
        NewConnections = "newConnectionsPerSecond": "the virtual cluster's limit of connections that log in",
        Policy = "policy": "a policy that limits a rate",
        Broker = "broker": "a quota of the physical cluster: the broker does not read the connection either",
    }
}

closed! {
    enum Direction {
        In = "in": "from clients",
        Out = "out": "to clients",
    }
}

closed! {
    enum Decision {
        Allowed = "allowed": "requests that were sent to a broker over the session's own connection to it, each once, also those that need no right",
        Denied = "denied": "questions that the authorizer answered with no, one for each operation on something that a request names",
    }
}

/// The families, over all virtual clusters.
#[derive(Debug)]
pub struct Families {
    sessions: IntGaugeVec,
    hidden_topics: IntGaugeVec,
    producer_mark: IntGaugeVec,
    fenced: IntGaugeVec,
    stood_in_for: IntGaugeVec,
    bytes: IntCounterVec,
    requests: IntCounterVec,
    latency: HistogramVec,
    decisions: IntCounterVec,
    gateway_refused: IntCounterVec,
    local_errors: IntCounterVec,
    logins: IntCounterVec,
    login_failures: IntCounterVec,
    throttles: HistogramVec,
    policies: PolicyFamilies,
    /// All that are gauges.
    gauges: Vec<IntGaugeVec>,
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
    /// 1 while requests go nowhere, as they are being switched to another physical cluster.
    pub fenced: IntGauge,
    /// 1 while a physical cluster serves that stands in for another.
    pub stood_in_for: IntGauge,
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
    pub policies: VclusterPolicies,
    apis: Vec<OnceLock<ApiMetrics>>,
    requests: IntCounterVec,
    latency: HistogramVec,
    local_errors: IntCounterVec,
    login_failures: IntCounterVec,
    throttles: HistogramVec,
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
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Clients);
        let mut gauges = Vec::new();
        let mut gauge = |book: &mut Book, family: Family| {
            let made = book.gauges(family.by(&[VCLUSTER]))?;
            gauges.push(made.clone());
            Ok::<_, prometheus::Error>(made)
        };
        Ok(Self {
            sessions: gauge(
                book,
                Family::new("klamm_sessions", "Open client connections by virtual cluster")
                    .on_page("Open client connections"),
            )?,
            hidden_topics: gauge(
                book,
                Family::new(
                    "klamm_hidden_topics",
                    "Topics of physical clusters that are hidden because another has their name, by virtual cluster",
                )
                .on_page(
                    "Topics of physical clusters that clients do not see, because another has their name: `klamm get topics` \
                     names both",
                ),
            )?,
            producer_mark: gauge(
                book,
                Family::new(
                    "klamm_producer_mark",
                    "The number that producer ids are marked with on brokers, by virtual cluster",
                )
                .on_page(
                    "The number `n` that [producer ids are marked with](VIRTUAL-CLUSTERS.md#producer-ids) on brokers, as \
                     `n<<42 \\| id`; 0 where they are not",
                ),
            )?,
            fenced: gauge(
                book,
                Family::new(
                    "klamm_requests_fenced",
                    "1 while requests go nowhere since they are being switched to another physical cluster, by virtual cluster",
                )
                .on_page(
                    "1 while requests go nowhere, since they are being \
                     [switched to another physical cluster](OPERATIONS.md#another-physical-cluster-takes-over)",
                ),
            )?,
            stood_in_for: gauge(
                book,
                Family::new(
                    "klamm_stand_in_serves",
                    "1 while a physical cluster serves that stands in for another, by virtual cluster",
                )
                .on_page("1 while a physical cluster serves that stands in for another (`gateway.roles: failover`)"),
            )?,
            bytes: book.counters(BYTES)?,
            requests: book.counters(REQUESTS)?,
            latency: book.histograms(LATENCY, &LATENCY_BUCKETS_S)?,
            decisions: book.counters(DECISIONS)?,
            gateway_refused: book.counters(GATEWAY_REFUSED)?,
            local_errors: book.counters(LOCAL_ERRORS)?,
            logins: book.counters(LOGINS)?,
            login_failures: book.counters(LOGIN_FAILURES)?,
            throttles: book.histograms(THROTTLES, &THROTTLE_BUCKETS_S)?,
            policies: PolicyFamilies::register(book)?,
            gauges,
        })
    }

    pub(super) fn of(&self, name: &VclusterName) -> VclusterMetrics {
        let label = name.as_str();
        let bytes = |direction: Direction| self.bytes.with_label_values(&[label, direction.name()]);
        let decisions = |decision: Decision| self.decisions.with_label_values(&[label, decision.name()]);
        VclusterMetrics {
            name: name.clone(),
            sessions: self.sessions.with_label_values(&[label]),
            hidden_topics: self.hidden_topics.with_label_values(&[label]),
            producer_mark: self.producer_mark.with_label_values(&[label]),
            fenced: self.fenced.with_label_values(&[label]),
            stood_in_for: self.stood_in_for.with_label_values(&[label]),
            bytes_in: bytes(Direction::In),
            bytes_out: bytes(Direction::Out),
            logins: self.logins.with_label_values(&[label]),
            allowed: decisions(Decision::Allowed),
            denied: decisions(Decision::Denied),
            gateway_refused: self.gateway_refused.with_label_values(&[label]),
            policies: self.policies.of(name),
            apis: (0..=API_KEYS).map(|_| OnceLock::new()).collect(),
            requests: self.requests.clone(),
            latency: self.latency.clone(),
            local_errors: self.local_errors.clone(),
            login_failures: self.login_failures.clone(),
            throttles: self.throttles.clone(),
        }
    }

    /// Forgets the gauges of a virtual cluster that is gone. Counters stay: Prometheus takes a vanished counter for a
    /// restart.
    pub(super) fn forget(&self, name: &VclusterName) {
        for gauges in &self.gauges {
            // An error only says that there was nothing to forget.
            drop(gauges.remove_label_values(&[name.as_str()]));
        }
    }
}

impl VclusterMetrics {
    /// The virtual cluster.
    pub fn name(&self) -> &VclusterName {
        &self.name
    }

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

    /// The times for which clients were not read because of a quota.
    pub fn throttled(&self, by: ThrottledBy) -> Histogram {
        self.throttles.with_label_values(&[self.name.as_str(), by.name()])
    }

    /// Counts a failed login.
    pub fn login_failed(&self, reason: LoginFailedFor) {
        self.login_failures
            .with_label_values(&[self.name.as_str(), reason.name()])
            .inc();
    }
}
