//! The starts of the other nodes as this one knows them, and its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{BootClaim, BootFault, BootMark, BootMeeting, BootMemories, BootMemory, BootNumber};
use crate::clock::BootTime;
use crate::model::{NodeId, Revision};
#[cfg(feature = "planted")]
use crate::planted::{PlantedMistake, is_planted};

/// A process that was heard so long ago may have ended. Who lives is asked, and answers, several times in this time.
const LIVES: Duration = Duration::from_secs(1);

/// This process's own claim, as it is at the moment.
type ClaimSource = Box<dyn Fn() -> Option<BootClaim> + Send + Sync>;

/// All that this node knows of starts. Clones share it.
#[derive(Clone)]
pub(crate) struct KnownBoots(Arc<BootKnowledge>);

struct BootKnowledge {
    /// None of a node that has no number yet.
    own: Option<ClaimSource>,
    began: BootTime,
    others: Mutex<BTreeMap<NodeId, KnownBoot>>,
    /// The highest start of this node that others know.
    told: AtomicU64,
    /// Whether the node that was asked last has another process for this node.
    is_beside_another: AtomicBool,
    changes: watch::Sender<()>,
}

struct KnownBoot {
    memory: BootMemory,
    /// When this process was met or heard last.
    heard: Option<Instant>,
    /// When it took the place of another one.
    since: Option<BootTime>,
}

impl fmt::Debug for KnownBoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownBoots({:?})", self.memories())
    }
}

impl KnownBoots {
    /// `memories` are of an earlier process of this node.
    pub(crate) fn new(own: Option<ClaimSource>, memories: BootMemories) -> Self {
        let known = |memory| KnownBoot {
            memory,
            heard: None,
            since: None,
        };
        let others = memories.0.into_iter().map(|(id, memory)| (id, known(memory)));
        Self(Arc::new(BootKnowledge {
            own,
            began: BootTime::now(),
            others: Mutex::new(others.collect()),
            told: AtomicU64::new(0),
            is_beside_another: AtomicBool::new(false),
            changes: watch::Sender::default(),
        }))
    }

    pub(crate) fn own(&self) -> Option<BootClaim> {
        self.0.own.as_ref().and_then(|own| own())
    }

    /// Judges a process that called and claims to be this node.
    pub(crate) fn judge(&self, node: NodeId, claim: &BootClaim) -> Result<(), BootFault> {
        match self.others().get(&node) {
            Some(known) => after(&known.memory, claim, known.called()).map(drop),
            None => Ok(()),
        }
    }

    /// Takes a process that called for this node.
    pub(crate) fn accept_caller(&self, node: NodeId, claim: &BootClaim) -> Result<(), BootFault> {
        self.accept(node, claim, KnownBoot::called)
    }

    /// Takes the process that is where this node is to be for it.
    pub(crate) fn accept_found(&self, node: NodeId, claim: &BootClaim) -> Result<(), BootFault> {
        self.accept(node, claim, |_| BootMeeting::IsThere)
    }

    fn accept(
        &self,
        node: NodeId,
        claim: &BootClaim,
        met: impl FnOnce(&KnownBoot) -> BootMeeting,
    ) -> Result<(), BootFault> {
        let mut others = self.others();
        let known = others.get(&node);
        let memory = match known {
            Some(known) => after(&known.memory, claim, met(known))?,
            None => BootMemory::of(claim),
        };
        let is_same = known.is_some_and(|known| known.memory.mark.process == memory.mark.process);
        let since = match known {
            Some(known) if is_same => known.since,
            Some(_) => Some(BootTime::now()),
            None => None,
        };
        let is_news = known.is_none_or(|known| known.memory != memory);
        let heard = Some(Instant::now());
        others.insert(node, KnownBoot { memory, heard, since });
        drop(others);
        if is_news {
            self.0.changes.send_replace(());
        }
        Ok(())
    }

    /// Whether this process is the node as far as is known.
    pub(crate) fn is_current(&self, node: NodeId, mark: BootMark) -> bool {
        let others = self.others();
        others
            .get(&node)
            .is_none_or(|known| known.memory.mark.process == mark.process)
    }

    /// The node has answered that it shows this much.
    pub(crate) fn shows(&self, node: NodeId, revision: Revision) {
        self.learn(node, |known| {
            known.heard = Some(Instant::now());
            known.memory.shown = known.memory.shown.max(revision);
        });
    }

    /// The node has voted in this term.
    pub(crate) fn votes(&self, node: NodeId, term: u64) {
        self.learn(node, |known| known.memory.term = known.memory.term.max(term));
    }

    fn learn(&self, node: NodeId, news: impl FnOnce(&mut KnownBoot)) {
        let mut others = self.others();
        let Some(known) = others.get_mut(&node) else {
            return;
        };
        let before = known.memory;
        news(known);
        let is_news = known.memory != before;
        drop(others);
        if is_news {
            self.0.changes.send_replace(());
        }
    }

