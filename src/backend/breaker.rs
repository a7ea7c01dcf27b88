//! When to stop dialling an address that fails, and for how long. Pure: time and chance are arguments.

use std::time::{Duration, Instant};

/// So many failures in a row, and the address is left alone for a while.
const FAILURES_TO_OPEN: u32 = 3;

const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// A broker that is started again is found as soon as a client of its own would (`reconnect.backoff.max.ms`).
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Wrong credentials are not shown more often, so that no account is locked for it.
const LONGEST_FINAL_PAUSE: Duration = Duration::from_secs(10);

/// How a dial failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialFailure {
    /// The next dial may succeed.
    Passing,
    /// The answer was clear: the next dial gets the same one.
    Final,
}

/// The circuit breaker of one address.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether the address is to be left alone now.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Whether the address was left alone since the last success.
    pub(crate) fn has_opened(&self) -> bool {
        self.open_until.is_some()
    }

    /// A dial failed. Failures of dials that began before the circuit opened change nothing. After a success a new
    /// breaker takes this one's place.
    pub(crate) fn failed(&mut self, failure: DialFailure, now: Instant, chance: u8) {
        if self.is_open(now) {
            return;
        }
        self.failures = match failure {
            DialFailure::Passing => self.failures.saturating_add(1),
            DialFailure::Final => self.failures.saturating_add(1).max(FAILURES_TO_OPEN),
        };
        if let Some(beyond) = self.failures.checked_sub(FAILURES_TO_OPEN) {
            let longest = match failure {
                DialFailure::Passing => LONGEST_PAUSE,
                DialFailure::Final => LONGEST_FINAL_PAUSE,
            };
            self.open_until = Some(now + pause(beyond, longest, chance));
        }
    }
}

/// Doubles from the shortest to the longest pause, then takes off up to a quarter by chance (0-255), so that many
/// gateways do not come back in step.
fn pause(doublings: u32, longest: Duration, chance: u8) -> Duration {
    let full = SHORTEST_PAUSE.saturating_mul(1 << doublings.min(16)).min(longest);
    full - full * u32::from(chance) / (4 * 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            breaker.failed(DialFailure::Passing, now, 0);
        }
    }

    #[test]
    fn opens_after_failures_in_a_row_and_closes_with_time() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        fail(&mut breaker, FAILURES_TO_OPEN - 1, now);
        assert!(!breaker.is_open(now));
        fail(&mut breaker, 1, now);
        assert!(breaker.is_open(now));
        assert!(!breaker.is_open(now + SHORTEST_PAUSE));
    }

    #[test]
    fn a_final_failure_opens_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(DialFailure::Final, now, 0);
        assert!(breaker.is_open(now));
    }

    #[test]
    fn wrong_credentials_rest_longer() {
        let now = Instant::now();
        for (failure, is_open) in [(DialFailure::Passing, false), (DialFailure::Final, true)] {
            let mut breaker = Breaker::default();
            let mut at = now;
            for _ in 0..10 {
                at += LONGEST_FINAL_PAUSE;
                breaker.failed(failure, at, 0);
            }
            assert_eq!(breaker.is_open(at + LONGEST_PAUSE), is_open, "{failure:?}");
        }
    }

    #[test]
    fn a_burst_of_failures_counts_once() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        fail(&mut breaker, 100, now);
        assert!(!breaker.is_open(now + SHORTEST_PAUSE));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_chance_shortens_them() {
        assert_eq!(pause(0, LONGEST_PAUSE, 0), SHORTEST_PAUSE);
        assert_eq!(pause(1, LONGEST_PAUSE, 0), 2 * SHORTEST_PAUSE);
        assert_eq!(pause(u32::MAX, LONGEST_PAUSE, 0), LONGEST_PAUSE);
        let shortened = pause(u32::MAX, LONGEST_PAUSE, 255);
        assert!(shortened < LONGEST_PAUSE && shortened > LONGEST_PAUSE * 7 / 10);
    }
}
