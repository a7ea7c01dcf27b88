//! The bytes of large frames that all sessions of a node hold together. When it is used up, sessions stop reading.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Frames up to this size are not counted: their number is bounded by that of connections and requests in flight.
pub(super) const FREE_FRAME_BYTES: usize = 64 << 10;

/// The grain of the budget, in bytes.
const UNIT_BYTES: usize = 1 << 10;

/// A number of bytes that large frames may take, shared by sessions of all threads. First come, first served.
#[derive(Debug, Clone)]
pub struct Budget {
    units: Arc<Semaphore>,
    all_units: usize,
    in_use: IntGauge,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    _permit: OwnedSemaphorePermit,
    in_use: IntGauge,
    bytes: i64,
}

/// A share that is waited for.
pub(super) struct Wait(Pin<Box<dyn Future<Output = Option<Share>>>>);

impl Budget {
    /// A budget of that many bytes; `in_use` shows how many of them are taken.
    pub fn new(bytes: usize, in_use: IntGauge) -> Self {
        let units = (bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            all_units: units,
            in_use,
        }
    }

    /// Takes `bytes`, or says what to poll until they are free.
    pub(super) fn take(&self, bytes: usize) -> Result<Share, Wait> {
        // A frame that is larger than the budget takes all of it.
        let units = bytes.div_ceil(UNIT_BYTES).min(self.all_units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        match Arc::clone(&self.units).try_acquire_many_owned(units) {
            Ok(permit) => Ok(self.share(permit, bytes)),
            Err(_) => {
                let budget = self.clone();
                Err(Wait(Box::pin(async move {
                    let permit = Arc::clone(&budget.units).acquire_many_owned(units).await;
                    permit.ok().map(|permit| budget.share(permit, bytes))
                })))
            }
        }
    }

    fn share(&self, permit: OwnedSemaphorePermit, bytes: usize) -> Share {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.in_use.add(bytes);
        Share {
            _permit: permit,
            in_use: self.in_use.clone(),
            bytes,
        }
    }
}

impl Wait {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Share> {
        let share = ready!(self.0.as_mut().poll(cx));
        Poll::Ready(share.expect("the semaphore of a budget is never closed"))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.in_use.sub(self.bytes);
    }
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wait(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn what_is_over_the_budget_waits_for_what_is_given_back() {
        let gauge = IntGauge::new("in_use", "in use").unwrap();
        let budget = Budget::new(10 * UNIT_BYTES, gauge.clone());
        let first = budget.take(6 * UNIT_BYTES).unwrap();
        let second = budget.take(3 * UNIT_BYTES + 1).unwrap();
        assert_eq!(gauge.get(), 9 * 1024 + 1);

        let mut wait = budget.take(5 * UNIT_BYTES).unwrap_err();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(wait.poll(&mut cx).is_pending());
        drop(second);
        assert!(wait.poll(&mut cx).is_pending());
        drop(first);
        let Poll::Ready(third) = wait.poll(&mut cx) else {
            panic!("the budget was given back");
        };
        assert_eq!(gauge.get(), 5 * 1024);
        drop(third);
        assert_eq!(gauge.get(), 0);
        let whole = budget.take(11 * UNIT_BYTES).unwrap();
        assert!(
            budget.take(1).is_err(),
            "one larger than the budget takes all of it"
        );
        drop(whole);
        assert!(budget.take(1).is_ok());
    }
}
