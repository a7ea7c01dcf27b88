//! Compiles regular expressions for all sessions of a node: off their threads, one at a time, each principal in its turn,
//! and once for an expression that was asked for before, whether it was good or not. It knows no messages.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use klamm_raft::model::VclusterName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::authz::Principal;
use crate::metrics::GuardMetrics;
use crate::vcluster::pattern::{Compiled, NoPattern, Pattern};

/// Requests of one principal that wait for an expression. More are told to come again.
const MAX_WAITING_OF_ONE: usize = 64;
/// Requests of all principals that wait for an expression.
const MAX_WAITING: usize = 1_024;
/// Expressions of one principal that are remembered. Of more, the one that was not asked for longest is forgotten.
const MAX_KNOWN_OF_ONE: usize = 8;
/// Expressions that are remembered. Beyond it all are forgotten.
const MAX_KNOWN: usize = 256;

/// Whose expression it is.
pub(super) type PatternOwner = (VclusterName, Principal);

/// The expressions that all sessions of a node share.
#[derive(Debug)]
pub(super) struct Patterns {
    /// One expression is compiled at a time. Principals wait for it in turn, each with one expression at most.
    turn: Arc<Semaphore>,
    book: Mutex<Book>,
    metrics: GuardMetrics,
}

#[derive(Debug, Default)]
struct Book {
    owners: HashMap<PatternOwner, Part>,
    known: usize,
    waiting: usize,
}

/// The expressions of one principal.
#[derive(Debug)]
struct Part {
    turn: Arc<Semaphore>,
    waiting: usize,
    /// The one that was asked for last at the end.
    known: VecDeque<(String, Compiled)>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            waiting: 0,
            known: VecDeque::new(),
        }
    }
}

/// A request that waits. When it is dropped it waits no more.
struct Waiting<'a> {
    patterns: &'a Patterns,
    owner: &'a PatternOwner,
    turn: Arc<Semaphore>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.patterns.metrics.patterns_waiting.dec();
        let mut book = self.patterns.book();
        book.waiting -= 1;
        let is_idle = book.owners.get_mut(self.owner).is_some_and(|part| {
            part.waiting -= 1;
            part.waiting == 0 && part.known.is_empty()
        });
        if is_idle {
            book.owners.remove(self.owner);
        }
    }
}

