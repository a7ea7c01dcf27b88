//! Where sessions leave what they used, each about once in a second, until it is taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

use klamm_raft::model::VclusterName;

use super::tally::{AccountTally, Tally};

/// The usage of a moment, of all sessions of a node.
#[derive(Debug)]
pub struct Inbox {
    most: usize,
    tally: Mutex<Tally>,
}

impl Inbox {
    /// Nothing yet, with a bound of names for each virtual cluster.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            tally: Mutex::new(Tally::new(most)),
        }
    }

    /// Leaves what an account used.
    pub fn hand_over(&self, vcluster: &VclusterName, account: &str, used: &AccountTally) {
        self.tally().add(vcluster, account, used);
    }

    /// Takes all that is there.
    pub fn take(&self) -> Tally {
        std::mem::replace(&mut *self.tally(), Tally::new(self.most))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
