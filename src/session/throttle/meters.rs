//! The meters of a node: all sessions of whoever a quota is for have the same. One is kept until it says no more than a new one
//! would, so that nobody gets a new one by connecting again.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::model::{Limit, QuotaDemand, QuotaHolder, QuotaKey, QuotaKind, VclusterName};

use crate::quota::{CountedFor, Found, Meter, OpenConnections, OtherNodes, WantedUse};

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
    meters: HashMap<(VclusterName, QuotaKind, MeterOf), Arc<Meter>>,
    /// The connections of each virtual cluster.
    connections: HashMap<VclusterName, Arc<OpenConnections>>,
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
                connections: HashMap::new(),
                prune_at: FEW_METERS,
                asked_at: BEGIN,
            }),
        }
    }

    /// The time of meters.
    pub(super) fn clock(&self, now: Instant) -> Duration {
        BEGIN + now.saturating_duration_since(self.start)
    }

    /// The connections of a virtual cluster on this node.
    pub fn connections(&self, vcluster: &VclusterName) -> Arc<OpenConnections> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.connections.retain(|_, open| Arc::strong_count(open) > 1);
        Arc::clone(kept.connections.entry(vcluster.clone()).or_default())
    }

    /// The meter of whoever a quota or a limit is for.
    pub(super) fn of_client(
        &self,
        (vcluster, kind): (&VclusterName, QuotaKind),
        found: Found,
        now: Instant,
    ) -> Arc<Meter> {
        let whose = (vcluster.clone(), kind, MeterOf::Client(found.counted_for));
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
        let kind = QuotaKind::Client(QuotaKey::ConnectionCreationRate);
        let whose = (vcluster.clone(), kind, whose);
        self.meter(whose, (rate, nodes), now)
    }

    fn meter(
        &self,
        whose: (VclusterName, QuotaKind, MeterOf),
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
        let kind = whose.1.clone();
        let new = || Arc::new(Meter::new(&kind, limit, nodes));
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
        let connections = kept.connections.iter().filter_map(|(vcluster, open)| {
            Some(QuotaDemand {
                holder: holder(&connected(vcluster)),
                thousandths: open.shared()?.saturating_mul(1000),
                waits: false,
            })
        });
        let mut demands: Vec<QuotaDemand> = demands.chain(connections).collect();
        let is_first = |demand: &QuotaDemand| demand.waits || demand.holder.kind == CONNECTIONS;
        demands.sort_unstable_by_key(|demand| Reverse((is_first(demand), demand.thousandths)));
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
        for (vcluster, open) in &kept.connections {
            let others = |elsewhere: &HashMap<QuotaHolder, OtherNodes>| {
                let others = elsewhere.get(&holder(&connected(vcluster)));
                others.map_or(0, |others| others.used as u64)
            };
            open.share(elsewhere.map(others));
        }
    }
}

const CONNECTIONS: QuotaKind = QuotaKind::Vcluster(Limit::Connections);

/// The connections of a virtual cluster, whoever has them.
fn connected(vcluster: &VclusterName) -> (VclusterName, QuotaKind, MeterOf) {
    let anybody = CountedFor {
        user: None,
        client: None,
    };
    (vcluster.clone(), CONNECTIONS, MeterOf::Client(anybody))
}

/// Who is counted for, for other nodes.
fn holder((vcluster, kind, whose): &(VclusterName, QuotaKind, MeterOf)) -> QuotaHolder {
    let (user, client, address) = match whose {
        MeterOf::Client(CountedFor { user, client }) => (user.clone(), client.clone(), None),
        MeterOf::Address(address) => (None, None, Some(*address)),
    };
    QuotaHolder {
        vcluster: vcluster.clone(),
        kind: kind.clone(),
        user,
        client,
        address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: QuotaKind = QuotaKind::Client(QuotaKey::ProducerByteRate);

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
        let of = ("v".parse().unwrap(), KIND);
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
        let of = ("v".parse().unwrap(), KIND);
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
    fn connections_are_told_of_where_there_is_a_limit() {
        let (meters, now) = (Meters::new(), Instant::now());
        let open = meters.connections(&"v".parse().unwrap());
        let first = open.enter(None);
        assert!(meters.demands(now).is_empty());
        let limit = Some((6, 2));
        let second = open.enter(limit);
        assert!(first.is_some() && second.is_some());
        let demands = meters.demands(now);
        assert_eq!((demands.len(), demands[0].thousandths), (1, 2000));
        let others = OtherNodes {
            used: 4.0,
            waiting: 0,
        };
        meters.share(Some(&HashMap::from([(demands[0].holder.clone(), others)])), now);
        assert!(open.enter(limit).is_none());
        meters.share(Some(&HashMap::new()), now);
        assert!(open.enter(limit).is_some());
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
