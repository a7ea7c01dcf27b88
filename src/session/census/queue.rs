//! The seats of one holder, in the order in which they are given away: first where nothing was asked for longest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use klamm_raft::seats::Holding;

use super::chair::Chair;

/// How many seats are looked at to find the one to be given away, at most: sessions of which most are busy are put in
/// order once, and then again only where something was asked since.
const MOST_LOOKS: usize = 20_000;

/// By when each was asked last, as far as it was looked at, and by number.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeMap<(u64, u64), Arc<Chair>>);

impl Holding for Queue {
    fn count(&self) -> usize {
        self.0.len()
    }
}

impl Queue {
    pub(super) fn insert(&mut self, chair: Arc<Chair>) {
        let since = chair.last_asked();
        chair.since.store(since, Ordering::Relaxed);
        self.0.insert((since, chair.number), chair);
    }

    /// Takes a seat out, if it is here.
    pub(super) fn remove(&mut self, chair: &Chair) {
        self.0
            .remove(&(chair.since.load(Ordering::Relaxed), chair.number));
    }

    /// The seat on which nothing was asked for longest.
    pub(super) fn first(&mut self) -> Option<Arc<Chair>> {
        for _ in 0..MOST_LOOKS.min(self.0.len()) {
            let (&(since, _), chair) = self.0.first_key_value()?;
            let chair = Arc::clone(chair);
            if chair.last_asked() <= since {
                return Some(chair);
            }
            self.remove(&chair);
            self.insert(chair);
        }
        self.0.first_key_value().map(|(_, chair)| Arc::clone(chair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(count: u64) -> (Queue, Vec<Arc<Chair>>) {
        let mut queue = Queue::default();
        let chairs: Vec<_> = (0..count).map(|number| Arc::new(Chair::new(number))).collect();
        chairs.iter().for_each(|chair| queue.insert(Arc::clone(chair)));
        (queue, chairs)
    }

    fn first(queue: &mut Queue) -> Option<u64> {
        let chair = queue.first()?;
        queue.remove(&chair);
        Some(chair.number)
    }

    #[test]
    fn who_asked_nothing_goes_first_and_then_the_least_busy() {
        let (mut queue, chairs) = queue(6);
        for (number, at) in [(0, 50), (1, 20), (3, 90), (5, 10), (5, 30)] {
            chairs[number].asked(at);
        }
        let mut order = Vec::new();
        while let Some(number) = first(&mut queue) {
            order.push(number);
            if number == 4 {
                chairs[1].asked(60);
            }
        }
        assert_eq!(order, [2, 4, 5, 0, 1, 3]);
    }

    #[test]
    fn a_seat_that_is_given_up_is_gone() {
        let (mut queue, chairs) = queue(3);
        chairs[0].asked(5);
        assert_eq!(queue.first().map(|chair| chair.number), Some(1));
        queue.remove(&chairs[1]);
        queue.remove(&chairs[0]);
        queue.remove(&chairs[0]);
        assert_eq!(queue.count(), 1);
        assert_eq!(first(&mut queue), Some(2));
    }
}
