//! What this node knows of one peer: where it is, when it answered last, and how far it has come.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::model::{NodeId, Revision};

/// One other node of the cluster.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) address: String,
    seen: watch::Sender<Seen>,
}

/// What a peer's last answer said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) at: Option<Instant>,
    pub(crate) visible: Revision,
}

impl Peer {
    pub(crate) fn new(id: NodeId, address: String) -> Self {
        Self {
            id,
            address,
            seen: watch::Sender::default(),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// The peer has answered that it shows `visible`.
    pub(crate) fn heard(&self, visible: Revision) {
        self.seen.send_replace(Seen {
            at: Some(Instant::now()),
            visible,
        });
    }
}

impl Seen {
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        self.at.map(|at| at.elapsed())
    }
}
