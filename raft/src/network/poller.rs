//! Asks a peer all the time what it shows: that is how this node knows how far the peer has come, and that it lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::message::{Request, Response};
use super::peer::{CallError, Peer};
use super::service::SHOW_WAIT;

/// The time that a peer may take beyond the time that it waits on purpose.
const GRACE: Duration = Duration::from_secs(1);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs until it is dropped.
pub(crate) async fn poll(peer: Arc<Peer>) {
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
