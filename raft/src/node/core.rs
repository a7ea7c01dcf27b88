//! Proposals: found a leader for, committed once, waited for until every node shows them that may decide.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::granting::Granting;
use super::{Applied, ProposeError};
use crate::codec;
use crate::command::{Change, Command, Proposal};
use crate::config::{Tuning, Upgrade};
use crate::demands::HeardDemands;
use crate::disk_space::DiskSpace;
use crate::inquiries::Inquiries;
use crate::lease::{Lease, ProcessId};
use crate::machine;
use crate::members::ClusterMembers;
use crate::model::{Level, Liveness, NodeId, Revision, State};
use crate::network::{Peer, Peers, SettledAnswer, TakeAnswer};
use crate::outcome::Outcome;
use crate::sequence::Sequencer;
use crate::store::{Standing, StateStore};
use crate::types::TypeConfig;
use crate::visibility::VisibleRevision;

pub(crate) type Raft = openraft::Raft<TypeConfig, StateStore>;

/// Proposals of this node under way at once; each is remembered in the replicated state until it is settled.
const OPEN_PROPOSALS: usize = 128;
/// The largest command, encoded. [`MAX_APPEND_ENTRIES`] of them go into one message.
const MAX_PROPOSAL_BYTES: usize = 2 * 1024 * 1024;
/// Log entries in one message to a follower.
pub(super) const MAX_APPEND_ENTRIES: usize = 64;
const _: () = assert!(MAX_APPEND_ENTRIES * MAX_PROPOSAL_BYTES < codec::MAX_VALUE_BYTES);
/// One attempt to have a leader take a proposal.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a leader may wait before it says who does not show a change yet.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// How long a leader whose disk is full may take to have another node lead.
const STEPS_ASIDE: Duration = Duration::from_secs(3);
/// Between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The part of a node that makes changes.
#[derive(Debug)]
pub(crate) struct Core {
    pub(super) id: NodeId,
    /// Where the other nodes reach this one.
    pub(super) address: Option<String>,
    /// The nodes that found the cluster, if it is more than one.
    pub(super) listed: BTreeSet<NodeId>,
    /// Set once the node knows that it may take part.
    pub(crate) raft: Arc<OnceLock<Raft>>,
    pub(super) standing: watch::Receiver<Standing>,
    /// Those of whom this node's log tells.
    pub(crate) members: watch::Receiver<ClusterMembers>,
    pub(super) states: watch::Receiver<Arc<State>>,
    pub(crate) visible: VisibleRevision,
    pub(super) peers: Peers,
    /// The peers that this node does not hear now.
    pub(super) unheard: watch::Sender<Arc<BTreeSet<NodeId>>>,
    pub(super) tuning: Tuning,
    pub(super) upgrade: Upgrade,
    pub(crate) space: DiskSpace,
    pub(super) proposals: Proposals,
    /// Tells this process from others of this node.
    pub(super) process: ProcessId,
    pub(super) lease: Lease,
    pub(crate) granting: Arc<Granting>,
    pub(crate) demands: Arc<HeardDemands>,
    /// Who answers the questions of other nodes to the application.
    pub(crate) inquiries: Inquiries,
    /// Whether this node serves no clients any more, and will not.
    pub(super) has_left: AtomicBool,
}

/// The proposals that this process makes.
#[derive(Debug)]
pub(super) struct Proposals {
    sequencer: Arc<Sequencer>,
    open: Semaphore,
}

impl Proposals {
    /// `boot` must be random.
    pub(super) fn new(boot: u64) -> Self {
        Self {
            sequencer: Sequencer::new(boot),
            open: Semaphore::new(OPEN_PROPOSALS),
        }
    }
}

enum Attempt {
    Committed(Applied),
    Retry,
    /// The leader's disk is full. It has another node lead, if there is one.
    DiskFull,
    Failed(ProposeError),
}

impl Core {
    /// The leader that this node follows.
    pub(super) fn leader(&self) -> Option<NodeId> {
        let raft = self.raft.get()?;
        raft.metrics().borrow_watched().current_leader.map(NodeId)
    }

    /// A change that this node wants itself.
    pub(super) fn own(&self, command: Command) -> Change {
        Change::by_node(self.id, self.states.borrow().revision, command)
    }

