//! The seats of the admin API: whoever comes gets one. When all are taken, the address that has most of them loses the
//! one on which nothing was asked for longest, so that nobody can keep others, such as health checks, out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::seats::{AddressBlock, Holding, Shares};
use prometheus::IntCounter;
use tokio::sync::oneshot;

use crate::metrics::{GuardMetrics, SeatLostFor, SeatedAt};

/// How many connections are held at a time.
pub(in crate::admin) const SEATS: usize = 512;

/// With more than so many, clients that ask nothing are not given much time.
const CROWDED: usize = SEATS / 2;

/// How long a connection may be without a whole request then.
const HURRY: Duration = Duration::from_secs(1);

/// All seats.
#[derive(Debug)]
pub(super) struct Seats {
    table: Mutex<Table>,
    taken: Taken,
}

/// Seats that were given to somebody else, by reason.
#[derive(Debug)]
struct Taken {
    late: IntCounter,
    waiting: IntCounter,
    answered: IntCounter,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    seats: Shares<AddressBlock, OfOne>,
}

/// The seats of one address by number, in the order in which they were taken.
type OfOne = BTreeMap<u64, Seat>;

#[derive(Debug)]
struct Seat {
    doing: Doing,
    since: Instant,
    /// Dropped with the seat, which ends the connection.
    _leave: oneshot::Sender<Infallible>,
}

/// The activity of a connection. Those that wait leave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// Nothing was asked yet, or everything is answered.
    Waits,
    IsAnswered,
}

/// Ends when the seat is given to somebody else.
pub(super) type Leave = oneshot::Receiver<Infallible>;

impl Seats {
    /// Nobody is there.
    pub(super) fn new(metrics: &GuardMetrics) -> Self {
        let taken = |reason| metrics.seats_taken(SeatedAt::Admin, reason);
        Self {
            table: Mutex::default(),
            taken: Taken {
                late: taken(SeatLostFor::Late),
                waiting: taken(SeatLostFor::Waiting),
                answered: taken(SeatLostFor::Answered),
            },
        }
    }

    /// Gives a seat to a connection, if need be that of another one.
    pub(super) fn take(self: &Arc<Self>, from: AddressBlock, now: Instant) -> (Arc<SeatPlace>, Leave) {
        let mut table = self.table();
        if table.seats.count() >= CROWDED {
            self.taken.late.inc_by(table.clear_late(now));
        }
        if table.seats.count() >= SEATS {
            match table.give_away(from) {
                Some(Doing::Waits) => self.taken.waiting.inc(),
                Some(Doing::IsAnswered) => self.taken.answered.inc(),
                None => {}
            }
        }
        let (number, leave) = table.admit(from, now);
        let place = SeatPlace {
            seats: Arc::clone(self),
            from,
            number,
        };
        (Arc::new(place), leave)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn admit(&mut self, from: AddressBlock, now: Instant) -> (u64, Leave) {
        let (sender, leave) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        let seat = Seat {
            doing: Doing::Waits,
            since: now,
            _leave: sender,
        };
        self.seats.change(&from, |own| own.insert(number, seat));
        (number, leave)
    }

    /// Ends those that ask nothing for too long. How many there were.
    fn clear_late(&mut self, now: Instant) -> u64 {
        let is_late =
            |seat: &Seat| seat.doing == Doing::Waits && now.saturating_duration_since(seat.since) > HURRY;
        let before = self.seats.count();
        let with_late = self.seats.holdings().filter(|(_, own)| own.values().any(is_late));
        let with_late: Vec<AddressBlock> = with_late.map(|(from, _)| *from).collect();
        for from in with_late {
            self.seats
                .change(&from, |own| own.retain(|_, seat| !is_late(seat)));
        }
        (before - self.seats.count()) as u64
    }

    /// Ends the one that waits longest of the address that has most; what it did.
    fn give_away(&mut self, newcomer: AddressBlock) -> Option<Doing> {
        let from = self.seats.loser(Some(&newcomer))?;
        self.seats.change(&from, |own| {
            let first = own.iter().min_by_key(|(_, seat)| (seat.doing, seat.since));
            let number = first.map(|(number, _)| *number)?;
            own.remove(&number).map(|seat| seat.doing)
        })
    }
}

/// A seat that was given to a connection.
#[derive(Debug)]
pub(in crate::admin) struct SeatPlace {
    seats: Arc<Seats>,
    from: AddressBlock,
    number: u64,
}

impl SeatPlace {
    /// Notes that a request has come and is being answered.
    pub(in crate::admin) fn is_asked(&self) {
        self.does(Doing::IsAnswered);
    }

