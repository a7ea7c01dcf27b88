//! The way of a virtual cluster's requests to physical clusters, on one node: it can be fenced, and it is known whether
//! anybody is on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// The way of a virtual cluster's requests. All its sessions of a node have the same.
#[derive(Debug, Default)]
pub struct Passage {
    fenced: watch::Sender<bool>,
    /// Connections to brokers that sessions have.
    taken: AtomicUsize,
}

/// Somebody who is on the way, until it is dropped.
#[derive(Debug)]
pub(super) struct Passing(Arc<Passage>);

impl Passage {
    /// Nobody enters any more. Those who are under way go on.
    pub fn fence(&self) {
        self.fenced.send_replace(true);
    }

    /// From now on everybody may enter.
    pub fn lift(&self) {
        self.fenced.send_replace(false);
    }

    /// Whether it is fenced, and nobody is under way any more. It stays so until it is lifted: who enters either sees the
    /// fence, or is seen.
    pub fn is_drained(&self) -> bool {
        *self.fenced.borrow() && self.taken.load(Ordering::SeqCst) == 0
    }

    /// Enters, unless it is fenced.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Passing> {
        self.taken.fetch_add(1, Ordering::SeqCst);
        let passing = Passing(Arc::clone(self));
        (!*self.fenced.borrow()).then_some(passing)
    }

    /// Returns when it is not fenced.
    pub(super) async fn lifted(self: Arc<Self>) {
        let mut fenced = self.fenced.subscribe();
        // The sender is this one's own.
        let _ = fenced.wait_for(|is_fenced| !is_fenced).await;
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_enters_what_is_fenced_and_it_is_drained_once_all_have_left() {
        let passage = Arc::new(Passage::default());
        let (one, other) = (passage.enter().unwrap(), passage.enter().unwrap());
        passage.fence();
        assert!(passage.enter().is_none() && !passage.is_drained());
        drop(one);
        assert!(!passage.is_drained());
        drop(other);
        assert!(passage.is_drained());
        let waiting = tokio::spawn(Arc::clone(&passage).lifted());
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        passage.lift();
        waiting.await.unwrap();
        assert!(!passage.is_drained() && passage.enter().is_some());
    }
}
