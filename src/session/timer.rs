//! One lazy timer: it is armed again only for an earlier deadline or after it fired, so a busy session does not touch it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// Wakes the task at some deadline. It may wake it before, never after the earliest deadline it was armed for.
#[derive(Debug)]
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl Timer {
    /// A timer that is not armed.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep_until(now.into())),
            at: None,
        }
    }

    /// Takes note that the time it was armed for has come, if it has.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.at.is_some_and(|at| at <= now) {
            self.at = None;
        }
    }

    /// Has the task woken at `at`, or earlier.
    pub(super) fn arm(&mut self, at: Instant, cx: &mut Context<'_>) {
        if self.at.is_some_and(|armed| armed <= at) {
            return;
        }
        self.at = Some(at);
        self.sleep.as_mut().reset(at.into());
        if let Poll::Ready(()) = self.sleep.as_mut().poll(cx) {
            cx.waker().wake_by_ref();
        }
    }
}
