//! The effects that the faults of a run had, and whether they were enough to show something.

use std::fmt;

use super::fault::FaultKind;
use super::tally::Tally;

/// Fewer decisions in a second prove nothing.
const MIN_DECISIONS: u64 = 20;
/// A right that is taken away more seldom than once in so many seconds proves nothing.
const MIN_REVOKED_EVERY: u64 = 5;
/// A fault that is rarer than once in so many seconds.
const MIN_FAULT_EVERY: u64 = 25;
/// Requests in the sockets of a node, for each time that a right was taken away while it was stopped.
const MIN_BUFFERED: u64 = 2;

/// Counts of what came of faults.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) faults: u64,
    /// Those that lasted longer than an election and a lease together.
    pub(super) long: u64,
    /// Those of them during which it was acknowledged that a right is gone.
    pub(super) taken_meanwhile: u64,
    pub(super) elections: u64,
    /// Nodes that had no lease during a fault at them.
    pub(super) without_lease: u64,
    /// Nodes that ended because their disk failed.
    pub(super) disks_lost: u64,
    /// Nodes that got a snapshot of the state.
    pub(super) snapshots: u64,
    /// How often a node joined, came to vote, and was removed; the number of the last one.
    pub(super) members_changed: u64,
    pub(super) last_guest: u64,
    /// How often the leader was killed while the voters changed.
    pub(super) cut_short: u64,
    /// Things that nodes did wrong meanwhile.
    pub(super) wrong: Vec<String>,
    /// Why it cannot be said that the faults were what they should be.
    pub(super) doubts: Vec<String>,
}

impl Effects {
    /// Why a run proves nothing.
    pub(super) fn too_few(&self, fault: FaultKind, tally: &Tally, seconds: u64) -> Vec<String> {
        use FaultKind::{
            DayClock, Drain, FullDisk, IsolateFollower, IsolateLeader, KillLeader, LateFollower, LeaseClock,
            Members, None, OneWay, PauseFollower, PauseLeader, SlowDisk, Snapshot,
        };
        let mut least = vec![
            (
                "decisions after a right was gone",
                tally.sum(|node| &node.after),
                seconds * MIN_DECISIONS,
            ),
            (
                "rights that were taken away",
                tally.revocations(),
                seconds / MIN_REVOKED_EVERY,
            ),
        ];
        if fault != None {
            least.push(("faults", self.faults, (seconds / MIN_FAULT_EVERY).max(1)));
        }
        let some = (self.long / 2).max(1);
        let some_taken = (
            "rights that were taken away meanwhile",
            self.taken_meanwhile,
            some,
        );
        let some_held = ("requests that nodes held back", tally.held(), 1);
        let some_elections = ("elections", self.elections, (seconds / 60).clamp(1, 2));
        match fault {
            None | Drain => {}
            PauseFollower | PauseLeader => {
                let buffered = tally.sum(|node| &node.buffered);
                let meanwhile = self.taken_meanwhile.max(1);
                least.push((
                    "requests in sockets of a stopped node",
                    buffered,
                    meanwhile * MIN_BUFFERED,
                ));
                least.push(some_taken);
            }
            IsolateFollower | IsolateLeader | LateFollower | LeaseClock | DayClock => {
                least.extend([some_held, some_taken]);
            }
            KillLeader => least.push(("clients that noticed", tally.sum(|node| &node.held), 1)),
            OneWay => least.extend([some_held, some_elections]),
            FullDisk | SlowDisk => {
                least.extend([some_held, some_elections]);
                least.push(("nodes that had no lease meanwhile", self.without_lease, 1));
            }
            Members => least.extend([
                (
                    "nodes that came and went",
                    self.members_changed,
                    (seconds / 40).max(1),
                ),
                ("elections", self.elections, 1),
            ]),
            Snapshot => least.push(("snapshots that nodes got", self.snapshots, (seconds / 30).max(1))),
        }
        if matches!(fault, PauseLeader | IsolateLeader | KillLeader) {
            least.push(("elections", self.elections, some));
        }
        let too_few = least.into_iter().filter(|(_, number, least)| number < least);
        let too_few = too_few
            .map(|(what, number, least)| format!("{what}: only {number}, and {least} would be enough"));
        too_few.chain(self.doubts.iter().cloned()).collect()
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "faults: {}, {} of them long, {} with a right taken away meanwhile; {} elections; {} times a node was without a lease, {} disks failed, {} snapshots; {} nodes came and went, {} times the leader was killed while the voters changed",
            self.faults,
            self.long,
            self.taken_meanwhile,
            self.elections,
            self.without_lease,
            self.disks_lost,
            self.snapshots,
            self.members_changed,
            self.cut_short
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn too_little_is_said() {
        let (effects, tally) = (Effects::default(), Tally::default());
        let lacks = |fault, tally: &Tally| effects.too_few(fault, tally, 60).join("; ");
        assert!(
            lacks(FaultKind::None, &tally).contains("decisions after a right was gone: only 0, and 1200")
        );
        tally.nodes[1].after.store(1200, Ordering::SeqCst);
        tally.revocations.store(12, Ordering::SeqCst);
        assert_eq!(lacks(FaultKind::None, &tally), "");
        for (fault, lacking) in [
            (FaultKind::PauseFollower, "requests in sockets of a stopped node"),
            (FaultKind::IsolateLeader, "elections"),
            (FaultKind::OneWay, "requests that nodes held back"),
            (FaultKind::FullDisk, "nodes that had no lease meanwhile"),
            (FaultKind::Snapshot, "snapshots that nodes got"),
            (FaultKind::Members, "nodes that came and went"),
            (FaultKind::Drain, "faults"),
        ] {
            assert!(lacks(fault, &tally).contains(lacking), "{fault:?}");
        }
    }
}
