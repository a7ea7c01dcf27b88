//! The node thread's loop: takes calls from the handle.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use super::core::Core;
use super::{Applied, ProposeError, leasing};
use crate::command::{Change, Command};
use crate::inquiries::InquiryError;
use crate::model::{Liveness, NodeId, QuotaDemand};
use crate::status::Readiness;

/// How long a peer may take to become leader.
const TRANSFER: Duration = Duration::from_secs(3);
/// How long taking leave may take.
const LEAVE: Duration = Duration::from_millis(1500);
/// How long it may take to tell a peer what is wanted here: the next time comes soon.
const TELL: Duration = Duration::from_millis(700);
const TRANSFER_POLL: Duration = Duration::from_millis(10);

/// A request of the handle.
pub(super) enum Call {
    Propose {
        change: Box<Change>,
        answer: oneshot::Sender<Result<Applied, ProposeError>>,
    },
    TransferLeadership {
        done: oneshot::Sender<()>,
    },
    TellDemands {
        demands: Vec<QuotaDemand>,
    },
    Inquire {
        node: NodeId,
        question: Vec<u8>,
        limit: Duration,
        answer: oneshot::Sender<Result<Vec<u8>, InquiryError>>,
    },
    Drain {
        answer: oneshot::Sender<Result<(), ProposeError>>,
    },
    Leave {
        done: oneshot::Sender<()>,
    },
    Shutdown {
        done: oneshot::Sender<()>,
    },
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Call")
    }
}

/// Serves calls until the node is to stop; returns whom to tell when it has.
pub(super) async fn serve(
    core: Arc<Core>,
    mut calls: mpsc::Receiver<Call>,
    readiness: &watch::Sender<Readiness>,
) -> Option<oneshot::Sender<()>> {
    while let Some(call) = calls.recv().await {
        let core = core.clone();
        match call {
            Call::Propose { change, answer } => {
                tokio::spawn(async move {
                    // A caller that has gone needs no answer.
                    answer.send(core.propose(*change).await).ok();
                });
            }
            Call::TransferLeadership { done } => {
                tokio::spawn(async move {
                    transfer_leadership(&core).await;
                    done.send(()).ok();
                });
            }
            Call::TellDemands { demands } => {
                for peer in core.peers.all() {
                    let (core, demands) = (core.clone(), demands.clone());
                    tokio::spawn(async move {
                        // Who cannot be told hears the next.
                        core.peers.wants(peer.id, demands, TELL).await.ok();
                    });
                }
            }
            Call::Inquire {
                node,
                question,
                limit,
                answer,
            } => {
                tokio::spawn(async move {
                    let told = core.peers.inquire(node, question, limit).await;
                    // A caller that has gone needs no answer.
                    answer.send(told.map_err(InquiryError::of)).ok();
                });
            }
            Call::Drain { answer } => {
                readiness.send_replace(Readiness::Draining);
                tokio::spawn(async move {
                    answer.send(drain(&core).await).ok();
                });
            }
            Call::Leave { done } => {
                core.has_left.store(true, Ordering::Release);
                tokio::spawn(async move {
                    leave(&core).await;
                    done.send(()).ok();
                });
            }
            Call::Shutdown { done } => return Some(done),
        }
    }
    None
}

/// Takes leave of the others, so that they need not find out: nobody waits for this node any more. Where that does
/// not work out quickly, they find out.
pub(super) async fn leave(core: &Core) {
    if core.is_alone() {
        return;
    }
    // The next leader must hear of it, not one that ends.
    timeout(TRANSFER, transfer_leadership(core)).await.ok();
    leasing::give_back(core).await;
    let down = Command::SetLiveness {
        id: core.id,
        liveness: Liveness::Down,
    };
    let leaving = core.commit(core.own(down), Instant::now() + LEAVE);
    if !matches!(timeout(LEAVE, leaving).await, Ok(Ok(_))) {
        tracing::info!("the other nodes could not be told that this one is stopping");
    }
}

async fn drain(core: &Core) -> Result<(), ProposeError> {
    let draining = Command::SetLiveness {
        id: core.id,
        liveness: Liveness::Draining,
    };
    core.propose(core.own(draining)).await?;
    transfer_leadership(core).await;
    Ok(())
}

/// Makes the live peer that has come furthest the leader, if this node is.
pub(super) async fn transfer_leadership(core: &Core) {
    if let Some(to) = successor(core) {
        hand_over(core, to).await;
    }
}

/// Makes another node the leader, if this node is.
pub(super) async fn hand_over(core: &Core, to: NodeId) {
    let Some(raft) = core.raft.get().filter(|_| core.leader() == Some(core.id)) else {
        return;
    };
    if let Err(error) = raft.trigger().transfer_leader(to.0).await {
        tracing::debug!(%error, "leadership stays");
        return;
    }
    let moved = async {
        while core.leader().is_none_or(|leader| leader == core.id) {
            tokio::time::sleep(TRANSFER_POLL).await;
        }
    };
    if timeout(TRANSFER, moved).await.is_err() {
        tracing::warn!(%to, "no other node took over the leadership");
    }
}

fn successor(core: &Core) -> Option<NodeId> {
    let state = core.states.borrow().clone();
    let voters = core.members.borrow().voters();
    let is_up = |id| {
        state
            .nodes
            .get(&id)
            .is_some_and(|record| record.liveness == Liveness::Up)
    };
    let peers = core.peers.all();
    let reachable = peers
        .iter()
        .filter(|peer| voters.contains(&peer.id) && is_up(peer.id) && peer.seen().at.is_some());
    reachable
        .max_by_key(|peer| peer.seen().visible)
        .map(|peer| peer.id)
}
