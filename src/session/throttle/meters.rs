//! The meters of a node: all sessions of whoever a quota is for have the same. One is kept until it says no more than a new one
//! would, so that nobody gets a new one by connecting again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::model::{QuotaDemand, QuotaHolder, QuotaKey, VclusterName};

use crate::quota::{CountedFor, Found, Meter, OtherNodes, WantedUse};

/// So many meters are kept before it is looked for those that nobody needs.
const FEW_METERS: usize = 64;

/// The time that meters begin at: whoever comes first has something in advance, too.
const BEGIN: Duration = Duration::from_secs(60);

/// The one who is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum MeterOf {
    Client(CountedFor),
    Address(IpAddr),
}

/// All meters of a node.
#[derive(Debug)]
pub struct Meters {
    start: Instant,
    /// Looked at when a session makes its first request, or its first one with another client id or other quotas.
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    meters: HashMap<(VclusterName, QuotaKey, MeterOf), Arc<Meter>>,
    prune_at: usize,
    /// When it was asked last what is wanted.
    asked_at: Duration,
}

impl Meters {
    /// Of which nothing is used yet.
    pub(in crate::session) fn new() -> Self {
        Self {
            start: Instant::now(),
            kept: Mutex::new(Kept {
                meters: HashMap::new(),
                prune_at: FEW_METERS,
                asked_at: BEGIN,
            }),
        }
    }

    /// The time of meters.
    pub(super) fn clock(&self, now: Instant) -> Duration {
        BEGIN + now.saturating_duration_since(self.start)
    }

    /// The meter of whoever a quota is for.
    pub(super) fn of_client(
        &self,
        (vcluster, key): (&VclusterName, QuotaKey),
        found: Found,
        now: Instant,
    ) -> Arc<Meter> {
        let whose = (vcluster.clone(), key, MeterOf::Client(found.counted_for));
        self.meter(whose, (found.rate, found.nodes), now)
    }

    /// The meter of an address that makes connections.
    pub(super) fn of_address(
        &self,
        vcluster: &VclusterName,
        (address, rate, nodes): (IpAddr, f64, u32),
        now: Instant,
    ) -> Arc<Meter> {
        let whose = MeterOf::Address(address.to_canonical());
        let whose = (vcluster.clone(), QuotaKey::ConnectionCreationRate, whose);
        self.meter(whose, (rate, nodes), now)
    }

    fn meter(
        &self,
        whose: (VclusterName, QuotaKey, MeterOf),
        (limit, nodes): (f64, u32),
        now: Instant,
    ) -> Arc<Meter> {
        let now = self.clock(now);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.meters.len() >= kept.prune_at {
            kept.meters
                .retain(|_, meter| Arc::strong_count(meter) > 1 || !meter.is_settled(now));
            kept.prune_at = FEW_METERS.max(2 * kept.meters.len());
        }
        let key = whose.1;
        let new = || Arc::new(Meter::new(key, limit, nodes));
        let meter = Arc::clone(kept.meters.entry(whose).or_insert_with(new));
        drop(kept);
        meter.set_limit(limit, nodes, now);
        meter
    }

    /// How much is wanted of each since this was asked last; of many, the most. To be asked every so often.
    pub fn demands(&self, now: Instant) -> Vec<QuotaDemand> {
        let clock = self.clock(now);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let since_last = clock.saturating_sub(kept.asked_at);
        kept.asked_at = clock;
        let demands = kept.meters.iter().filter_map(|(whose, meter)| {
            let WantedUse { amount, waits } = meter.demand(since_last, clock);
            let thousandths = (amount * 1e3) as u64;
            (waits || thousandths > 0).then(|| QuotaDemand {
                holder: holder(whose),
                thousandths,
                waits,
            })
        });
        let mut demands: Vec<QuotaDemand> = demands.collect();
        demands.sort_unstable_by_key(|demand| Reverse((demand.waits, demand.thousandths)));
        demands.truncate(QuotaDemand::MOST);
        demands
    }

    /// Lets through on this node what follows from what is wanted on the others. None: nobody knows what is, and an equal part
    /// goes through.
    pub fn share(&self, elsewhere: Option<&HashMap<QuotaHolder, OtherNodes>>, now: Instant) {
        let clock = self.clock(now);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for (whose, meter) in &kept.meters {
            let others =
                elsewhere.map(|elsewhere| elsewhere.get(&holder(whose)).copied().unwrap_or_default());
            meter.share(others, clock);
        }
    }
}

/// Who is counted for, for other nodes.
fn holder((vcluster, key, whose): &(VclusterName, QuotaKey, MeterOf)) -> QuotaHolder {
    let (user, client, address) = match whose {
        MeterOf::Client(CountedFor { user, client }) => (user.clone(), client.clone(), None),
        MeterOf::Address(address) => (None, None, Some(*address)),
    };
    QuotaHolder {
        vcluster: vcluster.clone(),
        key: *key,
        user,
        client,
        address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_client(meters: &Meters, client: usize, now: Instant) -> Arc<Meter> {
        let counted_for = CountedFor {
            user: None,
            client: Some(client.to_string()),
        };
        let found = Found {
            rate: 1000.0,
            nodes: 1,
            counted_for,
        };
        let of = ("v".parse().unwrap(), QuotaKey::ProducerByteRate);
        meters.of_client((&of.0, of.1), found, now)
    }

    #[test]
    fn a_node_takes_the_part_that_is_wanted_there() {
        let (meters, start) = (Meters::new(), Instant::now());
        let counted_for = CountedFor {
            user: Some("alice".to_owned()),
            client: None,
        };
        let found = Found {
            rate: 3000.0,
            nodes: 3,
            counted_for,
        };
        let of = ("v".parse().unwrap(), QuotaKey::ProducerByteRate);
        let meter = meters.of_client((&of.0, of.1), found, start);
        assert_eq!(meter.rate(), 1000.0);
        assert!(meters.demands(start + Duration::from_secs(1)).is_empty());
        let now = start + Duration::from_secs(2);
        meter.charge(500.0, meters.clock(now));
        let demands = meters.demands(now);
        assert_eq!((demands.len(), demands[0].thousandths), (1, 500_000));
        let wanted = |used, waiting| {
            let others = OtherNodes { used, waiting };
            HashMap::from([(demands[0].holder.clone(), others)])
        };
        meters.share(Some(&wanted(500.0, 0)), now);
        assert_eq!(meter.rate().round(), 0.02 * 3000.0 + 0.47 * 3000.0);
        meters.share(Some(&HashMap::new()), now);
        assert_eq!(meter.rate().round(), 0.96 * 3000.0);
        // Who waits gets what is not used here.
        meters.share(Some(&wanted(0.0, 1)), now);
        assert_eq!(meter.rate().round(), 0.02 * 3000.0 + 1.2 * 500.0);
        meters.share(None, now);
        assert_eq!(meter.rate(), 1000.0);
    }

    #[test]
    fn a_meter_outlives_its_sessions_while_something_is_owed() {
        let (meters, start) = (Meters::new(), Instant::now());
        let owing = of_client(&meters, 0, start);
        owing.charge(100_000.0, meters.clock(start));
        drop(owing);
        for client in 1..1000 {
            of_client(&meters, client, start);
        }
        let kept = meters.kept.lock().unwrap().meters.len();
        assert!(kept <= FEW_METERS + 1, "{kept}");
        let owed = of_client(&meters, 0, start).owed(meters.clock(start));
        assert!(owed > Duration::from_secs(98), "{owed:?}");
        assert!(of_client(&meters, 1, start).owed(meters.clock(start)).is_zero());
    }
}
