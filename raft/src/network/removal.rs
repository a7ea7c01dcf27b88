//! The news that this node does not belong to its cluster any more, which any other node may bring.

use tokio::sync::watch;

use crate::model::Revision;

/// Whether and when this node was removed. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Removal(watch::Sender<Option<Revision>>);

impl Removal {
    pub(crate) fn note(&self, at: Revision) {
        self.0.send_if_modified(|known| known.replace(at).is_none());
    }

    /// Returns when it was removed, once it is known.
    pub(crate) async fn noted(&self) -> Revision {
        let mut known = self.0.subscribe();
        match known.wait_for(Option::is_some).await {
            Ok(at) => at.unwrap_or_default(),
            // The sender is this struct's own.
            Err(_) => std::future::pending().await,
        }
    }
}
