//! The I/O loop of a session. It is polled with the session itself, whenever a socket or something else that the session
//! waits for is ready, and moves whatever can be moved.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::Session;
use super::deadlines::Due;
use super::end::End;
use super::inbound::{Filled, Frame, end_of};
use super::orders::{Orders, SessionMode};
use super::pause::Flow;
use super::pipeline::RequestHead;
use super::stage::SessionStage;
use crate::vcluster::api;
use crate::vcluster::plan::{Caller, Place, Stay};

/// How often a turn goes over everything before other sessions of the arbiter get theirs.
const MAX_ROUNDS: usize = 16;

/// The API key that a SASL message without a request header is counted under.
const SASL_AUTHENTICATE: i16 = 36;

/// Why a side is not read any further in this round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// Nothing is there. The task is woken when something is.
    Empty,
    /// There may be more, but there is no room for what comes of it.
    Full,
}

/// The I/O loop, as an actor future.
#[derive(Debug)]
pub(super) struct Pump;

impl ActorFuture<Session> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut Session,
        ctx: &mut Context<Session>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        match session.turn(ctx, task) {
            Ok(()) => Poll::Pending,
            Err(end) => {
                session.log_end(end);
                session.end = Some(end);
                session.outlast(end);
                ctx.stop();
                Poll::Ready(())
            }
        }
    }
}

