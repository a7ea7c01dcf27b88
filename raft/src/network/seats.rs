//! The seats of the port for peers. Whoever comes gets one; when all are taken, who has most of them loses the one that was
//! used least recently. Strangers have theirs, addresses at which peers are known to be have others, and so have peers that
//! proved who they are: no number of strangers keeps a peer out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::model::NodeId;
use crate::seats::{AddressBlock, Holding, Shares};

/// Seats of one kind, by who has them.
#[derive(Debug)]
pub(super) struct Seats<K> {
    /// As many at most has one of them.
    each: usize,
    /// As many have all.
    all: usize,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    next: u64,
    seats: Shares<K, OfOne>,
}

/// The seats of one of them, the one that was used least recently first.
type OfOne = BTreeMap<u64, Ends>;

/// Dropped with the seat, which ends the connection.
type Ends = oneshot::Sender<Infallible>;

/// Returns when the seat is given to somebody else.
pub(super) type Leave = oneshot::Receiver<Infallible>;

impl<K: Ord + Hash + Clone> Seats<K> {
    pub(super) fn new(each: usize, all: usize) -> Arc<Self> {
        let table = Table {
            next: 0,
            seats: Shares::default(),
        };
        Arc::new(Self {
            each,
            all,
            table: Mutex::new(table),
        })
    }

    /// Gives a seat, if need be that of another connection.
    pub(super) fn take(self: &Arc<Self>, whose: K) -> (Place<K>, Leave) {
        let mut table = self.table();
        let loser = if table.seats.held_by(&whose) >= self.each {
            Some(whose.clone())
        } else if table.seats.count() >= self.all {
            table.seats.loser(Some(&whose))
        } else {
            None
        };
        if let Some(loser) = loser {
            table.seats.change(&loser, OfOne::pop_first);
        }
        let (ends, leave) = oneshot::channel();
        let number = table.number();
        table.seats.change(&whose, |own| own.insert(number, ends));
        let place = Place {
            seats: Arc::clone(self),
            whose,
            number,
        };
        (place, leave)
    }

    fn table(&self) -> MutexGuard<'_, Table<K>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Table<K> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// A seat that was given to a connection.
#[derive(Debug)]
pub(super) struct Place<K: Ord + Hash + Clone> {
    seats: Arc<Seats<K>>,
    whose: K,
    number: u64,
}

impl<K: Ord + Hash + Clone> Place<K> {
    /// Something is asked on the connection.
    pub(super) fn is_used(&mut self) {
        let mut table = self.seats.table();
        let number = table.number();
        let moved = table.seats.change(&self.whose, |own| {
            let ends = own.remove(&self.number)?;
            own.insert(number, ends)
        });
        drop(moved);
        self.number = number;
    }
}

impl<K: Ord + Hash + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        self.seats
            .table()
            .seats
            .change(&self.whose, |own| own.remove(&self.number));
    }
}

/// How many addresses of one peer are known: it may have several, and move.
const ADDRESSES: usize = 4;

/// The addresses at which peers are: where this node reached them, or they proved who they are.
#[derive(Debug, Default)]
pub(super) struct Whereabouts(Mutex<BTreeMap<NodeId, Vec<AddressBlock>>>);

impl Whereabouts {
    /// A peer is at this address.
    pub(super) fn note(&self, peer: NodeId, address: IpAddr) {
        let address = AddressBlock::of(address);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = known.entry(peer).or_default();
        own.retain(|known| *known != address);
        own.insert(0, address);
        own.truncate(ADDRESSES);
    }

    pub(super) fn has_peer_at(&self, address: AddressBlock) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|own| own.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_left(leave: &mut Leave) -> bool {
        leave.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_greediest_loses_the_seat_that_was_used_least_recently() {
        let seats = Seats::new(4, 4);
        let mut good = seats.take("good");
        let mut greedy: Vec<_> = (0..3).map(|_| seats.take("greedy")).collect();
        greedy[0].0.is_used();
        let mut new = seats.take("new");
        let left: Vec<bool> = greedy.iter_mut().map(|(_, leave)| has_left(leave)).collect();
        assert_eq!(left, [false, true, false]);
        let mut more = seats.take("greedy");
        assert!(has_left(&mut greedy[2].1), "its own");
        assert!(!has_left(&mut good.1) && !has_left(&mut new.1) && !has_left(&mut more.1));
        assert_eq!(seats.table().seats.count(), 4);
        drop((good, greedy, new, more));
        assert_eq!(seats.table().seats.count(), 0);
    }

    #[test]
    fn none_has_more_than_its_part() {
        let seats = Seats::new(2, usize::MAX);
        let mut of_one: Vec<_> = (0..3).map(|_| seats.take(1)).collect();
        let mut of_other = seats.take(2);
        let left: Vec<bool> = of_one.iter_mut().map(|(_, leave)| has_left(leave)).collect();
        assert_eq!(left, [true, false, false]);
        of_one[0].0.is_used();
        assert_eq!(
            seats.table().seats.count(),
            3,
            "who lost a seat has none by using it"
        );
        assert!(!has_left(&mut of_other.1));
    }

    #[test]
    fn the_last_addresses_of_a_peer_are_known() {
        let whereabouts = Whereabouts::default();
        let address = |last: u8| IpAddr::from([10, 0, 0, last]);
        let known = |last: u8| whereabouts.has_peer_at(AddressBlock::of(address(last)));
        for last in [1, 2, 1, 3, 4, 5] {
            whereabouts.note(NodeId(2), address(last));
        }
        assert!(known(1) && known(3) && known(4) && known(5) && !known(2) && !known(6));
    }
}
