//! Metrics of what holds back those who ask for more than their part.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics, resolved.
#[derive(Debug, Clone)]
pub struct GuardMetrics {
    /// Requests that wait for a regular expression to be compiled.
    pub patterns_waiting: IntGauge,
    /// Regular expressions of clients that were compiled, or refused for what is in them.
    pub patterns_compiled: IntCounter,
    /// Requests that were told to come again, because too many wait.
    pub patterns_put_off: IntCounter,
    /// Log lines that were counted and not written.
    pub log_lines_left_out: IntCounter,
    /// Connections that lost their seat to somebody else.
    seats_taken: IntCounterVec,
}

impl GuardMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            patterns_waiting: IntGauge::new(
                "klamm_patterns_waiting",
                "Requests that wait for their regular expression to be compiled",
            )?,
            patterns_compiled: IntCounter::new(
                "klamm_patterns_compiled_total",
                "Regular expressions of clients that were compiled, or refused for what is in them",
            )?,
            patterns_put_off: IntCounter::new(
                "klamm_patterns_put_off_total",
                "Requests that were told to try again, because too many regular expressions wait to be compiled",
            )?,
            log_lines_left_out: IntCounter::new(
                "klamm_log_lines_left_out_total",
                "Log lines about denials, logins, closed connections and brokers that were counted and not written",
            )?,
            seats_taken: IntCounterVec::new(
                Opts::new(
                    "klamm_seats_taken_away_total",
                    "Connections that lost their seat to somebody who had fewer, by port (kafka, admin) and reason",
                ),
                &["port", "reason"],
            )?,
        };
        let families: [Box<dyn Collector>; 5] = [
            Box::new(metrics.patterns_waiting.clone()),
            Box::new(metrics.patterns_compiled.clone()),
            Box::new(metrics.patterns_put_off.clone()),
            Box::new(metrics.log_lines_left_out.clone()),
            Box::new(metrics.seats_taken.clone()),
        ];
        families
            .into_iter()
            .try_for_each(|family| registry.register(family))?;
        Ok(metrics)
    }

    /// Counts seats that were given to somebody else; both labels are of closed sets.
    pub fn seats_taken(&self, port: &'static str, reason: &'static str) -> IntCounter {
        self.seats_taken.with_label_values(&[port, reason])
    }
}
