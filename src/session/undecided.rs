//! Requests that come while this node may not decide: it has no lease, as it does not hear from the leader, or does not keep
//! up. They are held for a moment; where the lease does not come back, the connection is closed without an answer, and the
//! client goes elsewhere. No error code is as good: some would end the client's work, others would keep it here.

use std::time::Duration;

#[cfg(feature = "planted")]
use klamm_raft::planted::PlantedMistake;

use super::Session;
use super::end::End;
use super::inbound::Frame;
use super::pause::Pause;
use crate::metrics::HeldRequest;
use crate::wire::RequestHeader;

/// A request is held for at least so long. All clients of today wait longer.
const HOLD: Duration = Duration::from_secs(2);

/// ApiVersions and SaslHandshake: their answers decide nothing.
const UNDECIDING: [i16; 2] = [18, 17];

impl Session {
    /// Gives back a frame that may be decided on now. Others are held.
    ///
    /// The whole frame has been read, and no view was loaded yet: so the lease is looked at in between, by a clock that is
    /// read now.
    pub(super) fn decidable(&mut self, frame: Frame) -> Option<Frame> {
        #[cfg(feature = "planted")]
        self.load_early();
        let lease = &self.setup.shared.replicated.lease;
        if lease.holds() || !self.is_decision(&frame) {
            self.lapses = lease.lapses();
            return Some(frame);
        }
        let (lease, held) = (lease.clone(), self.setup.shared.metrics.leases.clone());
        let spread = self.setup.shared.limits.drain_spread.mul_f64(self.lot());
        let regained = async move {
            lease.regained().await;
            true
        };
        let hold = Pause::within(
            HOLD + spread,
            regained,
            false,
            move |session, regained| match regained {
                true => {
                    held.held(HeldRequest::Resumed).inc();
                    session.take(frame)
                }
                false => {
                    held.held(HeldRequest::Closed).inc();
                    Err(End::Undecided)
                }
            },
        );
        self.pauses.requests = Some(hold);
        None
    }

    /// Ends the session if requests that were decided under a lease that is over have not left yet: the process was stopped, or
    /// the broker takes nothing. The client has given them up by then and sent them elsewhere; they would come to the
    /// broker after what it has sent since.
    pub(super) fn drop_stale_requests(&self) -> Result<(), End> {
        let lease = &self.setup.shared.replicated.lease;
        match self.upstream.is_flushed() || (lease.lapses() == self.lapses && lease.holds()) {
            true => Ok(()),
            false => Err(End::Undecided),
        }
    }

    #[cfg(feature = "planted")]
    fn load_early(&mut self) {
        if klamm_raft::planted::is_planted(PlantedMistake::ViewFirst) {
            let view = || self.setup.door.view.load_full();
            self.early_view.get_or_insert_with(view);
        }
    }

    /// Whether the answer to a frame depends on what this node knows of rights and logins.
    fn is_decision(&self, frame: &Frame) -> bool {
        let key = RequestHeader::parse(&frame.bytes).map(|header| header.api_key);
        self.conversation.expects_raw() || !key.is_ok_and(|key| UNDECIDING.contains(&key))
    }

    /// From 0 to 1, and another for each session: the ports of clients are as good as random.
    pub(super) fn lot(&self) -> f64 {
        f64::from(self.setup.peer.port() % 1024) / 1024.0
    }
}
