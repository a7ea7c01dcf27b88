//! Metrics of the keys that records are encrypted with.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// Calls of a key service.
    pub enum KeyCall {
        Wrap = "wrap": "a data key is made, and wrapped",
        Unwrap = "unwrap": "data keys of records are opened",
    }
}

closed! {
    /// Their ends.
    pub enum KeyCallOutcome {
        Ok = "ok": "it was answered, also if some of the keys were refused",
        Failed = "failed": "it was not, or refused as a whole",
    }
}

const KEY: Label = Label::named("key");
const CALL: Label = Label::closed("call", KeyCall::values);
const OUTCOME: Label = Label::closed("outcome", KeyCallOutcome::values);

/// The families, by key.
#[derive(Debug, Clone)]
pub struct RecordKeyMetrics {
    usable: IntGaugeVec,
    opened: IntGaugeVec,
    calls: IntCounterVec,
    seconds: HistogramVec,
}

impl RecordKeyMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Policies);
        Ok(Self {
            usable: book.gauges(
                Family::new(
                    "klamm_record_key_usable",
                    "Whether a key that records are encrypted with can be used (1), or topics that need it are closed or about to be (0)",
                )
                .by(&[KEY])
                .on_page("1: a key of `klamm.keys` can be used. 0: its file or service is in trouble, or a policy names it and this node does not have it. What needs it is refused then, to be tried again"),
            )?,
            opened: book.gauges(
                Family::new(
                    "klamm_record_keys_opened",
                    "Data keys of records that a key service has opened and that are kept",
                )
                .by(&[KEY]),
            )?,
            calls: book.counters(
                Family::new(
                    "klamm_record_key_calls_total",
                    "Calls of key services, by what is asked (wrap, unwrap) and outcome (ok, failed)",
                )
                .by(&[KEY, CALL, OUTCOME])
                .on_page("Calls of key services, by what is asked and outcome"),
            )?,
            seconds: book.histograms(
                Family::new("klamm_record_key_seconds", "Seconds that a call of a key service takes").by(&[KEY]),
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            )?,
        })
    }

    /// Whether a key can be used.
    pub fn usable(&self, key: &str, is_usable: bool) {
        self.usable.with_label_values(&[key]).set(is_usable.into());
    }

    /// So many data keys are kept.
    pub fn opened(&self, key: &str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.opened.with_label_values(&[key]).set(count);
    }

    /// A call was made.
    pub fn called(&self, key: &str, (call, outcome): (KeyCall, KeyCallOutcome), took: Duration) {
        self.calls
            .with_label_values(&[key, call.name(), outcome.name()])
            .inc();
        self.seconds.with_label_values(&[key]).observe(took.as_secs_f64());
    }

    /// Forgets a key that no policy names any more.
    pub fn forget(&self, key: &str) {
        // It may never have been counted.
        let _ = self.usable.remove_label_values(&[key]);
    }
}
