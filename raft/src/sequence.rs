//! Numbers this process's proposals, and knows which of them are settled.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::command::ProposalId;

/// The proposals of one process.
#[derive(Debug)]
pub(crate) struct Sequencer {
    boot: u64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    unanswered: BTreeSet<u64>,
}

/// The number of one proposal; settled when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: ProposalId,
    sequencer: Arc<Sequencer>,
}

impl Sequencer {
    /// `boot` must be random.
    pub(crate) fn new(boot: u64) -> Arc<Self> {
        Arc::new(Self {
            boot,
            open: Mutex::default(),
        })
    }

    /// The next number.
    pub(crate) fn next(self: &Arc<Self>) -> Ticket {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = open.next;
        open.next += 1;
        open.unanswered.insert(sequence);
        Ticket {
            id: ProposalId {
                boot: self.boot,
                sequence,
            },
            sequencer: self.clone(),
        }
    }
}

impl Ticket {
    pub(crate) fn id(&self) -> ProposalId {
        self.id
    }

    /// The sequence below which every proposal of this process is settled.
    pub(crate) fn settled(&self) -> u64 {
        let open = self.sequencer.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.unanswered.first().copied().unwrap_or(self.id.sequence)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.sequencer.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.unanswered.remove(&self.id.sequence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unanswered_proposal_holds_the_settled_mark() {
        let sequencer = Sequencer::new(7);
        let first = sequencer.next();
        let second = sequencer.next();
        assert_eq!((first.id().sequence, second.id().sequence), (0, 1));
        assert_eq!(second.settled(), 0);
        drop(first);
        assert_eq!(second.settled(), 1);
        let third = sequencer.next();
        drop(second);
        assert_eq!(third.settled(), 2);
    }
}