    /// Commits a change and waits until every node shows it that may decide.
    pub(super) async fn propose(&self, change: Change) -> Result<Applied, ProposeError> {
        let deadline = Instant::now() + self.tuning.propose;
        let permit = timeout_at(deadline, self.proposals.open.acquire()).await;
        let _permit = permit
            .map_err(|_| ProposeError::Busy)?
            .map_err(|_| ProposeError::Stopped)?;
        let applied = self.commit(change, deadline).await?;
        #[cfg(feature = "planted")]
        if crate::planted::acknowledges_at_commit() {
            return Ok(applied);
        }
        self.shown_everywhere(applied, deadline).await
    }

    /// Commits a change, however many leaders that takes.
    pub(super) async fn commit(&self, change: Change, deadline: Instant) -> Result<Applied, ProposeError> {
        if let Some(applied) = self.too_early(&change.command) {
            return Ok(applied);
        }
        let ticket = self.proposals.sequencer.next();
        let mut proposal = Proposal {
            node: self.id,
            id: ticket.id(),
            settled: ticket.settled(),
            author: change.author,
            judged_at: change.judged_at,
            command: change.command,
        };
        let bytes = codec::encode(&proposal).map_or(usize::MAX, |bytes| bytes.len());
        if bytes > MAX_PROPOSAL_BYTES {
            return Err(ProposeError::TooLarge {
                bytes,
                limit: MAX_PROPOSAL_BYTES,
            });
        }
        let patience = Instant::now() + STEPS_ASIDE;
        loop {
            match self.attempt(proposal.clone()).await {
                Attempt::Committed(applied) => return Ok(applied),
                Attempt::Failed(error) => return Err(error),
                Attempt::Retry if Instant::now() >= deadline => {
                    return Err(ProposeError::NoLeader {
                        after: self.tuning.propose,
                    });
                }
                Attempt::DiskFull if self.is_alone() || Instant::now() >= patience.min(deadline) => {
                    return Err(ProposeError::DiskFull);
                }
                Attempt::Retry | Attempt::DiskFull => sleep(RETRY_PAUSE).await,
            }
            proposal.settled = ticket.settled();
        }
    }

    /// A refusal of what the cluster's level does not have: nodes that do not know it could not read it in the log.
    fn too_early(&self, command: &Command) -> Option<Applied> {
        let state = self.states.borrow();
        let refusal = machine::check_level(&state, command).err()?;
        Some(Applied {
            outcome: Outcome::Refused(refusal),
            revision: state.revision,
        })
    }

