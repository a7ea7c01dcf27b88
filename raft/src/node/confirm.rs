//! Confirms that what this node shows is the newest: the leader says how far the cluster has come, once a majority has
//! said that it still leads, and this node waits until it shows that much.

use std::sync::Arc;
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::errors::RaftError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::core::{Core, Raft};
use crate::model::Revision;
use crate::network::FloorAnswer;

/// Questions that may wait for the next round.
pub(super) const WAITING: usize = 1024;
/// One round takes so long at most: longer than the election of a new leader.
const LIMIT: Duration = Duration::from_secs(4);
/// One attempt to have a leader answer.
const ATTEMPT: Duration = Duration::from_millis(1500);
/// Between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// From one round to the next: however many ask, and however often, the others hear little of it.
const GAP: Duration = Duration::from_millis(2);

/// Why nobody can say that this node shows the newest state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    #[error(
        "this node cannot confirm that it is up to date: no leader of the gateway cluster answered within {} s; ask another node, or try again when a majority of the nodes is up and reaches this one",
        after.as_secs()
    )]
    NoLeader { after: Duration },
    #[error(
        "this node is behind: it shows revision {shown}, and the gateway cluster is at {newest}; ask another node, or try again later"
    )]
    Behind { shown: Revision, newest: Revision },
    #[error("too many requests are waiting for this node to confirm that it is up to date; try again")]
    Busy,
    #[error("this node has stopped")]
    Stopped,
}

/// Whom to tell.
pub(super) type Asker = oneshot::Sender<Result<Revision, ConfirmError>>;

/// Answers all who ask, in rounds, until nobody can ask any more. A round serves those who asked before it began.
pub(super) async fn serve(core: Arc<Core>, mut askers: mpsc::Receiver<Asker>) {
    let mut waiting = Vec::new();
    while askers.recv_many(&mut waiting, WAITING).await > 0 {
        let confirmed = round(&core).await;
        if confirmed.is_err() {
            // Who came in the meantime would not fare better. An error is never wrong.
            while let Ok(asker) = askers.try_recv() {
                waiting.push(asker);
            }
        }
        for asker in waiting.drain(..) {
            // Who has given up needs no answer.
            asker.send(confirmed.clone()).ok();
        }
        sleep(GAP).await;
    }
}

async fn round(core: &Core) -> Result<Revision, ConfirmError> {
    let deadline = Instant::now() + LIMIT;
    let newest = loop {
        if let Some(newest) = floor(core).await {
            break newest;
        }
        if Instant::now() + RETRY_PAUSE >= deadline {
            return Err(ConfirmError::NoLeader { after: LIMIT });
        }
        sleep(RETRY_PAUSE).await;
    };
    let mut here = core.visible.watch();
    match timeout_at(deadline, here.wait_for(|shown| *shown >= newest)).await {
        Ok(Ok(_)) => Ok(newest),
        Ok(Err(_)) => Err(ConfirmError::Stopped),
        Err(_) => Err(ConfirmError::Behind {
            shown: core.visible.now(),
            newest,
        }),
    }
}

/// The revision that everybody must show who shows the newest, as the leader says; none when there is no answer.
async fn floor(core: &Core) -> Option<Revision> {
    let leader = core.leader()?;
    if leader == core.id {
        return match floor_as_leader(core.raft.get()?).await {
            FloorAnswer::At(revision) => Some(revision),
            FloorAnswer::NotLeader => None,
        };
    }
    match core.peers.floor(leader, ATTEMPT).await {
        Ok(FloorAnswer::At(revision)) => Some(revision),
        Ok(FloorAnswer::NotLeader) => None,
        Err(error) => {
            tracing::debug!(%leader, %error, "the leader does not say how far the cluster is");
            None
        }
    }
}

/// The revision that `floor` asks for as this node says it, if it leads: a majority must answer it after the question.
pub(crate) async fn floor_as_leader(raft: &Raft) -> FloorAnswer {
    match timeout(ATTEMPT, raft.get_read_linearizer(ReadPolicy::ReadIndex)).await {
        Ok(Ok(linearizer)) => FloorAnswer::At(Revision(linearizer.read_log_id().index())),
        Ok(Err(RaftError::Fatal(error))) => {
            tracing::error!(%error, "openraft has stopped");
            FloorAnswer::NotLeader
        }
        Ok(Err(RaftError::APIError(_))) | Err(_) => FloorAnswer::NotLeader,
    }
}
