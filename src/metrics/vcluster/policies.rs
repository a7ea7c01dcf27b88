//! Metrics of what the policies of a virtual cluster do with records and with requests, and of what that takes. Each counter
//! is looked up once; after that, sessions share nothing but the number itself.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use klamm_raft::model::{PolicyName, VclusterName};
use prometheus::{Counter, CounterVec, Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::VCLUSTER;
use crate::metrics::book::{Book, Family, Label, Section};
use crate::metrics::closed::closed;
use crate::policy::{RecordLoad, RecordOutcomes, RequestOutcomes};

/// The names of policies that a virtual cluster has series for, twice as many as it can have policies: names that come later
/// share one.
const MAX_NAMES: usize = 1_024;

/// Stands for policies whose names came later. No policy can be called so.
const MORE: &str = "(more)";

/// The time that records wait for policies, in seconds: from a few small ones to the longest wait for memory.
const WAIT_BUCKETS_S: [f64; 9] = [0.000_05, 0.000_2, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0];

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

closed! {
    /// The phase of policies on records.
    pub enum RecordPhase {
        Produce = "produce": "records from clients",
        Consume = "consume": "records for clients",
    }
}

closed! {
    /// The two sides of a policy.
    enum PolicySide {
        In = "in": "the batches as they came",
        Out = "out": "the batches as they went on, and what stands for records that were withheld",
    }
}

const POLICY: Label = Label::named("policy");

const RECORDS: Family = Family::new(
    "klamm_policy_records_total",
    "Records that a policy looked at, by virtual cluster, policy and outcome",
)
.by(&[VCLUSTER, POLICY, Label::closed("outcome", RecordOutcome::values)])
.on_page("Records that a policy looked at, by what it did");

const REQUESTS: Family = Family::new(
    "klamm_policy_requests_total",
    "Items of requests that a policy looked at, by virtual cluster, policy and outcome",
)
.by(&[VCLUSTER, POLICY, Label::closed("outcome", RequestOutcome::values)])
.on_page("Items of requests that a policy looked at, by what it did: a topic, a partition that is written to, a resource, a group, an ACL, or the whole request. Of a read-only topic, only what it refused");

const BYTES: Family = Family::new(
    "klamm_policy_bytes_total",
    "Bytes of the batches whose records a policy looked at, by virtual cluster, policy and direction (in, out)",
)
.by(&[VCLUSTER, POLICY, Label::closed("direction", PolicySide::values)])
.on_page("Bytes of the batches whose records a policy looked at, compressed as they are. Where several policies look at a topic, these are the bytes before the first and behind the last, for each of them");

const WORK: Family = Family::new(
    "klamm_policy_work_seconds_total",
    "Seconds of work on records that a policy looked at, by virtual cluster and policy",
)
.by(&[VCLUSTER, POLICY])
.on_page("Seconds of work on the records that a policy looked at: batches are opened, judged and closed again. Where several policies look at a topic, each has all of it: what there would be less without it is no more than that");

const WAIT: Family = Family::new(
    "klamm_policy_seconds",
    "Time that a request or an answer waited for the policies on its records, by virtual cluster and phase",
)
.by(&[VCLUSTER, Label::closed("phase", RecordPhase::values)])
.on_page("Seconds that a request or an answer waited for the policies on its records: for memory and a thread, and for the work. What no policy concerns is not counted");

/// The families, over all virtual clusters.
#[derive(Debug, Clone)]
pub(super) struct PolicyFamilies {
    records: IntCounterVec,
    requests: IntCounterVec,
    bytes: IntCounterVec,
    work: CounterVec,
    wait: HistogramVec,
}

/// The metrics of the policies of one virtual cluster.
#[derive(Debug)]
pub struct VclusterPolicies {
    vcluster: VclusterName,
    families: PolicyFamilies,
    by_name: ArcSwap<BTreeMap<PolicyName, Arc<PolicyCounters>>>,
    /// For policies whose names came later.
    more: OnceLock<Arc<PolicyCounters>>,
    waits: [OnceLock<Histogram>; RecordPhase::ALL.len()],
}

/// The counters of one policy in one virtual cluster. There is none of what it never did.
#[derive(Debug)]
pub struct PolicyCounters {
    labels: [String; 2],
    families: PolicyFamilies,
    records: [OnceLock<IntCounter>; RecordOutcome::ALL.len()],
    requests: [OnceLock<IntCounter>; RequestOutcome::ALL.len()],
    bytes: [OnceLock<IntCounter>; PolicySide::ALL.len()],
    work: OnceLock<Counter>,
}

impl PolicyFamilies {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Policies);
        Ok(Self {
            records: book.counters(RECORDS)?,
            requests: book.counters(REQUESTS)?,
            bytes: book.counters(BYTES)?,
            work: book.sums(WORK)?,
            wait: book.histograms(WAIT, &WAIT_BUCKETS_S)?,
        })
    }

    pub(super) fn of(&self, vcluster: &VclusterName) -> VclusterPolicies {
        VclusterPolicies {
            vcluster: vcluster.clone(),
            families: self.clone(),
            by_name: ArcSwap::default(),
            more: OnceLock::new(),
            waits: Default::default(),
        }
    }
}

