//! A running node, and the handle to it.
//!
//! A node is one thread with a current-thread runtime, on which openraft, the peer connections and all proposals run,
//! and the storage writer's thread. The handle only sends calls to the first and reads what it publishes.

mod admission;
mod calls;
mod confirm;
mod core;
mod formation;
mod granting;
mod hearing;
mod keeper;
mod leasing;
mod membership;
mod remembering;
mod run;
mod start;
mod succession;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::backup::Backup;
use crate::command::{Change, Command};
use crate::config::Tuning;
use crate::demands::{HeardDemands, NodeDemands};
use crate::inquiries::{AnswerInquiry, Inquiries, InquiryError};
use crate::lease::Lease;
use crate::members::ClusterMembers;
use crate::model::{Level, NodeId, QuotaDemand, Revision, State};
use crate::network::{Peers, RefusalCounts};
use crate::outcome::{Outcome, Refusal};
use crate::status::{PeerStatus, Readiness, Status};
use crate::store::Standing;
use crate::visibility::{Visibility, VisibleRevision};

pub use confirm::ConfirmError;
pub use start::StartError;

pub(crate) use self::confirm::floor_as_leader;
pub(crate) use self::core::{Core, Raft, SETTLE, take};

use self::calls::Call;
use self::confirm::Asker;

/// The result of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub outcome: Outcome,
    /// A revision that shows the change, on this node and on every node that may decide.
    pub revision: Revision,
}

/// Why there is no answer to a proposal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It may still be applied later, once; the same command may be proposed again.
    #[error("no leader accepted the change within {} s: a majority of the nodes must be up", after.as_secs())]
    NoLeader { after: Duration },
    /// The change is committed.
    #[error(
        "the change has been made, but these nodes do not show it yet: {}",
        list(waiting_for)
    )]
    NotEverywhere {
        applied: Box<Applied>,
        waiting_for: Vec<NodeId>,
    },
    #[error("the disk of the data directory is full")]
    DiskFull,
    #[error("this node has too many changes in progress")]
    Busy,
    #[error("the change is too large: {bytes} bytes, and the limit is {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("this node has stopped")]
    Stopped,
}

/// Why a node is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    #[error("the node has not joined its cluster within {} s", after.as_secs())]
    TimedOut { after: Duration },
    #[error("the cluster cannot work with this node's configuration")]
    Refused(#[source] Refusal),
    #[error(
        "this node was removed from its cluster at revision {at}: to bring it back, delete its data directory and start it with klamm.raft.join and klamm.node.id: auto, so that it joins as a new node"
    )]
    Removed { at: Revision },
    #[error(
        "node {by} says that this node's data directory is an old copy: since it was made the node has done more, or was started with it. Start the node with the directory that it had last; if that is lost, as a node that has lost its disk, with an empty one"
    )]
    OldCopy { by: NodeId },
    #[error("this node has stopped")]
    Stopped,
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

/// A handle to a running node. Clones share it; the node stops when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

/// The state that the node's thread publishes, and where calls go.
#[derive(Debug)]
struct Shared {
    id: NodeId,
    calls: mpsc::Sender<Call>,
    confirms: mpsc::Sender<Asker>,
    states: watch::Receiver<Arc<State>>,
    raft: watch::Receiver<RaftStatus>,
    readiness: watch::Receiver<Readiness>,
    visible: VisibleRevision,
    lease: Lease,
    demands: Arc<HeardDemands>,
    inquiries: Inquiries,
    peers: Peers,
    unheard: watch::Receiver<Arc<BTreeSet<NodeId>>>,
    members: watch::Receiver<ClusterMembers>,
    taken_port: Option<watch::Receiver<Option<SocketAddr>>>,
    /// None without peers.
    refusals: Option<Arc<RefusalCounts>>,
    standing: watch::Receiver<Standing>,
    snapshot_failures: watch::Receiver<u64>,
    tuning: Tuning,
}

/// The part of the status that openraft knows.
#[derive(Debug, Clone, Default)]
struct RaftStatus {
    leader: Option<NodeId>,
    term: u64,
    last_log: Option<u64>,
    committed: Option<u64>,
    snapshot: Option<u64>,
    /// How far the logs of the others are, where this node leads.
    logs: BTreeMap<NodeId, u64>,
}

