//! Has records judged by policies: few at once, on the session's own thread; many elsewhere, with memory of a budget of its
//! own and when it is the principal's turn. The flow that they belong to waits.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Session;
use super::budget::{FREE_FRAME_BYTES, Purse, Share};
use super::end::End;
use super::inbound::Frame;
use super::pause::{Flow, Pause};
use super::pipeline::{Awaited, RequestHead};
use crate::keys::RecordKeys;
use crate::metrics::RecordPhase;
use crate::policy::{AtHand, MayWait, RecordNeed};
use crate::records::{BatchBounds, Workspace};
use crate::registries::Registries;
use crate::vcluster::api;
use crate::vcluster::record_work::{RecordResults, RecordWork, WorkEnd};

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
        let shared = &self.setup.shared;
        let at_hand = AtHand {
            keys: Arc::<RecordKeys>::clone(&shared.record_keys),
            schemas: Arc::<Registries>::clone(&shared.registries),
            may_wait: MayWait::YES,
        };
        let (work, lacking) = if size.bytes <= AT_ONCE_BYTES {
            match run(work, &at_hand, usize::MAX) {
                WorkEnd::Judged(results) => {
                    self.has_judged(flow, begun);
                    self.tell_of_policies(&results, head);
                    return then(self, (results, None));
                }
                WorkEnd::Lacks { work, needs } => (work, needs),
            }
        } else {
            (work, Vec::new())
        };
        let judging = RecordJudging {
            purse: Arc::clone(&self.purse),
            limit: self.setup.shared.limits.need_timeout,
            record_keys: Arc::clone(&self.setup.shared.record_keys),
            registries: Arc::clone(&self.setup.shared.registries),
            memory: size.memory,
        };
        let judged = judging.judged(work, (at_hand, lacking));
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

/// The judgement of records on other threads than the session's.
struct RecordJudging {
    purse: Arc<Purse>,
    /// For memory and a turn; and for keys and schemas, once each.
    limit: Duration,
    record_keys: Arc<RecordKeys>,
    registries: Arc<Registries>,
    memory: usize,
}

impl RecordJudging {
    /// Waits for keys and schemas where some are lacking, holding nothing meanwhile; then for memory and a turn. For neither is
    /// waited a second time.
    async fn judged(
        self,
        mut work: RecordWork,
        (mut at_hand, mut lacking): (AtHand, Vec<RecordNeed>),
    ) -> HeldResults {
        loop {
            if !lacking.is_empty() {
                self.wait_for(lacking, &mut at_hand).await;
            }
            match self.round(work, at_hand.clone()).await {
                (WorkEnd::Judged(results), memory) => return (results, memory),
                (
                    WorkEnd::Lacks {
                        work: again,
                        needs: more,
                    },
                    _,
                ) => (work, lacking) = (again, more),
            }
        }
    }

    async fn wait_for(&self, lacking: Vec<RecordNeed>, at_hand: &mut AtHand) {
        let (keys, schemas) = RecordNeed::sorted(lacking);
        if !keys.is_empty() {
            let obtained = timeout(self.limit, Arc::clone(&self.record_keys).obtain(keys)).await;
            if let Ok(obtained) = obtained {
                at_hand.keys = Arc::new(obtained);
            }
            at_hand.may_wait.for_keys = false;
        }
        if !schemas.is_empty() {
            let obtained = timeout(self.limit, Arc::clone(&self.registries).obtain(schemas)).await;
            if let Ok(obtained) = obtained {
                at_hand.schemas = Arc::new(obtained);
            }
            at_hand.may_wait.for_schemas = false;
        }
    }

    async fn round(&self, work: RecordWork, at_hand: AtHand) -> (WorkEnd, Option<Share>) {
        let room = async {
            (
                self.purse.policies.taken(self.memory).await,
                self.purse.turns.taken(1).await,
            )
        };
        let Ok((mut memory, turn)) = timeout(self.limit, room).await else {
            return (WorkEnd::Judged(work.give_up()), None);
        };
        let judged = spawn_blocking(move || {
            let end = run(work, &at_hand, memory.bytes());
            // Also when nobody waits for the results any more.
            drop(turn);
            let bytes = match &end {
                WorkEnd::Judged(results) => results.bytes(),
                WorkEnd::Lacks { .. } => 0,
            };
            memory.reduce(bytes);
            let is_counted = bytes > FREE_FRAME_BYTES;
            (end, is_counted.then_some(memory))
        });
        // A panic ends the session, as it does on its own thread.
        judged
            .await
            .unwrap_or_else(|failed| resume_unwind(failed.into_panic()))
    }
}

fn run(work: RecordWork, at_hand: &AtHand, room: usize) -> WorkEnd {
    let begun = Instant::now();
    WORKSPACE.with_borrow_mut(|workspace| work.run(workspace, at_hand, room, || begun.elapsed()))
}
