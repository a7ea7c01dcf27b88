//! The requests that wait for their answers, in the order in which the client gets them. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::Instant;

use crate::vcluster::pending::Pending;
use crate::wire::Segments;

/// A request, for its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) api_key: i16,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    /// When its last byte was read.
    pub(super) at: Instant,
    /// Whether quotas have counted it.
    pub(super) is_counted: bool,
}

impl RequestHead {
    /// The head of a request frame; none when the frame is shorter than that.
    pub(super) fn of(frame: &[u8], at: Instant) -> Option<Self> {
        let &[k0, k1, v0, v1, c0, c1, c2, c3] = frame.first_chunk()?;
        Some(Self {
            api_key: i16::from_be_bytes([k0, k1]),
            version: i16::from_be_bytes([v0, v1]),
            correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
            at,
            is_counted: false,
        })
    }

    /// The API and its version.
    pub(super) fn api(self) -> (i16, i16) {
        (self.api_key, self.version)
    }

    /// Whether it waits for the other members of a group: JoinGroup or SyncGroup.
    fn waits_for_members(self) -> bool {
        const WAITING: [i16; 2] = [11, 14];
        WAITING.contains(&self.api_key)
    }
}

/// An answer that was made here and waits for its turn.
pub(super) type Ready = (Segments, RequestHead);

/// A forwarded request, and the requests after it that were answered here.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) pending: Pending,
    pub(super) head: RequestHead,
    /// Answers that are written right after its answer.
    pub(super) followers: Vec<Ready>,
}

/// The order of answers.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    awaited: VecDeque<Awaited>,
    followers: usize,
    follower_bytes: usize,
}

impl Pipeline {
    /// A request was forwarded whose answer is expected.
    pub(super) fn expect(&mut self, pending: Pending, head: RequestHead) {
        let followers = Vec::new();
        self.awaited.push_back(Awaited {
            pending,
            head,
            followers,
        });
    }

    /// A request was answered here. Gives the answer back when it may be written now.
    pub(super) fn reply(&mut self, answer: Segments, head: RequestHead) -> Option<Ready> {
        match self.awaited.back_mut() {
            None => Some((answer, head)),
            Some(before) => {
                self.followers += 1;
                self.follower_bytes += answer.len();
                before.followers.push((answer, head));
                None
            }
        }
    }

    /// The request that the broker's next answer belongs to; none when it owes none.
    pub(super) fn next(&self) -> Option<&Pending> {
        self.next_awaited().map(|first| &first.pending)
    }

    /// That request with its head.
    pub(super) fn next_awaited(&self) -> Option<&Awaited> {
        self.awaited.front()
    }

    /// Takes the request that the broker's next answer belongs to; none when it owes none.
    pub(super) fn answered(&mut self) -> Option<Awaited> {
        let first = self.awaited.pop_front()?;
        self.followers -= first.followers.len();
        self.follower_bytes -= first
            .followers
            .iter()
            .map(|(answer, _)| answer.len())
            .sum::<usize>();
        Some(first)
    }

    /// How many answers the broker owes until it has carried out everything that changes something: not what is only read, nor what
    /// waits for other members of a group.
    pub(super) fn owed_changes(&self) -> usize {
        let last = self
            .awaited
            .iter()
            .rposition(|awaited| !awaited.pending.consumes() && !awaited.head.waits_for_members());
        last.map_or(0, |place| place + 1)
    }

    /// Requests whose answer the client does not have yet.
    pub(super) fn len(&self) -> usize {
        self.awaited.len() + self.followers
    }

    /// Bytes of answers that wait for their turn.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.follower_bytes
    }

    /// Whether the broker owes no answer; then none waits for its turn either.
    pub(super) fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Gives up memory that is not in use.
    pub(super) fn shrink(&mut self) {
        if self.awaited.is_empty() {
            self.awaited = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Requests as they come: `f` is forwarded, `l` answered here, `a` is an answer of the broker. Gives the order in
    /// which the client sees answers.
    fn check(events: &str, expected: &[usize]) {
        let at = Instant::now();
        let mut pipeline = Pipeline::default();
        let mut seen = Vec::new();
        for (number, event) in events.chars().enumerate() {
            let head = RequestHead {
                api_key: number as i16,
                version: 0,
                correlation_id: 0,
                at,
                is_counted: false,
            };
            match event {
                'f' => pipeline.expect(crate::vcluster::pending::samples::pending(number as i32), head),
                'l' => {
                    let answer = Segments(smallvec::smallvec![Bytes::from(vec![0; 10])]);
                    seen.extend(
                        pipeline
                            .reply(answer, head)
                            .map(|(_, head)| head.api_key as usize),
                    );
                }
                _ => {
                    let first = pipeline.answered().unwrap();
                    seen.push(first.head.api_key as usize);
                    seen.extend(first.followers.iter().map(|(_, head)| head.api_key as usize));
                }
            }
            assert_eq!(pipeline.waiting_bytes(), 10 * pipeline.followers);
        }
        assert_eq!(seen, expected, "{events}");
    }

    #[test]
    fn answers_leave_in_the_order_of_requests() {
        check("l", &[0]);
        check("fa", &[0]);
        check("flla", &[0, 1, 2]);
        check("ffllala", &[0, 1, 2, 3, 5]);
        check("flfala", &[0, 1, 2, 4]);
        check("ffla", &[0]);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_has_no_place() {
        assert!(Pipeline::default().answered().is_none());
    }

    fn head(api_key: i16) -> RequestHead {
        RequestHead {
            api_key,
            version: 0,
            correlation_id: 0,
            at: Instant::now(),
            is_counted: false,
        }
    }

    #[test]
    fn who_waits_for_the_members_of_a_group_owes_no_change() {
        const JOIN_GROUP: i16 = 11;
        const HEARTBEAT: i16 = 12;
        for (keys, owed) in [
            (&[][..], 0),
            (&[JOIN_GROUP], 0),
            (&[HEARTBEAT, JOIN_GROUP], 1),
            (&[JOIN_GROUP, HEARTBEAT], 2),
        ] {
            let mut pipeline = Pipeline::default();
            for key in keys {
                pipeline.expect(crate::vcluster::pending::samples::pending(1), head(*key));
            }
            assert_eq!(pipeline.owed_changes(), owed, "{keys:?}");
        }
    }

    #[test]
    fn what_is_unanswered_is_counted() {
        let head = head(0);
        let mut pipeline = Pipeline::default();
        pipeline.expect(crate::vcluster::pending::samples::pending(1), head);
        assert!(pipeline.reply(Segments::default(), head).is_none());
        assert_eq!(pipeline.len(), 2);
        pipeline.answered();
        assert!(pipeline.is_empty());
        assert_eq!(pipeline.len(), 0);
    }
}
