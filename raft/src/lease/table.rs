//! The leader's knowledge of who may hold a lease, and of which changes nobody decides against any more.

use std::collections::{BTreeMap, VecDeque};

use super::{LeaseTerms, ProcessId};
use crate::clock::BootTime;
use crate::model::{NodeId, Revision};

/// Remembered moments of commits. More of them become one: then the later moment counts.
const MAX_COMMITS: usize = 1024;

/// The leases that one leader may have granted, or those before it.
#[derive(Debug)]
pub(crate) struct LeaseTable {
    terms: LeaseTerms,
    holders: BTreeMap<NodeId, Holder>,
    commits: CommitTimes,
}

/// A node that may hold a lease.
#[derive(Debug)]
struct Holder {
    /// None if it has not asked this leader yet.
    process: Option<ProcessId>,
    /// When it asked last, as far as is known.
    asked: BootTime,
    shows: Revision,
}

/// Another process of the node may hold a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotHolder;

/// The nodes that may still decide by what was before a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsettledNodes {
    pub(crate) waiting_for: Vec<NodeId>,
    /// When the next of them has no lease any more, at the latest.
    pub(crate) next: BootTime,
}

impl LeaseTable {
    /// The table of a leader that begins now: each member is taken for one that has just asked.
    pub(crate) fn new(
        terms: LeaseTerms,
        members: impl Iterator<Item = NodeId>,
        committed: Revision,
        now: BootTime,
    ) -> Self {
        let holder = || Holder {
            process: None,
            asked: now,
            shows: Revision::default(),
        };
        let mut commits = CommitTimes::default();
        commits.note(committed, now, BootTime::START);
        Self {
            terms,
            holders: members.map(|member| (member, holder())).collect(),
            commits,
        }
    }

    /// No leader before this one has granted anything to anybody who asked after this moment.
    pub(crate) fn nobody_asked_after(&mut self, moment: BootTime) {
        let unheard = self
            .holders
            .values_mut()
            .filter(|holder| holder.process.is_none());
        for holder in unheard {
            holder.asked = holder.asked.min(moment);
        }
    }

    /// A process of a node asks for a lease. It may be granted one from now on. `since` is when it took the place of another
    /// one, if it did.
    ///
    /// # Errors
    /// Another process of that node has asked so recently, this leader or the one before, that it may hold one.
    pub(crate) fn asks(
        &mut self,
        (node, process): (NodeId, ProcessId),
        shows: Revision,
        (now, since): (BootTime, Option<BootTime>),
    ) -> Result<(), NotHolder> {
        let bound = self.terms.bound();
        let is_fresh = since.is_some_and(|since| now < since.after(bound));
        let holder = self.holders.entry(node).or_insert(Holder {
            process: Some(process),
            asked: now,
            shows,
        });
        match holder.process {
            Some(other) if other != process => {
                if now < holder.asked.after(bound) {
                    return Err(NotHolder);
                }
                *holder = Holder {
                    process: Some(process),
                    asked: now,
                    shows,
                };
            }
            // The leader before may have granted one to the process that was there.
            None if is_fresh && now < holder.asked.after(bound) => return Err(NotHolder),
            Some(_) | None => {
                holder.process = Some(process);
                holder.asked = holder.asked.max(now);
                holder.shows = holder.shows.max(shows);
            }
        }
        Ok(())
    }

    /// A process of a node shows this much.
    pub(crate) fn shows(&mut self, (node, process): (NodeId, ProcessId), shows: Revision) {
        if let Some(holder) = self.holders.get_mut(&node)
            && holder.process == Some(process)
        {
            holder.shows = holder.shows.max(shows);
        }
    }

    /// A process of a node decides nothing any more, and will not.
    pub(crate) fn releases(&mut self, (node, process): (NodeId, ProcessId)) {
        let is_its = |holder: &Holder| holder.process.is_none_or(|own| own == process);
        if self.holders.get(&node).is_some_and(is_its) {
            self.holders.remove(&node);
        }
    }

    /// All up to this revision is committed.
    pub(crate) fn committed(&mut self, revision: Revision, now: BootTime) {
        self.commits.note(revision, now, self.terms.over(now));
    }

    /// Who may still decide by what was before a change; `None` if nobody may.
    pub(crate) fn unsettled(&self, revision: Revision, now: BootTime) -> Option<UnsettledNodes> {
        let committed = self.commits.of(revision);
        let ends = self.holders.iter().filter_map(|(node, holder)| {
            let end = committed.min(holder.asked).after(self.terms.bound());
            (holder.shows < revision && now < end).then_some((*node, end))
        });
        let (waiting_for, ends): (Vec<_>, Vec<_>) = ends.unzip();
        let next = ends.into_iter().min()?;
        Some(UnsettledNodes { waiting_for, next })
    }
}