impl Patterns {
    pub(super) fn new(metrics: GuardMetrics) -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            book: Mutex::default(),
            metrics,
        }
    }

    /// Compiles the expression, or tells what came of it before, within `patience`.
    pub(super) async fn compile(
        self: Arc<Self>,
        owner: PatternOwner,
        text: String,
        patience: Duration,
    ) -> Compiled {
        if let Some(compiled) = self.book().recall(&owner, &text) {
            return compiled;
        }
        let in_time = tokio::time::timeout(patience, Arc::clone(&self).compile_in_turn(&owner, text));
        let compiled = in_time.await.unwrap_or(Err(NoPattern::Busy));
        if matches!(compiled, Err(NoPattern::Busy)) {
            self.metrics.patterns_put_off.inc();
        }
        compiled
    }

    async fn compile_in_turn(self: Arc<Self>, owner: &PatternOwner, text: String) -> Compiled {
        let waiting = self.wait(owner).ok_or(NoPattern::Busy)?;
        let own = Arc::clone(&waiting.turn);
        let own = own.acquire_owned().await.map_err(|_| NoPattern::Busy)?;
        // Another session may have had the same one compiled in the meantime.
        if let Some(compiled) = self.book().recall(owner, &text) {
            return compiled;
        }
        let all = Arc::clone(&self.turn).acquire_owned().await;
        let turns = (own, all.map_err(|_| NoPattern::Busy)?);
        let (patterns, owner) = (Arc::clone(&self), owner.clone());
        let run = tokio::task::spawn_blocking(move || patterns.run(owner, text, turns));
        run.await.unwrap_or(Err(NoPattern::Busy))
    }

    /// Also when nobody waits for it any more: the turns are over when it is done, and it is known then.
    fn run(
        &self,
        owner: PatternOwner,
        text: String,
        turns: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    ) -> Compiled {
        let compiled = Pattern::compile(&text).map(Arc::new).map_err(NoPattern::Bad);
        self.metrics.patterns_compiled.inc();
        self.book().remember(owner, text, compiled.clone());
        drop(turns);
        compiled
    }

    fn wait<'a>(&'a self, owner: &'a PatternOwner) -> Option<Waiting<'a>> {
        let mut book = self.book();
        if book.waiting >= MAX_WAITING {
            return None;
        }
        let part = book.owners.entry(owner.clone()).or_default();
        if part.waiting >= MAX_WAITING_OF_ONE {
            return None;
        }
        part.waiting += 1;
        let turn = Arc::clone(&part.turn);
        book.waiting += 1;
        self.metrics.patterns_waiting.inc();
        Some(Waiting {
            patterns: self,
            owner,
            turn,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Whoever panicked here left nothing half done.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn recall(&mut self, owner: &PatternOwner, text: &str) -> Option<Compiled> {
        let known = &mut self.owners.get_mut(owner)?.known;
        let place = known.iter().position(|(of, _)| of == text)?;
        let entry = known.remove(place)?;
        let compiled = entry.1.clone();
        known.push_back(entry);
        Some(compiled)
    }

    fn remember(&mut self, owner: PatternOwner, text: String, compiled: Compiled) {
        if self.known >= MAX_KNOWN {
            self.known = 0;
            self.owners.retain(|_, part| {
                part.known.clear();
                part.waiting > 0
            });
        }
        let known = &mut self.owners.entry(owner).or_default().known;
        if known.len() >= MAX_KNOWN_OF_ONE {
            known.pop_front();
        } else {
            self.known += 1;
        }
        known.push_back((text, compiled));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::metrics::Metrics;
    use crate::regexp::BadExpression;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn patterns() -> Arc<Patterns> {
        Arc::new(Patterns::new(Metrics::new().unwrap().node.guards.clone()))
    }

    fn owner(name: &str) -> PatternOwner {
        ("tenant".parse().unwrap(), Principal::user(name))
    }

    fn ask(patterns: &Arc<Patterns>, name: &str, text: &str) -> impl Future<Output = Compiled> + use<> {
        Arc::clone(patterns).compile(owner(name), text.to_owned(), PATIENCE)
    }

    #[tokio::test]
    async fn an_expression_is_compiled_once_good_or_not() {
        let patterns = patterns();
        for _ in 0..3 {
            assert!(ask(&patterns, "a", "x.*").await.unwrap().matches("xy"));
            for (text, bad) in [
                ("(", BadExpression::Invalid),
                (r"\pL{900}", BadExpression::TooLarge),
            ] {
                let refused = ask(&patterns, "a", text).await.unwrap_err();
                assert_eq!(refused, NoPattern::Bad(bad));
            }
        }
        assert_eq!(patterns.metrics.patterns_compiled.get(), 3);
        // Those of many sessions at once, too.
        let asked = (0..MAX_WAITING_OF_ONE).map(|_| ask(&patterns, "a", "y.*"));
        assert!(join_all(asked).await.iter().all(Result::is_ok));
        assert_eq!(patterns.metrics.patterns_compiled.get(), 4);
    }

    #[tokio::test]
    async fn a_principal_has_one_turn_at_a_time_and_few_who_wait() {
        let patterns = patterns();
        let taken = Arc::clone(&patterns.turn).acquire_owned().await.unwrap();
        let many = (0..2 * MAX_WAITING_OF_ONE).map(|number| ask(&patterns, "greedy", &format!("a{number}")));
        let many: Vec<_> = many.map(tokio::spawn).collect();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        assert_eq!(patterns.book().waiting, MAX_WAITING_OF_ONE);
        // The turn that any other principal waits for. While it is held nothing else is compiled.
        let other = tokio::spawn(Arc::clone(&patterns.turn).acquire_owned());
        tokio::task::yield_now().await;
        drop(taken);
        let held = other.await.unwrap().unwrap();
        // The other one had to wait for one expression of the greedy one, and not for all.
        assert_eq!(patterns.metrics.patterns_compiled.get(), 1);
        drop(held);
        ask(&patterns, "other", "b").await.unwrap();
        let answered = join_all(many).await;
        let busy = answered
            .iter()
            .filter(|answer| matches!(answer, Ok(Err(NoPattern::Busy))));
        assert_eq!(busy.count(), MAX_WAITING_OF_ONE);
        assert_eq!(patterns.book().waiting, 0);
        assert_eq!(patterns.metrics.patterns_waiting.get(), 0);
    }

    #[tokio::test]
    async fn who_waits_too_long_is_put_off() {
        let patterns = patterns();
        let _taken = Arc::clone(&patterns.turn).acquire_owned().await.unwrap();
        let waited = Arc::clone(&patterns).compile(owner("a"), "x".to_owned(), Duration::from_millis(10));
        assert_eq!(waited.await.unwrap_err(), NoPattern::Busy);
        assert_eq!(patterns.metrics.patterns_put_off.get(), 1);
        assert!(patterns.book().owners.is_empty(), "nothing is left of it");
    }

    #[tokio::test]
    async fn few_expressions_are_remembered() {
        let patterns = patterns();
        for number in 0..MAX_KNOWN {
            let name = format!("u{}", number / 4);
            ask(&patterns, &name, &format!("a{number}")).await.unwrap();
        }
        assert_eq!(patterns.book().known, MAX_KNOWN);
        for number in 0..3 * MAX_KNOWN_OF_ONE {
            ask(&patterns, "greedy", &format!("a{number}")).await.unwrap();
        }
        let book = patterns.book();
        assert_eq!((book.known, book.owners.len()), (MAX_KNOWN_OF_ONE, 1));
    }
}
