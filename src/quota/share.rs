//! How nodes share what a quota allows: each lets through a part that follows what is wanted there, and all parts together are
//! the whole.

/// The part of a quota that is shared evenly, whatever is wanted where: whoever comes to another node has something there at once.
const EVEN: f64 = 0.06;

/// Who does not wait is given somewhat more than it uses, so that it can come to use more.
const HEADROOM: f64 = 1.2;

/// How much is wanted on a node in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WantedUse {
    pub amount: f64,
    /// Whether somebody has to wait, so that more is wanted than is had.
    pub waits: bool,
}

/// How much is wanted on the other nodes in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OtherNodes {
    /// By those where nobody waits.
    pub used: f64,
    /// The nodes where somebody waits.
    pub waiting: u32,
}

impl OtherNodes {
    /// Adds another node.
    pub fn add(&mut self, node: WantedUse) {
        match node.waits {
            true => self.waiting += 1,
            false => self.used += node.amount,
        }
    }
}

/// The part of a limit that a node lets through: what is used there, where nobody waits, and otherwise an equal part of what the
/// others leave.
pub(super) fn part(own: WantedUse, others: OtherNodes, (limit, nodes): (f64, u32)) -> f64 {
    let even = 1.0 / f64::from(nodes.max(1));
    let (base, rest) = (EVEN * even, 1.0 - EVEN);
    let mut all = others;
    all.add(own);
    let used = |amount: f64| HEADROOM * amount / limit;
    let (used_here, used_by_all) = match own.waits {
        true => (0.0, used(all.used)),
        false => (used(own.amount), used(all.used)),
    };
    let waiting = f64::from(all.waiting);
    if all.waiting == 0 {
        return match used_by_all > 0.0 {
            true => base + rest * used_here / used_by_all,
            false => even,
        };
    }
    // Those who do not wait may not keep it all.
    let kept = used_by_all.min(match used_by_all >= rest {
        true => rest / 2.0,
        false => rest,
    });
    match own.waits {
        true => base + (rest - kept) / waiting,
        false if used_by_all > 0.0 => base + kept * used_here / used_by_all,
        false => base,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use klamm_raft::model::{QuotaKey, QuotaKind};

    use super::*;
    use crate::quota::Meter;

    const KIND: QuotaKind = QuotaKind::Client(QuotaKey::ProducerByteRate);
    const LIMIT: f64 = 1e6;
    const NODES: u32 = 3;
    const CLIENTS: usize = 30;
    const STEP: Duration = Duration::from_millis(10);
    /// Nodes tell each other that often.
    const TELL_EVERY: u32 = 25;

    fn wanted(amount: f64, waits: bool) -> WantedUse {
        WantedUse { amount, waits }
    }

    #[test]
    fn the_parts_are_the_whole() {
        let (idle, busy) = (wanted(0.0, false), wanted(LIMIT, true));
        for nodes in [
            [idle, idle, idle],
            [busy, idle, idle],
            [busy, busy, busy],
            [busy, wanted(LIMIT / 5.0, false), idle],
            [busy, wanted(LIMIT, false), busy],
            [wanted(5.0, false), wanted(7.0, false), idle],
        ] {
            let parts = (0..3).map(|own| {
                let mut others = OtherNodes::default();
                let rest = nodes.iter().enumerate().filter(|(node, _)| *node != own);
                rest.for_each(|(_, node)| others.add(*node));
                part(nodes[own], others, (LIMIT, NODES))
            });
            let parts: Vec<f64> = parts.collect();
            let whole: f64 = parts.iter().sum();
            assert!((whole - 1.0).abs() < 1e-9, "{nodes:?}: {parts:?}");
            assert!(
                parts.iter().all(|part| *part > EVEN / 3.1),
                "{nodes:?}: {parts:?}"
            );
        }
        assert_eq!(part(wanted(7.0, true), OtherNodes::default(), (LIMIT, 1)), 1.0);
    }

    /// The bytes that go through in each second, of clients that ask for as much as they get, on the nodes where they are.
    fn seconds(secs: u32, place: impl Fn(usize, u32) -> usize) -> Vec<f64> {
        let meters: Vec<Meter> = (0..NODES).map(|_| Meter::new(&KIND, LIMIT, NODES)).collect();
        let mut next = [Duration::ZERO; CLIENTS];
        let mut heard = [WantedUse::default(); NODES as usize];
        let mut seconds = vec![0.0; secs as usize];
        for step in 0..secs * 100 {
            let now = Duration::from_secs(100) + STEP * step;
            for (client, next) in next.iter_mut().enumerate() {
                if *next <= now {
                    let bytes = 5_000.0;
                    let wait = meters[place(client, step / 100)].charge(bytes, now);
                    *next = now + wait.max(STEP);
                    seconds[step as usize / 100] += bytes;
                }
            }
            if step % TELL_EVERY == 0 {
                // What the others say is one round old.
                let own: Vec<WantedUse> = meters
                    .iter()
                    .map(|meter| meter.demand(STEP * TELL_EVERY, now))
                    .collect();
                for (node, meter) in meters.iter().enumerate() {
                    let mut others = OtherNodes::default();
                    let rest = heard.iter().enumerate().filter(|(other, _)| *other != node);
                    rest.for_each(|(_, wanted)| others.add(*wanted));
                    meter.share(Some(others), now);
                }
                heard.copy_from_slice(&own);
            }
        }
        seconds
    }

    /// In any ten seconds, once things have settled, what goes through is the limit, within a tenth.
    fn check(what: &str, seconds: &[f64]) {
        for window in seconds[5..].windows(10) {
            let rate = window.iter().sum::<f64>() / 10.0 / LIMIT;
            assert!((0.9..=1.1).contains(&rate), "{what}: {rate} of {seconds:?}");
        }
    }

    #[test]
    fn the_sum_over_nodes_is_the_limit_wherever_clients_are() {
        check("spread", &seconds(60, |client, _| client % 3));
        check("on one node", &seconds(60, |_, _| 1));
        check(
            "unevenly",
            &seconds(60, |client, _| usize::from(client % 10 == 0)),
        );
        check("moving", &seconds(120, |_, second| second as usize / 20 % 3));
        check(
            "moving one after the other",
            &seconds(120, |client, second| (second as usize + client) / 15 % 3),
        );
    }

    #[test]
    fn who_is_cut_off_lets_an_equal_part_through() {
        let meter = Meter::new(&KIND, LIMIT, NODES);
        let now = Duration::from_secs(100);
        meter.charge(LIMIT, now);
        meter.demand(STEP, now);
        meter.share(Some(OtherNodes::default()), now);
        assert!(meter.rate() > 0.9 * LIMIT);
        meter.share(None, now);
        assert_eq!(meter.rate(), LIMIT / 3.0);
    }
}
