//! The order in which requests of clients reach two Kafka clusters, judged by when they may.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One of the two clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KafkaSide {
    Main,
    /// The one that stands in for it.
    Spare,
}

impl KafkaSide {
    pub(super) const ALL: [Self; 2] = [Self::Main, Self::Spare];

    /// The name by which the gateway knows it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Spare => "spare",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Main => Self::Spare,
            Self::Spare => Self::Main,
        }
    }
}

/// A switch as the brokers saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crossing {
    /// Requests that reached the cluster that was entered.
    pub(super) entered: u64,
    /// Requests that reached the one that was left, after the first one had reached the other: their API keys, and how much later.
    pub(super) late: Vec<(i16, Duration)>,
    /// From the last request on the one to the first on the other.
    pub(super) gap: Option<Duration>,
}

/// Takes note of every request of a client that reaches a cluster.
#[derive(Debug)]
pub(super) struct RequestOrder(Mutex<Track>);

#[derive(Debug)]
struct Track {
    on: KafkaSide,
    /// The cluster that may be entered.
    next: Option<KafkaSide>,
    last: Option<Instant>,
    /// When the cluster was entered that requests are on.
    since: Option<Instant>,
    crossings: Vec<Crossing>,
    /// Requests that reached a cluster to which nothing was switched yet.
    early: u64,
}

impl RequestOrder {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Track {
            on: KafkaSide::Main,
            next: None,
            last: None,
            since: None,
            crossings: Vec::new(),
            early: 0,
        }))
    }

    fn track(&self) -> MutexGuard<'_, Track> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asks for requests to be switched.
    pub(super) fn may_enter(&self, side: KafkaSide) {
        let mut track = self.track();
        track.next = Some(side);
        track.crossings.push(Crossing {
            entered: 0,
            late: Vec::new(),
            gap: None,
        });
    }

    /// A request of an API reaches a cluster.
    pub(super) fn reached(&self, side: KafkaSide, key: i16, now: Instant) {
        let mut track = self.track();
        let is_new = track.next == Some(side) && track.on != side;
        let since = track.since;
        if track.on != side && !is_new {
            match track.crossings.last_mut() {
                Some(crossing) => {
                    let later = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
                    crossing.late.push((key, later));
                }
                None => track.early += 1,
            }
            return;
        }
        let gap = track.last.map(|last| now.saturating_duration_since(last));
        // Until it is entered, requests go on to the one before.
        let has_entered = is_new || track.next.is_none();
        if is_new {
            (track.on, track.next, track.since) = (side, None, Some(now));
        }
        track.last = Some(now);
        if let Some(crossing) = track.crossings.last_mut().filter(|_| has_entered) {
            crossing.entered += 1;
            if is_new {
                crossing.gap = gap;
            }
        }
    }

    /// How many requests have reached the cluster since it was entered.
    pub(super) fn entered(&self) -> u64 {
        self.track()
            .crossings
            .last()
            .map_or(0, |crossing| crossing.entered)
    }

    /// All switches, and how many requests came to a cluster before the first.
    pub(super) fn seen(&self) -> (Vec<Crossing>, u64) {
        let track = self.track();
        (track.crossings.clone(), track.early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KafkaSide::{Main, Spare};

    fn crossings(order: &RequestOrder) -> Vec<(u64, usize)> {
        let (crossings, _) = order.seen();
        crossings
            .iter()
            .map(|crossing| (crossing.entered, crossing.late.len()))
            .collect()
    }

    #[test]
    fn what_comes_to_the_last_cluster_after_the_first_came_to_the_next_is_late() {
        let (order, begun) = (RequestOrder::new(), Instant::now());
        let second = Duration::from_secs(1);
        order.reached(Main, 0, begun);
        order.may_enter(Spare);
        order.reached(Main, 0, begun + second);
        assert_eq!(crossings(&order), [(0, 0)], "it goes on until the fence");
        order.reached(Spare, 0, begun + 3 * second);
        order.reached(Spare, 0, begun + 4 * second);
        assert_eq!(order.seen().0[0].gap, Some(2 * second));
        order.reached(Main, 0, begun + 5 * second);
        assert_eq!(crossings(&order), [(2, 1)]);
        assert_eq!(order.seen().0[0].late, [(0, 2 * second)]);
        order.may_enter(Main);
        order.reached(Spare, 0, begun + 6 * second);
        order.reached(Main, 0, begun + 7 * second);
        order.reached(Spare, 0, begun + 8 * second);
        assert_eq!(crossings(&order), [(2, 1), (1, 1)]);
    }

    #[test]
    fn nothing_reaches_a_cluster_to_which_nothing_was_switched() {
        let order = RequestOrder::new();
        order.reached(Spare, 0, Instant::now());
        assert_eq!(order.seen(), (Vec::new(), 1));
    }
}
