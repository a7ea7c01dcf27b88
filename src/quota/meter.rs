//! A meter: how much of something somebody uses in a second, and how long he waits who uses more. One atomic number, so that
//! all threads of a node can share it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use klamm_raft::model::{QuotaKey, QuotaKind};

use super::share::{OtherNodes, WantedUse, part};

/// The longest wait that is asked of anybody at once. Who owes more waits again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

const NANOS: f64 = 1e9;
const THOUSAND: f64 = 1e3;

/// The use of one thing by somebody. What is used takes time to be paid for, at the rate that is allowed; who has used
/// nothing for a while has some of that time in advance.
#[derive(Debug)]
pub struct Meter {
    /// When all that was used is paid for, in nanoseconds of the node's clock.
    paid_at: AtomicU64,
    /// How much is allowed on all nodes together in a second, as the bits of a floating-point number.
    limit: AtomicU64,
    /// How many nodes share it.
    nodes: AtomicU32,
    /// How much is allowed here in a second, in the same way.
    rate: AtomicU64,
    /// How much was used since it was asked last, in thousandths.
    used: AtomicU64,
    /// How much was wanted in a second then, as the bits of a floating-point number.
    wanted: AtomicU64,
    /// How much time one can have in advance, in nanoseconds.
    advance: u64,
}

impl Meter {
    /// One of which nothing is used yet. Of what is allowed in a second, as much can be used at once; of mutations, what is
    /// allowed in eleven, as by a broker.
    pub fn new(kind: &QuotaKind, limit: f64, nodes: u32) -> Self {
        let advance = match kind {
            QuotaKind::Client(QuotaKey::ControllerMutationRate) => Duration::from_secs(11),
            QuotaKind::Client(_) | QuotaKind::Vcluster(_) | QuotaKind::Policy(_) => Duration::from_secs(1),
        };
        Self {
            paid_at: AtomicU64::new(0),
            limit: AtomicU64::new(limit.to_bits()),
            nodes: AtomicU32::new(nodes),
            rate: AtomicU64::new((limit / f64::from(nodes)).to_bits()),
            used: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            advance: nanos(advance),
        }
    }

    /// From now on this much is allowed in a second, and shared by so many nodes.
    pub fn set_limit(&self, limit: f64, nodes: u32, now: Duration) {
        let before = self.limit.swap(limit.to_bits(), Ordering::Relaxed);
        let of_nodes = self.nodes.swap(nodes, Ordering::Relaxed);
        if (before, of_nodes) != (limit.to_bits(), nodes) {
            self.set_rate(limit / f64::from(nodes), now);
        }
    }

    /// How much is wanted here in a second, by what was used since this was asked last.
    pub fn demand(&self, since_last: Duration, now: Duration) -> WantedUse {
        let used = self.used.swap(0, Ordering::Relaxed) as f64 / THOUSAND;
        let used = used / since_last.as_secs_f64().max(f64::MIN_POSITIVE);
        let amount = used.max(f64::from_bits(self.wanted.load(Ordering::Relaxed)) / 2.0);
        self.wanted.store(amount.to_bits(), Ordering::Relaxed);
        let waits = !self.owed(now).is_zero();
        WantedUse { amount, waits }
    }

    /// Lets through what follows from what is wanted on the other nodes; an equal part, if nobody knows.
    pub fn share(&self, others: Option<OtherNodes>, now: Duration) {
        let limit = f64::from_bits(self.limit.load(Ordering::Relaxed));
        let nodes = self.nodes.load(Ordering::Relaxed);
        let own = WantedUse {
            amount: f64::from_bits(self.wanted.load(Ordering::Relaxed)),
            waits: !self.owed(now).is_zero(),
        };
        let part = match others {
            Some(others) => part(own, others, (limit, nodes)),
            None => 1.0 / f64::from(nodes),
        };
        self.set_rate(limit * part, now);
    }

    /// How much is allowed here in a second.
    pub fn rate(&self) -> f64 {
        f64::from_bits(self.rate.load(Ordering::Relaxed))
    }

    /// From now on this much is allowed here in a second. What is owed, or was had in advance, is so much as before.
    fn set_rate(&self, rate: f64, now: Duration) {
        let before = f64::from_bits(self.rate.swap(rate.to_bits(), Ordering::Relaxed));
        if before.to_bits() == rate.to_bits() {
            return;
        }
        let now = nanos(now);
        let as_much = |time: u64| (time as f64 * before / rate) as u64;
        self.update(|paid_at| match paid_at.checked_sub(now) {
            Some(owed) => now.saturating_add(as_much(owed)),
            None => now.saturating_sub(as_much((now - paid_at).min(self.advance)).min(self.advance)),
        });
    }

    /// Uses so much, whatever was used before; says how long to wait before more is used.
    pub fn charge(&self, amount: f64, now: Duration) -> Duration {
        let (now, cost) = (nanos(now), self.cost(amount));
        self.used.fetch_add((amount * THOUSAND) as u64, Ordering::Relaxed);
        let paid_at = self.update(|paid_at| self.reckoned(paid_at, now).saturating_add(cost));
        wait(paid_at, now)
    }

