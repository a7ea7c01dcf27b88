//! Requests that come while they are switched to another physical cluster: they are held until it is known where they go, and what
//! the last one owes is waited for.

use std::time::Duration;

use super::Session;
use super::end::End;
use super::pause::Pause;
use super::serve::Unplanned;
use crate::vcluster::plan::Attempt;

/// A request is held for at most so long. All clients of today wait longer.
const HOLD: Duration = Duration::from_secs(10);

/// Answers that a broker owes are waited for at most so long.
pub(super) const FINISH: Duration = Duration::from_secs(5);

/// Answers to requests that change nothing, and may lie at a broker for minutes: a member that waits for the others of its group,
/// or a reader for records.
pub(super) const FINISH_WAITING: Duration = Duration::from_secs(1);

/// Between two looks at a view that is not the one that was just announced.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

impl Session {
    /// Has a request wait until requests may go upstream again.
    pub(super) fn wait_for_route(&mut self, request: Unplanned, attempt: Attempt) {
        let passage = self.setup.door.passage.clone();
        let lifted = async move {
            tokio::time::sleep(LOOK_AGAIN).await;
            passage.lifted().await;
            true
        };
        let left = HOLD.saturating_sub(request.head.at.elapsed());
        self.pauses.requests = Some(Pause::within(
            left,
            lifted,
            false,
            move |session, lifted| match lifted {
                true => session.serve(request, attempt),
                false => Err(End::Switching),
            },
        ));
    }

    /// Looks whether requests are switched to another physical cluster.
    pub(super) fn look_at_route(&mut self) {
        let is_fenced = self.setup.door.view.load().route.is_fenced;
        match is_fenced && self.upstream.is_linked() {
            true => {
                let finish = match self.pipeline.owed_changes() {
                    0 => FINISH_WAITING,
                    _ => FINISH,
                };
                self.deadlines.switching_by(self.now + finish);
            }
            false => self.deadlines.switched(),
        }
    }

    /// Lets go of the broker that requests went to, once it owes nothing.
    pub(super) fn leave_broker(&mut self) {
        if self.deadlines.is_switching() && self.is_quiet() {
            self.upstream.release();
            self.deadlines.switched();
        }
    }
}