    /// It was answered.
    pub(in crate::admin) fn has_answered(&self) {
        self.does(Doing::Waits);
    }

    fn does(&self, doing: Doing) {
        self.seats.table().seats.change(&self.from, |own| {
            if let Some(seat) = own.get_mut(&self.number) {
                (seat.doing, seat.since) = (doing, Instant::now());
            }
        });
    }
}

impl Drop for SeatPlace {
    fn drop(&mut self) {
        self.seats
            .table()
            .seats
            .change(&self.from, |own| own.remove(&self.number));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::metrics::Metrics;

    fn seats() -> Arc<Seats> {
        Arc::new(Seats::new(&Metrics::new().unwrap().node.guards))
    }

    fn from(address: u32) -> AddressBlock {
        AddressBlock::of(Ipv4Addr::from_bits(address).into())
    }

    fn has_left(leave: &mut Leave) -> bool {
        leave.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_greediest_address_loses_the_seat_that_waits_longest() {
        let (seats, now) = (seats(), Instant::now());
        let at = |index: usize| now + Duration::from_micros(index as u64);
        let mut good: Vec<_> = (0..8).map(|index| seats.take(from(100 + index), now)).collect();
        let mut greedy: Vec<_> = (8..SEATS).map(|index| seats.take(from(1), at(index))).collect();
        greedy[0].0.is_asked();
        let mut more: Vec<_> = (0..100)
            .map(|index| seats.take(from(1), at(SEATS + index)))
            .collect();
        let mut health = seats.take(from(7), at(2 * SEATS));
        assert_eq!(seats.table().seats.count(), SEATS);
        assert!(
            good.iter_mut()
                .chain(&mut more)
                .all(|(_, leave)| !has_left(leave))
        );
        assert!(!has_left(&mut health.1) && !has_left(&mut greedy[0].1));
        let left = greedy
            .iter_mut()
            .filter_map(|(_, leave)| has_left(leave).then_some(()))
            .count();
        assert_eq!(left, 101);
        assert!(
            greedy[1..102].iter_mut().all(|(_, leave)| has_left(leave)),
            "the oldest of them"
        );
        assert_eq!(seats.taken.waiting.get(), 101);
        drop((good, greedy, more, health));
        assert_eq!(seats.table().seats.count(), 0);
    }

    #[test]
    fn who_asks_nothing_has_little_time_where_it_is_crowded() {
        let (seats, now) = (seats(), Instant::now());
        let mut all: Vec<_> = (0..CROWDED as u32)
            .map(|index| seats.take(from(index), now))
            .collect();
        let later = now + HURRY + Duration::from_millis(1);
        all[3].0.is_asked();
        let mut new = seats.take(from(1), later);
        let left = all
            .iter_mut()
            .filter_map(|(_, leave)| has_left(leave).then_some(()))
            .count();
        assert_eq!(left, CROWDED - 1);
        assert_eq!(seats.taken.late.get(), left as u64);
        assert!(!has_left(&mut all[3].1) && !has_left(&mut new.1));
    }

    #[test]
    fn where_all_are_asked_something_the_greediest_still_loses_one() {
        let (seats, now) = (seats(), Instant::now());
        let mut all: Vec<_> = (0..SEATS as u32)
            .map(|index| seats.take(from(index / 2), now))
            .collect();
        all.iter().for_each(|(place, _)| place.is_asked());
        let mut third = seats.take(from(0), now);
        assert!(!has_left(&mut third.1));
        assert_eq!(
            all.iter_mut()
                .filter_map(|(_, leave)| has_left(leave).then_some(()))
                .count(),
            1
        );
        assert_eq!(seats.taken.answered.get(), 1);
        let mut next = seats.take(from(0), now);
        assert!(has_left(&mut third.1), "it asks nothing");
        assert!(!has_left(&mut next.1));
    }
}