    /// Uses so much, unless that takes a longer wait than `limit`: then nothing is used, and there is no wait.
    pub fn charge_within(&self, amount: f64, now: Duration, limit: Duration) -> Option<Duration> {
        let (now, cost) = (nanos(now), self.cost(amount));
        let latest = now.saturating_add(nanos(limit));
        let charged = |paid_at| self.reckoned(paid_at, now).saturating_add(cost);
        let charging = |paid_at| Some(charged(paid_at)).filter(|paid_at| *paid_at <= latest);
        let before = self
            .paid_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, charging)
            .ok()?;
        self.used.fetch_add((amount * THOUSAND) as u64, Ordering::Relaxed);
        Some(wait(charged(before), now))
    }

    /// How long to wait before anything is used.
    pub fn owed(&self, now: Duration) -> Duration {
        wait(self.paid_at.load(Ordering::Relaxed), nanos(now))
    }

    /// Whether it says no more than one that was never used.
    pub fn is_settled(&self, now: Duration) -> bool {
        let paid_at = self.paid_at.load(Ordering::Relaxed);
        paid_at.saturating_add(self.advance) <= nanos(now)
    }

    /// Time in advance is not saved for ever.
    fn reckoned(&self, paid_at: u64, now: u64) -> u64 {
        paid_at.max(now.saturating_sub(self.advance))
    }

    /// The time that it takes to pay for so much, in nanoseconds.
    fn cost(&self, amount: f64) -> u64 {
        (amount / self.rate() * NANOS) as u64
    }

    /// Changes when all is paid for, and says when that is.
    fn update(&self, change: impl Fn(u64) -> u64) -> u64 {
        let change_once = |paid_at| Some(change(paid_at));
        let before = self
            .paid_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, change_once);
        let (Ok(before) | Err(before)) = before;
        change(before)
    }
}

fn wait(paid_at: u64, now: u64) -> Duration {
    Duration::from_nanos(paid_at.saturating_sub(now)).min(LONGEST_WAIT)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn meter(rate: f64) -> Meter {
        Meter::new(&QuotaKind::Client(QuotaKey::ProducerByteRate), rate, 1)
    }

    fn at(millis: u64) -> Duration {
        START + Duration::from_millis(millis)
    }

    #[test]
    fn a_second_is_had_in_advance_and_what_is_beyond_is_waited_for() {
        let meter = meter(1000.0);
        assert_eq!(meter.charge(1000.0, at(0)), Duration::ZERO);
        assert_eq!(meter.charge(500.0, at(0)), Duration::from_millis(500));
        assert_eq!(meter.charge(500.0, at(500)), Duration::from_millis(500));
        assert_eq!(meter.charge(0.0, at(1000)), Duration::ZERO);
        // Nobody saves more than a second.
        assert_eq!(meter.charge(1500.0, at(60_000)), Duration::from_millis(500));
    }

    #[test]
    fn whoever_waits_as_told_uses_what_is_allowed() {
        for (rate, piece) in [(1000.0, 10.0), (1000.0, 5000.0), (0.5, 1.0), (1e9, 1e6)] {
            let meter = meter(rate);
            let (mut now, mut used) = (Duration::ZERO, 0.0);
            while now < Duration::from_secs(600) {
                used += piece;
                now += meter.charge(piece, START + now);
                // What is free takes a moment.
                now += Duration::from_micros(1);
            }
            let allowed = rate * now.as_secs_f64();
            assert!(
                (0.99 * allowed..=1.01 * allowed + rate).contains(&used),
                "{rate}: {used} of {allowed}"
            );
        }
    }

    #[test]
    fn what_is_owed_is_paid_at_the_new_rate() {
        let meter = meter(1000.0);
        assert_eq!(meter.charge(11_000.0, at(0)), Duration::from_secs(10));
        meter.set_limit(10_000.0, 1, at(0));
        assert_eq!(meter.owed(at(0)), Duration::from_secs(1));
        meter.set_limit(2000.0, 2, at(500));
        assert_eq!(meter.owed(at(500)), Duration::from_secs(5));
    }

    #[test]
    fn beyond_a_limit_nothing_is_used() {
        let meter = Meter::new(&QuotaKind::Client(QuotaKey::ConnectionCreationRate), 1.0, 1);
        let limit = Duration::from_secs(2);
        let waits: Vec<_> = (0..5).map(|_| meter.charge_within(1.0, START, limit)).collect();
        let seconds = |waits: &[Option<Duration>]| -> Vec<_> {
            waits.iter().map(|wait| wait.map(|wait| wait.as_secs())).collect()
        };
        assert_eq!(seconds(&waits), [Some(0), Some(1), Some(2), None, None]);
        assert_eq!(meter.charge_within(1.0, at(1000), limit), Some(limit));
    }

    #[test]
    fn a_wait_has_an_end_whatever_the_rate_is() {
        for rate in [f64::MIN_POSITIVE, 1e-9, f64::MAX] {
            let meter = meter(rate);
            for _ in 0..3 {
                assert!(meter.charge(1e9, START) <= LONGEST_WAIT);
            }
            meter.set_limit(1.0, 1, START);
            assert!(meter.owed(START) <= LONGEST_WAIT);
        }
    }

    #[test]
    fn it_is_settled_once_it_says_no_more_than_a_new_one() {
        let meter = meter(1000.0);
        assert!(meter.is_settled(START));
        meter.charge(2000.0, START);
        assert!(!meter.is_settled(at(1999)));
        assert!(meter.is_settled(at(2000)));
    }
}
