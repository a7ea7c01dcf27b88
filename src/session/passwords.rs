//! Checks of passwords for all sessions of a node: off their threads, few at a time, first for those who failed least,
//! and once for a password that was right. It knows no users.

mod line;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use prometheus::IntGauge;

use crate::auth::password::{PasswordCheck, PasswordVerdict};
use crate::metrics::NodeMetrics;
use crate::session::failed_logins::{Debt, Guesser};
use line::Line;

/// Right passwords that are remembered, under names that only this process can make. Beyond it all are forgotten.
const MAX_REMEMBERED: usize = 16_384;

/// The check of passwords that all sessions of a node share.
pub(super) struct Passwords {
    /// Where checks wait.
    line: Arc<Line>,
    remembered: Option<Remembered>,
    metrics: Arc<NodeMetrics>,
}

/// Counts a check for as long as somebody waits for it.
struct Counted<'a>(&'a IntGauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Remembered {
    key: hmac::Key,
    right: Mutex<HashSet<[u8; 32]>>,
}

impl Passwords {
    /// Half of the processor may be busy with checks.
    pub(super) fn new(metrics: Arc<NodeMetrics>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            line: Line::new((cores / 2).max(1)),
            // Without random bytes each check is made.
            remembered: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .ok()
                .map(|key| Remembered {
                    key,
                    right: Mutex::default(),
                }),
            metrics,
        }
    }

    /// Makes a check in its turn, if that comes within `patience`.
    pub(super) async fn check(
        &self,
        check: PasswordCheck,
        (who, debt): (Guesser, Debt),
        patience: Duration,
    ) -> PasswordVerdict {
        if self.is_known_right(&check) {
            return PasswordVerdict::Right;
        }
        let _counted = Counted::new(&self.metrics.password_checks);
        let Ok(turn) = tokio::time::timeout(patience, self.line.turn(who, debt)).await else {
            return PasswordVerdict::NotChecked;
        };
        // Somebody else may have had the same one checked in the meantime.
        if self.is_known_right(&check) {
            return PasswordVerdict::Right;
        }
        let ran = check.clone();
        let verdict = tokio::task::spawn_blocking(move || {
            let verdict = ran.run();
            // Also when nobody waits for the verdict any more.
            drop(turn);
            verdict
        });
        let verdict = verdict.await.unwrap_or(PasswordVerdict::NotChecked);
        if verdict == PasswordVerdict::Right {
            self.remember(&check);
        }
        verdict
    }

    /// Whether this very password was right before.
    pub(super) fn is_known_right(&self, check: &PasswordCheck) -> bool {
        self.remembered.as_ref().is_some_and(|remembered| {
            let name = check.name(&remembered.key);
            let right = remembered.right.lock();
            right.unwrap_or_else(PoisonError::into_inner).contains(&name)
        })
    }

    fn remember(&self, check: &PasswordCheck) {
        let Some(remembered) = &self.remembered else {
            return;
        };
        let right = remembered.right.lock();
        let mut right = right.unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MAX_REMEMBERED {
            right.clear();
        }
        right.insert(check.name(&remembered.key));
    }
}
