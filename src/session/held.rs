//! A broker's answer that waits until the view shows what it says. Requests go on meanwhile; answers after it wait.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Session;
use super::end::End;
use super::inbound::Frame;
use super::pause::Pause;
use crate::vcluster::api::{self, Freshness};
use crate::vcluster::pending::Pending;
use crate::vcluster::record_work::RecordResults;

/// The time before each look for topics that an answer tells of. A broker that is asked may be a little behind the one that
/// answered, and a busy one by seconds.
const LOOKS_AFTER: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

impl Session {
    /// Tells the client an answer of the broker, at once or when the view shows what it says.
    pub(super) fn on_answer(&mut self, frame: Frame) -> Result<(), End> {
        let may_run_ahead = self.pipeline.next().is_some_and(Pending::may_run_ahead);
        if may_run_ahead && self.freshness(&frame)? != Freshness::Enough {
            return self.hold(frame, &LOOKS_AFTER);
        }
        self.tell_judged(frame, RecordResults::NONE)
    }

    fn freshness(&self, frame: &Frame) -> Result<Freshness, End> {
        let pending = self.pipeline.next().ok_or(End::BadUpstream)?;
        Ok(api::freshness(
            &self.setup.door.view.load(),
            pending,
            &frame.bytes,
        ))
    }

    /// Has topics looked for after these times, until the view shows those of an answer.
    fn hold(&mut self, frame: Frame, looks_after: &'static [Duration]) -> Result<(), End> {
        let Some((wait, later)) = looks_after.split_first() else {
            return self.tell(frame, &RecordResults::NONE);
        };
        let limit = self.setup.shared.limits.need_timeout;
        let refresh = self.setup.door.refresh.clone();
        let look = async move {
            sleep(*wait).await;
            // Late or not, the answer is told with what is known then.
            drop(timeout(limit, refresh()).await);
        };
        self.pauses.answers = Some(Pause::until(look, move |session, ()| {
            match session.freshness(&frame)? {
                Freshness::Topics => session.hold(frame, later),
                _ => session.tell(frame, &RecordResults::NONE),
            }
        }));
        Ok(())
    }
}
