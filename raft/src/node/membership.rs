//! The leader brings the membership to what is wanted, one step after the other: nodes that were admitted begin to learn,
//! voters change all at once, and nodes that leave go once their clients are elsewhere. What a step needs is on record, so
//! that whoever leads next goes on.

mod step;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers, Precondition};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::calls;
use super::core::{Core, Raft, SETTLE};
use crate::command::{Command, MemberChange};
use crate::members::ClusterMembers;
use crate::model::{Level, Liveness, NodeId, Revision};
use crate::network::SettledAnswer;
use crate::types::{LogId, TypeConfig};
use step::{MembershipPicture, MembershipStep};

/// How often the leader looks.
const TICK: Duration = Duration::from_millis(250);
/// One step takes so long at most: a new voter may have to catch up with a little.
const LIMIT: Duration = Duration::from_secs(10);
/// A learner whose log is at most so many entries behind can vote.
const LAG: u64 = 100;

/// Runs until it is dropped.
pub(super) async fn shape(core: Arc<Core>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        ticks.tick().await;
        if core.leader() != Some(core.id) || core.states.borrow().level < Level::MEMBERS {
            continue;
        }
        let Some(raft) = core.raft.get() else { continue };
        let Some((step, seen)) = next(&core, raft) else {
            last = None;
            continue;
        };
        // A step that has to wait is tried again at each look.
        let is_new = last.replace(step.clone()).as_ref() != Some(&step);
        if is_new {
            tracing::info!(%step, "the members of the cluster change");
        }
        let failed = match timeout(LIMIT, take(&core, (raft, seen), &step)).await {
            Ok(Ok(())) => continue,
            Ok(Err(why)) => why,
            Err(_) => "it takes long".to_owned(),
        };
        if is_new {
            tracing::warn!(%step, why = failed, "the members of the cluster do not change yet");
        }
    }
}

/// The next step, and the membership that it is from.
fn next(core: &Core, raft: &Raft) -> Option<(MembershipStep, Option<LogId>)> {
    let state = core.states.borrow().clone();
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    let members = ClusterMembers::of(metrics.membership_config.membership());
    let last = metrics.last_log_index.unwrap_or_default();
    let logs = metrics.replication.iter().flatten();
    let near = logs.filter(|(_, log)| log.as_ref().is_some_and(|log| log.index + LAG >= last));
    let near: BTreeSet<NodeId> = near.map(|(id, _)| NodeId(*id)).collect();
    let answers = core.peers.all().into_iter().filter(|peer| {
        let silent = peer.seen().silent_for();
        silent.is_some_and(|silent| silent < core.tuning.silence)
    });
    let mut reachable: BTreeSet<NodeId> = answers.map(|peer| peer.id).collect();
    reachable.insert(core.id);
    let is_up = |id: &NodeId| {
        state
            .nodes
            .get(id)
            .is_some_and(|node| node.liveness == Liveness::Up)
    };
    let ready = reachable
        .iter()
        .copied()
        .filter(|id| near.contains(id) && is_up(id));
    let step = step::next(&MembershipPicture {
        own: core.id,
        // As long as this node decides as the only one there is, nobody else may come to vote.
        may_share: core.lease.left().is_some(),
        members: &members,
        roster: &state.roster,
        nodes: &state.nodes,
        ready: ready.collect(),
        reachable,
    });
    Some((step?, *metrics.membership_config.log_id()))
}

async fn take(
    core: &Core,
    (raft, seen): (&Raft, Option<LogId>),
    step: &MembershipStep,
) -> Result<(), String> {
    let change = |members| change(raft, seen, members);
    match step {
        MembershipStep::Finish => change(ChangeMembers::AddVoterIds(BTreeSet::new())).await,
        MembershipStep::Learn(id) => {
            let node = [(id.0, BasicNode::default())].into();
            change(ChangeMembers::AddNodes(node)).await
        }
        MembershipStep::Lead(id) => {
            calls::hand_over(core, *id).await;
            Ok(())
        }
        MembershipStep::Vote(voters) => {
            let voters = voters.iter().map(|id| id.0).collect();
            change(ChangeMembers::ReplaceAllVoters(voters)).await
        }
        MembershipStep::Dismiss(id) => change(ChangeMembers::RemoveNodes([id.0].into())).await,
        MembershipStep::Forget(id) => forget(core, raft, *id).await,
    }
}

/// Changes the members that were seen, and no others.
async fn change(
    raft: &Raft,
    seen: Option<LogId>,
    change: ChangeMembers<u64, BasicNode>,
) -> Result<(), String> {
    let unchanged: Precondition<TypeConfig> = Precondition::LastMembershipLogId {
        last_membership_log_id: seen,
    };
    let changed = raft.change_membership_if(change, true, [unchanged]).await;
    changed.map(drop).map_err(|error| match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => "another node leads".to_owned(),
        error => error.to_string(),
    })
}

/// Drops the record of a node, once it decides nothing any more: leaders wait for the leases of all that are on record.
async fn forget(core: &Core, raft: &Raft, id: NodeId) -> Result<(), String> {
    let waits_for = |waiting: &[NodeId]| waiting.contains(&id);
    // Whoever may hold a lease may not know what comes later.
    let later = Revision(u64::MAX);
    match core.granting.settled(raft, later, Duration::ZERO).await {
        SettledAnswer::NotLeader => return Err("another node leads".to_owned()),
        // Its last lease is not over.
        SettledAnswer::Waiting(waiting) if waits_for(&waiting) => return Ok(()),
        SettledAnswer::Waiting(_) | SettledAnswer::Everywhere => {}
    }
    let remove = core.own(Command::ChangeMembers(MemberChange::Remove { id }));
    let removed = core.commit(remove, Instant::now() + SETTLE).await;
    removed.map(drop).map_err(|error| error.to_string())
}
