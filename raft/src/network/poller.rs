//! Asks the peers all the time what they show: that is how this node knows how far they have come, and that they live.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::message::{Request, Response};
use super::peer::{CallError, Peer};
use super::peers::Peers;
use super::service::SHOW_WAIT;
use crate::model::NodeId;

/// The time that a peer may take beyond the time that it waits on purpose.
const GRACE: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// Asks each of the peers, as they come and go. Runs until it is dropped.
///
/// # Panics
/// One of the tasks has panicked.
pub(crate) async fn poll_all(peers: Peers) {
    let mut changes = peers.watch();
    let mut tasks = JoinSet::new();
    let mut polled: BTreeMap<NodeId, AbortHandle> = BTreeMap::new();
    loop {
        let now = Arc::clone(&changes.borrow_and_update());
        polled.retain(|id, task| {
            let stays = now.contains_key(id);
            if !stays {
                task.abort();
            }
            stays
        });
        for (id, peer) in now.iter() {
            polled
                .entry(*id)
                .or_insert_with(|| tasks.spawn(poll(Arc::clone(peer))));
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            Some(Err(ended)) = tasks.join_next() => if ended.is_panic() {
                std::panic::resume_unwind(ended.into_panic());
            },
        }
    }
}

async fn poll(peer: Arc<Peer>) {
    let mut answers = true;
    loop {
        let after = peer.seen().visible;
        let result = match peer.call(&Request::Show { after }, SHOW_WAIT + GRACE).await {
            Ok(Response::Shown(visible)) => {
                peer.heard(visible);
                Ok(())
            }
            Ok(_) => Err(peer.unexpected()),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) if !answers => tracing::info!(node = %peer.id, "the peer answers again"),
            Ok(()) => {}
            Err(error) => {
                peer.missed(&error);
                if answers {
                    tracing::warn!(node = %peer.id, error = %chain(&error), "the peer does not answer");
                }
                answers = false;
                sleep(PAUSE).await;
                continue;
            }
        }
        answers = true;
    }
}

/// An error with its causes.
fn chain(error: &CallError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
