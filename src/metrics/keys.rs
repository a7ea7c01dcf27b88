//! Metrics of the keys of token providers.

use prometheus::{IntCounterVec, IntGaugeVec};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    enum KeyRead {
        Ok = "ok": "they were read",
        Failed = "failed": "they were not, and the last ones stay in use",
    }
}

const PROVIDER: Label = Label::named("provider");
const OUTCOME: Label = Label::closed("outcome", KeyRead::values);

/// The families, by provider.
#[derive(Debug, Clone)]
pub struct KeyMetrics {
    keys: IntGaugeVec,
    reads: IntCounterVec,
}

impl KeyMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::OauthProviders);
        Ok(Self {
            keys: book.gauges(
                Family::new(
                    "klamm_oauth_keys",
                    "Usable keys of an OAuth provider, as last read",
                )
                .by(&[PROVIDER]),
            )?,
            reads: book.counters(
                Family::new(
                    "klamm_oauth_key_reads_total",
                    "Attempts to read the keys of an OAuth provider, by outcome (ok, failed)",
                )
                .by(&[PROVIDER, OUTCOME])
                .on_page("Attempts to read the keys of an OAuth provider, by outcome"),
            )?,
        })
    }

    /// So many keys were read.
    pub fn read(&self, provider: &str, keys: usize) {
        self.attempt(provider, KeyRead::Ok);
        let keys = i64::try_from(keys).unwrap_or(i64::MAX);
        self.keys.with_label_values(&[provider]).set(keys);
    }

    /// They could not be read.
    pub fn failed(&self, provider: &str) {
        self.attempt(provider, KeyRead::Failed);
    }

    fn attempt(&self, provider: &str, outcome: KeyRead) {
        self.reads.with_label_values(&[provider, outcome.name()]).inc();
    }
}
