//! Has records judged by policies: few at once, on the session's own thread; many elsewhere, with memory of a budget of its
//! own and when it is the principal's turn. The flow that they belong to waits.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Session;
use super::budget::{FREE_FRAME_BYTES, Share};
use super::end::End;
use super::inbound::Frame;
use super::pause::{Flow, Pause};
use super::pipeline::{Awaited, RequestHead};
use crate::metrics::RecordPhase;
use crate::records::{BatchBounds, Workspace};
use crate::vcluster::api;
use crate::vcluster::record_work::{RecordResults, RecordWork};

/// Work up to this many bytes, decompressed, is done at once: it takes less time than having somebody else do it.
const AT_ONCE_BYTES: usize = 16 << 10;

thread_local! {
    /// The buffers of this thread.
    static WORKSPACE: RefCell<Workspace> = RefCell::new(Workspace::new(BatchBounds::default()));
}

/// The results of judging records, and the memory that they take.
type HeldResults = (RecordResults, Option<Share>);

impl Session {
    /// Tells the client an answer of the broker, once the records in it are judged.
    pub(super) fn tell_judged(&mut self, frame: Frame, results: RecordResults) -> Result<(), End> {
        let next = self.pipeline.next_awaited();
        let next = next.filter(|next| next.pending.may_hold_records());
        if let (Some(Awaited { pending, head, .. }), Some(caller)) = (next, &self.caller) {
            let head = *head;
            let view = self.setup.door.view.load();
            // An answer that does not parse is found out once more when it is told.
            let work = api::unjudged(&view, caller, pending, &results, &frame.bytes);
            if let Ok(Some(work)) = work {
                return self.judge((work, head), Flow::Answers, |session, (results, memory)| {
                    session.tell_judged(frame, results)?;
                    // Where the answer is judged once more, the first results are gone.
                    if let Some(memory) = memory.filter(|_| session.pauses.answers.is_none()) {
                        session.outbound.hold(Rc::new(memory));
                    }
                    Ok(())
                });
            }
        }
        self.tell(frame, &results)
    }

    /// Has records of a request, or of its answer, judged, and goes on with what came of them.
    pub(super) fn judge(
        &mut self,
        (work, head): (RecordWork, RequestHead),
        flow: Flow,
        then: impl FnOnce(&mut Self, HeldResults) -> Result<(), End> + 'static,
    ) -> Result<(), End> {
        let begun = Instant::now();
        let size = work.size(&BatchBounds::default());
        if size.bytes <= AT_ONCE_BYTES {
            let results = run(work, usize::MAX);
            self.has_judged(flow, begun);
            self.tell_of_policies(&results, head);
            return then(self, (results, None));
        }
        let (purse, limit) = (Arc::clone(&self.purse), self.setup.shared.limits.need_timeout);
        let judged = async move {
            let room = async {
                (
                    purse.policies.taken(size.memory).await,
                    purse.turns.taken(1).await,
                )
            };
            let Ok((mut memory, turn)) = timeout(limit, room).await else {
                return (work.give_up(), None);
            };
            let judged = spawn_blocking(move || {
                let results = run(work, memory.bytes());
                // Also when nobody waits for the results any more.
                drop(turn);
                memory.reduce(results.bytes());
                let is_counted = results.bytes() > FREE_FRAME_BYTES;
                (results, is_counted.then_some(memory))
            });
            // A panic ends the session, as it does on its own thread.
            judged
                .await
                .unwrap_or_else(|failed| resume_unwind(failed.into_panic()))
        };
        *self.pauses.of(flow) = Some(Pause::until(
            judged,
            move |session: &mut Self, judged: HeldResults| {
                session.has_judged(flow, begun);
                session.tell_of_policies(&judged.0, head);
                then(session, judged)
            },
        ));
        Ok(())
    }

    /// Takes the time for which a request or an answer waited for policies.
    fn has_judged(&self, flow: Flow, begun: Instant) {
        let phase = match flow {
            Flow::Requests => RecordPhase::Produce,
            Flow::Answers => RecordPhase::Consume,
        };
        let wait = self.setup.door.metrics.policies.wait(phase);
        wait.observe(begun.elapsed().as_secs_f64());
    }
}

fn run(work: RecordWork, room: usize) -> RecordResults {
    let begun = Instant::now();
    WORKSPACE.with_borrow_mut(|workspace| work.run(workspace, room, || begun.elapsed()))
}
