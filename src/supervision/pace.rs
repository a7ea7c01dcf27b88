//! How long a component that panicked rests before it is started again.

use std::time::{Duration, Instant};

/// After the first panic it is started again at once; after the second one so much later, then twice as much each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The time after which a component that runs is as good as new.
const STEADY: Duration = Duration::from_secs(60);

/// The panics of one component.
#[derive(Debug)]
pub(super) struct RestartPace {
    /// Since it last ran for long.
    panics: u32,
    started: Instant,
}

impl RestartPace {
    /// A component that is started now.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            panics: 0,
            started: now,
        }
    }

    /// It panicked: after which pause it is started again.
    pub(super) fn panicked(&mut self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.started) >= STEADY {
            self.panics = 0;
        }
        let pause = match self.panics.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_PAUSE
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(LONGEST_PAUSE),
        };
        self.panics = self.panics.saturating_add(1);
        self.started = now + pause;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_further_ones_come_ever_later() {
        let mut now = Instant::now();
        let mut pace = RestartPace::new(now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let pause = pace.panicked(now);
            now += pause + STEADY / 2;
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses[..5], [0, 100, 200, 400, 800]);
        assert_eq!(pauses[9..], [25_600, 30_000, 30_000]);
        for _ in 0..100 {
            let pause = pace.panicked(now);
            assert_eq!(pause, LONGEST_PAUSE);
            now += pause;
        }
        assert_eq!(pace.panicked(now + STEADY), Duration::ZERO, "it ran for long");
    }

    #[test]
    fn the_pause_is_no_time_that_it_ran() {
        let now = Instant::now();
        let mut pace = RestartPace::new(now);
        for _ in 0..20 {
            pace.panicked(now);
        }
        assert_eq!(pace.panicked(now + STEADY), LONGEST_PAUSE);
    }
}