impl LeaseTerms {
    /// Whatever was granted before this moment is over.
    fn over(self, now: BootTime) -> BootTime {
        BootTime::START.after(now.since(BootTime::START.after(self.bound())))
    }
}

/// When the leader learned that revisions were committed.
#[derive(Debug, Default)]
struct CommitTimes(VecDeque<(Revision, BootTime)>);

impl CommitTimes {
    /// Commits before `over` are of no use any more, but for the last of them.
    fn note(&mut self, revision: Revision, now: BootTime, over: BootTime) {
        if self.0.back().is_some_and(|(last, _)| *last >= revision) {
            return;
        }
        while self.0.get(1).is_some_and(|(_, at)| *at <= over) {
            self.0.pop_front();
        }
        if self.0.len() == MAX_COMMITS {
            self.0.pop_back();
        }
        self.0.push_back((revision, now));
    }

    /// The moment when a revision was known to be committed, or later; never, if it is not.
    fn of(&self, revision: Revision) -> BootTime {
        let later = self.0.partition_point(|(known, _)| *known < revision);
        self.0.get(later).map_or(BootTime::NEVER, |(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TERMS: LeaseTerms = LeaseTerms {
        span: Duration::from_secs(10),
    };
    const ONE: (NodeId, ProcessId) = (NodeId(1), ProcessId(100));
    const TWO: (NodeId, ProcessId) = (NodeId(2), ProcessId(200));

    fn at(seconds: u64) -> BootTime {
        BootTime::START.after(Duration::from_secs(seconds))
    }

    /// As one that has been there for long.
    fn asks(
        table: &mut LeaseTable,
        holder: (NodeId, ProcessId),
        shows: Revision,
        now: BootTime,
    ) -> Result<(), NotHolder> {
        table.asks(holder, shows, (now, None))
    }

    /// Long after the leader began, with both nodes as holders.
    fn table() -> LeaseTable {
        let mut table = LeaseTable::new(TERMS, [ONE.0, TWO.0].into_iter(), Revision(1), at(100));
        for node in [ONE, TWO] {
            asks(&mut table, node, Revision(1), at(200)).unwrap();
        }
        table
    }

    fn waits(table: &LeaseTable, revision: u64, seconds: u64) -> Vec<u64> {
        let unsettled = table.unsettled(Revision(revision), at(seconds));
        unsettled.map_or(Vec::new(), |unsettled| {
            unsettled.waiting_for.iter().map(|node| node.0).collect()
        })
    }

    #[test]
    fn a_change_is_settled_when_every_node_shows_it() {
        let mut table = table();
        table.committed(Revision(2), at(201));
        assert_eq!(waits(&table, 2, 201), [1, 2]);
        table.shows(ONE, Revision(2));
        assert_eq!(waits(&table, 2, 201), [2]);
        asks(&mut table, TWO, Revision(3), at(202)).unwrap();
        assert_eq!(waits(&table, 2, 202), [0; 0]);
    }

    #[test]
    fn a_node_that_is_silent_is_waited_for_until_its_lease_is_over() {
        let mut table = table();
        table.shows(ONE, Revision(9));
        table.committed(Revision(2), at(205));
        assert_eq!(waits(&table, 2, 211), [2]);
        let unsettled = table.unsettled(Revision(2), at(211)).unwrap();
        assert_eq!(unsettled.next, at(200).after(TERMS.bound()));
        assert_eq!(waits(&table, 2, 212), [0; 0]);
    }

    #[test]
    fn a_node_that_asks_but_shows_nothing_new_is_waited_for_as_long_after_the_commit() {
        let mut table = table();
        table.shows(ONE, Revision(9));
        table.committed(Revision(2), at(205));
        for second in 205..230 {
            asks(&mut table, TWO, Revision(1), at(second)).unwrap();
            assert_eq!(waits(&table, 2, second).is_empty(), second > 216, "{second}");
        }
        assert_eq!(waits(&table, 3, 230), [2], "not committed yet");
    }

    #[test]
    fn a_new_leader_waits_for_those_that_it_has_not_heard() {
        let mut table = LeaseTable::new(TERMS, [ONE.0, TWO.0].into_iter(), Revision(5), at(100));
        assert_eq!(waits(&table, 5, 100), [1, 2]);
        asks(&mut table, ONE, Revision(5), at(101)).unwrap();
        assert_eq!(waits(&table, 5, 101), [2]);
        assert_eq!(waits(&table, 5, 112), [0; 0]);
    }

    #[test]
    fn a_new_leader_waits_no_longer_than_leaders_before_can_have_granted() {
        let mut table = LeaseTable::new(TERMS, [ONE.0, TWO.0].into_iter(), Revision(5), at(100));
        asks(&mut table, ONE, Revision(5), at(101)).unwrap();
        table.nobody_asked_after(at(95));
        table.committed(Revision(6), at(102));
        assert_eq!(waits(&table, 6, 106), [1, 2]);
        // The first has a lease of this leader.
        assert_eq!(waits(&table, 6, 107), [1]);
        assert_eq!(waits(&table, 6, 113), [0; 0]);
        // What is said later changes nothing for the worse.
        table.nobody_asked_after(at(200));
        assert_eq!(waits(&table, 6, 113), [0; 0]);
    }

    #[test]
    fn one_process_of_a_node_has_a_lease_at_a_time() {
        let mut table = table();
        let again = (TWO.0, ProcessId(201));
        assert_eq!(asks(&mut table, again, Revision(7), at(201)), Err(NotHolder));
        // What another process shows says nothing about this one.
        table.shows(again, Revision(7));
        table.shows(ONE, Revision(7));
        table.committed(Revision(7), at(201));
        assert_eq!(waits(&table, 7, 201), [2]);
        assert_eq!(asks(&mut table, again, Revision(7), at(212)), Ok(()));
        assert_eq!(waits(&table, 7, 212), [0; 0]);
        assert_eq!(asks(&mut table, TWO, Revision(7), at(213)), Err(NotHolder));
    }

    #[test]
    fn a_process_that_has_just_come_waits_for_the_lease_that_the_leader_before_may_have_granted() {
        let table = || LeaseTable::new(TERMS, [ONE.0].into_iter(), Revision(5), at(100));
        let over = at(100).after(TERMS.bound());
        // It took the place of another one, which may hold a lease until then.
        let ask = |table: &mut LeaseTable, now| table.asks(ONE, Revision(5), (now, Some(at(99))));
        let mut new = table();
        assert_eq!(ask(&mut new, at(101)), Err(NotHolder));
        assert_eq!(
            waits(&new, 5, 101),
            [1],
            "what it shows says nothing of the other one"
        );
        assert_eq!(ask(&mut new, over), Ok(()));
        assert_eq!(waits(&new, 5, 113), [0; 0]);
        // One that has been there for long had the lease itself.
        assert_eq!(table().asks(ONE, Revision(5), (at(101), Some(at(80)))), Ok(()));
        assert_eq!(table().asks(ONE, Revision(5), (at(101), None)), Ok(()));
        // The one before gave its lease back.
        let mut left = table();
        left.releases((ONE.0, ProcessId(101)));
        assert_eq!(ask(&mut left, at(101)), Ok(()));
    }

    #[test]
    fn who_takes_leave_is_not_waited_for_and_comes_back_as_another_process() {
        let mut table = table();
        table.shows(ONE, Revision(2));
        table.committed(Revision(2), at(201));
        table.releases((TWO.0, ProcessId(9)));
        assert_eq!(waits(&table, 2, 201), [2], "that was another process");
        table.releases(TWO);
        assert_eq!(waits(&table, 2, 201), [0; 0]);
        assert_eq!(
            asks(&mut table, (TWO.0, ProcessId(201)), Revision(2), at(202)),
            Ok(())
        );
        // Also at a leader that has not heard it before.
        let mut new = LeaseTable::new(TERMS, [TWO.0].into_iter(), Revision(5), at(300));
        assert_eq!(waits(&new, 5, 300), [2]);
        new.releases(TWO);
        assert_eq!(waits(&new, 5, 300), [0; 0]);
    }

    #[test]
    fn moments_of_commits_are_bounded_and_never_too_early() {
        let mut table = table();
        for n in 0..5000 {
            table.committed(Revision(10 + n), at(205));
        }
        assert!(table.commits.0.len() <= MAX_COMMITS);
        assert_eq!(table.commits.of(Revision(4000)), at(205));
        table.committed(Revision(9000), at(300));
        assert!(table.commits.0.len() <= 2, "{:?}", table.commits.0);
        assert_eq!(table.commits.of(Revision(4000)), at(205));
        assert_eq!(table.commits.of(Revision(6000)), at(300));
        assert_eq!(table.commits.of(Revision(9001)), BootTime::NEVER);
    }
}
