//! Metrics of the keys of token providers.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

/// The families, by provider.
#[derive(Debug, Clone)]
pub struct KeyMetrics {
    keys: IntGaugeVec,
    reads: IntCounterVec,
}

impl KeyMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let families = Self {
            keys: IntGaugeVec::new(
                Opts::new(
                    "klamm_oauth_keys",
                    "Usable keys of an OAuth provider, as last read",
                ),
                &["provider"],
            )?,
            reads: IntCounterVec::new(
                Opts::new(
                    "klamm_oauth_key_reads_total",
                    "Attempts to read the keys of an OAuth provider, by outcome (ok, failed)",
                ),
                &["provider", "outcome"],
            )?,
        };
        registry.register(Box::new(families.keys.clone()))?;
        registry.register(Box::new(families.reads.clone()))?;
        Ok(families)
    }

    /// So many keys were read.
    pub fn read(&self, provider: &str, keys: usize) {
        self.reads.with_label_values(&[provider, "ok"]).inc();
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        self.keys.with_label_values(&[provider]).set(keys);
    }

    /// They could not be read.
    pub fn failed(&self, provider: &str) {
        self.reads.with_label_values(&[provider, "failed"]).inc();
    }
}
