//! Has records judged by policies: few at once, on the session's own thread; many elsewhere, with memory of a budget of its
//! own and when it is the principal's turn. The flow that they belong to waits.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::info;

use super::Session;
use super::budget::{FREE_FRAME_BYTES, Share};
use super::complaints::Complaint;
use super::end::End;
use super::inbound::Frame;
use super::pause::{Flow, Pause};
use crate::policy::{RefusedItem, RequestTally};
use crate::records::{BatchBounds, Workspace};
use crate::vcluster::api;
use crate::vcluster::plan::Caller;
use crate::vcluster::record_work::{PartitionName, RecordResults, RecordWork};

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
        let pending = self.pipeline.next().filter(|pending| pending.may_hold_records());
        if let (Some(pending), Some(caller)) = (pending, &self.caller) {
            let view = self.setup.door.view.load();
            // An answer that does not parse is found out once more when it is told.
            let work = api::unjudged(&view, caller, pending, &results, &frame.bytes);
            if let Ok(Some(work)) = work {
                return self.judge(work, Flow::Answers, |session, (results, memory)| {
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

    /// Has records judged, and goes on with what came of them.
    pub(super) fn judge(
        &mut self,
        work: RecordWork,
        flow: Flow,
        then: impl FnOnce(&mut Self, HeldResults) -> Result<(), End> + 'static,
    ) -> Result<(), End> {
        let size = work.size(&BatchBounds::default());
        if size.bytes <= AT_ONCE_BYTES {
            let results = run(work, usize::MAX);
            self.tell_of_policies(&results);
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
        *self.pauses.of(flow) = Some(Pause::until(judged, |session: &mut Self, judged: HeldResults| {
            session.tell_of_policies(&judged.0);
            then(session, judged)
        }));
        Ok(())
    }

    /// Counts what policies did with a request, and tells the audit log what they refused of it.
    pub(super) fn tell_of_rules(&self, caller: &Caller, ruled: &RequestTally) {
        let vcluster = self.setup.door.metrics.name();
        let metrics = &self.setup.shared.metrics.policies;
        for (policy, outcomes) in ruled.outcomes() {
            metrics.ruled(vcluster, policy, outcomes);
        }
        for RefusedItem { policy, item, why } in ruled.refused() {
            let (principal, peer) = (&caller.principal, self.setup.peer);
            let kind = Complaint::RefusedRequest {
                vcluster: vcluster.clone(),
                principal: principal.clone(),
                policy: policy.clone(),
            };
            if self.setup.shared.complaints.may_write(self.now, &kind, item) {
                info!(
                    target: "klamm::audit",
                    event = "request_refused", %vcluster, %peer, %principal, %policy, item,
                    "a policy refused it: {why}",
                );
            }
        }
    }

    /// Counts what policies did with records, and tells the audit log what they refused.
    fn tell_of_policies(&self, results: &RecordResults) {
        let vcluster = self.setup.door.metrics.name();
        let metrics = &self.setup.shared.metrics.policies;
        for (policy, outcomes) in results.outcomes() {
            metrics.judged(vcluster, policy, outcomes);
        }
        let Some(caller) = &self.caller else { return };
        for (partition, why) in results.refusals() {
            let (principal, peer) = (&caller.principal, self.setup.peer);
            let kind = Complaint::RefusedRecords {
                vcluster: vcluster.clone(),
                principal: principal.clone(),
            };
            let PartitionName { topic, index } = partition;
            if self
                .setup
                .shared
                .complaints
                .may_write(self.now, &kind, (topic, index))
            {
                info!(
                    target: "klamm::audit",
                    event = "records_refused", %vcluster, %peer, %principal, topic, partition = index,
                    "records were refused: {why}",
                );
            }
        }
    }
}

fn run(work: RecordWork, room: usize) -> RecordResults {
    WORKSPACE.with_borrow_mut(|workspace| work.run(workspace, room))
}
