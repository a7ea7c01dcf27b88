//! What the clients did and what they were told.

use std::sync::{Arc, Mutex, PoisonError};

/// What a client wanted of a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Create,
    Delete,
}

/// What a client was told.
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

/// All operations so far, in an order in which each writer's are in its own order.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<Vec<Operation>>>);

impl History {
    pub(crate) fn add(&self, operation: Operation) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(operation);
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