impl VclusterPolicies {
    /// The counters of a policy.
    pub fn of(&self, policy: &PolicyName) -> Arc<PolicyCounters> {
        if let Some(known) = self.by_name.load().get(policy) {
            return Arc::clone(known);
        }
        self.by_name.rcu(|known| {
            let mut more = BTreeMap::clone(known);
            if more.len() < MAX_NAMES {
                more.entry(policy.clone())
                    .or_insert_with(|| Arc::new(self.counters(policy.as_str())));
            }
            more
        });
        let known = self.by_name.load();
        let shared = || self.more.get_or_init(|| Arc::new(self.counters(MORE)));
        Arc::clone(known.get(policy).unwrap_or_else(shared))
    }

    /// The time that requests, or answers, waited for the policies on their records.
    pub fn wait(&self, phase: RecordPhase) -> &Histogram {
        self.waits[phase as usize].get_or_init(|| {
            let labels = [self.vcluster.as_str(), phase.name()];
            self.families.wait.with_label_values(&labels)
        })
    }

    fn counters(&self, policy: &str) -> PolicyCounters {
        PolicyCounters {
            labels: [self.vcluster.to_string(), policy.to_owned()],
            families: self.families.clone(),
            records: Default::default(),
            requests: Default::default(),
            bytes: Default::default(),
            work: OnceLock::new(),
        }
    }
}

impl PolicyCounters {
    /// Counts what the policy made of the items of a request.
    pub fn ruled(&self, outcomes: &RequestOutcomes) {
        for outcome in RequestOutcome::ALL {
            let items = match outcome {
                RequestOutcome::Passed => outcomes.passed,
                RequestOutcome::Refused => outcomes.refused,
                RequestOutcome::Overridden => outcomes.overridden,
                RequestOutcome::Observed => outcomes.observed,
                RequestOutcome::Failed => outcomes.failed,
            };
            let counter = &self.requests[*outcome as usize];
            self.add(items, counter, &self.families.requests, outcome.name());
        }
    }

