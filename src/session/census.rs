//! Counts open connections: of the node, of those that have not logged in, of each arbiter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections of a node. Counts are approximate for a moment while connections come and go.
#[derive(Debug, Default)]
pub struct Census {
    all: AtomicUsize,
    unauthenticated: AtomicUsize,
}

/// The connections of one data arbiter.
pub type Load = Arc<AtomicUsize>;

/// One counted connection, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    census: Arc<Census>,
    load: Load,
    logged_in: bool,
}

impl Census {
    /// Counts a connection that has not logged in; none when a limit is reached.
    pub fn admit(self: &Arc<Self>, load: &Load, max_all: usize, max_unauthenticated: usize) -> Option<Seat> {
        let is_full = self.all.load(Ordering::Relaxed) >= max_all
            || self.unauthenticated.load(Ordering::Relaxed) >= max_unauthenticated;
        if is_full {
            return None;
        }
        self.all.fetch_add(1, Ordering::Relaxed);
        self.unauthenticated.fetch_add(1, Ordering::Relaxed);
        load.fetch_add(1, Ordering::Relaxed);
        Some(Seat {
            census: Arc::clone(self),
            load: Arc::clone(load),
            logged_in: false,
        })
    }

    /// Open connections.
    pub fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// The connection has logged in.
    pub(super) fn logged_in(&mut self) {
        if !self.logged_in {
            self.logged_in = true;
            self.census.unauthenticated.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.logged_in();
        self.census.all.fetch_sub(1, Ordering::Relaxed);
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_seats_are_given_back() {
        let census = Arc::new(Census::default());
        let load = Load::default();
        let mut first = census.admit(&load, 3, 2).unwrap();
        let second = census.admit(&load, 3, 2).unwrap();
        assert!(census.admit(&load, 3, 2).is_none(), "two have not logged in");
        first.logged_in();
        first.logged_in();
        let mut third = census.admit(&load, 3, 2).unwrap();
        third.logged_in();
        assert!(census.admit(&load, 3, 2).is_none(), "three in all");
        drop((first, second));
        assert_eq!((census.all(), load.load(Ordering::Relaxed)), (1, 1));
        drop(third);
        assert_eq!((census.all(), load.load(Ordering::Relaxed)), (0, 0));
        assert_eq!(census.unauthenticated.load(Ordering::Relaxed), 0);
    }
}
