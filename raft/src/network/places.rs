//! Where a peer may be: where it is configured to be, where it said last that it is, and what is on record. They are tried
//! in turn while nobody is there.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The places of one peer, the one that is tried next first.
#[derive(Debug)]
pub(super) struct PeerPlaces(Mutex<PlaceOrder>);

#[derive(Debug, Default)]
struct PlaceOrder {
    /// That of the configuration comes before what a peer says.
    listed: Option<String>,
    said: Option<String>,
    recorded: Option<String>,
    order: VecDeque<String>,
    /// How many in a row refused the connection.
    refused: usize,
}

impl PeerPlaces {
    pub(super) fn new(listed: Option<&String>, recorded: Option<&String>) -> Self {
        let mut state = PlaceOrder {
            listed: listed.cloned(),
            recorded: recorded.cloned(),
            ..PlaceOrder::default()
        };
        state.begin();
        Self(Mutex::new(state))
    }

    /// The peer says that it is there.
    pub(super) fn says(&self, address: &str) {
        let mut state = self.state();
        if state.said.as_deref() != Some(address) {
            state.said = Some(address.to_owned());
            state.begin();
        }
    }

    /// The peer is on record as being there.
    pub(super) fn is_recorded(&self, address: Option<&String>) {
        let mut state = self.state();
        if state.recorded.as_ref() != address {
            state.recorded = address.cloned();
            state.begin();
        }
    }

    /// The place that is tried next; none if nobody knows one.
    pub(super) fn current(&self) -> Option<String> {
        self.state().order.front().cloned()
    }

    pub(super) fn reached(&self) {
        self.state().refused = 0;
    }

    /// Nobody was there.
    pub(super) fn failed(&self, place: &str, is_refused: bool) {
        let mut state = self.state();
        state.refused = match is_refused {
            true => state.refused + 1,
            false => 0,
        };
        if state.order.front().is_some_and(|front| front == place) {
            state.order.rotate_left(1);
        }
    }

    /// Whether nobody listens at any of them.
    pub(super) fn are_all_refused(&self) -> bool {
        let state = self.state();
        state.refused >= state.order.len()
    }

    fn state(&self) -> MutexGuard<'_, PlaceOrder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlaceOrder {
    fn begin(&mut self) {
        self.order.clear();
        for place in [&self.listed, &self.said, &self.recorded].into_iter().flatten() {
            if !self.order.contains(place) {
                self.order.push_back(place.clone());
            }
        }
        self.refused = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_tried_in_turn_and_the_configured_one_first() {
        let (listed, recorded) = ("a:1".to_owned(), "b:1".to_owned());
        let places = PeerPlaces::new(Some(&listed), Some(&recorded));
        assert_eq!(places.current().as_deref(), Some("a:1"));
        places.failed("a:1", true);
        assert_eq!(places.current().as_deref(), Some("b:1"));
        assert!(!places.are_all_refused(), "it may be at the other one");
        places.failed("b:1", true);
        assert!(places.are_all_refused());
        assert_eq!(places.current().as_deref(), Some("a:1"));
        places.reached();
        assert!(!places.are_all_refused());
        let same = PeerPlaces::new(Some(&listed), Some(&listed));
        same.failed("a:1", true);
        assert!(same.are_all_refused(), "there is one");
    }

    #[test]
    fn a_peer_that_moves_is_looked_for_where_it_says() {
        let places = PeerPlaces::new(None, Some(&"a:1".to_owned()));
        places.says("b:1");
        assert_eq!(places.current().as_deref(), Some("b:1"));
        places.is_recorded(Some(&"a:1".to_owned()));
        assert_eq!(places.current().as_deref(), Some("b:1"), "the record is older");
        assert_eq!(PeerPlaces::new(None, None).current(), None);
    }
}
