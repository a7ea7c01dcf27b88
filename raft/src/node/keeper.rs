//! Keeps the replicated picture of the nodes true: each node its own record, the leader the liveness of the others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::core::Core;
use super::{Applied, ProposeError, calls};
use crate::command::{Command, MemberChange};
use crate::model::{Level, Liveness, NodeId, NodeRecord, Revision};
use crate::outcome::{Outcome, Refusal};
use crate::status::Readiness;

const TICK: Duration = Duration::from_millis(250);
/// A live node must show what the leader had applied so many ticks ago.
const LAG_TICKS: usize = 4;
/// A peer that is there answers at least this often: twice the time that it may wait for news.
const ANSWERED: Duration = Duration::from_millis(500);

/// A leader that cannot write tries so often to have another node lead, which may be no better off.
const STEP_ASIDE: Duration = Duration::from_secs(15);

/// Keeps this node's own record for as long as it is polled: puts it when the node joins, says that it is up, or that
/// it drains.
pub(super) async fn keep_own_record(core: &Core, record: NodeRecord, readiness: &watch::Sender<Readiness>) {
    if let Err(refusal) = put_record(core, record).await {
        tracing::error!(%refusal, "the cluster cannot work with this node's configuration");
        readiness.send_replace(Readiness::Refused(refusal));
        return;
    }
    let mut ticks = ticks();
    let mut in_contact_since = None;
    let mut joining = true;
    loop {
        ticks.tick().await;
        in_contact_since = match in_contact(core) {
            true => in_contact_since.or_else(|| Some(Instant::now())),
            false => None,
        };
        if core.has_left.load(Ordering::Acquire) {
            return;
        }
        put_address(core).await;
        let state = core.states.borrow().clone();
        let wanted = match *readiness.borrow() {
            Readiness::Draining => Liveness::Draining,
            _ if state.roster.leaving.contains_key(&core.id) => Liveness::Draining,
            _ => Liveness::Up,
        };
        let has = state.nodes.get(&core.id).map(|own| own.liveness);
        // A node that joins has just heard from a leader; one that was taken for dead proves itself first.
        let proven = joining || in_contact_since.is_some_and(|since| since.elapsed() >= core.tuning.recovery);
        if has == Some(wanted) {
            joining = false;
            readiness.send_if_modified(become_ready);
        } else if proven {
            let change = Command::SetLiveness {
                id: core.id,
                liveness: wanted,
            };
            if let Err(error) = core.propose(core.own(change)).await {
                tracing::warn!(%error, ?wanted, "cannot tell the cluster that this node is alive");
            }
        }
    }
}

/// Says where the other nodes reach this one, where that is not on record.
async fn put_address(core: &Core) {
    let Some(address) = &core.address else { return };
    let is_due = {
        let state = core.states.borrow();
        state.level >= Level::MEMBERS
            && state.nodes.contains_key(&core.id)
            && state.roster.addresses.get(&core.id) != Some(address)
    };
    if !is_due {
        return;
    }
    let put = Command::ChangeMembers(MemberChange::Move {
        id: core.id,
        address: address.clone(),
    });
    match core
        .commit(core.own(put), Instant::now() + core.tuning.silence)
        .await
    {
        Ok(_) => tracing::info!(%address, "the cluster knows where to reach this node"),
        Err(error) => tracing::warn!(%error, "cannot tell the cluster where to reach this node"),
    }
}

/// Returns once the cluster has the record, or has refused it.
async fn put_record(core: &Core, record: NodeRecord) -> Result<(), Refusal> {
    loop {
        knows_level(core, &record)?;
        let put = Command::PutNode {
            id: core.id,
            record: record.clone(),
        };
        match core.propose(core.own(put)).await {
            Ok(Applied {
                outcome: Outcome::Refused(refusal),
                ..
            }) => return Err(refusal),
            Ok(_) | Err(ProposeError::NotEverywhere { .. }) => return Ok(()),
            Err(error) => {
                tracing::info!(%error, "still joining the cluster");
                sleep(TICK).await;
            }
        }
    }
}

