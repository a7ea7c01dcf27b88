//! Log lines that anybody can cause in any number: of each kind the first few are written, and then how many more there
//! were. Pure but for [`Folded`], which shares one.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntCounter;

/// For so long lines of a kind are counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// Different lines of a kind in one window.
const MAX_LINES_OF_KIND: usize = 10;
/// Lines of all kinds in a second, beside the first of each.
const MAX_LINES_PER_SECOND: usize = 100;
/// Kinds in one window. Beyond it, all are counted as one.
const MAX_KINDS: usize = 4_096;

/// The fate of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFate {
    Write,
    /// It is counted.
    LeaveOut,
    /// It is counted, and it is the first: what was counted is to be written after [`Folded::WINDOW`].
    LeaveOutFirst,
}

/// How many lines of a kind were left out; of no kind where there were too many kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut<K> {
    pub(crate) kind: Option<K>,
    pub(crate) lines: u64,
}

#[derive(Debug)]
struct Fold<K> {
    kinds: HashMap<K, Group>,
    /// Of kinds that were not counted for themselves.
    others: u64,
    second: Option<Instant>,
    lines_in_second: usize,
    is_due: bool,
}

#[derive(Debug)]
struct Group {
    since: Instant,
    /// The marks that tell its lines from each other, shortened: they are text of clients.
    written: HashSet<u64>,
    left_out: u64,
}

impl<K> Default for Fold<K> {
    fn default() -> Self {
        Self {
            kinds: HashMap::new(),
            others: 0,
            second: None,
            lines_in_second: 0,
            is_due: false,
        }
    }
}

impl<K: Hash + Eq + Clone> Fold<K> {
    fn judge(&mut self, now: Instant, kind: &K, line: impl Hash) -> LineFate {
        let has_room = self.has_room(now);
        let is_known = self.kinds.contains_key(kind);
        if !is_known && self.kinds.len() >= MAX_KINDS {
            let is_over = |since: Instant| now.saturating_duration_since(since) >= WINDOW;
            self.kinds
                .retain(|_, group| group.left_out > 0 || !is_over(group.since));
        }
        if !is_known && self.kinds.len() >= MAX_KINDS {
            self.others += 1;
            return self.left_out();
        }
        if !is_known {
            let group = Group {
                since: now,
                written: HashSet::new(),
                left_out: 0,
            };
            self.kinds.insert(kind.clone(), group);
        }
        let group = self
            .kinds
            .get_mut(kind)
            .expect("it was inserted if it was not there");
        if group.left_out == 0 && now.saturating_duration_since(group.since) >= WINDOW {
            group.since = now;
            group.written.clear();
        }
        let is_first = group.written.is_empty();
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        let line = hasher.finish();
        let is_new = group.written.len() < MAX_LINES_OF_KIND && !group.written.contains(&line);
        if is_first || (is_new && has_room) {
            group.written.insert(line);
            self.lines_in_second += 1;
            return LineFate::Write;
        }
        group.left_out += 1;
        self.left_out()
    }

    fn left_out(&mut self) -> LineFate {
        match std::mem::replace(&mut self.is_due, true) {
            true => LineFate::LeaveOut,
            false => LineFate::LeaveOutFirst,
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        let is_over = |second: Instant| now.saturating_duration_since(second) >= Duration::from_secs(1);
        if self.second.is_none_or(is_over) {
            self.second = Some(now);
            self.lines_in_second = 0;
        }
        self.lines_in_second < MAX_LINES_PER_SECOND
    }

    /// The lines that were left out. All begin anew.
    fn settle(&mut self) -> Vec<LeftOut<K>> {
        self.is_due = false;
        let groups = self.kinds.drain().filter(|(_, group)| group.left_out > 0);
        let mut left_out: Vec<_> = groups
            .map(|(kind, group)| LeftOut {
                kind: Some(kind),
                lines: group.left_out,
            })
            .collect();
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            left_out.push(LeftOut {
                kind: None,
                lines: others,
            });
        }
        left_out
    }
}

/// One for all sessions of a node. They meet here only with lines for the log.
#[derive(Debug)]
pub(crate) struct Folded<K> {
    fold: Mutex<Fold<K>>,
    left_out: IntCounter,
}

impl<K: Hash + Eq + Clone> Folded<K> {
    /// For so long lines are counted together.
    pub(crate) const WINDOW: Duration = WINDOW;

    /// `left_out` counts the lines that are not written.
    pub(crate) fn new(left_out: IntCounter) -> Self {
        Self {
            fold: Mutex::default(),
            left_out,
        }
    }

    /// Whether a line of this kind is written. `line` tells it from others of its kind.
    pub(crate) fn judge(&self, now: Instant, kind: &K, line: impl Hash) -> LineFate {
        let verdict = self.fold().judge(now, kind, line);
        if verdict != LineFate::Write {
            self.left_out.inc();
        }
        verdict
    }

    /// The lines that were left out since the last time, to be written.
    pub(crate) fn settle(&self) -> Vec<LeftOut<K>> {
        self.fold().settle()
    }

    fn fold(&self) -> MutexGuard<'_, Fold<K>> {
        // Whoever panicked here left nothing half done.
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(verdicts: impl Iterator<Item = LineFate>) -> usize {
        verdicts.filter(|verdict| *verdict == LineFate::Write).count()
    }

    #[test]
    fn lines_of_a_kind_are_written_once_each_and_counted() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        assert_eq!(fold.judge(now, &"a", 1), LineFate::Write);
        assert_eq!(fold.judge(now, &"a", 1), LineFate::LeaveOutFirst);
        assert_eq!(fold.judge(now, &"a", 1), LineFate::LeaveOut);
        assert_eq!(fold.judge(now, &"a", 2), LineFate::Write);
        let more = (0..1_000).map(|line| fold.judge(now, &"a", line));
        assert_eq!(written(more), MAX_LINES_OF_KIND - 2);
        assert_eq!(fold.judge(now, &"b", 1), LineFate::Write, "another kind");
        let left_out = LeftOut {
            kind: Some("a"),
            lines: 2 + 1_000 - (MAX_LINES_OF_KIND as u64 - 2),
        };
        assert_eq!(fold.settle(), [left_out]);
        assert_eq!(fold.settle(), []);
        assert_eq!(fold.judge(now, &"a", 1), LineFate::Write, "all begins anew");
    }

    #[test]
    fn a_kind_that_was_quiet_is_written_again() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        assert_eq!(fold.judge(now, &"a", 1), LineFate::Write);
        assert_eq!(fold.judge(now + WINDOW, &"a", 1), LineFate::Write);
    }

    #[test]
    fn the_first_of_each_kind_is_written_however_many_lines_there_are() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        for kind in 0..MAX_KINDS {
            assert_eq!(fold.judge(now, &kind, 0), LineFate::Write, "{kind}");
        }
        let seconds = (0..MAX_KINDS).map(|kind| fold.judge(now, &kind, 1));
        assert_eq!(written(seconds), 0, "they wait for the next second");
        let later = now + Duration::from_secs(1);
        let seconds = (0..MAX_KINDS).map(|kind| fold.judge(later, &kind, 1));
        assert_eq!(written(seconds), MAX_LINES_PER_SECOND);
    }

    #[test]
    fn kinds_beyond_the_bound_are_counted_as_one() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        for kind in 0..3 * MAX_KINDS {
            fold.judge(now, &kind, 0);
        }
        let others = LeftOut {
            kind: None,
            lines: 2 * MAX_KINDS as u64,
        };
        assert_eq!(fold.settle(), [others]);
        assert!(fold.kinds.is_empty());
    }
}
