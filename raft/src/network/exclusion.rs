//! The news that this process is none of its cluster any more, which any other node may bring.

use tokio::sync::watch;

use crate::model::{NodeId, Revision};

/// Why a process may not take part, however long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeExclusion {
    /// Its node was removed.
    Removed { at: Revision },
    /// This node says that the process began with an old copy of its directory.
    OldCopy { by: NodeId },
}

/// Whether and why this process is excluded. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExclusionNews(watch::Sender<Option<NodeExclusion>>);

impl ExclusionNews {
    pub(crate) fn note(&self, exclusion: NodeExclusion) {
        self.0
            .send_if_modified(|known| known.replace(exclusion).is_none());
    }

    /// Returns why, once it is known.
    pub(crate) async fn noted(&self) -> NodeExclusion {
        let mut known = self.0.subscribe();
        loop {
            if let Some(exclusion) = *known.borrow_and_update() {
                return exclusion;
            }
            if known.changed().await.is_err() {
                // The sender is this struct's own.
                return std::future::pending().await;
            }
        }
    }
}
