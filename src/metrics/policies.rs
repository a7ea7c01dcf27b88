//! Metrics of what policies take of a node, and of what they do with records and with requests.

use klamm_raft::model::{PolicyName, VclusterName};
use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;
use super::node::BudgetShare;
use crate::policy::{RecordOutcomes, RequestOutcomes};

closed! {
    /// The outcomes of policies on a record.
    enum RecordOutcome {
        Passed = "passed": "it did not concern the record, or the record is as it demands",
        Changed = "changed": "the record was changed",
        Skipped = "skipped": "the record was withheld from the consumer",
        Marked = "marked": "the record could not be judged, and got a header that says so",
        Refused = "refused": "the producer's batch was refused for this record, or the consumer got an error in its place",
        Failed = "failed": "the policy could not judge the record; what came of it then is counted as well",
    }
}

closed! {
    /// The outcomes of policies on an item of a request.
    enum RequestOutcome {
        Passed = "passed": "it is as the policy demands",
        Refused = "refused": "it was refused",
        Overridden = "overridden": "settings got other values",
        Observed = "observed": "it breaks a rule that only counts",
        Failed = "failed": "a rule, or the value of a setting, had no answer; what came of it then is counted as well",
    }
}

const MEMORY: Family = Family::new(
    "klamm_policy_memory_bytes",
    "Bytes of memory that records take while policies look at them",
)
.on_page("Bytes of memory that are reserved for records while policies look at them, of `klamm.limits.policy.bytes`");

const TURNS: Family = Family::new(
    "klamm_policy_workers_busy",
    "Threads that judge records by policies",
)
.on_page("Threads that judge the records of large requests and answers. At most half of the cores are");

const WAITS: Family = Family::new(
    "klamm_policy_waits_total",
    "Requests and answers that waited until policies could look at their records, by whose share was used up",
)
.by(&[Label::closed("share", BudgetShare::values)])
.on_page("Requests and answers that waited for memory or for a thread before policies could look at their records, by whose share was used up");

const RECORDS: Family = Family::new(
    "klamm_policy_records_total",
    "Records that a policy looked at, by virtual cluster, policy and outcome",
)
.by(&[
    Label::named("vcluster"),
    Label::named("policy"),
    Label::closed("outcome", RecordOutcome::values),
])
.on_page("Records that a policy looked at, by what it did");

const REQUESTS: Family = Family::new(
    "klamm_policy_requests_total",
    "Items of requests that a policy looked at, by virtual cluster, policy and outcome",
)
.by(&[
    Label::named("vcluster"),
    Label::named("policy"),
    Label::closed("outcome", RequestOutcome::values),
])
.on_page("Items of requests that a policy looked at, by what it did: a topic, a partition that is written to, a resource, a group, an ACL, or the whole request. Of a read-only topic, only what it refused");

/// The metrics of policies.
#[derive(Debug, Clone)]
pub struct PolicyMetrics {
    pub memory: IntGauge,
    pub turns: IntGauge,
    waits: IntCounterVec,
    records: IntCounterVec,
    requests: IntCounterVec,
}

impl PolicyMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Policies);
        Ok(Self {
            memory: book.gauge(MEMORY)?,
            turns: book.gauge(TURNS)?,
            waits: book.counters(WAITS)?,
            records: book.counters(RECORDS)?,
            requests: book.counters(REQUESTS)?,
        })
    }

    /// Counts requests and answers that wait.
    pub fn waits(&self, share: BudgetShare) -> IntCounter {
        self.waits.with_label_values(&[share.name()])
    }

    /// Counts what a policy made of the items of a request.
    pub fn ruled(&self, vcluster: &VclusterName, policy: &PolicyName, outcomes: &RequestOutcomes) {
        for outcome in RequestOutcome::ALL {
            let items = match outcome {
                RequestOutcome::Passed => outcomes.passed,
                RequestOutcome::Refused => outcomes.refused,
                RequestOutcome::Overridden => outcomes.overridden,
                RequestOutcome::Observed => outcomes.observed,
                RequestOutcome::Failed => outcomes.failed,
            };
            if items > 0 {
                let labels = [vcluster.as_str(), policy.as_str(), outcome.name()];
                self.requests.with_label_values(&labels).inc_by(items);
            }
        }
    }

    /// Counts what a policy made of records.
    pub fn judged(&self, vcluster: &VclusterName, policy: &PolicyName, outcomes: &RecordOutcomes) {
        for outcome in RecordOutcome::ALL {
            let records = match outcome {
                RecordOutcome::Passed => outcomes.passed,
                RecordOutcome::Changed => outcomes.changed,
                RecordOutcome::Skipped => outcomes.skipped,
                RecordOutcome::Marked => outcomes.marked,
                RecordOutcome::Refused => outcomes.refused,
                RecordOutcome::Failed => outcomes.failed,
            };
            if records > 0 {
                let labels = [vcluster.as_str(), policy.as_str(), outcome.name()];
                self.records.with_label_values(&labels).inc_by(records);
            }
        }
    }
}
