//! The clocks of nodes, as they show them: whether they really run wrong.

use std::time::{Duration, Instant};

use super::fault::{CLOCKS, FaultKind};
use crate::world::{Admin, NODES, World};

/// The clock that leases are measured with; only the feature `planted` shows it.
const LEASE_CLOCK: &str = "klamm_lease_clock_seconds";
/// How far the leader's clock of the day is ahead.
const DAY_CLOCK: &str = "klamm_leader_clock_ahead_seconds";
/// A clock is read so often, and the quickest reading counts.
const READINGS: usize = 5;
/// Rates are told apart by less.
const RATE: f64 = 0.01;
/// Clocks of the day are an hour apart, or more.
const APART_SECONDS: f64 = 3500.0;

/// The lease clocks of all nodes at one time, where they show them.
#[derive(Debug)]
pub(super) struct LeaseClocks([Option<(Instant, f64)>; NODES]);

impl LeaseClocks {
    pub(super) fn now(world: &World) -> Self {
        let admins = world.admins();
        Self(std::array::from_fn(|node| read(&admins[node])))
    }

    /// Whether the binary has the feature `planted`.
    pub(super) fn are_shown(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Clocks that have not run as they should, from then until now.
    pub(super) fn doubts(&self, world: &World) -> Vec<String> {
        let now = Self::now(world);
        let rate = |node: usize| {
            let ((began, before), (ended, after)) = (self.0[node]?, now.0[node]?);
            Some((after - before) / ended.duration_since(began).as_secs_f64())
        };
        let rates = CLOCKS.iter().enumerate().map(|(node, (wanted, _))| {
            let is_right = rate(node).is_some_and(|rate| (rate - wanted).abs() < RATE);
            (!is_right).then(|| {
                format!(
                    "the lease clock of node {} runs at {:?}, not {wanted}",
                    node + 1,
                    rate(node)
                )
            })
        });
        rates.flatten().collect()
    }
}

fn read(admin: &Admin) -> Option<(Instant, f64)> {
    let readings = (0..READINGS).filter_map(|_| {
        let asked = Instant::now();
        let seconds = admin.metric(LEASE_CLOCK).ok()?;
        let took = asked.elapsed();
        Some((took, (asked + took / 2, seconds)))
    });
    readings.min_by_key(|(took, _)| *took).map(|(_, reading)| reading)
}

/// A doubt that clocks of the day differ as they should, once nodes have heard of the leader's.
pub(super) fn doubts_of_day_clocks(world: &World, fault: FaultKind) -> Option<String> {
    if fault != FaultKind::DayClock {
        return None;
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let ahead = world
            .admins()
            .into_iter()
            .map(|admin| admin.metric(DAY_CLOCK).unwrap_or(0.0));
        let ahead: Vec<f64> = ahead.collect();
        let apart = ahead
            .iter()
            .filter(|seconds| seconds.abs() > APART_SECONDS)
            .count();
        if apart >= NODES - 1 {
            return None;
        }
        if Instant::now() > deadline {
            return Some(format!(
                "the clocks of the day of the nodes differ by {ahead:?} s only"
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
