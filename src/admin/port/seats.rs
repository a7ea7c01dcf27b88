//! The seats of the admin API: whoever comes gets one. When all are taken, the address that has most of them loses the one on
//! which nothing was asked for longest, so that nobody can keep others, such as health checks, out.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::admin::address_block::AddressBlock;

/// How many connections are held at a time.
pub(in crate::admin) const SEATS: usize = 512;

/// With more than so many, clients that ask nothing are not given much time.
const CROWDED: usize = SEATS / 2;

/// How long a connection may be without a whole request then.
const HURRY: Duration = Duration::from_secs(1);

/// All seats.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    /// By number, in the order in which they were taken.
    taken: BTreeMap<u64, Seat>,
}

#[derive(Debug)]
struct Seat {
    from: AddressBlock,
    doing: Doing,
    since: Instant,
    /// Dropped with the seat, which ends the connection.
    _leave: oneshot::Sender<Infallible>,
}

/// What a connection does. Those that wait leave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// Nothing was asked yet, or everything is answered.
    Waits,
    IsAnswered,
}

/// Ends when the seat is given to somebody else.
pub(super) type Leave = oneshot::Receiver<Infallible>;

impl Seats {
    /// Gives a seat to a connection, if need be that of another one.
    pub(super) fn take(self: &Arc<Self>, from: AddressBlock, now: Instant) -> (Arc<Place>, Leave) {
        let (number, leave) = self.table().admit(from, now);
        let place = Place {
            seats: Arc::clone(self),
            number,
        };
        (Arc::new(place), leave)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn admit(&mut self, from: AddressBlock, now: Instant) -> (u64, Leave) {
        if self.taken.len() >= CROWDED {
            let is_late =
                |seat: &Seat| seat.doing == Doing::Waits && now.saturating_duration_since(seat.since) > HURRY;
            self.taken.retain(|_, seat| !is_late(seat));
        }
        while self.taken.len() >= SEATS {
            let Some(number) = self.last_to_keep() else {
                break;
            };
            self.taken.remove(&number);
        }
        let (sender, leave) = oneshot::channel();
        let number = self.next;
        self.next += 1;
        let seat = Seat {
            from,
            doing: Doing::Waits,
            since: now,
            _leave: sender,
        };
        self.taken.insert(number, seat);
        (number, leave)
    }

    /// The seat to be given away.
    fn last_to_keep(&self) -> Option<u64> {
        let mut shares: HashMap<AddressBlock, usize> = HashMap::new();
        for seat in self.taken.values() {
            *shares.entry(seat.from).or_default() += 1;
        }
        let most = shares.values().max()?;
        let of_greediest = self
            .taken
            .iter()
            .filter(|(_, seat)| shares.get(&seat.from) == Some(most));
        let first = of_greediest.min_by_key(|(_, seat)| (seat.doing, seat.since));
        first.map(|(number, _)| *number)
    }
}

/// A seat that was given to a connection.
#[derive(Debug)]
pub(in crate::admin) struct Place {
    seats: Arc<Seats>,
    number: u64,
}

impl Place {
    /// A request has come.
    pub(in crate::admin) fn is_asked(&self) {
        self.does(Doing::IsAnswered);
    }

    /// It was answered.
    pub(in crate::admin) fn has_answered(&self) {
        self.does(Doing::Waits);
    }

    fn does(&self, doing: Doing) {
        if let Some(seat) = self.seats.table().taken.get_mut(&self.number) {
            (seat.doing, seat.since) = (doing, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seats.table().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn from(address: u32) -> AddressBlock {
        AddressBlock::of(Ipv4Addr::from_bits(address).into())
    }

    fn has_left(leave: &mut Leave) -> bool {
        leave.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_greediest_address_loses_the_seat_that_waits_longest() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let at = |index: usize| now + Duration::from_micros(index as u64);
        let mut good: Vec<_> = (0..8).map(|index| seats.take(from(100 + index), now)).collect();
        let mut greedy: Vec<_> = (8..SEATS).map(|index| seats.take(from(1), at(index))).collect();
        greedy[0].0.is_asked();
        let mut more: Vec<_> = (0..100)
            .map(|index| seats.take(from(1), at(SEATS + index)))
            .collect();
        let mut health = seats.take(from(7), at(2 * SEATS));
        assert_eq!(seats.table().taken.len(), SEATS);
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
        drop((good, greedy, more, health));
        assert!(seats.table().taken.is_empty());
    }

    #[test]
    fn who_asks_nothing_has_little_time_where_it_is_crowded() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
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
        assert!(!has_left(&mut all[3].1) && !has_left(&mut new.1));
    }

    #[test]
    fn where_all_are_asked_something_the_greediest_still_loses_one() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
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
        let mut next = seats.take(from(9999), now);
        assert!(has_left(&mut third.1), "it asks nothing");
        assert!(!has_left(&mut next.1));
    }
}