impl Node {
    /// Proposes what the node itself wants changed; otherwise as [`Self::propose`].
    ///
    /// # Errors
    /// As there.
    pub async fn propose_own(&self, command: Command) -> Result<Applied, ProposeError> {
        let judged_at = self.shared.states.borrow().revision;
        self.propose(Change::by_node(self.shared.id, judged_at, command))
            .await
    }

    /// Proposes a change from any node. Returns once it is committed and shown by this node and by every one that may decide.
    /// A refusal is an outcome. Nothing is cancelled when the future is dropped.
    pub async fn propose(&self, change: Change) -> Result<Applied, ProposeError> {
        let (answer, answered) = oneshot::channel();
        self.shared
            .calls
            .try_send(Call::Propose {
                change: Box::new(change),
                answer,
            })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => ProposeError::Busy,
                mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped,
            })?;
        answered.await.unwrap_or(Err(ProposeError::Stopped))
    }

    /// Confirms, with the leader, that this node shows everything that was acknowledged before this call, on whatever
    /// node. Returns a revision that it shows. Those who ask at the same time share the way to the leader.
    pub async fn confirm(&self) -> Result<Revision, ConfirmError> {
        let (asker, answered) = oneshot::channel();
        self.shared
            .confirms
            .try_send(asker)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => ConfirmError::Busy,
                mpsc::error::TrySendError::Closed(_) => ConfirmError::Stopped,
            })?;
        answered.await.unwrap_or(Err(ConfirmError::Stopped))
    }

    /// The state of the whole cluster, as new as [`Node::confirm`] makes sure of. `made` is the version of klamm and the time,
    /// in seconds since the Unix epoch.
    pub async fn backup(&self, made: (&str, u64)) -> Result<Backup, ConfirmError> {
        self.confirm().await?;
        let state = self.shared.states.borrow().clone();
        let cluster = self.shared.standing.borrow().cluster();
        // Who confirmed is a member.
        let cluster = cluster.ok_or(ConfirmError::Stopped)?;
        Ok(Backup::new(state, cluster, made))
    }

    /// The state, and each change of it. Fast changes are seen as one.
    pub fn states(&self) -> watch::Receiver<Arc<State>> {
        self.shared.states.clone()
    }

    /// The other nodes that this one does not hear now, and each change: those whose process has ended or that have been
    /// silent for too long, whatever has been agreed on.
    pub fn unheard(&self) -> watch::Receiver<Arc<BTreeSet<NodeId>>> {
        self.shared.unheard.clone()
    }

    /// This node's picture of the cluster.
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let raft = shared.raft.borrow().clone();
        let state = shared.states.borrow().clone();
        let members = shared.members.borrow().clone();
        let peers = shared.peers.all();
        let peers = peers.iter().map(|peer| {
            let seen = peer.seen();
            PeerStatus {
                id: peer.id,
                address: peer.address(),
                liveness: state.nodes.get(&peer.id).map(|record| record.liveness),
                silent_for: seen.silent_for(),
                answers: seen
                    .silent_for()
                    .is_some_and(|silent| silent < shared.tuning.silence),
                visible: seen.visible,
                log: raft.logs.get(&peer.id).copied(),
            }
        });
        let cluster = shared.standing.borrow().cluster();
        let refused = shared.refusals.as_ref().map(|refusals| refusals.now());
        Status {
            id: shared.id,
            cluster_id: cluster.map(|cluster| cluster.to_string()),
            // Who hears no leader follows none, whatever it remembers.
            leader: raft.leader.filter(|_| shared.lease.is_in_contact()),
            term: raft.term,
            last_log: raft.last_log,
            committed: raft.committed,
            applied: state.revision,
            visible: shared.visible.now(),
            snapshot: raft.snapshot,
            voters: members.voters().into_iter().collect(),
            learners: members.learners().iter().copied().collect(),
            is_joint: members.are_joint(),
            peers: peers.collect(),
            refused_peers: refused.unwrap_or_default(),
            taken_port: shared.taken_port.as_ref().and_then(|taken| *taken.borrow()),
            snapshot_failures: *shared.snapshot_failures.borrow(),
            beside_another: shared.peers.boots().sees_another(),
            readiness: shared.readiness.borrow().clone(),
        }
    }

    /// Whether this node may decide by what it shows.
    pub fn lease(&self) -> Lease {
        self.shared.lease.clone()
    }

    /// Tells the other nodes how much is wanted here of what quotas are for. Who does not hear it in time hears the next.
    pub fn tell_demands(&self, demands: Vec<QuotaDemand>) {
        // Where many calls wait, the next time is soon enough.
        self.shared.calls.try_send(Call::TellDemands { demands }).ok();
    }

    /// The last that the others said of how much is wanted there.
    pub fn heard_demands(&self) -> Vec<NodeDemands> {
        self.shared.demands.all()
    }

    /// Has this answer what other nodes ask the application. Only the first one does.
    pub fn answer_inquiries(&self, answerer: Arc<AnswerInquiry>) {
        self.shared.inquiries.answer_with(answerer);
    }

    /// Asks the application of another node.
    ///
    /// # Errors
    /// There is no answer in time, or the feature level of the cluster has no such questions.
    pub async fn inquire(
        &self,
        node: NodeId,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, InquiryError> {
        if self.shared.states.borrow().level < Level::INQUIRIES {
            return Err(InquiryError::Level);
        }
        let (answer, answered) = oneshot::channel();
        let call = Call::Inquire {
            node,
            question,
            limit,
            answer,
        };
        self.shared.calls.try_send(call).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => InquiryError::Busy,
            mpsc::error::TrySendError::Closed(_) => InquiryError::Stopped,
        })?;
        answered.await.unwrap_or(Err(InquiryError::Stopped))
    }

    /// From now on, proposals wait for what the returned [`Visibility`] reports instead of for the state: an
    /// application that compiles the state into something else calls this once, before it serves.
    pub fn report_visibility(&self) -> Visibility {
        self.shared.visible.take_over()
    }

    /// Returns when the node has joined its cluster and has caught up with it.
    pub async fn wait_ready(&self, limit: Duration) -> Result<(), NotReady> {
        let mut readiness = self.shared.readiness.clone();
        let joined = readiness.wait_for(|readiness| *readiness != Readiness::Starting);
        match tokio::time::timeout(limit, joined).await {
            Err(_) => Err(NotReady::TimedOut { after: limit }),
            Ok(Err(_)) => Err(NotReady::Stopped),
            Ok(Ok(readiness)) => match &*readiness {
                Readiness::Refused(refusal) => Err(NotReady::Refused(refusal.clone())),
                Readiness::Removed { at } => Err(NotReady::Removed { at: *at }),
                Readiness::OldCopy { by } => Err(NotReady::OldCopy { by: *by }),
                _ => Ok(()),
            },
        }
    }

    /// Hands leadership to a live peer, if this node leads and there is one. Returns when another node leads, or
    /// when that did not happen within a few seconds.
    pub async fn transfer_leadership(&self) {
        self.call(|done| Call::TransferLeadership { done }).await;
    }

    /// Takes this node out of what clients are told, and hands leadership over.
    pub async fn drain(&self) -> Result<(), ProposeError> {
        let (answer, answered) = oneshot::channel();
        let call = Call::Drain { answer };
        self.shared
            .calls
            .send(call)
            .await
            .map_err(|_| ProposeError::Stopped)?;
        answered.await.unwrap_or(Err(ProposeError::Stopped))
    }

    /// Ends this node's part in serving clients: it gives its lease back, and counts as down. It still takes part in what the
    /// nodes decide. To be called when the last session is gone.
    pub async fn take_leave(&self) {
        self.call(|done| Call::Leave { done }).await;
    }

    /// The number of this node.
    pub fn id(&self) -> NodeId {
        self.shared.id
    }

    /// Stops the node; returns when its thread is done and its data directory is free.
    pub async fn shutdown(&self) {
        self.call(|done| Call::Shutdown { done }).await;
    }

    /// The durations that this node works with.
    pub fn tuning(&self) -> &Tuning {
        &self.shared.tuning
    }

    /// A node that has stopped has nothing left to do.
    async fn call(&self, call: impl FnOnce(oneshot::Sender<()>) -> Call) {
        let (done, finished) = oneshot::channel();
        if self.shared.calls.send(call(done)).await.is_ok() {
            finished.await.ok();
        }
    }
}
