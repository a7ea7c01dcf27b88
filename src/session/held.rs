//! A broker's answer that waits until the view shows what it says. Requests go on meanwhile; answers after it wait.

use std::task::Context;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Session;
use super::end::End;
use super::inbound::Frame;
use super::setup::Later;
use crate::vcluster::api::{self, Freshness};
use crate::vcluster::pending::Pending;

/// Before each look for topics that an answer tells of. A broker that is asked may be a little behind the one that
/// answered.
const PAUSES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
];

/// The answer to the first request of the pipeline.
pub(super) struct Held {
    frame: Frame,
    /// Looks that were begun.
    looks: usize,
    done: Later<()>,
}

impl Session {
    /// An answer of the broker.
    pub(super) fn on_answer(&mut self, frame: Frame) -> Result<(), End> {
        let may_run_ahead = self.pipeline.next().is_some_and(Pending::may_run_ahead);
        if may_run_ahead && self.freshness(&frame)? != Freshness::Enough {
            self.hold(frame, 0);
            return Ok(());
        }
        self.tell(frame)
    }

    /// Goes on with an answer that waited.
    pub(super) fn poll_held(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        while let Some(held) = &mut self.held {
            if held.done.as_mut().poll(cx).is_pending() {
                return Ok(());
            }
            let Some(Held { frame, looks, .. }) = self.held.take() else {
                return Ok(());
            };
            if looks < PAUSES.len() && self.freshness(&frame)? == Freshness::Topics {
                self.hold(frame, looks);
            } else {
                self.tell(frame)?;
            }
        }
        Ok(())
    }

    fn freshness(&self, frame: &Frame) -> Result<Freshness, End> {
        let pending = self.pipeline.next().ok_or(End::BadUpstream)?;
        Ok(api::freshness(
            &self.setup.door.view.load(),
            pending,
            &frame.bytes,
        ))
    }

    fn hold(&mut self, frame: Frame, looks: usize) {
        let limit = self.setup.shared.limits.need_timeout;
        let pause = PAUSES.get(looks).copied().unwrap_or_default();
        let refresh = self.setup.door.refresh.clone();
        self.held = Some(Held {
            frame,
            looks: looks + 1,
            done: Box::pin(async move {
                sleep(pause).await;
                // Late or not, the answer is told with what is known then.
                drop(timeout(limit, refresh()).await);
            }),
        });
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held(after {} looks)", self.looks)
    }
}
