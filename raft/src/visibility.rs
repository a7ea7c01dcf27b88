//! How far the application of this node has come: the revision that its decisions show.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::model::{Revision, State};

/// Keeps the revision that this node tells its peers. Without a [`Visibility`] it is that of the state.
#[derive(Debug, Clone)]
pub(crate) struct VisibleRevision {
    reported: Arc<AtomicBool>,
    revision: watch::Sender<Revision>,
}

impl VisibleRevision {
    pub(crate) fn new(at: Revision) -> Self {
        Self {
            reported: Arc::new(AtomicBool::new(false)),
            revision: watch::Sender::new(at),
        }
    }

    pub(crate) fn now(&self) -> Revision {
        *self.revision.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    /// From now on the application says what it shows.
    pub(crate) fn take_over(&self) -> Visibility {
        self.reported.store(true, Ordering::Release);
        Visibility {
            revision: self.revision.clone(),
        }
    }

    /// Follows the state for as long as the application does not report.
    pub(crate) async fn follow(self, mut states: watch::Receiver<Arc<State>>) {
        loop {
            let revision = states.borrow_and_update().revision;
            if !self.reported.load(Ordering::Acquire) {
                raise(&self.revision, revision);
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The application's report of the revision that its decisions show: no proposal is acknowledged, here or on another
/// node, before this node shows it.
#[derive(Debug, Clone)]
pub struct Visibility {
    revision: watch::Sender<Revision>,
}

impl Visibility {
    /// Every decision from now on shows at least `revision`.
    pub fn report(&self, revision: Revision) {
        raise(&self.revision, revision);
    }
}

fn raise(sender: &watch::Sender<Revision>, revision: Revision) {
    sender.send_if_modified(|current| {
        let higher = revision > *current;
        if higher {
            *current = revision;
        }
        higher
    });
}
