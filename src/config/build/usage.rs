//! The usage that a node keeps: for how long, and how much of it.

use std::time::Duration;

use super::super::{UsageConfig, reference};
use super::Builder;

const HOURS_A_DAY: u64 = 24;
const DAYS: u64 = 400;
/// Ten years.
const MAX_DAYS: u64 = 3660;
const WRITE_SECONDS: u64 = 30;
/// With what is under way, less than a minute is lost.
const MAX_WRITE_SECONDS: u64 = 55;
const NAMES: usize = 10_000;
const MAX_NAMES: usize = 1_000_000;
const METRICS: usize = 1000;
const MAX_METRICS: usize = 100_000;

impl Builder {
    pub(super) fn usage(&mut self) -> UsageConfig {
        let days = self.number(reference::USAGE_DAYS, 1..=MAX_DAYS, DAYS);
        let seconds = self.number(
            reference::USAGE_WRITE_SECONDS,
            1..=MAX_WRITE_SECONDS,
            WRITE_SECONDS,
        );
        UsageConfig {
            keep_hours: days * HOURS_A_DAY,
            write_every: Duration::from_secs(seconds),
            names: self.number(reference::USAGE_NAMES, 1..=MAX_NAMES, NAMES),
            metrics_accounts: self.number(reference::METRICS_ACCOUNTS, 0..=MAX_METRICS, METRICS),
            metrics_topics: self.number(reference::METRICS_TOPICS, 0..=MAX_METRICS, METRICS),
        }
    }
}