    /// Counts what the policy made of records, and what it took.
    pub fn judged(&self, outcomes: &RecordOutcomes, load: &RecordLoad) {
        for outcome in RecordOutcome::ALL {
            let records = match outcome {
                RecordOutcome::Passed => outcomes.passed,
                RecordOutcome::Changed => outcomes.changed,
                RecordOutcome::Skipped => outcomes.skipped,
                RecordOutcome::Marked => outcomes.marked,
                RecordOutcome::Refused => outcomes.refused,
                RecordOutcome::Failed => outcomes.failed,
            };
            let counter = &self.records[*outcome as usize];
            self.add(records, counter, &self.families.records, outcome.name());
        }
        for side in PolicySide::ALL {
            let bytes = match side {
                PolicySide::In => load.bytes_in,
                PolicySide::Out => load.bytes_out,
            };
            let counter = &self.bytes[*side as usize];
            self.add(bytes, counter, &self.families.bytes, side.name());
        }
        let work = self.work.get_or_init(|| {
            let [vcluster, policy] = &self.labels;
            self.families.work.with_label_values(&[vcluster, policy])
        });
        work.inc_by(load.spent.as_secs_f64());
    }

    fn add(&self, more: u64, counter: &OnceLock<IntCounter>, family: &IntCounterVec, value: &str) {
        if more > 0 {
            let [vcluster, policy] = &self.labels;
            let counter = counter.get_or_init(|| family.with_label_values(&[vcluster, policy, value]));
            counter.inc_by(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Metrics;

    fn shown(metrics: &Metrics) -> Vec<String> {
        let text = metrics.encode().unwrap();
        let lines = text.lines().filter(|line| line.starts_with("klamm_policy_"));
        let of_vcluster = lines.filter(|line| line.contains("vcluster=\"tenant\""));
        of_vcluster.map(str::to_owned).collect()
    }

    #[test]
    fn there_is_a_series_of_what_a_policy_did_and_of_nothing_else() {
        let metrics = Metrics::new().unwrap();
        let vcluster = metrics.vcluster(&"tenant".parse().unwrap());
        let policy = vcluster.policies.of(&"mine".parse().unwrap());
        assert!(shown(&metrics).is_empty());
        let outcomes = RecordOutcomes {
            passed: 2,
            ..RecordOutcomes::default()
        };
        let load = RecordLoad {
            bytes_in: 100,
            bytes_out: 100,
            spent: Duration::from_millis(250),
        };
        policy.judged(&outcomes, &load);
        vcluster
            .policies
            .of(&"mine".parse().unwrap())
            .judged(&outcomes, &load);
        assert_eq!(
            shown(&metrics),
            [
                "klamm_policy_bytes_total{direction=\"in\",policy=\"mine\",vcluster=\"tenant\"} 200",
                "klamm_policy_bytes_total{direction=\"out\",policy=\"mine\",vcluster=\"tenant\"} 200",
                "klamm_policy_records_total{outcome=\"passed\",policy=\"mine\",vcluster=\"tenant\"} 4",
                "klamm_policy_work_seconds_total{policy=\"mine\",vcluster=\"tenant\"} 0.5",
            ]
        );
        vcluster.policies.wait(RecordPhase::Consume).observe(0.01);
        let waited = shown(&metrics);
        let sum = "klamm_policy_seconds_sum{phase=\"consume\",vcluster=\"tenant\"} 0.01";
        assert!(waited.iter().any(|line| line == sum), "{waited:?}");
        assert!(!waited.iter().any(|line| line.contains("produce")), "{waited:?}");
    }

    #[test]
    fn names_without_end_make_no_series_without_end() {
        let metrics = Metrics::new().unwrap();
        let vcluster = metrics.vcluster(&"tenant".parse().unwrap());
        let outcomes = RequestOutcomes {
            refused: 1,
            ..RequestOutcomes::default()
        };
        for number in 0..2 * MAX_NAMES {
            let name = format!("policy-{number}").parse().unwrap();
            vcluster.policies.of(&name).ruled(&outcomes);
        }
        let shown = shown(&metrics);
        assert_eq!(shown.len(), MAX_NAMES + 1);
        let more = format!(
            "klamm_policy_requests_total{{outcome=\"refused\",policy=\"(more)\",vcluster=\"tenant\"}} {MAX_NAMES}"
        );
        assert!(shown.contains(&more), "{:?}", shown.first());
    }
}
