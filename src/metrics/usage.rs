//! Metrics of what accounts and topics of virtual clusters use, never of both together. Who calls names has checked that they are
//! configured, and bounds how many there are.

use klamm_raft::model::VclusterName;
use prometheus::{CounterVec, IntCounter, IntCounterVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;
use crate::usage::Figures;

const VCLUSTER: Label = Label::named("vcluster");
const ACCOUNT: Label = Label::named("account");
const TOPIC: Label = Label::named("topic");
const DIRECTION: Label = Label::closed("direction", UsedDirection::values);

/// The label of those that have none of their own.
pub const OTHERS: &str = "_other";

closed! {
    enum UsedDirection {
        In = "in": "from clients",
        Out = "out": "to clients",
    }
}

/// The metrics, by virtual cluster, by account and by topic.
#[derive(Debug, Clone)]
pub struct UsageMetrics {
    records: IntCounterVec,
    denied: IntCounterVec,
    throttled: CounterVec,
    account_bytes: IntCounterVec,
    account_records: IntCounterVec,
    account_requests: IntCounterVec,
    account_connections: IntCounterVec,
    account_throttled: CounterVec,
    account_denied: IntCounterVec,
    topic_bytes: IntCounterVec,
    topic_records: IntCounterVec,
    /// Usage that could not be written.
    pub write_failures: IntCounter,
}

impl UsageMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Usage);
        let of = |name, help, by| Family::new(name, help).by(by);
        Ok(Self {
            records: book.counters(of(
                "klamm_records_total",
                "Records that brokers took from clients and that were sent to them, by the headers of batches",
                &[VCLUSTER, DIRECTION],
            ))?,
            denied: book.counters(of(
                "klamm_denied_requests_total",
                "Requests of which something was denied by ACLs",
                &[VCLUSTER],
            ))?,
            throttled: book.sums(of(
                "klamm_throttled_seconds_total",
                "For how long clients were not read because of quotas and limits, over all connections",
                &[VCLUSTER],
            ))?,
            account_bytes: book.counters(of(
                "klamm_account_bytes_total",
                "Bytes from and to clients by account",
                &[VCLUSTER, ACCOUNT, DIRECTION],
            ))?,
            account_records: book.counters(of(
                "klamm_account_records_total",
                "Records that brokers took from an account and that were sent to it",
                &[VCLUSTER, ACCOUNT, DIRECTION],
            ))?,
            account_requests: book.counters(of(
                "klamm_account_requests_total",
                "Requests by account",
                &[VCLUSTER, ACCOUNT],
            ))?,
            account_connections: book.counters(of(
                "klamm_account_connections_total",
                "Connections that logged in, by account",
                &[VCLUSTER, ACCOUNT],
            ))?,
            account_throttled: book.sums(of(
                "klamm_account_throttled_seconds_total",
                "For how long connections of an account were not read because of quotas and limits",
                &[VCLUSTER, ACCOUNT],
            ))?,
            account_denied: book.counters(of(
                "klamm_account_denied_requests_total",
                "Requests of an account of which something was denied by ACLs",
                &[VCLUSTER, ACCOUNT],
            ))?,
            topic_bytes: book.counters(of(
                "klamm_topic_bytes_total",
                "Bytes of batches that brokers took for a topic and that were sent to consumers of it",
                &[VCLUSTER, TOPIC, DIRECTION],
            ))?,
            topic_records: book.counters(of(
                "klamm_topic_records_total",
                "Records of those batches",
                &[VCLUSTER, TOPIC, DIRECTION],
            ))?,
            write_failures: book.counter(Family::new(
                "klamm_usage_write_failures_total",
                "Attempts to write usage to the disk that failed; it is tried again",
            ))?,
        })
    }

    /// Counts what an account used.
    pub fn of_account(&self, (vcluster, account): (&VclusterName, &str), used: &Figures) {
        let vcluster = vcluster.as_str();
        let names = &[vcluster, account];
        add(&self.account_requests, names, used.requests);
        add(&self.account_connections, names, used.connections);
        add(&self.account_denied, names, used.denied_requests);
        add_ms(&self.account_throttled, names, used.throttled_ms);
        let directions = [
            (UsedDirection::In, used.bytes_in, used.produced_records),
            (UsedDirection::Out, used.bytes_out, used.consumed_records),
        ];
        for (direction, bytes, records) in directions {
            let names = &[vcluster, account, direction.name()];
            add(&self.account_bytes, names, bytes);
            add(&self.account_records, names, records);
            add(&self.records, &[vcluster, direction.name()], records);
        }
        add(&self.denied, &[vcluster], used.denied_requests);
        add_ms(&self.throttled, &[vcluster], used.throttled_ms);
    }

    /// Counts what was used of a topic.
    pub fn of_topic(&self, (vcluster, topic): (&VclusterName, &str), used: &Figures) {
        let directions = [
            (UsedDirection::In, used.produced_bytes, used.produced_records),
            (UsedDirection::Out, used.consumed_bytes, used.consumed_records),
        ];
        for (direction, bytes, records) in directions {
            let names = &[vcluster.as_str(), topic, direction.name()];
            add(&self.topic_bytes, names, bytes);
            add(&self.topic_records, names, records);
        }
    }

    /// Forgets an account that is gone.
    pub fn forget_account(&self, (vcluster, account): (&VclusterName, &str)) {
        let names = &[vcluster.as_str(), account];
        let families = [
            &self.account_requests,
            &self.account_connections,
            &self.account_denied,
        ];
        for family in families {
            // An error only says that there was nothing to forget, as below.
            drop(family.remove_label_values(names));
        }
        drop(self.account_throttled.remove_label_values(names));
        forget_both(&[&self.account_bytes, &self.account_records], names);
    }

    /// Forgets a topic that is gone.
    pub fn forget_topic(&self, (vcluster, topic): (&VclusterName, &str)) {
        forget_both(
            &[&self.topic_bytes, &self.topic_records],
            &[vcluster.as_str(), topic],
        );
    }
}

fn forget_both(families: &[&IntCounterVec], names: &[&str; 2]) {
    for family in families {
        for direction in [UsedDirection::In, UsedDirection::Out] {
            drop(family.remove_label_values(&[names[0], names[1], direction.name()]));
        }
    }
}

/// Adds to a counter, which is made when there is something to count.
fn add(family: &IntCounterVec, names: &[&str], amount: u64) {
    if amount > 0 {
        family.with_label_values(names).inc_by(amount);
    }
}

fn add_ms(family: &CounterVec, names: &[&str], ms: u64) {
    if ms > 0 {
        family.with_label_values(names).inc_by(ms as f64 / 1000.0);
    }
}
