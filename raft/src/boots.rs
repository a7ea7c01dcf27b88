//! Which start of a node's data directory a process is. The starts are counted in the directory, and the others remember what
//! a node has shown and promised, so that a process which begins with an old copy of a directory, or beside another one with
//! the same directory, is told from one that goes on where the last one ended.
//!
//! Pure, but for [`KnownBoots`], which keeps what is known.

mod known;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codec::Format;
use crate::lease::ProcessId;
use crate::model::{Level, NodeId, Revision};

pub(crate) use self::known::KnownBoots;

/// The number of a start, counted in the directory from one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BootNumber(pub(crate) u64);

impl BootNumber {
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Format for BootNumber {
    fn level(&self) -> Level {
        Level::MEMBERS
    }
}

/// One start. Of a directory that was copied, several processes may have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootMark {
    pub(crate) number: BootNumber,
    pub(crate) process: ProcessId,
}

/// A process's words about the directory that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BootClaim {
    pub(crate) mark: BootMark,
    /// Everything up to here is on its disk.
    pub(crate) has: Revision,
    /// That of its vote.
    pub(crate) term: u64,
    /// Whether it knows that it has forgotten what it promised, so that it does not vote.
    pub(crate) has_forgotten: bool,
}

/// The knowledge of a node that another one keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootMemory {
    pub(crate) mark: BootMark,
    /// It has shown this much. What is shown is on its disk.
    pub(crate) shown: Revision,
    /// It has voted in this term.
    pub(crate) term: u64,
}

/// Of all nodes that a node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BootMemories(pub(crate) BTreeMap<NodeId, BootMemory>);

impl Format for BootMemories {
    fn level(&self) -> Level {
        Level::MEMBERS
    }
}

/// How a process that claims to be a node was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BootMeeting {
    /// It is where the node is to be, so that no other process is there.
    IsThere,
    /// It called. Another process of the node has been heard a moment ago, or none has.
    Called { another_lives: bool },
}

/// Why a process is not taken for the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BootFault {
    /// Its directory has less than the node had, or was started before, by another process.
    OldCopy,
    /// Another process of the node is at work.
    AnotherProcess,
}

impl BootMemory {
    pub(crate) fn of(claim: &BootClaim) -> Self {
        Self {
            mark: claim.mark,
            shown: claim.has,
            term: claim.term,
        }
    }

    /// The knowledge of a node once this process is taken for it.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn after(&self, claim: &BootClaim, meeting: BootMeeting) -> Result<Self, BootFault> {
        let said = Self::of(claim);
        if self.mark.process == claim.mark.process {
            return Ok(Self {
                mark: said.mark,
                shown: self.shown.max(said.shown),
                term: self.term.max(said.term),
            });
        }
        let is_behind =
            said.mark.number <= self.mark.number || said.shown < self.shown || said.term < self.term;
        if is_behind && !claim.has_forgotten {
            return Err(BootFault::OldCopy);
        }
        match meeting {
            BootMeeting::Called { another_lives: true } => Err(BootFault::AnotherProcess),
            BootMeeting::Called { another_lives: false } | BootMeeting::IsThere => Ok(said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: BootMemory = BootMemory {
        mark: mark(5, 50),
        shown: Revision(100),
        term: 7,
    };
    const CALLED: BootMeeting = BootMeeting::Called { another_lives: false };

    const fn mark(number: u64, process: u64) -> BootMark {
        BootMark {
            number: BootNumber(number),
            process: ProcessId(process),
        }
    }

    /// Of the next start, with all that is known of the one before.
    const NEXT: BootClaim = BootClaim {
        mark: mark(6, 60),
        has: Revision(100),
        term: 7,
        has_forgotten: false,
    };

    #[test]
    fn who_goes_on_where_the_last_process_ended_is_the_node_from_then_on() {
        let next = KNOWN.after(&NEXT, CALLED).unwrap();
        assert_eq!(next, BootMemory::of(&NEXT));
        let later = BootClaim {
            has: Revision(90),
            term: 9,
            ..NEXT
        };
        let same = next.after(&later, CALLED).unwrap();
        assert_eq!(
            (same.shown, same.term),
            (Revision(100), 9),
            "it is the same process"
        );
    }

    #[test]
    fn a_copy_that_has_less_than_the_node_had_is_old() {
        let old = |change: fn(&mut BootClaim)| {
            let mut claim = NEXT;
            change(&mut claim);
            let faults = [CALLED, BootMeeting::IsThere].map(|meeting| KNOWN.after(&claim, meeting).err());
            assert_eq!(faults[0], faults[1], "{claim:?}");
            faults[0]
        };
        assert_eq!(old(|_| {}), None);
        assert_eq!(old(|claim| claim.has = Revision(99)), Some(BootFault::OldCopy));
        assert_eq!(old(|claim| claim.term = 6), Some(BootFault::OldCopy));
        assert_eq!(
            old(|claim| claim.mark.number = BootNumber(4)),
            Some(BootFault::OldCopy)
        );
        assert_eq!(
            old(|claim| claim.mark.number = BootNumber(5)),
            Some(BootFault::OldCopy),
            "two processes began with the same directory"
        );
    }

    #[test]
    fn who_knows_that_it_has_forgotten_does_no_harm() {
        let wiped = BootClaim {
            mark: mark(1, 60),
            has: Revision(0),
            term: 0,
            has_forgotten: true,
        };
        assert_eq!(KNOWN.after(&wiped, CALLED), Ok(BootMemory::of(&wiped)));
    }

    #[test]
    fn two_processes_are_never_the_node_at_once() {
        let beside = BootMeeting::Called { another_lives: true };
        assert_eq!(KNOWN.after(&NEXT, beside), Err(BootFault::AnotherProcess));
        let wiped = BootClaim {
            has_forgotten: true,
            ..NEXT
        };
        assert_eq!(KNOWN.after(&wiped, beside), Err(BootFault::AnotherProcess));
        // Where the node is to be there is one process.
        let moved = KNOWN.after(&NEXT, BootMeeting::IsThere).unwrap();
        let before = BootClaim {
            mark: KNOWN.mark,
            has: Revision(500),
            ..NEXT
        };
        assert_eq!(
            moved.after(&before, CALLED),
            Err(BootFault::OldCopy),
            "its time is over"
        );
    }
}
