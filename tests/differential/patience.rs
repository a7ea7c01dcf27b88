//! Waiting for what a side sees only a little later. How long that takes is a matter of how busy the machine is, so there
//! is much of it; but a run in which nothing comes to be must end.

use std::thread;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(50);

/// How long one answer is waited for.
const FOR_ONE: Duration = Duration::from_secs(20);

/// How long all of a run is waited for.
const FOR_ALL: Duration = Duration::from_secs(180);

/// The time for waiting that a run has left.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Duration,
}

/// The waiting for one answer.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    patience: &'a mut Patience,
    since: Instant,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { left: FOR_ALL }
    }

    pub(crate) fn begin(&mut self) -> Wait<'_> {
        Wait {
            patience: self,
            since: Instant::now(),
        }
    }
}

impl Wait<'_> {
    /// Pauses. False when it has been long enough.
    pub(crate) fn pause(&mut self) -> bool {
        if self.since.elapsed() >= FOR_ONE || self.patience.left.is_zero() {
            return false;
        }
        thread::sleep(PAUSE);
        self.patience.left = self.patience.left.saturating_sub(PAUSE);
        true
    }
}