/// Refuses a node whose own data are of a level that it does not know: peers do not talk to it, so nobody else tells it.
fn knows_level(core: &Core, record: &NodeRecord) -> Result<(), Refusal> {
    let (level, knows) = (core.states.borrow().level, record.ability.highest);
    match level > knows {
        true => Err(Refusal::NodeTooOld {
            node: core.id.0,
            knows,
            level,
        }),
        false => Ok(()),
    }
}

fn become_ready(readiness: &mut Readiness) -> bool {
    let starting = *readiness == Readiness::Starting;
    if starting {
        *readiness = Readiness::Ready;
    }
    starting
}

/// Whether this node follows a leader that answers, or leads.
fn in_contact(core: &Core) -> bool {
    match core.leader() {
        None => false,
        Some(leader) if leader == core.id => true,
        Some(leader) => {
            let peer = core.peers.get(leader);
            let seen = peer.and_then(|peer| peer.seen().silent_for());
            seen.is_some_and(|silent| silent < core.tuning.silence)
        }
    }
}

/// While this node leads, takes nodes out of the live set that are silent, or that do not keep up. It watches them
/// before it leads, too, so that after the death of a leader nobody waits for it twice.
pub(super) async fn watch_peers(core: Arc<Core>) {
    let mut ticks = ticks();
    let mut watched = Watched::default();
    let mut stepped_aside: Option<Instant> = None;
    loop {
        let now = ticks.tick().await;
        let state = core.states.borrow().clone();
        watched.look(&core, state.revision, now);
        if core.leader() != Some(core.id) {
            continue;
        }
        if !core.space.is_enough() && stepped_aside.is_none_or(|last| now.duration_since(last) >= STEP_ASIDE)
        {
            tracing::error!("the disk of the data directory is full: another node is to lead");
            stepped_aside = Some(now);
            calls::transfer_leadership(&core).await;
            continue;
        }
        for (id, silent) in watched.dead(now, core.tuning.silence) {
            let record = state.nodes.get(&id);
            if record.is_none_or(|record| record.liveness == Liveness::Down) {
                continue;
            }
            tracing::warn!(node = %id, ?silent, "a node is silent or does not keep up: it no longer counts as live");
            let change = Command::SetLiveness {
                id,
                liveness: Liveness::Down,
            };
            if let Err(error) = core.commit(core.own(change), now + core.tuning.silence).await {
                tracing::warn!(%error, "cannot remove a silent node from the live ones");
            }
        }
    }
}

/// When each peer last answered and kept up.
#[derive(Debug, Default)]
struct Watched {
    healthy: BTreeMap<NodeId, Instant>,
    /// Those whose process has ended: nobody need wait for them.
    gone: BTreeSet<NodeId>,
    /// The revisions that this node had applied at the latest ticks, oldest first.
    applied: VecDeque<Revision>,
    looked: Option<Instant>,
}

impl Watched {
    fn look(&mut self, core: &Core, applied: Revision, now: Instant) {
        // After a pause of this node itself, it has no right to call others silent.
        if self
            .looked
            .is_none_or(|looked| now.duration_since(looked) > core.tuning.silence / 2)
        {
            self.healthy.clear();
        }
        self.looked = Some(now);
        self.applied.push_back(applied);
        if self.applied.len() > LAG_TICKS {
            self.applied.pop_front();
        }
        let due = self.applied.front().copied().unwrap_or_default();
        self.gone.clear();
        for peer in core.peers.all() {
            let seen = peer.seen();
            let answers = seen.silent_for().is_some_and(|silent| silent < ANSWERED);
            let last = self.healthy.entry(peer.id).or_insert(now);
            if answers && seen.visible >= due {
                *last = now;
            }
            if seen.is_gone {
                self.gone.insert(peer.id);
            }
        }
    }

    /// Those that have ended, or that have been silent for so long; and for how long they have been.
    fn dead(&self, now: Instant, limit: Duration) -> Vec<(NodeId, Duration)> {
        let silent = self
            .healthy
            .iter()
            .map(|(id, last)| (*id, now.duration_since(*last)));
        silent
            .filter(|(id, silent)| *silent >= limit || self.gone.contains(id))
            .collect()
    }
}

/// Every so often this node looks how the others are.
pub(super) fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
