//! When a node last acknowledged a leader: a leader that is confirmed by a majority was acknowledged by one of each other
//! majority, so that the members of one together know when any leader before can have granted its last lease.

use crate::clock::BootTime;

/// The last moments at which this process acknowledged leaders, itself among them.
#[derive(Debug)]
pub(crate) struct LeaderAcks {
    /// The newest term of which there was a leader.
    term: u64,
    last: BootTime,
    /// Of all terms before.
    before: BootTime,
}

impl LeaderAcks {
    /// Of a process that begins now. The one before it may have acknowledged a leader until then.
    pub(crate) fn new(now: BootTime) -> Self {
        Self {
            term: 0,
            last: now,
            before: now,
        }
    }

    /// The leader of a term is acknowledged. To be noted before it can know of it.
    pub(crate) fn note(&mut self, term: u64, now: BootTime) {
        if term > self.term {
            self.before = self.before.max(self.last);
            self.term = term;
            self.last = now;
        } else if term == self.term {
            self.last = self.last.max(now);
        } else {
            self.before = self.before.max(now);
        }
    }

    /// The last moment at which the leader of a term before this one was acknowledged, or later.
    pub(crate) fn before(&self, term: u64) -> BootTime {
        match self.term < term {
            true => self.before.max(self.last),
            false => self.before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn the_last_leader_before_a_term_counts() {
        let mut acks = LeaderAcks::new(at(10));
        assert_eq!(acks.before(1), at(10));
        acks.note(3, at(20));
        acks.note(3, at(30));
        assert_eq!((acks.before(4), acks.before(3)), (at(30), at(10)));
        acks.note(5, at(40));
        assert_eq!((acks.before(6), acks.before(5)), (at(40), at(30)));
        // A leader that does not know yet that it is none any more.
        acks.note(4, at(50));
        assert_eq!((acks.before(6), acks.before(5)), (at(50), at(50)));
    }
}
