//! The decisions that the clients of a run saw, by node.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::world::NODES;

/// Longer than a change takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the right stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// A number that grows while it is taken away, and 0 in between.
    gone: AtomicU64,
    is_there: AtomicBool,
}

impl Standing {
    /// From now on it may be there again.
    pub(super) fn may_be_there(&self) {
        self.gone.store(0, Ordering::SeqCst);
    }

    /// Everybody knows that it is there, or may know so no longer.
    pub(super) fn is_known_there(&self, is_there: bool) {
        self.is_there.store(is_there, Ordering::SeqCst);
    }

    /// Returns when it is there for everybody, or after a while: a fault at this moment shows the most.
    pub(super) fn await_there(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_there.load(Ordering::SeqCst) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// That it was taken away for the nth time was acknowledged.
    pub(super) fn taken_away(&self, times: u64) {
        self.gone.store(times, Ordering::SeqCst);
    }

    /// The number, if it is known to be taken away.
    pub(super) fn now(&self) -> Option<u64> {
        Some(self.gone.load(Ordering::SeqCst)).filter(|times| *times > 0)
    }
}

/// Counts of decisions at one node.
#[derive(Debug, Default)]
pub(super) struct OfNode {
    /// Asked for after the right was gone, and answered before it came back.
    pub(super) after: AtomicU64,
    /// Of these, those that were allowed.
    pub(super) wrong: AtomicU64,
    /// Of these, those whose request lay in the socket of the node while it was stopped.
    pub(super) buffered: AtomicU64,
    pub(super) allowed: AtomicU64,
    /// Without an answer.
    pub(super) held: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) nodes: [OfNode; NODES],
    /// Decisions after the right was gone at the node that a fault is at, or was at last.
    pub(super) at_fault: AtomicU64,
    pub(super) revocations: AtomicU64,
    pub(super) refused_logins: AtomicU64,
    pub(super) fatal: AtomicU64,
    /// Requests that no node answered, where those that one node does not answer are sent to another.
    pub(super) unanswered: AtomicU64,
    /// Requests that nodes held back for want of a lease, as they say.
    held: AtomicU64,
    acknowledgements: Mutex<Vec<Duration>>,
}

impl OfNode {
    /// A request was answered: whether it was sent after the right was gone, and answered before it came back.
    pub(super) fn decided(&self, is_allowed: bool, is_gone: bool) {
        let count = |count: &AtomicU64| count.fetch_add(1, Ordering::SeqCst);
        match (is_allowed, is_gone) {
            (true, true) => drop(count(&self.wrong)),
            (true, false) => drop(count(&self.allowed)),
            (false, _) => {}
        }
        if is_gone {
            count(&self.after);
        }
    }
}

impl Tally {
    /// A node has held so many requests back before it ended.
    pub(super) fn held_by_nodes(&self, count: u64) {
        self.held.fetch_add(count, Ordering::SeqCst);
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }

    pub(super) fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::SeqCst)
    }

    /// Logins that were refused, and other errors.
    pub(super) fn errors(&self) -> (u64, u64) {
        let refused = self.refused_logins.load(Ordering::SeqCst);
        (refused, self.fatal.load(Ordering::SeqCst))
    }

    pub(super) fn acknowledged(&self, took: Duration) {
        let mut all = self
            .acknowledgements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(took);
    }

    pub(super) fn sum(&self, of: impl Fn(&OfNode) -> &AtomicU64) -> u64 {
        self.nodes
            .iter()
            .map(|node| of(node).load(Ordering::SeqCst))
            .sum()
    }

    /// The time that so many hundredths of the revocations took at most.
    pub(super) fn percentile(&self, hundredths: usize) -> Duration {
        let mut all = self
            .acknowledgements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        all.sort();
        let at = (all.len() * hundredths / 100).min(all.len().saturating_sub(1));
        all.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |hundredths| self.percentile(hundredths).as_millis();
        writeln!(
            f,
            "rights taken away: {}; acknowledged after {} ms (half), {} ms (99 of 100), {} ms (all)",
            self.revocations(),
            ms(50),
            ms(99),
            ms(100)
        )?;
        writeln!(
            f,
            "decisions after the right was gone: {}, {} of them at the node that a fault was at; nodes held {} requests back",
            self.sum(|node| &node.after),
            self.at_fault.load(Ordering::SeqCst),
            self.held()
        )?;
        for (id, node) in self.nodes.iter().enumerate() {
            let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
            writeln!(
                f,
                "node {}: {} decisions after the right was gone ({} of them read after a stop), {} allowed; {} allowed before; {} without an answer",
                id + 1,
                count(&node.after),
                count(&node.buffered),
                count(&node.wrong),
                count(&node.allowed),
                count(&node.held)
            )?;
        }
        Ok(())
    }
}
