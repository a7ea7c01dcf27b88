//! Keeps what this node knows of the starts of the others on its disk, so that an old copy is noticed also after all nodes were
//! stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::core::Core;
use crate::standing::StandingKeeper;

/// Between two writes. A start is written at once, unless another change was a moment before.
const PAUSE: Duration = Duration::from_secs(5);

/// Keeps it up to date until it is dropped.
pub(super) async fn keep_remembering(core: Arc<Core>, standing: Arc<StandingKeeper>) {
    let mut changes = core.peers.boots().watch();
    while changes.changed().await.is_ok() {
        remember(&core, &standing).await;
        sleep(PAUSE).await;
    }
}

/// Writes what is known now.
pub(super) async fn remember(core: &Core, standing: &StandingKeeper) {
    if !core.space.is_enough() {
        return;
    }
    let mut memories = core.peers.boots().memories();
    let removed = core.states.borrow().roster.removed.clone();
    memories.0.retain(|id, _| !removed.contains_key(id));
    if let Err(error) = standing.remember(&memories).await {
        tracing::warn!(%error, "what is known of the other nodes cannot be kept");
    }
}