    /// The latest start of a node that is known here.
    pub(crate) fn number_of(&self, node: NodeId) -> BootNumber {
        self.others()
            .get(&node)
            .map_or_else(BootNumber::default, |known| known.memory.mark.number)
    }

    /// Another node knows this start of the own one.
    pub(crate) fn is_told(&self, number: BootNumber) {
        self.0.told.fetch_max(number.0, Ordering::Relaxed);
    }

    /// The highest start of this node that others have told of.
    pub(crate) fn told(&self) -> BootNumber {
        BootNumber(self.0.told.load(Ordering::Relaxed))
    }

    /// Another node does not talk to this one because of another process, or does.
    pub(crate) fn is_beside_another(&self, is_so: bool) {
        self.0.is_beside_another.store(is_so, Ordering::Relaxed);
    }

    pub(crate) fn sees_another(&self) -> bool {
        self.0.is_beside_another.load(Ordering::Relaxed)
    }

    /// When the process that is a node took the place of another one, if that was seen. `own` is this node.
    pub(crate) fn since(&self, node: NodeId, own: NodeId) -> Option<BootTime> {
        if node != own {
            return self.others().get(&node).and_then(|known| known.since);
        }
        let first = BootNumber::default().next();
        self.own()
            .filter(|claim| claim.mark.number > first)
            .map(|_| self.0.began)
    }

    /// Everything that is to be remembered.
    pub(crate) fn memories(&self) -> BootMemories {
        let others = self.others();
        BootMemories(others.iter().map(|(id, known)| (*id, known.memory)).collect())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Nobody panics while holding the lock, so a poisoned one is as good.
    fn others(&self) -> MutexGuard<'_, BTreeMap<NodeId, KnownBoot>> {
        self.0.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(known: &BootMemory, claim: &BootClaim, meeting: BootMeeting) -> Result<BootMemory, BootFault> {
    #[cfg(feature = "planted")]
    if is_planted(PlantedMistake::CopiesTaken) {
        return Ok(BootMemory::of(claim));
    }
    known.after(claim, meeting)
}

impl KnownBoot {
    fn called(&self) -> BootMeeting {
        BootMeeting::Called {
            another_lives: self.heard.is_some_and(|heard| heard.elapsed() < LIVES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::ProcessId;

    const NODE: NodeId = NodeId(3);

    fn claim(number: u64, process: u64) -> BootClaim {
        BootClaim {
            mark: BootMark {
                number: BootNumber(number),
                process: ProcessId(process),
            },
            has: Revision(10),
            term: 1,
            has_forgotten: false,
        }
    }

    /// Nobody has heard the node for a while.
    fn falls_silent(boots: &KnownBoots) {
        boots.others().get_mut(&NODE).expect("it is known").heard = None;
    }

    #[test]
    fn who_lives_keeps_its_place_and_who_is_found_there_has_it() {
        let boots = KnownBoots::new(None, BootMemories::default());
        let (first, second, third) = (claim(1, 11), claim(2, 22), claim(3, 33));
        boots.accept_caller(NODE, &first).unwrap();
        assert_eq!(boots.since(NODE, NodeId(1)), None, "nobody was there before");
        assert_eq!(boots.judge(NODE, &second), Err(BootFault::AnotherProcess));
        falls_silent(&boots);
        boots.shows(NODE, Revision(10));
        assert_eq!(boots.accept_caller(NODE, &second), Err(BootFault::AnotherProcess));
        falls_silent(&boots);
        boots.accept_caller(NODE, &second).unwrap();
        assert!(boots.since(NODE, NodeId(1)).is_some());
        assert!(!boots.is_current(NODE, first.mark) && boots.is_current(NODE, second.mark));
        boots.accept_found(NODE, &third).unwrap();
        assert_eq!(boots.judge(NODE, &second), Err(BootFault::OldCopy));
        assert_eq!(boots.number_of(NODE), BootNumber(3));
    }

    #[test]
    fn what_is_known_outlives_the_process_that_knows_it() {
        let boots = KnownBoots::new(None, BootMemories::default());
        let mut changes = boots.watch();
        boots.accept_caller(NODE, &claim(1, 11)).unwrap();
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        boots.shows(NODE, Revision(10));
        assert!(!changes.has_changed().unwrap(), "that is known already");
        boots.shows(NODE, Revision(20));
        boots.votes(NODE, 4);
        assert!(changes.has_changed().unwrap());
        let later = KnownBoots::new(None, boots.memories());
        let next = |has, term| BootClaim {
            has: Revision(has),
            term,
            ..claim(2, 22)
        };
        assert_eq!(later.judge(NODE, &next(19, 4)), Err(BootFault::OldCopy));
        assert_eq!(later.judge(NODE, &next(20, 3)), Err(BootFault::OldCopy));
        assert_eq!(later.judge(NODE, &next(20, 4)), Ok(()));
    }
}
