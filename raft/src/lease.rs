//! Leases: for how long a node may decide by what it shows. The leader grants them, and acknowledges a change only when every
//! node shows it or may not decide any more.
//!
//! Pure, but for [`Lease::holds`], which reads the clock. All else is told what time it is.
//!
//! # The protocol
//! * A node asks the leader for a lease, again and again. It notes the moment *before* it asks; a lease counts from there.
//! * The leader notes the moment when it was asked, has a majority confirm that it still leads, and grants with a **floor**: the
//!   newest revision that can have been acknowledged by then. A lease counts once its holder shows the floor.
//! * A change of revision R is acknowledged when each node shows R, or has no lease any more that was granted with a floor below
//!   R: since the last time that it asked, or since R was committed, so much time has gone by that a lease is over, however
//!   fast or slow its clock runs ([`LeaseTerms::bound`]).
//! * A new leader takes each node for one that has just asked. A majority then tells it when it last acknowledged a leader before:
//!   since that moment nobody was granted a lease by one ([`LeaderAcks`]).
//! * Of several processes of one node only one has a lease at a time.

mod acknowledged;
#[cfg(test)]
mod model;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock::BootTime;
use crate::model::Revision;
#[cfg(feature = "planted")]
use crate::planted::{PlantedMistake, is_planted};

pub(crate) use self::acknowledged::LeaderAcks;
pub(crate) use self::table::{LeaseTable, NotHolder};

/// How much faster or slower than true time a clock may run, in hundredths: twice the deviation of one clock, for two of
/// them, with a reserve.
const DRIFT_PERCENT: u32 = 12;
/// For rounding, and for the time between two readings of a clock.
const RESERVE: Duration = Duration::from_millis(20);

/// Tells the processes of a node apart. Random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ProcessId(pub(crate) u64);

/// How long leases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseTerms {
    /// By the clock of the holder, from the moment before it asked.
    pub(crate) span: Duration,
}

impl LeaseTerms {
    /// The time after which a lease is over for certain, by the clock of the leader, from the moment when it was asked.
    pub(crate) fn bound(self) -> Duration {
        #[cfg(feature = "planted")]
        if is_planted(PlantedMistake::NoMargin) {
            return self.span;
        }
        self.span + self.span * DRIFT_PERCENT / 100 + RESERVE
    }
}

/// Whether this node may decide by what it shows. Cheap to ask, and to clone.
#[derive(Debug, Clone)]
pub struct Lease(Option<Arc<Until>>);

/// Until when it may, in nanoseconds of the clock.
#[derive(Debug)]
struct Until {
    leased: AtomicU64,
    /// As `leased`, whether the floor is shown or not.
    granted: AtomicU64,
    /// Because an operator said so.
    allowed: AtomicU64,
    /// Whether there will be none any more.
    is_given_back: AtomicBool,
    /// How much the leader's clock of the day is ahead of this node's, in milliseconds.
    leader_ahead_ms: AtomicI64,
    /// Counts the leases that came after there was none.
    lapses: AtomicU64,
    /// Tells whoever waits for one of them.
    regained: watch::Sender<()>,
}

impl Until {
    fn regain(&self) {
        self.lapses.fetch_add(1, Ordering::Release);
        self.regained.send_replace(());
    }
}

impl Lease {
    /// That of a node which is alone, or that is to go on whatever happens: nobody is asked.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// One that is over: of a node that has heard no leader yet.
    pub fn ended() -> Self {
        Self(Some(Arc::new(Until {
            leased: AtomicU64::new(0),
            granted: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
            is_given_back: AtomicBool::new(false),
            leader_ahead_ms: AtomicI64::new(0),
            lapses: AtomicU64::new(0),
            regained: watch::Sender::default(),
        })))
    }

    /// Whether this node may decide a request. To be asked when the whole request has been read, and *before* the view that
    /// decides is loaded: a view that was loaded earlier may be older than the lease.
    pub fn holds(&self) -> bool {
        let Some(until) = &self.0 else {
            return true;
        };
        let now = BootTime::now().nanos();
        #[cfg(feature = "planted")]
        let now = crate::planted::moment_of_request(now);
        now < until.leased.load(Ordering::Acquire) || now < until.allowed.load(Ordering::Acquire)
    }

    /// The clock that leases are measured with, as this process reads it: in seconds, from a moment of its own.
    #[cfg(feature = "planted")]
    pub fn clock_seconds() -> f64 {
        BootTime::now().since(BootTime::START).as_secs_f64()
    }

    /// How long it goes on; nothing if it is over, and none if it does not end.
    pub fn left(&self) -> Option<Duration> {
        let until = BootTime::of_nanos(self.0.as_ref()?.leased.load(Ordering::Acquire));
        (until != BootTime::NEVER).then(|| until.since(BootTime::now()))
    }

