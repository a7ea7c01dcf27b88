//! A record of what clients did and what they were told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A client's wish for a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Create,
    Delete,
}

/// The answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is done, everywhere.
    Acknowledged,
    /// It was refused or never sent: it did not happen.
    Refused,
    /// No answer, or one that leaves it open: it may have happened, or may happen yet.
    Unknown,
}

/// One change of one account. Each account has a single writer, which makes one change after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) account: String,
    pub(crate) wish: Wish,
    pub(crate) told: Told,
}

/// An account as a list showed it, whose last change was acknowledged before. A list that was refused is not written
/// down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) account: String,
    pub(crate) wish: Wish,
    pub(crate) is_there: bool,
}

/// All operations so far, in an order in which each writer's are in its own order.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    operations: Vec<Operation>,
    looks: Vec<Look>,
}

impl History {
    pub(crate) fn add(&self, operation: Operation) {
        self.written().operations.push(operation);
    }

    pub(crate) fn looked(&self, look: Look) {
        self.written().looks.push(look);
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.written().operations.clone()
    }

    pub(crate) fn looks(&self) -> Vec<Look> {
        self.written().looks.clone()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
