//! Idle lanes, by broker and credentials. It dials nothing; time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use klamm_raft::model::CredentialsName;
use prometheus::IntGauge;

use crate::backend::lane::{Lane, LaneTarget};

/// How many idle lanes are kept for one broker.
const MAX_IDLE_PER_BROKER: usize = 32;

/// How long a lane stays idle: far less than a broker's `connections.max.idle.ms` (10 minutes).
const MAX_IDLE: Duration = Duration::from_secs(60);

/// The idle lanes of one pool.
#[derive(Debug)]
pub(super) struct LaneShelf {
    /// By broker (`None`: a bootstrap server) and credentials. The lane that was put last is taken first.
    lanes: BTreeMap<Place, Vec<Idle>>,
    idle: IntGauge,
    leased: IntGauge,
}

type Place = (Option<i32>, Option<CredentialsName>);

fn place(target: &LaneTarget) -> Place {
    (target.broker, target.login.name().cloned())
}

#[derive(Debug)]
struct Idle {
    lane: Lane,
    since: Instant,
}

impl LaneShelf {
    pub(super) fn new(idle: IntGauge, leased: IntGauge) -> Self {
        Self {
            lanes: BTreeMap::new(),
            idle,
            leased,
        }
    }

    /// Keeps a lane; the one that has been idle longest gives way when there are too many.
    pub(super) fn put(&mut self, mut lane: Lane, now: Instant) {
        // A client's own lane is nobody else's.
        if !lane.target().login.is_shared() || lane.is_retired(now) {
            return;
        }
        lane.count_in(&self.idle);
        let lanes = self.lanes.entry(place(lane.target())).or_default();
        if lanes.len() >= MAX_IDLE_PER_BROKER {
            lanes.remove(0);
        }
        lanes.push(Idle { lane, since: now });
    }

    /// A lane to `target` that is fit for use.
    pub(super) fn take(&mut self, target: &LaneTarget, now: Instant) -> Option<Lane> {
        let lanes = self.lanes.get_mut(&place(target))?;
        while let Some(mut idle) = lanes.pop() {
            if idle.lane.target() == target && idle.is_fit(now) {
                idle.lane.count_in(&self.leased);
                return Some(idle.lane);
            }
        }
        None
    }

    /// Closes what is no longer fit for use, or leads where nobody is wanted.
    pub(super) fn sweep(&mut self, now: Instant, is_wanted: impl Fn(&LaneTarget) -> bool) {
        for lanes in self.lanes.values_mut() {
            lanes.retain_mut(|idle| is_wanted(idle.lane.target()) && idle.is_fit(now));
        }
        self.lanes.retain(|_, lanes| !lanes.is_empty());
    }
}

impl Idle {
    fn is_fit(&mut self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < MAX_IDLE
            && !self.lane.is_retired(now)
            && self.lane.is_quiet()
    }
}
