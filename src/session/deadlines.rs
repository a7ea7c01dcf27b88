//! When a session must end if nothing happens. Pure: time is an argument.

use std::time::{Duration, Instant};

use super::end::End;
use super::inbound::FrameFront;
use super::limits::Limits;
use super::progress::Progress;

/// Of the answers that wait, a client takes one part in so many within the write timeout.
const ANSWER_PARTS: u64 = 5;

/// The action of a session when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    End(End),
    /// Stop reading and finish.
    Drain(End),
    /// Give up what an idle session does not need.
    Tidy,
    /// Read on.
    Resume,
    /// Leave the sums of what was used for the node.
    HandUsageOver,
}

/// The points in time that deadlines are counted from.
#[derive(Debug)]
pub(super) struct Deadlines {
    limits: Limits,
    accepted: Instant,
    last_activity: Instant,
    logged_in: bool,
    frame_begun: Option<Instant>,
    /// Of a large frame of the client.
    arrival: Progress,
    /// Of an answer of the broker.
    answer: Progress,
    /// Of what the client takes.
    write: Progress,
    drain: Option<(Instant, End)>,
    draining_until: Option<(Instant, End)>,
    switching_until: Option<Instant>,
    /// Until then the client is not read, because of a quota.
    throttled_until: Option<Instant>,
    tidy: bool,
    /// By then the sums of what was used are left for the node.
    usage_due: Option<Instant>,
}

