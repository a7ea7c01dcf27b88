//! Metrics of this node's authorization lease, and of the requests that waited for it.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// The end of a request that came while this node had no lease.
    pub enum HeldRequest {
        Resumed = "resumed": "the lease came back, and the request was served",
        Closed = "closed": "it did not come back in time, and the connection was closed without an answer",
    }
}

const LEFT: Family = Family::new(
    "klamm_lease_seconds_left",
    "How long this node may decide without hearing from the leader; 0 when it may not, +Inf when nobody need be asked",
)
.on_page("How long this node may go on deciding requests if it hears no more from the leader. 0: it holds requests back, and closes connections. `+Inf` on a single node, and below feature level 2");

const WITHOUT: Family = Family::new(
    "klamm_deciding_without_lease",
    "1 while this node decides requests although it has no lease",
)
.on_page("1 while this node decides requests by rights that may have been taken away since: `klamm.authorization.isolated` is `decide`, or an operator allowed it for a while");

const HELD: Family = Family::new(
    "klamm_requests_held_total",
    "Requests that came while this node had no lease, by what became of them",
)
.by(&[Label::closed("outcome", HeldRequest::values)])
.on_page("Requests and logins that came while this node had no lease");

const CLOCK: Family = Family::new(
    "klamm_leader_clock_ahead_seconds",
    "How much the clock of the leader is ahead of this node's",
)
.on_page("How much the leader's clock of the day is ahead of this node's. Tokens end by the clock of the node that is asked; a warning is logged beyond 2 s");

#[cfg(feature = "planted")]
const LEASE_CLOCK: Family = Family::new(
    "klamm_lease_clock_seconds",
    "The clock that leases are measured with, from a moment of its own",
);

/// The metrics of leases.
#[derive(Debug, Clone)]
pub struct LeaseMetrics {
    left: Gauge,
    without: IntGauge,
    held: IntCounterVec,
    clock: Gauge,
    #[cfg(feature = "planted")]
    lease_clock: Gauge,
}

impl LeaseMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Raft);
        let metrics = Self {
            left: book.ratio(LEFT)?,
            without: book.gauge(WITHOUT)?,
            held: book.counters(HELD)?,
            clock: book.ratio(CLOCK)?,
            #[cfg(feature = "planted")]
            lease_clock: book.ratio(LEASE_CLOCK)?,
        };
        for outcome in HeldRequest::ALL {
            metrics.held(*outcome);
        }
        Ok(metrics)
    }

    /// Counts requests that are held.
    pub fn held(&self, outcome: HeldRequest) -> IntCounter {
        self.held.with_label_values(&[outcome.name()])
    }

    /// Shows how long the lease goes on, in seconds, whether this node decides without one, and how the clocks differ.
    pub fn set(&self, seconds_left: f64, decides_without: bool, leader_ahead_seconds: f64) {
        self.clock.set(leader_ahead_seconds);
        #[cfg(feature = "planted")]
        self.lease_clock.set(klamm_raft::Lease::clock_seconds());
        self.left.set(seconds_left);
        self.without.set(decides_without.into());
    }
}
