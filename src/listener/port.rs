//! One port: opened, or tried again after a pause that grows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::BindError;

/// After the first failure the port is tried again this much later, and after each further one twice as much.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A port that is to be open. It closes when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Port {
    /// The task that accepts its connections.
    accepting: Option<JoinHandle<()>>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    error: Arc<BindError>,
    pause: Duration,
    again: Instant,
}

/// The result of an attempt to have a port open.
#[derive(Debug)]
pub(super) enum BindAttempt {
    Open,
    /// Not now, and not the last time.
    Closed(Arc<BindError>),
    /// Not now, for the first time or for another reason than the last time.
    Refused(Arc<BindError>),
}

impl Port {
    /// Opens it, unless it is open, or it is too early to try again.
    pub(super) fn ensure(
        &mut self,
        now: Instant,
        open: impl FnOnce() -> Result<JoinHandle<()>, BindError>,
    ) -> BindAttempt {
        if self.accepting.is_some() {
            return BindAttempt::Open;
        }
        if let Some(failed) = self.failed.as_ref().filter(|failed| now < failed.again) {
            return BindAttempt::Closed(Arc::clone(&failed.error));
        }
        let error = match open() {
            Ok(accepting) => {
                self.failed = None;
                self.accepting = Some(accepting);
                return BindAttempt::Open;
            }
            Err(error) => Arc::new(error),
        };
        let last = self.failed.take();
        let is_news = last
            .as_ref()
            .is_none_or(|last| last.error.to_string() != error.to_string());
        let pause = last.map_or(FIRST_PAUSE, |last| (last.pause * 2).min(LONGEST_PAUSE));
        self.failed = Some(Failed {
            error: Arc::clone(&error),
            pause,
            again: now + pause,
        });
        match is_news {
            true => BindAttempt::Refused(error),
            false => BindAttempt::Closed(error),
        }
    }

    /// The next attempt need not wait.
    pub(super) fn hasten(&mut self, now: Instant) {
        if let Some(failed) = &mut self.failed {
            failed.again = now;
        }
    }

    /// Takes no more connections.
    pub(super) fn close(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn fails() -> Result<JoinHandle<()>, BindError> {
        Err(BindError::NoPort {
            slot: 1,
            start: 65_535,
        })
    }

    #[actix::test]
    async fn a_port_that_fails_is_tried_ever_more_seldom() {
        let (mut port, start) = (Port::default(), Instant::now());
        let (mut attempts, mut news) = (Vec::new(), 0);
        for second in 0..120_u64 {
            let mut is_tried = false;
            let attempt = port.ensure(start + Duration::from_secs(second), || {
                is_tried = true;
                fails()
            });
            news += usize::from(matches!(attempt, BindAttempt::Refused(_)));
            assert!(!matches!(attempt, BindAttempt::Open));
            if is_tried {
                attempts.push(second);
            }
        }
        assert_eq!(attempts, [0, 1, 3, 7, 15, 31, 61, 91]);
        assert_eq!(news, 1, "it is said once");
    }

    #[actix::test]
    async fn what_is_hastened_is_tried_at_once_and_what_is_open_stays() {
        let (mut port, now) = (Port::default(), Instant::now());
        assert!(matches!(port.ensure(now, fails), BindAttempt::Refused(_)));
        let open = || Ok(actix_rt::spawn(pending()));
        assert!(matches!(port.ensure(now, open), BindAttempt::Closed(_)));
        port.hasten(now);
        assert!(matches!(port.ensure(now, open), BindAttempt::Open));
        assert!(matches!(port.ensure(now, fails), BindAttempt::Open));
        port.close();
        assert!(matches!(port.ensure(now, fails), BindAttempt::Refused(_)));
    }
}
