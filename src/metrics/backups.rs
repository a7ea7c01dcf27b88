//! Metrics of the backups that this node makes by itself.

use prometheus::{IntCounterVec, IntGauge};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// The end of an attempt to make a backup.
    pub enum BackupResult {
        Made = "made": "it is in the directory",
        Failed = "failed": "it is not; the log says why, and it is tried again in a minute",
    }
}

const ATTEMPTS: Family = Family::new(
    "klamm_backups_total",
    "Backups that this node made by itself, or failed to make, by result",
)
.by(&[Label::closed("result", BackupResult::values)])
.on_page("Backups of the replicated state that this node made by itself (`klamm.backup.dir`), or failed to make. Only the leader makes them");

const LAST: Family = Family::new(
    "klamm_backup_last_timestamp_seconds",
    "When the newest backup in this node's directory was made, in seconds since the Unix epoch; 0 when there is none",
)
.on_page("When the newest backup of this cluster in this node's `klamm.backup.dir` was made, in seconds since the Unix epoch. 0: there is none, or this node has not led");

/// The metrics of backups.
#[derive(Debug, Clone)]
pub struct BackupMetrics {
    attempts: IntCounterVec,
    last: IntGauge,
}

impl BackupMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Raft);
        let metrics = Self {
            attempts: book.counters(ATTEMPTS)?,
            last: book.gauge(LAST)?,
        };
        for result in BackupResult::ALL {
            metrics.attempts.with_label_values(&[result.name()]);
        }
        Ok(metrics)
    }

    /// Counts an attempt.
    pub fn tried(&self, result: BackupResult) {
        self.attempts.with_label_values(&[result.name()]).inc();
    }

    /// The newest backup was made then, in seconds since the Unix epoch.
    pub fn last_made(&self, at_s: u64) {
        self.last.set(i64::try_from(at_s).unwrap_or(i64::MAX));
    }
}
