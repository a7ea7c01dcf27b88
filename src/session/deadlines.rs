//! When a session must end if nothing happens. Pure: time is an argument.

use std::time::Instant;

use super::end::End;
use super::limits::Limits;

/// What a session does when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    End(End),
    /// Stop reading and finish.
    Drain(End),
    /// Give up what an idle session does not need.
    Tidy,
}

/// The points in time that deadlines are counted from.
#[derive(Debug)]
pub(super) struct Deadlines {
    limits: Limits,
    accepted: Instant,
    last_activity: Instant,
    logged_in: bool,
    frame_begun: Option<Instant>,
    write_stalled: Option<Instant>,
    drain: Option<(Instant, End)>,
    draining_since: Option<(Instant, End)>,
    tidy: bool,
}

impl Deadlines {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            accepted: now,
            last_activity: now,
            logged_in: false,
            frame_begun: None,
            write_stalled: None,
            drain: None,
            draining_since: None,
            tidy: true,
        }
    }

    /// Bytes came from the client or went to it.
    pub(super) fn active(&mut self, now: Instant) {
        self.last_activity = now;
        self.tidy = false;
    }

    pub(super) fn logged_in(&mut self) {
        self.logged_in = true;
    }

    /// Whether a frame has begun to arrive and is not complete.
    pub(super) fn frame_is_partial(&mut self, partial: Option<Instant>) {
        self.frame_begun = partial.map(|now| self.frame_begun.unwrap_or(now));
    }

    /// A whole frame arrived.
    pub(super) fn frame_arrived(&mut self) {
        self.frame_begun = None;
    }

    /// The client takes no more of what waits for it, since `now` if it did until now.
    pub(super) fn write_stalled(&mut self, now: Instant) {
        self.write_stalled.get_or_insert(now);
    }

    /// The client took something.
    pub(super) fn write_moved(&mut self) {
        self.write_stalled = None;
    }

    /// Begin to finish at `at`.
    pub(super) fn drain_at(&mut self, at: Instant, end: End) {
        self.drain.get_or_insert((at, end));
    }

    /// Finishing began.
    pub(super) fn draining(&mut self, now: Instant, end: End) {
        self.drain = None;
        self.draining_since.get_or_insert((now, end));
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
            self.write_stalled
                .map(|since| (since + limits.write_timeout, Due::End(End::SlowReader))),
            self.drain.map(|(at, end)| (at, Due::Drain(end))),
            self.draining_since
                .map(|(since, end)| (since + limits.drain_timeout, Due::End(end))),
            (!self.tidy).then(|| (self.last_activity + limits.tidy_after, Due::Tidy)),
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
    use std::time::Duration;

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
            deadlines.frame_is_partial(Some(start + second * SECOND));
            deadlines.tidied();
        }
        assert_eq!(deadlines.next(), (start + 300 * SECOND, Due::End(End::SlowFrame)));
        deadlines.frame_arrived();
        deadlines.frame_is_partial(None);
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn a_client_that_does_not_read_is_cut_off() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.write_stalled(start + SECOND);
        deadlines.write_stalled(start + 50 * SECOND);
        assert_eq!(deadlines.next(), (start + 61 * SECOND, Due::End(End::SlowReader)));
        deadlines.write_moved();
        assert_eq!(deadlines.next().1, Due::End(End::Idle));
    }

    #[test]
    fn draining_begins_and_ends_in_time() {
        let (mut deadlines, start) = start();
        deadlines.logged_in();
        deadlines.drain_at(start + SECOND, End::Drained);
        deadlines.drain_at(start + 5 * SECOND, End::Drained);
        assert_eq!(deadlines.next(), (start + SECOND, Due::Drain(End::Drained)));
        deadlines.draining(start + SECOND, End::Drained);
        assert_eq!(deadlines.next(), (start + 11 * SECOND, Due::End(End::Drained)));
    }
}
