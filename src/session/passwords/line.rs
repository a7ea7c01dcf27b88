//! The line before what takes its time: whoever asked least for it, and failed least, is next. Of two who are alike, who came
//! first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use klamm_raft::seats::AddressBlock;
use tokio::sync::oneshot;

use crate::session::failed_logins::{Debt, Guesser};

/// A line with so many places at its front.
#[derive(Debug)]
pub(super) struct Line(Mutex<Waiting>);

#[derive(Debug)]
struct Waiting {
    free: usize,
    next: u64,
    /// In their order.
    places: BTreeMap<Place, oneshot::Sender<TurnInLine>>,
    /// How many of each wait.
    guessers: HashMap<Guesser, u32>,
    addresses: HashMap<AddressBlock, u32>,
}

/// A place in the line.
type Place = (Debt, u64);

/// One's turn, until it is dropped.
#[derive(Debug)]
pub(super) struct TurnInLine(Arc<Line>);

/// Leaves the line when it is dropped.
struct InLine {
    line: Arc<Line>,
    who: Guesser,
    place: Place,
}

impl Line {
    pub(super) fn new(free: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiting {
            free,
            next: 0,
            places: BTreeMap::new(),
            guessers: HashMap::new(),
            addresses: HashMap::new(),
        })))
    }

    /// Waits for a turn.
    pub(super) async fn turn(self: &Arc<Self>, who: Guesser, debt: Debt) -> TurnInLine {
        let (waits, _in_line) = match self.stand(who, debt) {
            Ok(turn) => return turn,
            Err(standing) => standing,
        };
        // Whoever is dropped from the line before its turn waits no longer; the sender is not dropped before.
        match waits.await {
            Ok(turn) => turn,
            Err(_) => std::future::pending().await,
        }
    }

    /// A turn, or a place in the line.
    fn stand(
        self: &Arc<Self>,
        who: Guesser,
        debt: Debt,
    ) -> Result<TurnInLine, (oneshot::Receiver<TurnInLine>, InLine)> {
        let mut waiting = self.waiting();
        if waiting.free > 0 {
            waiting.free -= 1;
            return Ok(TurnInLine(Arc::clone(self)));
        }
        let of_guesser = waiting.guessers.entry(who.clone()).or_default();
        let name = debt.name.saturating_add(*of_guesser);
        *of_guesser += 1;
        let of_address = waiting.addresses.entry(who.from).or_default();
        let address = debt.address.saturating_add(*of_address);
        *of_address += 1;
        let place = (Debt { name, address }, waiting.next);
        waiting.next += 1;
        let (sender, waits) = oneshot::channel();
        waiting.places.insert(place, sender);
        let line = Arc::clone(self);
        Err((waits, InLine { line, who, place }))
    }

    fn pass_on(self: &Arc<Self>) {
        let next = {
            let mut waiting = self.waiting();
            let next = waiting.places.pop_first();
            if next.is_none() {
                waiting.free += 1;
            }
            next
        };
        if let Some((_, next)) = next {
            // Whoever has just left drops the turn, which passes it on.
            drop(next.send(TurnInLine(Arc::clone(self))));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TurnInLine {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting();
        waiting.places.remove(&self.place);
        less(&mut waiting.guessers, &self.who);
        less(&mut waiting.addresses, &self.who.from);
    }
}

/// One less of these.
fn less<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::task::{LocalSet, yield_now};

    use super::*;

    fn guesser(user: &str, address: u8) -> Guesser {
        let from = AddressBlock::of(std::net::IpAddr::from([10, 0, 0, address]));
        Guesser::new(&"v".parse().unwrap(), user, from)
    }

    const NONE: Debt = Debt { name: 0, address: 0 };

    /// Who has a turn, one after the other, if these come in this order while somebody else has it.
    async fn order(come: Vec<(Guesser, Debt)>) -> Vec<usize> {
        let (line, order) = (Line::new(1), Rc::new(RefCell::new(Vec::new())));
        let thread = LocalSet::new();
        let first = line.turn(guesser("first", 0), NONE).await;
        for (number, (who, debt)) in come.into_iter().enumerate() {
            let (line, order) = (Arc::clone(&line), Rc::clone(&order));
            thread.spawn_local(async move {
                let _turn = line.turn(who, debt).await;
                order.borrow_mut().push(number);
                yield_now().await;
            });
        }
        thread.run_until(yield_now()).await;
        drop(first);
        thread.await;
        let waiting = line.waiting();
        assert_eq!(
            (waiting.free, waiting.guessers.len(), waiting.addresses.len()),
            (1, 0, 0)
        );
        drop(waiting);
        order.take()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn many_of_one_guesser_keep_nobody_else_waiting() {
        let mut come = vec![(guesser("guessed", 1), NONE); 300];
        come.push((guesser("other", 1), NONE));
        come.push((guesser("good", 2), NONE));
        let order = order(come).await;
        assert_eq!(order[..3], [0, 301, 300]);
        assert!(order[3..].is_sorted());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn many_names_of_one_address_keep_no_other_address_waiting() {
        let mut come: Vec<_> = (0..300)
            .map(|number| (guesser(&number.to_string(), 1), NONE))
            .collect();
        come.push((guesser("good", 2), NONE));
        assert_eq!(order(come).await[..2], [0, 300]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_failed_least_is_next() {
        let debt = |name, address| Debt { name, address };
        let come = vec![
            (guesser("a", 1), debt(3, 3)),
            (guesser("b", 2), debt(0, 9)),
            (guesser("c", 3), debt(0, 1)),
            (guesser("d", 4), debt(0, 0)),
            (guesser("e", 5), debt(1, 1)),
        ];
        assert_eq!(order(come).await, [3, 2, 1, 4, 0]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_leaves_the_line_keeps_nobody_waiting() {
        let line = Line::new(1);
        let first = line.turn(guesser("a", 1), NONE).await;
        let mut left = Box::pin(line.turn(guesser("b", 2), NONE));
        assert!(futures_util::poll!(&mut left).is_pending());
        let mut stays = Box::pin(line.turn(guesser("c", 3), NONE));
        assert!(futures_util::poll!(&mut stays).is_pending());
        drop(left);
        drop(first);
        drop(stays.await);
        assert_eq!(line.waiting().free, 1);
    }
}
