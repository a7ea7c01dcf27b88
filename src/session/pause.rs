//! Pauses of a session: what it waits for, and how it goes on then. Requests and answers pause apart from each other,
//! each for one thing at a time: while requests pause none is read; while an answer pauses those after it wait, and its
//! request stays first in the pipeline.

use std::fmt;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::fut::{LocalBoxActorFuture, wrap_future};
use actix::prelude::*;
use tokio::time::timeout;

use super::Session;
use super::end::End;

/// A wait with its continuation.
pub(super) struct Pause(LocalBoxActorFuture<Session, Result<(), End>>);

impl Pause {
    /// Goes on with what `wait` brings, which must see to it that it ends.
    pub(super) fn until<T: 'static>(
        wait: impl Future<Output = T> + 'static,
        then: impl FnOnce(&mut Session, T) -> Result<(), End> + 'static,
    ) -> Self {
        Self(
            wrap_future(wait)
                .map(|brought, session: &mut Session, _: &mut _| then(session, brought))
                .boxed_local(),
        )
    }

    /// Goes on with what `wait` brings, or with `late` when it takes longer than `limit`.
    pub(super) fn within<T: 'static>(
        limit: Duration,
        wait: impl Future<Output = T> + 'static,
        late: T,
        then: impl FnOnce(&mut Session, T) -> Result<(), End> + 'static,
    ) -> Self {
        Self::until(async move { timeout(limit, wait).await.unwrap_or(late) }, then)
    }
}

impl fmt::Debug for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pause")
    }
}

/// The two flows through a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Flow {
    Requests,
    Answers,
}

/// The pauses of the two flows through a session.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    pub(super) requests: Option<Pause>,
    pub(super) answers: Option<Pause>,
}

impl Pauses {
    pub(super) fn of(&mut self, flow: Flow) -> &mut Option<Pause> {
        match flow {
            Flow::Requests => &mut self.requests,
            Flow::Answers => &mut self.answers,
        }
    }
}

impl Session {
    /// Goes on with what a flow waited for. A pause that is there afterwards wakes the task.
    pub(super) fn resume(
        &mut self,
        flow: Flow,
        ctx: &mut Context<Self>,
        cx: &mut TaskContext<'_>,
    ) -> Result<(), End> {
        while let Some(mut pause) = self.pauses.of(flow).take() {
            match pause.0.as_mut().poll(self, ctx, cx) {
                Poll::Ready(went_on) => went_on?,
                Poll::Pending => {
                    *self.pauses.of(flow) = Some(pause);
                    break;
                }
            }
        }
        Ok(())
    }
}