    async fn attempt(&self, proposal: Proposal) -> Attempt {
        let Some(leader) = self.leader() else {
            return Attempt::Retry;
        };
        let answer = if leader == self.id {
            match self.raft.get() {
                Some(_) if !self.space.is_enough() => TakeAnswer::DiskFull,
                Some(raft) => take(raft, proposal).await,
                None => TakeAnswer::NotLeader,
            }
        } else {
            match self.peers.propose(leader, proposal, ATTEMPT).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::debug!(%leader, %error, "a proposal did not reach the leader");
                    TakeAnswer::NotLeader
                }
            }
        };
        match answer {
            TakeAnswer::Committed { outcome, revision } => Attempt::Committed(Applied { outcome, revision }),
            TakeAnswer::NotLeader => Attempt::Retry,
            TakeAnswer::DiskFull => Attempt::DiskFull,
            TakeAnswer::Stopped => match leader == self.id {
                true => Attempt::Failed(ProposeError::Stopped),
                false => Attempt::Retry,
            },
        }
    }

    /// Waits until this node shows `applied`, and every other one that may decide.
    async fn shown_everywhere(&self, applied: Applied, deadline: Instant) -> Result<Applied, ProposeError> {
        let revision = applied.revision;
        let mut here = self.visible.watch();
        if timeout_at(deadline, here.wait_for(|visible| *visible >= revision))
            .await
            .is_err()
        {
            return Err(not_everywhere(applied, vec![self.id]));
        }
        if self.states.borrow().level >= Level::LEASES {
            return self.settled(applied, deadline).await;
        }
        for peer in self.peers.all() {
            if !self.shown_by(&peer, revision, deadline).await {
                let waiting_for = self.behind(revision);
                return Err(not_everywhere(applied, waiting_for));
            }
        }
        Ok(applied)
    }

    /// Waits until nobody decides any more by what was before `applied`.
    async fn settled(&self, applied: Applied, deadline: Instant) -> Result<Applied, ProposeError> {
        let revision = applied.revision;
        let mut waiting_for = Vec::new();
        if self.is_alone() {
            return Ok(applied);
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = match (self.leader(), self.raft.get()) {
                (Some(leader), Some(raft)) if leader == self.id => {
                    self.granting.shows(raft, self.holder(), revision);
                    self.granting.settled(raft, revision, left.min(SETTLE)).await
                }
                (Some(leader), Some(_)) => {
                    match self.peers.settled(leader, revision, left.min(ATTEMPT)).await {
                        Ok(answer) => answer,
                        Err(error) => {
                            tracing::debug!(%leader, %error, "the leader does not say who shows a change");
                            SettledAnswer::NotLeader
                        }
                    }
                }
                (None, _) | (_, None) => SettledAnswer::NotLeader,
            };
            match answer {
                SettledAnswer::Everywhere => return Ok(applied),
                SettledAnswer::Waiting(nodes) => waiting_for = nodes,
                SettledAnswer::NotLeader => sleep(RETRY_PAUSE).await,
            }
            if Instant::now() >= deadline {
                return Err(not_everywhere(applied, waiting_for));
            }
        }
    }

    /// Whether this node is the whole cluster.
    pub(super) fn is_alone(&self) -> bool {
        let state = self.states.borrow();
        self.peers.are_none() && state.nodes.keys().all(|id| *id == self.id)
    }

    /// Whether this node decides without a lease: below the feature level that has leases, or as the only one there is.
    /// A node that lost its disk may read in its log that it was alone once.
    pub(super) fn needs_no_lease(&self) -> bool {
        let is_only = self.is_alone() && self.members.borrow().are_only(self.id);
        self.states.borrow().level < Level::LEASES || (is_only && self.standing.borrow().is_member())
    }

    /// The peers are the members, and those that are on record; before there are any, those that are configured.
    pub(super) fn know_peers(&self) {
        let state = self.states.borrow().clone();
        let members = self.members.borrow().clone();
        let mut ids: BTreeSet<NodeId> = state.nodes.keys().copied().chain(members.all()).collect();
        if !members.are_known() {
            ids.extend(&self.listed);
        }
        self.peers.set(&ids, &state.roster.addresses);
    }

    /// This process, as one that holds leases.
    pub(super) fn holder(&self) -> (NodeId, ProcessId) {
        (self.id, self.process)
    }

    /// Waits until `peer` shows `revision` or is not waited for any more; false when the deadline comes first.
    async fn shown_by(&self, peer: &Peer, revision: Revision, deadline: Instant) -> bool {
        let mut seen = peer.watch();
        let mut states = self.states.clone();
        loop {
            if !is_waited_for(&states.borrow_and_update(), peer.id) {
                return true;
            }
            if seen.borrow_and_update().visible >= revision {
                return true;
            }
            let changed = tokio::select! {
                changed = seen.changed() => changed.is_ok(),
                changed = states.changed() => changed.is_ok(),
                () = sleep_until(deadline) => false,
            };
            if !changed {
                return false;
            }
        }
    }

    fn behind(&self, revision: Revision) -> Vec<NodeId> {
        let state = self.states.borrow();
        let peers = self.peers.all();
        let peers = peers.iter().filter(|peer| is_waited_for(&state, peer.id));
        peers
            .filter(|peer| peer.seen().visible < revision)
            .map(|peer| peer.id)
            .collect()
    }
}

/// Has this node, as leader, commit a proposal.
pub(crate) async fn take(raft: &Raft, proposal: Proposal) -> TakeAnswer {
    let Ok(written) = tokio::time::timeout(ATTEMPT, raft.client_write(proposal)).await else {
        return TakeAnswer::NotLeader;
    };
    match written {
        Ok(written) => TakeAnswer::Committed {
            outcome: written.data,
            revision: Revision(written.log_id.index),
        },
        Err(RaftError::APIError(
            ClientWriteError::ForwardToLeader(_) | ClientWriteError::LogEntryDiscarded(_),
        )) => TakeAnswer::NotLeader,
        Err(RaftError::APIError(error)) => {
            tracing::error!(%error, "openraft refused a proposal");
            TakeAnswer::NotLeader
        }
        Err(RaftError::Fatal(error)) => {
            tracing::error!(%error, "openraft has stopped");
            TakeAnswer::Stopped
        }
    }
}

/// A draining node still serves the connections that it has.
fn is_waited_for(state: &State, id: NodeId) -> bool {
    match state.nodes.get(&id) {
        Some(record) => matches!(record.liveness, Liveness::Up | Liveness::Draining),
        None => false,
    }
}

fn not_everywhere(applied: Applied, waiting_for: Vec<NodeId>) -> ProposeError {
    ProposeError::NotEverywhere {
        applied: Box::new(applied),
        waiting_for,
    }
}
