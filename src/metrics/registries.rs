//! Metrics of schema registries.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// Ends of calls of a registry.
    pub enum RegistryCallOutcome {
        Ok = "ok": "it gave a schema",
        Unknown = "unknown": "it knows no schema of that id",
        Failed = "failed": "it did not answer, or refused the call",
    }
}

const REGISTRY: Label = Label::named("registry");
const OUTCOME: Label = Label::closed("outcome", RegistryCallOutcome::values);

/// The families, by registry.
#[derive(Debug, Clone)]
pub struct RegistryMetrics {
    usable: IntGaugeVec,
    kept: IntGaugeVec,
    calls: IntCounterVec,
    seconds: HistogramVec,
}

impl RegistryMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Policies);
        Ok(Self {
            usable: book.gauges(
                Family::new(
                    "klamm_registry_usable",
                    "Whether a schema registry can be asked (1), or records of schemas that are not known yet are refused (0)",
                )
                .by(&[REGISTRY])
                .on_page("1: a registry of `klamm.registries` can be asked. 0: it did not answer the last call, or a policy names it and this node does not have it. Records whose schemas are not known yet are refused then, to be tried again"),
            )?,
            kept: book.gauges(
                Family::new("klamm_registry_schemas", "Schemas of a registry that are kept").by(&[REGISTRY]),
            )?,
            calls: book.counters(
                Family::new(
                    "klamm_registry_calls_total",
                    "Calls of schema registries, by outcome (ok, unknown, failed)",
                )
                .by(&[REGISTRY, OUTCOME])
                .on_page("Calls of schema registries, by outcome"),
            )?,
            seconds: book.histograms(
                Family::new(
                    "klamm_registry_seconds",
                    "Seconds that a call of a schema registry takes",
                )
                .by(&[REGISTRY]),
                &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            )?,
        })
    }

    /// Whether a registry can be asked.
    pub fn usable(&self, registry: &str, is_usable: bool) {
        self.usable.with_label_values(&[registry]).set(is_usable.into());
    }

    /// So many schemas are kept.
    pub fn kept(&self, registry: &str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.kept.with_label_values(&[registry]).set(count);
    }

    /// A call was made.
    pub fn called(&self, registry: &str, outcome: RegistryCallOutcome, took: Duration) {
        self.calls.with_label_values(&[registry, outcome.name()]).inc();
        self.seconds
            .with_label_values(&[registry])
            .observe(took.as_secs_f64());
    }

    /// Forgets a registry that no policy names any more.
    pub fn forget(&self, registry: &str) {
        // It may never have been counted.
        let _ = self.usable.remove_label_values(&[registry]);
    }
}