impl Deadlines {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            accepted: now,
            last_activity: now,
            logged_in: false,
            frame_begun: None,
            arrival: Progress::default(),
            answer: Progress::default(),
            write: Progress::default(),
            drain: None,
            draining_until: None,
            switching_until: None,
            throttled_until: None,
            tidy: true,
            usage_due: None,
        }
    }

    /// Bytes came from the client or went to it.
    pub(super) fn active(&mut self, now: Instant) {
        self.last_activity = self.last_activity.max(now);
        self.tidy = false;
    }

    pub(super) fn logged_in(&mut self) {
        self.logged_in = true;
    }

    /// Notes how much there is of the client's next frame; all of it that came was read.
    pub(super) fn frame_awaited(&mut self, now: Instant, front: FrameFront) {
        self.frame_is(now, front);
        match front {
            FrameFront::Large(arrived) => {
                let part = self.limits.min_frame_progress_bytes as u64;
                self.arrival.waits(now, arrived as u64, part);
            }
            FrameFront::Nothing | FrameFront::AwaitsMemory | FrameFront::Small(_) => self.arrival.rests(),
        }
    }

    /// Notes how much there is of the client's next frame while there is no room to read on: the client may well have
    /// sent more.
    pub(super) fn frame_unread(&mut self, now: Instant, front: FrameFront) {
        self.frame_is(now, front);
        self.arrival.rests();
    }

    fn frame_is(&mut self, now: Instant, front: FrameFront) {
        // While it waits for memory, the client can do nothing about it, and holds nothing.
        self.frame_begun = match front {
            FrameFront::Nothing | FrameFront::AwaitsMemory => None,
            FrameFront::Small(_) | FrameFront::Large(_) => {
                let begun = self.frame_begun.unwrap_or(now);
                // Nor while it is not read.
                Some(begun.max(self.throttled_until.unwrap_or(begun)))
            }
        };
    }

    /// A whole frame arrived.
    pub(super) fn frame_arrived(&mut self) {
        self.frame_begun = None;
        self.arrival.rests();
    }

    /// Notes how much there is of the broker's next answer, and that all of it that came was read.
    pub(super) fn answer_awaited(&mut self, now: Instant, front: FrameFront) {
        match front {
            FrameFront::Nothing | FrameFront::AwaitsMemory => self.answer.rests(),
            FrameFront::Small(arrived) | FrameFront::Large(arrived) => {
                let part = self.limits.min_frame_progress_bytes as u64;
                self.answer.waits(now, arrived as u64, part);
            }
        }
    }

    /// No answer is owed, one has arrived, or there is no room to read one.
    pub(super) fn answer_rests(&mut self) {
        self.answer.rests();
    }

    /// The client takes no more now. It took `written` bytes until now, and `queued` wait for it.
    pub(super) fn write_stalled(&mut self, now: Instant, written: u64, queued: usize) {
        let part = (queued as u64 / ANSWER_PARTS).max(1);
        self.write.waits(now, written, part);
    }

    /// The client has taken everything.
    pub(super) fn write_done(&mut self) {
        self.write.rests();
    }

    /// Begin to finish at `at`, unless that is known already or has begun: an order to drain comes again with every other
    /// order of a node that drains.
    pub(super) fn drain_at(&mut self, at: Instant, end: End) {
        if self.draining_until.is_none() {
            self.drain.get_or_insert((at, end));
        }
    }

    /// Whether it is known when to begin to finish.
    pub(super) fn will_drain(&self) -> bool {
        self.drain.is_some()
    }

    /// Not yet: at `at`.
    pub(super) fn put_off_drain(&mut self, at: Instant, end: End) {
        self.drain = Some((at, end));
    }

    /// Finishing began.
    pub(super) fn draining(&mut self, now: Instant, end: End) {
        self.drain = None;
        let limit = match end {
            End::SeatGivenAway => self.limits.leave_timeout,
            _ => self.limits.drain_timeout,
        };
        let until = self.draining_until.get_or_insert((now + limit, end));
        until.0 = until.0.min(now + limit);
    }

    /// Requests go to another physical cluster from now on, once the one before owes nothing; the session ends if that is not so by
    /// then.
    pub(super) fn switching_by(&mut self, until: Instant) {
        self.switching_until.get_or_insert(until);
    }

    /// Nothing is owed any more.
    pub(super) fn switched(&mut self) {
        self.switching_until = None;
    }

    pub(super) fn is_switching(&self) -> bool {
        self.switching_until.is_some()
    }

    /// The client is not read until then, because of a quota: it is not idle meanwhile, and need not send anything.
    pub(super) fn throttle(&mut self, until: Instant) {
        self.throttled_until = self.throttled_until.max(Some(until));
        self.last_activity = self.last_activity.max(until);
    }

    /// Whether the client is not read now, because of a quota.
    pub(super) fn is_throttled(&self, now: Instant) -> bool {
        self.throttled_until.is_some_and(|until| until > now)
    }

    /// For how long the client is not read from now on, if it is not.
    pub(super) fn throttled_for(&self, now: Instant) -> Option<Duration> {
        let until = self.throttled_until?;
        (until > now).then(|| until - now)
    }

    /// The client is read again.
    pub(super) fn resumed(&mut self) {
        self.throttled_until = None;
    }

    /// Something was used, which is known to the node by then at the latest.
    pub(super) fn has_used(&mut self, by: Instant) {
        self.usage_due.get_or_insert(by);
    }

    /// Everything that was used is known to the node.
    pub(super) fn handed_over(&mut self) {
        self.usage_due = None;
    }

    /// An idle session has given up what it does not need.
    pub(super) fn tidied(&mut self) {
        self.tidy = true;
    }

    /// The next deadline, and what to do when it passes.
    pub(super) fn next(&self) -> (Instant, Due) {
        let limits = &self.limits;
        let candidates = [
            Some((self.last_activity + limits.idle_timeout, Due::End(End::Idle))),
            (!self.logged_in).then(|| (self.accepted + limits.login_timeout, Due::End(End::LoginTimeout))),
            self.frame_begun
                .map(|begun| (begun + limits.frame_timeout, Due::End(End::SlowFrame))),
            self.arrival
                .stuck_since()
                .map(|since| (since + limits.frame_stall_timeout, Due::End(End::SlowFrame))),
            self.answer.stuck_since().map(|since| {
                (
                    since + limits.answer_stall_timeout,
                    Due::End(End::UpstreamStalled),
                )
            }),
            self.write
                .stuck_since()
                .map(|since| (since + limits.write_timeout, Due::End(End::SlowReader))),
            self.drain.map(|(at, end)| (at, Due::Drain(end))),
            self.draining_until.map(|(until, end)| (until, Due::End(end))),
            self.switching_until
                .map(|until| (until, Due::End(End::Switching))),
            self.throttled_until.map(|until| (until, Due::Resume)),
            (!self.tidy).then(|| (self.last_activity + limits.tidy_after, Due::Tidy)),
            self.usage_due.map(|due| (due, Due::HandUsageOver)),
        ];
        candidates
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
            .expect("the idle deadline is always there")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> (Deadlines, Instant) {
        let now = Instant::now();
        (Deadlines::new(Limits::default(), now), now)
    }

    #[test]
    fn a_connection_that_does_not_log_in_ends_however_busy_it_is() {
        let (mut deadlines, start) = start();
        deadlines.active(start + 9 * SECOND);
        deadlines.tidied();
        assert_eq!(
            deadlines.next(),
            (start + 10 * SECOND, Due::End(End::LoginTimeout))
        );
        deadlines.logged_in();
        assert_eq!(deadlines.next(), (start + 609 * SECOND, Due::End(End::Idle)));
    }

    #[test]
    fn an_idle_session_is_tidied_once() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.active(start + SECOND);
        assert_eq!(deadlines.next(), (start + 16 * SECOND, Due::Tidy));
        deadlines.tidied();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn a_frame_counts_from_its_first_byte() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        for second in 0..290 {
            deadlines.active(start + second * SECOND);
            deadlines.frame_awaited(start + second * SECOND, FrameFront::Small(second as usize));
            deadlines.tidied();
        }
        assert_eq!(deadlines.next(), (start + 300 * SECOND, Due::End(End::SlowFrame)));
        deadlines.frame_arrived();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn a_large_frame_must_get_on() {
        let part = Limits::default().min_frame_progress_bytes;
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.tidied();
        deadlines.frame_awaited(start, FrameFront::Large(70_000));
        deadlines.frame_awaited(start + 5 * SECOND, FrameFront::Large(70_001));
        assert_eq!(deadlines.next(), (start + 10 * SECOND, Due::End(End::SlowFrame)));
        deadlines.frame_awaited(start + 6 * SECOND, FrameFront::Large(70_000 + part));
        assert_eq!(deadlines.next(), (start + 16 * SECOND, Due::End(End::SlowFrame)));
        deadlines.frame_awaited(start + 7 * SECOND, FrameFront::AwaitsMemory);
        assert_eq!(
            deadlines.next().1,
            Due::End(End::Idle),
            "nobody waits for the client"
        );
        deadlines.frame_awaited(start + 200 * SECOND, FrameFront::Large(70_000));
        deadlines.frame_arrived();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    /// The client may have sent it all. But memory is kept for it, and that is not for ever.
    #[test]
    fn a_frame_that_is_not_read_has_all_its_time_and_no_more() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.active(start + 250 * SECOND);
        deadlines.tidied();
        deadlines.frame_awaited(start, FrameFront::Large(70_000));
        for second in 0..250 {
            deadlines.frame_unread(start + second * SECOND, FrameFront::Large(70_000));
        }
        assert_eq!(deadlines.next(), (start + 300 * SECOND, Due::End(End::SlowFrame)));
    }

    #[test]
    fn an_answer_that_stops_is_the_brokers_doing() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.tidied();
        deadlines.answer_awaited(start, FrameFront::Nothing);
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
        deadlines.answer_awaited(start + SECOND, FrameFront::Small(3));
        deadlines.answer_awaited(start + 2 * SECOND, FrameFront::Small(4));
        assert_eq!(
            deadlines.next(),
            (start + 31 * SECOND, Due::End(End::UpstreamStalled))
        );
        deadlines.answer_rests();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn a_client_that_does_not_read_is_cut_off() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.tidied();
        deadlines.write_stalled(start + SECOND, 500, 1000);
        deadlines.write_stalled(start + 50 * SECOND, 501, 999);
        assert_eq!(deadlines.next(), (start + 61 * SECOND, Due::End(End::SlowReader)));
        deadlines.write_stalled(start + 60 * SECOND, 700, 800);
        assert_eq!(
            deadlines.next(),
            (start + 120 * SECOND, Due::End(End::SlowReader))
        );
        deadlines.write_done();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn who_is_not_read_is_neither_idle_nor_slow() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.frame_awaited(start, FrameFront::Large(70_000));
        let until = start + 1000 * SECOND;
        deadlines.throttle(until);
        deadlines.throttle(start + SECOND);
        deadlines.frame_unread(start + SECOND, FrameFront::Large(70_000));
        deadlines.active(start + 2 * SECOND);
        assert_eq!(deadlines.throttled_for(start + SECOND), Some(999 * SECOND));
        assert_eq!(deadlines.next(), (until, Due::Resume));
        assert!(deadlines.is_throttled(until - SECOND) && !deadlines.is_throttled(until));
        deadlines.resumed();
        assert_eq!(deadlines.next(), (until + 15 * SECOND, Due::Tidy));
        deadlines.tidied();
        assert_eq!(deadlines.next(), (until + 300 * SECOND, Due::End(End::SlowFrame)));
    }

    #[test]
    fn draining_begins_and_ends_in_time() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.drain_at(start + SECOND, End::Drained);
        deadlines.drain_at(start + 5 * SECOND, End::Drained);
        assert_eq!(deadlines.next(), (start + SECOND, Due::Drain(End::Drained)));
        deadlines.draining(start + SECOND, End::Drained);
        let end = start + SECOND + Limits::default().drain_timeout;
        assert_eq!(deadlines.next(), (end, Due::End(End::Drained)));
        deadlines.drain_at(start + 2 * SECOND, End::Drained);
        assert_eq!(
            deadlines.next(),
            (end, Due::End(End::Drained)),
            "what has begun does not begin again"
        );
    }
}
