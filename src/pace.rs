//! How often a service is asked that does not answer: keys or schemas of records are there.

use std::time::{Duration, Instant};

/// After a failed call none is made for this time, and twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A breaker: calls that would most likely fail are not made.
#[derive(Debug)]
pub(crate) struct CallPace {
    longest: Duration,
    failures: u32,
    until: Option<Instant>,
}

impl CallPace {
    /// No pause is longer than that.
    pub(crate) fn of(longest: Duration) -> Self {
        Self {
            longest,
            failures: 0,
            until: None,
        }
    }

    /// Whether a call may be made.
    pub(crate) fn may_call(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// A call went well.
    pub(crate) fn went_well(&mut self) {
        *self = Self::of(self.longest);
    }

    /// A call did not.
    pub(crate) fn failed(&mut self, now: Instant) {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause.min(self.longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_fail_come_ever_more_seldom_and_go_on_once_one_goes_well() {
        let (mut pace, now) = (CallPace::of(Duration::from_secs(15)), Instant::now());
        assert!(pace.may_call(now));
        for pause in [500, 1000, 2000, 4000, 8000, 15_000, 15_000] {
            pace.failed(now);
            let until = now + Duration::from_millis(pause);
            assert!(!pace.may_call(until - Duration::from_millis(1)), "{pause}");
            assert!(pace.may_call(until), "{pause}");
        }
        pace.went_well();
        assert!(pace.may_call(now));
        pace.failed(now);
        assert!(pace.may_call(now + FIRST_PAUSE));
    }
}
