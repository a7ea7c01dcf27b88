//! One seat: when its session was last asked something, and whether it is somebody else's by now.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Poll, Waker};

use futures_util::task::AtomicWaker;

/// Shared by the connection that has the seat and by the table. A session tells of its requests here without any lock.
#[derive(Debug)]
pub(super) struct Chair {
    /// In the order in which connections came.
    pub(super) number: u64,
    /// Milliseconds since the table was made.
    asked: AtomicU64,
    /// Where it stands in its queue. Changed by the table only.
    pub(super) since: AtomicU64,
    is_lost: AtomicBool,
    waker: AtomicWaker,
}

impl Chair {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            asked: AtomicU64::new(0),
            since: AtomicU64::new(0),
            is_lost: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    pub(super) fn asked(&self, at_ms: u64) {
        self.asked.store(at_ms, Ordering::Relaxed);
    }

    /// When it was last asked something.
    pub(super) fn last_asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Gives the seat to somebody else.
    pub(super) fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    pub(super) fn poll_lost(&self) -> Poll<()> {
        match self.is_lost() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Has a task woken when the seat is lost. Ask [`Self::poll_lost`] afterwards.
    pub(super) fn tell(&self, waker: &Waker) {
        self.waker.register(waker);
    }
}
