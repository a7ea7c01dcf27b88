//! The time that members of groups have to rejoin, once another physical cluster serves. Within it nothing is read there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use klamm_raft::model::ClusterId;

use crate::vcluster::routed::Routed;

/// Within it members of groups learn that the other physical cluster does not know them (Java's send a heartbeat every 3 s),
/// and a group waits 3 s for its members (`group.initial.rebalance.delay.ms`).
pub(super) const REJOIN: Duration = Duration::from_secs(10);

/// Whether members of groups have had the time to rejoin.
#[derive(Debug, Default)]
pub(super) struct RejoinTime {
    /// The physical clusters that requests went to last.
    served_by: BTreeMap<ClusterId, ClusterId>,
    /// Since another one serves.
    until: Option<Instant>,
}

impl RejoinTime {
    /// Notes which physical clusters serve at a moment, `now_s` in seconds since the Unix epoch. Answers whether members have to
    /// rejoin from now on.
    pub(super) fn begins(&mut self, routed: &Routed<'_>, now: Instant, now_s: Option<u64>) -> bool {
        if routed.is_fenced {
            return false;
        }
        let before = std::mem::replace(&mut self.served_by, routed.served_by.clone());
        let is_other = |(cluster, by)| before.get(cluster).is_some_and(|before| before != by);
        // A node that has just started did not see the switch.
        let is_recent = |at_s: u64| now_s.is_some_and(|now_s| now_s.saturating_sub(at_s) < REJOIN.as_secs());
        let begins = match before.is_empty() {
            true => routed.switched_at_s.is_some_and(is_recent),
            false => routed.served_by.iter().any(is_other),
        };
        if begins {
            self.until = Some(now + REJOIN);
        }
        begins
    }

    /// Whether members may not have rejoined yet.
    pub(super) fn is_under_way(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether this node has seen a switch.
    pub(super) fn was_seen(&self) -> bool {
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::vcluster::samples;

    fn routed(by: &str, is_fenced: bool, switched_at_s: Option<u64>) -> Routed<'static> {
        let served_by = BTreeMap::from([("main".parse().unwrap(), by.parse().unwrap())]);
        Routed {
            own: Cow::Owned(samples::partner(&[])),
            is_fenced,
            served_by,
            switched_at_s,
            is_home_switched: switched_at_s.is_some(),
            generation: 0,
        }
    }

    #[test]
    fn it_begins_when_another_cluster_serves_and_ends() {
        let (mut rejoin, now) = (RejoinTime::default(), Instant::now());
        assert!(!rejoin.begins(&routed("main", false, None), now, Some(1000)));
        assert!(!rejoin.begins(&routed("main", true, Some(1000)), now, Some(1000)));
        assert!(!rejoin.is_under_way(now) && !rejoin.was_seen());
        assert!(rejoin.begins(&routed("spare", false, Some(1001)), now, Some(1001)));
        assert!(!rejoin.begins(&routed("spare", false, Some(1001)), now, Some(1001)));
        assert!(rejoin.is_under_way(now) && !rejoin.is_under_way(now + REJOIN));
        assert!(rejoin.was_seen());
    }

    #[test]
    fn a_node_that_starts_within_the_time_knows_of_it() {
        let now = Instant::now();
        for (switched_at_s, begins) in [
            (None, false),
            (Some(980), false),
            (Some(995), true),
            (Some(1003), true),
        ] {
            let mut rejoin = RejoinTime::default();
            assert_eq!(
                rejoin.begins(&routed("spare", false, switched_at_s), now, Some(1000)),
                begins,
                "{switched_at_s:?}"
            );
        }
        let mut started_while_fenced = RejoinTime::default();
        assert!(!started_while_fenced.begins(&routed("main", true, Some(999)), now, Some(999)));
        assert!(started_while_fenced.begins(&routed("spare", false, Some(1000)), now, Some(1000)));
    }
}
