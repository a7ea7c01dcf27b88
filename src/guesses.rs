//! Wrong passwords by who guesses: each makes the next answer come later, and whoever does not wait for the answers is not
//! heard for a while. Whose password was right not long ago is heard whatever others try in the same place.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// No answer to a wrong password waits longer, if those before it were waited for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Who owes more waiting than this has not waited for answers, and is not heard.
const MOST_OWED: Duration = LONGEST_WAIT;

/// After so long without another one, wrong passwords are forgotten.
const WRONG_FOR: Duration = Duration::from_secs(300);

/// So long after a right password, its guesser is heard whatever others try there.
const PROVEN_FOR: Duration = Duration::from_secs(3600);

/// How many guessers are remembered, and how many whose password was right. For one more, the older half is forgotten.
const MOST: usize = 4096;

/// The memory of one kind of guessers, such as a user and an address.
#[derive(Debug)]
pub(crate) struct Guesses<K> {
    memory: Mutex<Memory<K>>,
    /// How long the first wrong password waits for its answer. Every further one waits twice as long.
    first_wait: Duration,
}

#[derive(Debug)]
struct Memory<K> {
    wrong: HashMap<K, Wrong>,
    /// When a password was right.
    proven: HashMap<K, Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
    /// When the last answer is due.
    due: Instant,
}

impl<K: Clone + Eq + Hash> Guesses<K> {
    /// Nobody has guessed anything.
    pub(crate) fn new(first_wait: Duration) -> Self {
        Self {
            memory: Mutex::new(Memory {
                wrong: HashMap::new(),
                proven: HashMap::new(),
            }),
            first_wait,
        }
    }

    /// Whether a password is looked at.
    pub(crate) fn is_heard(&self, who: &K, now: Instant) -> bool {
        let memory = self.memory();
        let owed = memory
            .wrong
            .get(who)
            .map_or(Duration::ZERO, |wrong| wrong.due.saturating_duration_since(now));
        let is_proven = |at: &Instant| now.saturating_duration_since(*at) < PROVEN_FOR;
        owed <= MOST_OWED || memory.proven.get(who).is_some_and(is_proven)
    }

    /// How many passwords were wrong.
    pub(crate) fn count(&self, who: &K, now: Instant) -> u32 {
        let memory = self.memory();
        let wrong = memory.wrong.get(who).filter(|wrong| wrong.is_recent(now));
        wrong.map_or(0, |wrong| wrong.count)
    }

    /// A password was right.
    pub(crate) fn right(&self, who: &K, now: Instant) {
        let mut memory = self.memory();
        make_room(&mut memory.proven, who, |at| *at);
        memory.proven.insert(who.clone(), now);
    }

    /// A password was wrong: how long the answer waits.
    pub(crate) fn wrong(&self, who: &K, now: Instant) -> Duration {
        let mut memory = self.memory();
        make_room(&mut memory.wrong, who, |wrong| wrong.last);
        let before = memory.wrong.get(who).filter(|wrong| wrong.is_recent(now));
        let (count, due) = before.map_or((0, now), |wrong| (wrong.count, wrong.due.max(now)));
        let wait = self
            .first_wait
            .saturating_mul(1 << count.min(16))
            .min(LONGEST_WAIT);
        let wrong = Wrong {
            count: count.saturating_add(1),
            last: now,
            due: (due + wait).min(now + MOST_OWED + LONGEST_WAIT),
        };
        memory.wrong.insert(who.clone(), wrong);
        wrong.due.saturating_duration_since(now)
    }

    fn memory(&self) -> MutexGuard<'_, Memory<K>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wrong {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < WRONG_FOR
    }
}

/// Makes room for one that is new.
fn make_room<K: Eq + Hash, V>(known: &mut HashMap<K, V>, new: &K, last: impl Fn(&V) -> Instant) {
    if known.len() < MOST || known.contains_key(new) {
        return;
    }
    let mut times: Vec<Instant> = known.values().map(&last).collect();
    let (_, middle, _) = times.select_nth_unstable(MOST / 2);
    let middle = *middle;
    known.retain(|_, value| last(value) > middle);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);

    #[test]
    fn every_wrong_password_waits_longer_than_the_one_before() {
        let (guesses, who, mut now) = (Guesses::new(FIRST), (0, 1), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(guesses.is_heard(&who, now));
            let wait = guesses.wrong(&who, now);
            waits.push(wait.as_millis());
            now += wait;
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(guesses.count(&who, now), 8);
        for (other, what) in [((1, 1), "another user"), ((0, 2), "another address")] {
            assert_eq!(guesses.wrong(&other, now), FIRST, "{what}");
        }
        now += WRONG_FOR;
        assert_eq!(guesses.count(&who, now), 0);
        assert_eq!(guesses.wrong(&who, now), FIRST, "forgotten");
    }

    #[test]
    fn whoever_does_not_wait_is_not_heard() {
        let (guesses, who, start) = (Guesses::new(FIRST), (0, 1), Instant::now());
        let heard = |from_ms: u64, to_ms: u64| {
            (from_ms..to_ms)
                .filter(|ms| {
                    let now = start + Duration::from_millis(*ms);
                    let is_heard = guesses.is_heard(&who, now);
                    is_heard.then(|| guesses.wrong(&who, now)).is_some()
                })
                .count()
        };
        assert_eq!(heard(0, 1_000), 6);
        assert_eq!(heard(1_000, 61_000), 12, "one in five seconds");
        let now = start + Duration::from_millis(61_000);
        assert!(!guesses.is_heard(&who, now));
        assert!(guesses.is_heard(&(1, 1), now) && guesses.is_heard(&(0, 2), now));
        guesses.right(&who, now);
        assert!(guesses.is_heard(&who, now), "it was right here");
    }

    #[test]
    fn no_more_is_remembered_than_is_said_and_the_latest_always_is() {
        let (guesses, start) = (Guesses::new(FIRST), Instant::now());
        for number in 0..20_000 {
            let now = start + Duration::from_micros(number);
            guesses.wrong(&number, now);
            guesses.right(&number, now);
            let memory = guesses.memory();
            assert!(memory.wrong.len() <= MOST && memory.proven.len() <= MOST);
            let kept = number.saturating_sub(MOST as u64 / 2 - 1)..=number;
            assert!(number % 999 != 0 || kept.clone().all(|known| memory.wrong.contains_key(&known)));
        }
    }
}
