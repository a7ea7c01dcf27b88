//! Ids of producers in transactions as clients know them. Brokers write those of their coordinator; but once another physical cluster
//! has served, an id says who gave it out: the coordinator that serves now may know another producer by the same number, or have
//! fenced it, which ends a client.

use klamm_raft::model::ProducerMark;

use super::{MARKED, ProducerIds, is_plain};

/// How clients know the ids of producers in transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionIds {
    /// As the coordinator gives them out.
    Plain,
    /// Marked with this, which is a number at its place. All others are of a physical cluster that served before.
    Marked(i64),
}

impl TransactionIds {
    /// With the mark that ids of the virtual cluster have since the last switch.
    pub fn marked(mark: &ProducerMark) -> Self {
        Self::Marked(MARKED * i64::from(mark.number))
    }

    /// The id that a client gets of one that the coordinator gave out.
    pub fn given_out(self, id: i64) -> i64 {
        match self {
            Self::Marked(mark) if (0..MARKED).contains(&id) => mark | id,
            _ => id,
        }
    }

    /// The coordinator's id of a client's. None when the coordinator that serves now gave out no such id.
    pub fn to_physical(self, id: i64) -> Option<i64> {
        match self {
            Self::Plain => is_plain(id).then_some(id),
            Self::Marked(mark) => (id >= MARKED && id - id % MARKED == mark).then_some(id % MARKED),
        }
    }
}

/// How an id is given out that a broker gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenIds {
    OfProducers(ProducerIds),
    OfTransactions(TransactionIds),
}

impl GivenIds {
    /// The id that a client gets.
    pub fn given_out(self, id: i64) -> i64 {
        match self {
            Self::OfProducers(ids) => ids.given_out(id),
            Self::OfTransactions(ids) => ids.given_out(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(number: u32) -> TransactionIds {
        TransactionIds::marked(&ProducerMark {
            number,
            of: "main".parse().unwrap(),
        })
    }

    #[test]
    fn an_id_is_known_to_the_coordinator_that_gave_it_out_and_to_no_other() {
        let all = [
            TransactionIds::Plain,
            marked(1),
            marked(2),
            marked(ProducerMark::HIGHEST),
        ];
        for (at, ids) in all.iter().enumerate() {
            for id in [0, 7, MARKED - 1] {
                let given = ids.given_out(id);
                assert!(given >= 0);
                for (other_at, other) in all.iter().enumerate() {
                    let known = other.to_physical(given);
                    assert_eq!(known, (at == other_at).then_some(id), "{ids:?} {other:?}");
                }
            }
            assert_eq!(ids.given_out(-1), -1, "none");
        }
    }
}