impl Session {
    /// Moves what can be moved. An error is the end of the session.
    fn turn(&mut self, ctx: &mut Context<Self>, cx: &mut TaskContext<'_>) -> Result<(), End> {
        self.now = Instant::now();
        self.drop_stale_requests()?;
        if let Some(orders) = self.feed.poll(cx) {
            self.obey(orders)?;
        }
        if self.setup.seat.poll_lost(cx).is_ready() {
            self.leave()?;
        }
        for round in 0..MAX_ROUNDS {
            if round > 0 {
                self.now = Instant::now();
            }
            self.resume(Flow::Requests, ctx, cx)?;
            self.resume(Flow::Answers, ctx, cx)?;
            let requests_paused = self.pauses.requests.is_some();
            let answers_paused = self.pauses.answers.is_some();
            self.relay_deferred()?;
            let client = self.read_client(cx)?;
            self.upstream.poll_write(cx)?;
            let upstream = self.read_upstream(cx)?;
            self.write_client(cx)?;
            self.leave_broker();
            if let SessionStage::Draining(end) = self.stage
                && self.is_finished()
            {
                return Err(end);
            }
            // Whatever else is to be done wakes the task when it can be.
            let can_go_on = (client == Stopped::Full && self.may_plan())
                || (upstream == Stopped::Full && self.may_take_answers())
                || (self.pauses.requests.is_some() && !requests_paused)
                || (self.pauses.answers.is_some() && !answers_paused)
                || (self.deferred.is_some() && self.is_quiet());
            if !can_go_on {
                return self.watch_time(cx);
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// The seat is somebody else's: whoever has not logged in ends, others finish what is in flight.
    fn leave(&mut self) -> Result<(), End> {
        if self.caller.is_none() {
            return Err(End::SeatGivenAway);
        }
        self.drain(End::SeatGivenAway);
        // It may have been finishing already, and taking its time.
        self.deadlines.draining(self.now, End::SeatGivenAway);
        Ok(())
    }

    fn obey(&mut self, orders: Orders) -> Result<(), End> {
        match orders.mode {
            SessionMode::Close(end) => return Err(end),
            SessionMode::Drain => {
                let wait = self.stays_when_draining();
                self.deadlines.drain_at(self.now + wait, End::Drained);
            }
            SessionMode::Serve => {}
        }
        self.look_at_route();
        let view = self.setup.door.view.load();
        self.check_login(&view.directory)
    }

    /// How long this session goes on serving on a node that drains.
    fn stays_when_draining(&self) -> Duration {
        let limits = &self.setup.shared.limits;
        if self.stage != SessionStage::Serving {
            // Somebody who comes back is told where to go, and does not have to ask for it at the bootstrap addresses.
            return limits.drain_visit;
        }
        limits.drain_spread.mul_f64(self.lot())
    }

    /// Whether the broker owes nothing and has all that was sent.
    pub(super) fn is_quiet(&self) -> bool {
        self.pipeline.is_empty() && self.upstream.is_flushed()
    }

    /// Whether nothing is left to be done for what was read.
    fn is_finished(&self) -> bool {
        self.pauses.requests.is_none()
            && self.deferred.is_none()
            && self.is_quiet()
            && self.outbound.is_empty()
    }

    /// Whether another request may be planned now.
    fn may_plan(&self) -> bool {
        let limits = &self.setup.shared.limits;
        self.pauses.requests.is_none()
            && self.deferred.is_none()
            && self.stage.reads()
            && !self.deadlines.is_throttled(self.now)
            && self.pipeline.len() < limits.max_in_flight
            && self.outbound.queued_bytes() + self.pipeline.waiting_bytes() < limits.max_queued_bytes
            && self.upstream.queued_bytes() < limits.max_queued_bytes
            && (self.is_quiet() || !self.upstream.is_retired(self.now))
    }

    /// Whether another answer of the broker may be read now.
    fn may_take_answers(&self) -> bool {
        self.outbound.queued_bytes() < self.setup.shared.limits.max_queued_bytes
    }

    fn read_client(&mut self, cx: &mut TaskContext<'_>) -> Result<Stopped, End> {
        let mut stopped = Stopped::Full;
        while self.may_plan() {
            if let Some(frame) = self.inbound.next_frame().map_err(end_of)? {
                self.deadlines.frame_arrived();
                self.take(frame)?;
                continue;
            }
            match self.inbound.poll_fill(&mut self.socket, cx, &self.purse.requests) {
                Poll::Pending => {
                    stopped = Stopped::Empty;
                    break;
                }
                Poll::Ready(Ok(Filled::Bytes(count))) => {
                    self.setup.door.metrics.bytes_in.inc_by(count as u64);
                    self.uses(|figures| figures.bytes_in += count as u64);
                    self.deadlines.active(self.now);
                }
                // What it sent before is still carried out, as a broker does.
                Poll::Ready(Ok(Filled::End)) => self.drain(End::ClientClosed),
                Poll::Ready(Err(_)) => return Err(End::ClientBroken),
            }
        }
        let front = self.inbound.front();
        match stopped {
            Stopped::Empty => self.deadlines.frame_awaited(self.now, front),
            Stopped::Full => self.deadlines.frame_unread(self.now, front),
        }
        Ok(stopped)
    }

    /// A whole frame of the client.
    pub(super) fn take(&mut self, frame: Frame) -> Result<(), End> {
        let Some(frame) = self.decidable(frame) else {
            return Ok(());
        };
        if self.conversation.expects_raw() {
            let head = RequestHead {
                api_key: SASL_AUTHENTICATE,
                version: 0,
                correlation_id: 0,
                at: self.now,
                is_counted: false,
            };
            self.count_request(head);
            return self.on_raw_sasl(&frame.bytes, head);
        }
        self.on_request(frame)
    }

    fn read_upstream(&mut self, cx: &mut TaskContext<'_>) -> Result<Stopped, End> {
        while !self.pipeline.is_empty() {
            if self.pauses.answers.is_some() {
                self.deadlines.answer_rests();
                return Ok(Stopped::Empty);
            }
            if !self.may_take_answers() {
                self.deadlines.answer_rests();
                return Ok(Stopped::Full);
            }
            match self.upstream.poll_answer(cx, &self.purse.responses) {
                Poll::Pending => {
                    self.deadlines.answer_awaited(self.now, self.upstream.front());
                    return Ok(Stopped::Empty);
                }
                Poll::Ready(answer) => {
                    self.deadlines.answer_rests();
                    self.on_answer(answer?)?;
                }
            }
        }
        self.deadlines.answer_rests();
        self.upstream.watch_idle(cx)?;
        Ok(Stopped::Empty)
    }

    fn write_client(&mut self, cx: &mut TaskContext<'_>) -> Result<(), End> {
        while !self.outbound.is_empty() {
            match self.outbound.poll_write(&mut self.socket, cx) {
                Poll::Ready(Ok(count)) => {
                    self.setup.door.metrics.bytes_out.inc_by(count as u64);
                    self.uses(|figures| figures.bytes_out += count as u64);
                    self.deadlines.active(self.now);
                }
                Poll::Pending => {
                    let (written, queued) = (self.outbound.written_bytes(), self.outbound.queued_bytes());
                    self.deadlines.write_stalled(self.now, written, queued);
                    return Ok(());
                }
                Poll::Ready(Err(_)) => return Err(End::ClientBroken),
            }
        }
        self.deadlines.write_done();
        Ok(())
    }

    /// Sends the client elsewhere, and drains if it has been told for long enough.
    ///
    /// A Java client that is cut off from the only broker it knows may forget its topics for a moment; its consumer then
    /// rejoins its group without having committed, and reads again from the last commit. It does not if it was just told
    /// the addresses of brokers. So a fetch is answered in a way that makes it ask, and [`Session::has_directed`] drains
    /// after that answer.
    fn part(&mut self, end: End) {
        match &mut self.caller {
            Some(caller) if caller.stay == Stay::Here => {
                caller.stay = Stay::Elsewhere;
                let at = self.now + self.setup.shared.limits.drain_visit;
                self.deadlines.put_off_drain(at, end);
            }
            _ => self.drain(end),
        }
    }

    /// Drains a session that should go elsewhere once its client has asked for the addresses of brokers.
    pub(super) fn has_directed(&mut self, head: RequestHead) {
        let goes = |caller: &Caller| caller.stay == Stay::Elsewhere && caller.place != Place::Bootstrap;
        if api::tells_addresses(head.api_key) && self.caller.as_ref().is_some_and(goes) {
            self.drain(End::Drained);
        }
    }

    /// Does what is due, and has the task woken for what comes next.
    fn watch_time(&mut self, cx: &mut TaskContext<'_>) -> Result<(), End> {
        self.timer.settle(self.now);
        loop {
            let (at, due) = self.deadlines.next();
            if at > self.now {
                self.timer.arm(at, cx);
                return Ok(());
            }
            match due {
                Due::End(end) => return Err(end),
                Due::Drain(end) => {
                    self.part(end);
                    // The next turn sees whether anything is in flight.
                    cx.waker().wake_by_ref();
                }
                Due::Tidy => self.tidy(),
                Due::HandUsageOver => self.hand_usage_over(),
                Due::Resume => {
                    self.deadlines.resumed();
                    // The next turn reads.
                    cx.waker().wake_by_ref();
                }
            }
        }
    }

    /// An idle session gives up what another may need.
    fn tidy(&mut self) {
        self.deadlines.tidied();
        self.outbound.shrink();
        self.upstream.shrink();
        self.pipeline.shrink();
        if self.is_quiet() && self.upstream.may_be_shared() {
            self.upstream.release();
        }
    }
}
