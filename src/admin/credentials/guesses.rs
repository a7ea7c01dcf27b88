//! Wrong passwords by user and address: each makes the next answer come later, and whoever does not wait for the answers is
//! not heard for a while. A right password costs nothing where it was right before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address_block::AddressBlock;

/// How long the first wrong password waits for its answer. Every further one waits twice as long, up to the longest wait.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Who owes more waiting than this has not waited for answers, and is not heard.
const MOST_OWED: Duration = LONGEST_WAIT;

/// After so long without another one, wrong passwords are forgotten.
const WRONG_FOR: Duration = Duration::from_secs(300);

/// So long after a right password, those of its user and address are heard whatever others try there.
const PROVEN_FOR: Duration = Duration::from_secs(3600);

/// How many users and addresses are remembered, of each kind. One more takes the place of the one that is oldest.
const MOST: usize = 4096;

/// A user, by its place among the users, and from where. All names that are no user are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Guesser {
    pub(super) user: Option<usize>,
    pub(super) from: AddressBlock,
}

#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    wrong: HashMap<Guesser, Wrong>,
    /// When a password was right.
    proven: HashMap<Guesser, Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
    /// When the last answer is due.
    due: Instant,
}

impl Guesses {
    /// Whether a password is looked at.
    pub(super) fn is_heard(&self, who: Guesser, now: Instant) -> bool {
        let memory = self.memory();
        let owed = memory
            .wrong
            .get(&who)
            .map_or(Duration::ZERO, |wrong| wrong.due.saturating_duration_since(now));
        let is_proven = |at: &Instant| now.saturating_duration_since(*at) < PROVEN_FOR;
        owed <= MOST_OWED || memory.proven.get(&who).is_some_and(is_proven)
    }

    /// A password was right.
    pub(super) fn right(&self, who: Guesser, now: Instant) {
        let mut memory = self.memory();
        make_room(&mut memory.proven, &who, |at| *at);
        memory.proven.insert(who, now);
    }

    /// A password was wrong: how long the answer waits.
    pub(super) fn wrong(&self, who: Guesser, now: Instant) -> Duration {
        let mut memory = self.memory();
        make_room(&mut memory.wrong, &who, |wrong| wrong.last);
        let before = memory.wrong.get(&who).copied();
        let before = before.filter(|wrong| now.saturating_duration_since(wrong.last) < WRONG_FOR);
        let (count, due) = before.map_or((0, now), |wrong| (wrong.count, wrong.due.max(now)));
        let wait = FIRST_WAIT.saturating_mul(1 << count.min(16)).min(LONGEST_WAIT);
        let wrong = Wrong {
            count: count.saturating_add(1),
            last: now,
            due: (due + wait).min(now + MOST_OWED + LONGEST_WAIT),
        };
        memory.wrong.insert(who, wrong);
        wrong.due.saturating_duration_since(now)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for one that is new.
fn make_room<K: Copy + Eq + Hash, V>(known: &mut HashMap<K, V>, new: &K, last: impl Fn(&V) -> Instant) {
    if known.len() < MOST || known.contains_key(new) {
        return;
    }
    let oldest = known.iter().min_by_key(|(_, value)| last(value));
    if let Some(oldest) = oldest.map(|(key, _)| *key) {
        known.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn guesser(user: Option<usize>, address: u32) -> Guesser {
        let from = AddressBlock::of(Ipv4Addr::from_bits(address).into());
        Guesser { user, from }
    }

    #[test]
    fn every_wrong_password_waits_longer_than_the_one_before() {
        let (guesses, who, mut now) = (Guesses::default(), guesser(Some(0), 1), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(guesses.is_heard(who, now));
            let wait = guesses.wrong(who, now);
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(
            guesses.wrong(guesser(Some(1), 1), now).as_millis(),
            100,
            "another user"
        );
        assert_eq!(
            guesses.wrong(guesser(Some(0), 2), now).as_millis(),
            100,
            "another address"
        );
        now += WRONG_FOR;
        assert_eq!(guesses.wrong(who, now).as_millis(), 100, "forgotten");
    }

    #[test]
    fn whoever_does_not_wait_is_not_heard() {
        let (guesses, who, start) = (Guesses::default(), guesser(Some(0), 1), Instant::now());
        let heard = |from_ms: u64, to_ms: u64| {
            (from_ms..to_ms)
                .filter(|ms| {
                    let now = start + Duration::from_millis(*ms);
                    let is_heard = guesses.is_heard(who, now);
                    is_heard.then(|| guesses.wrong(who, now)).is_some()
                })
                .count()
        };
        assert_eq!(heard(0, 1_000), 6);
        assert_eq!(heard(1_000, 61_000), 12, "one in five seconds");
        let now = start + Duration::from_millis(61_000);
        assert!(!guesses.is_heard(who, now));
        assert!(guesses.is_heard(guesser(Some(1), 1), now) && guesses.is_heard(guesser(Some(0), 2), now));
        guesses.right(who, now);
        assert!(guesses.is_heard(who, now), "it was right here");
    }

    #[test]
    fn no_more_is_remembered_than_is_said() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for address in 0..20_000 {
            let now = start + Duration::from_micros(address.into());
            guesses.wrong(guesser(None, address), now);
            guesses.right(guesser(Some(3), address), now);
        }
        let memory = guesses.memory();
        assert_eq!((memory.wrong.len(), memory.proven.len()), (MOST, MOST));
        assert!(memory.wrong.contains_key(&guesser(None, 19_999)));
    }
}
