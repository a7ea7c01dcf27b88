//! Dials the targets of one lease, one after the other, within the pool's bound on dials.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::backend::dial::{DIAL_TIMEOUT, DialError, Dialer};
use crate::backend::lane::{Lane, LaneTarget};

/// The result of a lease's dials. Neither a lane nor a failure: no turn to dial came in time.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) lane: Option<Lane>,
    pub(super) failures: Vec<(LaneTarget, DialError)>,
}

/// Waits for a turn, for at most as long as a dial may take, then dials until a target takes the connection.
pub(super) async fn connect(
    dialer: Arc<Dialer>,
    dials: Arc<Semaphore>,
    targets: Vec<LaneTarget>,
) -> Connected {
    let mut failures = Vec::new();
    let Ok(Ok(_turn)) = tokio::time::timeout(DIAL_TIMEOUT, dials.acquire()).await else {
        return Connected { lane: None, failures };
    };
    for target in targets {
        match dialer.dial_as(&target.address, &target.login).await {
            Ok(dialled) => {
                let stream = dialled.channel.into_stream();
                let is_recognised = target.login.is_shared();
                let mut lane = Lane::new(stream, target, dialled.login.lifetime, &dialer);
                if !is_recognised {
                    lane = lane.unrecognised(Arc::clone(&dialer), dialled.login.offer);
                }
                return Connected {
                    lane: Some(lane),
                    failures,
                };
            }
            Err(error) => failures.push((target, error)),
        }
    }
    Connected { lane: None, failures }
}
