//! The bytes of large frames that sessions hold together: of one principal, of one virtual cluster, of the whole node.
//! Where a share is used up, the sessions that it belongs to stop reading.
//!
//! A frame has its whole length reserved before its bulk is read, so what is being read never waits for more. Shares are
//! taken from the narrowest to the widest, always in this order, and who holds the widest waits for none: no two frames
//! can wait for each other. What a holder needs then comes from outside, and each such wait has a bound of its own (see
//! [`super::limits`]): that the frame's bytes arrive, that the broker takes them, that the client takes its answer. A
//! request may wait for an answer to be read, an answer never for a request, and the two have budgets of their own.

mod purses;
#[cfg(test)]
mod tests;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use prometheus::{IntCounter, IntGauge};
use smallvec::{SmallVec, smallvec};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(super) use purses::{Purse, Purses};

/// Frames up to this size are not counted: their number is bounded by that of connections and requests in flight.
pub(super) const FREE_FRAME_BYTES: usize = 64 << 10;

/// The grain of the budget, in bytes.
const UNIT_BYTES: usize = 1 << 10;

/// Node, virtual cluster, principal.
const LEVELS: usize = 3;

/// A number of bytes that large frames may take, at each level first come, first served.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    /// From the narrowest to the widest.
    levels: SmallVec<[Level; LEVELS]>,
    in_use: IntGauge,
}

/// One level of the budgets, shared by all within a node, a virtual cluster or a principal, on whatever thread they are.
#[derive(Debug, Clone)]
struct Level {
    units: Arc<Semaphore>,
    all_units: usize,
    /// Counts the frames that had to wait for memory of this level.
    waits: IntCounter,
}

type Permits = SmallVec<[OwnedSemaphorePermit; LEVELS]>;

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    permits: Permits,
    in_use: IntGauge,
    bytes: i64,
}

/// A share that is waited for.
pub(super) struct Wait(Pin<Box<dyn Future<Output = Option<Share>>>>);

impl Level {
    fn new(all_units: usize, waits: IntCounter) -> Self {
        let all_units = all_units.min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(all_units)),
            all_units,
            waits,
        }
    }

    /// The units of so many bytes. A frame that is larger than what there is takes all of it.
    fn units_of(&self, bytes: usize) -> u32 {
        let units = bytes.div_ceil(UNIT_BYTES).min(self.all_units);
        u32::try_from(units).unwrap_or(u32::MAX)
    }

    fn try_take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = self.units_of(bytes);
        Arc::clone(&self.units).try_acquire_many_owned(units).ok()
    }
}

impl Budget {
    /// A budget of that many bytes; `in_use` shows how many of them are taken.
    pub(super) fn new(bytes: usize, in_use: IntGauge, waits: IntCounter) -> Self {
        Self {
            levels: smallvec![Level::new(bytes / UNIT_BYTES, waits)],
            in_use,
        }
    }

    /// A budget of turns at work that keeps a core busy. One turn is one byte; half of the cores may be busy.
    pub(super) fn turns(in_use: IntGauge, waits: IntCounter) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            levels: smallvec![Level::new((cores / 2).max(1), waits)],
            in_use,
        }
    }

    /// A part of this budget for some of its users only, who may take at most one part in `parts` of what all may take
    /// here.
    fn narrowed(&self, parts: usize, waits: IntCounter) -> Self {
        let all_units = self.levels.first().map_or(0, |level| level.all_units);
        let mut levels = self.levels.clone();
        levels.insert(0, Level::new((all_units / parts).max(1), waits));
        Self {
            levels,
            in_use: self.in_use.clone(),
        }
    }

    /// Takes `bytes`, or says what to poll until they are free.
    pub(super) fn take(&self, bytes: usize) -> Result<Share, Wait> {
        let mut permits = Permits::new();
        for level in &self.levels {
            let Some(permit) = level.try_take(bytes) else {
                level.waits.inc();
                return Err(self.wait(bytes));
            };
            permits.push(permit);
        }
        Ok(self.share(permits, bytes))
    }

    /// Takes `bytes` once they are free, but never more than the narrowest level has: nobody's own part is all of what
    /// others have, too.
    pub(super) async fn taken(&self, bytes: usize) -> Share {
        let own = self.levels.first().map_or(0, |level| level.all_units);
        let bytes = bytes.min(own.saturating_mul(UNIT_BYTES));
        match self.take(bytes) {
            Ok(share) => share,
            Err(mut wait) => poll_fn(|cx| wait.poll(cx)).await,
        }
    }

    /// A share if it can be had at once.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Share> {
        let permits: Option<Permits> = self.levels.iter().map(|level| level.try_take(bytes)).collect();
        Some(self.share(permits?, bytes))
    }

    fn wait(&self, bytes: usize) -> Wait {
        let budget = self.clone();
        Wait(Box::pin(async move {
            let mut permits = Permits::new();
            for level in &budget.levels {
                let units = level.units_of(bytes);
                permits.push(Arc::clone(&level.units).acquire_many_owned(units).await.ok()?);
            }
            Some(budget.share(permits, bytes))
        }))
    }

    fn share(&self, permits: Permits, bytes: usize) -> Share {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.in_use.add(bytes);
        Share {
            permits,
            in_use: self.in_use.clone(),
            bytes,
        }
    }
}

impl Share {
    /// How many bytes it is.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or_default()
    }

    /// Gives back all but `bytes`.
    pub(super) fn reduce(&mut self, bytes: usize) {
        let units = bytes.div_ceil(UNIT_BYTES);
        for permit in &mut self.permits {
            let more = permit.num_permits().saturating_sub(units);
            drop(permit.split(more));
        }
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).min(self.bytes);
        self.in_use.sub(self.bytes - bytes);
        self.bytes = bytes;
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
