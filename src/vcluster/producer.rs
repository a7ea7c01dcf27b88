//! Producer ids as a virtual cluster writes them. Brokers give them out in turn, so that everybody can guess them: on a
//! topic that two virtual clusters share, one could fence the other's producers, or make their records look like
//! duplicates, which are lost. And those of two physical clusters are the same anyway.

mod transactions;

use bytes::{Bytes, BytesMut};
use klamm_raft::model::{ClusterId, ProducerMark};

use crate::wire::{BatchHeader, NoOtherId, set_producer_ids};

pub use transactions::{GivenIds, TransactionIds};

/// Ids that brokers give out are below it: those that are not are marked, with the number from this bit on.
const MARKED: i64 = 1 << 42;

/// Ids that a physical cluster gives out which stands in for another have this bit when clients get them: both begin at 0,
/// and those who had an id before write under it further on.
const STAND_IN: i64 = 1 << 41;

/// How a virtual cluster writes the ids of its producers, where they are not those of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerIds {
    /// As the physical cluster gave them out.
    Plain,
    /// Marked with this, which is a number at its place.
    Marked(i64),
    /// Likewise, and given out by a physical cluster that stands in for the home.
    MarkedElsewhere(i64),
    /// Not at all: nobody gives any out yet.
    Nobodys,
}

/// Whether a broker can have given out an id, and did not get it from a virtual cluster.
pub fn is_plain(id: i64) -> bool {
    id < MARKED
}

impl ProducerIds {
    /// Marks the producers of batches that were written here, as those of a client's are.
    pub(super) fn mark(self, transactions: TransactionIds, records: &Bytes) -> Result<Bytes, NoOtherId> {
        if self == Self::Plain {
            return Ok(records.clone());
        }
        let mut records = BytesMut::from(&records[..]);
        set_producer_ids(&mut records, |batch| self.physical_of(transactions, batch))?;
        Ok(records.freeze())
    }

    /// The id of a batch's producer for brokers. In a transaction it is the coordinator's, with which its end is written.
    pub(super) fn physical_of(self, transactions: TransactionIds, batch: &BatchHeader) -> Option<i64> {
        match batch.is_transactional() {
            true => transactions.to_physical(batch.producer_id),
            false => self.to_physical(batch.producer_id),
        }
    }

    /// Marked, where ids come from this physical cluster now.
    pub fn marked(mark: &ProducerMark, home: Option<&ClusterId>) -> Self {
        let number = MARKED * i64::from(mark.number);
        match home {
            Some(home) if *home != mark.of => Self::MarkedElsewhere(number),
            _ => Self::Marked(number),
        }
    }

    /// The id that a client gets of one that a broker gave out, for batches that belong to no transaction.
    pub fn given_out(self, id: i64) -> i64 {
        match self {
            Self::MarkedElsewhere(_) if (0..STAND_IN).contains(&id) => id | STAND_IN,
            _ => id,
        }
    }

    /// The id of a client's producer on a broker. None when there is none: no client has such an id.
    pub fn to_physical(self, id: i64) -> Option<i64> {
        match self {
            _ if !is_plain(id) => None,
            Self::Plain => Some(id),
            Self::Marked(mark) | Self::MarkedElsewhere(mark) => Some(mark | id),
            Self::Nobodys => None,
        }
    }

    /// The id that a client knows of a producer on a broker. None when it is another virtual cluster's.
    pub fn to_virtual(self, id: i64) -> Option<i64> {
        match self {
            Self::Plain => Some(id),
            _ if is_plain(id) => Some(id),
            Self::Marked(mark) | Self::MarkedElsewhere(mark) if id - id % MARKED == mark => Some(id % MARKED),
            Self::Marked(_) | Self::MarkedElsewhere(_) | Self::Nobodys => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(number: u32) -> ProducerIds {
        of(number, "main")
    }

    fn of(number: u32, home: &str) -> ProducerIds {
        let mark = ProducerMark {
            number,
            of: "main".parse().unwrap(),
        };
        ProducerIds::marked(&mark, Some(&home.parse().unwrap()))
    }

    #[test]
    fn what_stands_in_gives_out_other_ids_than_the_home() {
        let (home, stand_in) = (of(3, "main"), of(4, "spare"));
        for id in [0, 7, STAND_IN - 1] {
            let (first, second) = (home.given_out(id), stand_in.given_out(id));
            assert_eq!(first, id);
            assert!(first != second && is_plain(second));
            let written = stand_in.to_physical(second).unwrap();
            assert_ne!(stand_in.to_physical(first), Some(written));
            assert_eq!(stand_in.to_virtual(written), Some(second));
        }
        assert_eq!(stand_in.given_out(-1), -1, "none");
    }

    #[test]
    fn marked_ids_differ_between_numbers_and_from_what_brokers_give_out() {
        let (one, two) = (marked(1), marked(ProducerMark::HIGHEST));
        for id in [0, 1, 7_000, MARKED - 1] {
            let (a, b) = (one.to_physical(id).unwrap(), two.to_physical(id).unwrap());
            assert!(a != b && !is_plain(a) && !is_plain(b));
            assert_eq!((one.to_virtual(a), two.to_virtual(b)), (Some(id), Some(id)));
            assert_eq!((one.to_virtual(b), two.to_virtual(a)), (None, None));
            assert_eq!(one.to_virtual(id), Some(id), "of a transaction");
        }
        assert_eq!(
            two.to_physical(MARKED - 1),
            Some(i64::MAX),
            "there is room for all"
        );
    }

    #[test]
    fn nobody_writes_an_id_that_is_marked_already() {
        let theirs = marked(2).to_physical(7).unwrap();
        for ids in [ProducerIds::Plain, marked(1), marked(2), ProducerIds::Nobodys] {
            for forged in [theirs, MARKED, 1 << 62, i64::MAX] {
                assert_eq!(ids.to_physical(forged), None, "{ids:?} {forged}");
            }
        }
        assert_eq!(ProducerIds::Nobodys.to_physical(7), None);
    }

    #[test]
    fn where_nothing_is_marked_everything_is_shown() {
        let theirs = marked(2).to_physical(7).unwrap();
        for id in [-1, 0, 7, theirs] {
            assert_eq!(ProducerIds::Plain.to_virtual(id), Some(id));
        }
        assert_eq!(ProducerIds::Nobodys.to_virtual(theirs), None);
        assert_eq!(marked(1).to_virtual(-1), Some(-1), "none");
    }
}
