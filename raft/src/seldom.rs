//! Log lines that anybody can cause: one of each kind now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind are logged at most this often.
const EVERY: Duration = Duration::from_secs(10);

/// When a line of each kind was last logged.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<BTreeMap<&'static str, Instant>>);

impl Seldom {
    /// Logs unless a line of this kind was logged a moment ago.
    pub fn log(&self, kind: &'static str, log: impl FnOnce()) {
        let now = Instant::now();
        // Whoever panicked here left nothing half done.
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |last: &Instant| now.duration_since(*last) < EVERY;
        if !logged.get(kind).is_some_and(is_recent) {
            logged.insert(kind, now);
            drop(logged);
            log();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_logged_once() {
        let (seldom, mut lines) = (Seldom::default(), Vec::new());
        for kind in ["one", "other", "one", "other"] {
            seldom.log(kind, || lines.push(kind));
        }
        assert_eq!(lines, ["one", "other"]);
    }
}
