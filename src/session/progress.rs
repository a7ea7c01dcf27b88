//! Whether something gets on while it is waited for: in each stretch of time it must do its part of the work. Pure:
//! time is an argument, and what one such stretch is, the caller says.

use std::time::Instant;

/// The stretch of time in which something must get on, if anything is waited for.
#[derive(Debug, Default)]
pub(super) struct Progress(Option<Stretch>);

#[derive(Debug)]
struct Stretch {
    since: Instant,
    goal: u64,
}

impl Progress {
    /// It is waited for. `done` of it is done, and `part` is what must be added before the next stretch begins.
    pub(super) fn waits(&mut self, now: Instant, done: u64, part: u64) {
        if self.0.as_ref().is_none_or(|stretch| done >= stretch.goal) {
            self.0 = Some(Stretch {
                since: now,
                goal: done + part,
            });
        }
    }

    /// It is not waited for, or it is done.
    pub(super) fn rests(&mut self) {
        self.0 = None;
    }

    /// Since when too little was done.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.0.as_ref().map(|stretch| stretch.since)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stretch_ends_with_its_part_of_the_work() {
        let start = Instant::now();
        let second = |count| start + Duration::from_secs(count);
        let mut progress = Progress::default();
        assert_eq!(progress.stuck_since(), None);
        for (at, done, since) in [
            (0, 5, 0),
            (1, 6, 0),
            (2, 14, 0),
            (3, 15, 3),
            (4, 24, 3),
            (5, 99, 5),
        ] {
            progress.waits(second(at), done, 10);
            assert_eq!(progress.stuck_since(), Some(second(since)), "at {at}");
        }
        progress.rests();
        assert_eq!(progress.stuck_since(), None);
    }
}