    /// Whether a leader has granted a lease so recently that it is not over, though this node may not show its floor yet.
    pub(crate) fn is_in_contact(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|until| BootTime::now().nanos() < until.granted.load(Ordering::Acquire))
    }

    /// How much the leader's clock of the day was ahead of this node's when it granted the last lease, in milliseconds.
    pub fn leader_ahead_ms(&self) -> i64 {
        self.0
            .as_ref()
            .map_or(0, |until| until.leader_ahead_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn note_leader_ahead(&self, ms: i64) {
        if let Some(until) = &self.0 {
            until.leader_ahead_ms.store(ms, Ordering::Relaxed);
        }
    }

    /// A leader has granted a lease.
    pub(crate) fn note_granted(&self, end: BootTime) {
        if let Some(until) = &self.0 {
            until.granted.store(end.nanos(), Ordering::Release);
        }
    }

    /// How long an operator lets this node decide without a lease.
    pub fn allowed_for(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |until| {
            BootTime::of_nanos(until.allowed.load(Ordering::Acquire)).since(BootTime::now())
        })
    }

    /// Lets this node decide without a lease for a while, from now on; no longer, if it is nothing.
    pub fn allow_for(&self, time: Duration) {
        if let Some(until) = &self.0 {
            let end = BootTime::now().after(time).nanos();
            until.allowed.store(end, Ordering::Release);
            until.regain();
        }
    }

    /// Counts how often there was no lease. One that is over now is counted once it is regained. Costs one atomic load.
    pub fn lapses(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |until| until.lapses.load(Ordering::Acquire))
    }

    /// Returns when this node may decide. To be dropped by whoever does not wait any longer.
    pub async fn regained(&self) {
        let Some(until) = &self.0 else { return };
        let mut regained = until.regained.subscribe();
        while !self.holds() && regained.changed().await.is_ok() {}
    }

    /// To be set when what the node shows is at least the floor of this lease.
    pub(crate) fn set(&self, end: BootTime) {
        if let Some(until) = &self.0
            && !self.is_given_back()
        {
            let before = until.leased.swap(end.nanos(), Ordering::AcqRel);
            let now = BootTime::now();
            if before < now.nanos() && end > now {
                until.regain();
            }
        }
    }

    /// Ends it for good.
    pub(crate) fn give_back(&self) {
        self.set(BootTime::START);
        self.allow_for(Duration::ZERO);
        if let Some(until) = &self.0 {
            until.is_given_back.store(true, Ordering::Release);
        }
    }

    /// Whether it has ended for good.
    pub(crate) fn is_given_back(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|until| until.is_given_back.load(Ordering::Acquire))
    }
}

/// The leases that a node was granted.
#[derive(Debug, Default)]
pub(crate) struct HeldLeases {
    until: BootTime,
    /// Those whose floor is not shown yet.
    pending: Vec<Granted>,
}

#[derive(Debug, Clone, Copy)]
struct Granted {
    until: BootTime,
    floor: Revision,
}

impl HeldLeases {
    /// A lease was granted that was asked for at `asked`. Gives until when this node may decide.
    pub(crate) fn granted(
        &mut self,
        (asked, span): (BootTime, Duration),
        floor: Revision,
        shown: Revision,
    ) -> BootTime {
        let until = asked.after(span);
        self.pending.retain(|other| other.until > asked);
        self.pending.push(Granted { until, floor });
        self.shows(shown)
    }

    /// The node shows this much. Gives until when it may decide.
    pub(crate) fn shows(&mut self, shown: Revision) -> BootTime {
        let reached = self.pending.extract_if(.., |granted| granted.floor <= shown);
        self.until = reached
            .map(|granted| granted.until)
            .chain([self.until])
            .max()
            .unwrap_or_default();
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::START.after(Duration::from_secs(seconds))
    }

    const SPAN: Duration = Duration::from_secs(10);

    #[test]
    fn a_lease_counts_from_the_moment_before_it_was_asked_for_once_its_floor_is_shown() {
        let mut held = HeldLeases::default();
        assert_eq!(held.granted((at(1), SPAN), Revision(5), Revision(5)), at(11));
        assert_eq!(held.granted((at(3), SPAN), Revision(7), Revision(6)), at(11));
        assert_eq!(held.shows(Revision(7)), at(13));
        // One that comes late does not shorten what there is.
        assert_eq!(held.granted((at(2), SPAN), Revision(7), Revision(7)), at(13));
    }

    #[test]
    fn what_is_over_is_not_kept() {
        let mut held = HeldLeases::default();
        for second in 0..1000 {
            held.granted((at(second), SPAN), Revision(9), Revision(0));
        }
        assert!(held.pending.len() <= 10, "{}", held.pending.len());
    }

    #[test]
    fn a_lease_holds_until_it_is_over_or_an_operator_says_so() {
        let lease = Lease::ended();
        assert!(!lease.holds());
        lease.set(BootTime::now().after(SPAN));
        assert!(lease.holds() && lease.left().is_some_and(|left| left > Duration::ZERO));
        lease.set(BootTime::START);
        assert!(!lease.holds());
        lease.allow_for(SPAN);
        assert!(lease.holds() && lease.allowed_for() > Duration::ZERO);
        lease.allow_for(Duration::ZERO);
        assert!(!lease.holds());
        lease.set(BootTime::NEVER);
        assert!(lease.holds() && lease.left().is_none());
        assert!(Lease::unlimited().holds());
    }

    #[test]
    fn the_leader_waits_longer_than_any_clock_lets_a_lease_last() {
        let terms = LeaseTerms { span: SPAN };
        // The holder's clock loses 5 %, the leader's gains 5 %.
        let longest = SPAN.as_secs_f64() / 0.95 * 1.05;
        assert!(terms.bound().as_secs_f64() > longest);
    }
}
