//! The work of a node's thread: peers are served, the node takes its place, openraft runs, calls are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, Config, RaftMetrics};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::calls::{self, Call};
use super::confirm::{self, Asker};
use super::core::{Core, Raft};
use super::{
    RaftStatus, StartError, formation, hearing, keeper, leasing, membership, remembering, succession, upgrade,
};
use crate::members::ClusterMembers;
use crate::model::{NodeId, NodeRecord};
use crate::network::{self, Identity, Network, NodeExclusion, PeerPort, Service};
use crate::standing::StandingKeeper;
use crate::status::Readiness;
use crate::store::{LogStore, Standing, StateStore};
use crate::types::TypeConfig;

/// The parts that the node's thread works with.
pub(super) struct Parts {
    pub(super) core: Arc<Core>,
    pub(super) raft: Config,
    pub(super) record: NodeRecord,
    pub(super) calls: mpsc::Receiver<Call>,
    pub(super) askers: mpsc::Receiver<Asker>,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) status: watch::Sender<RaftStatus>,
    pub(super) port: Option<PeerPort>,
    pub(super) identity: Identity,
    pub(super) members: watch::Sender<ClusterMembers>,
}

/// The store, without its thread.
pub(super) struct Stores {
    pub(super) log: LogStore,
    pub(super) states: StateStore,
    pub(super) standing: Arc<StandingKeeper>,
}

/// The channel on which a node's thread says once how its start went.
pub(super) type Started = Sender<Result<(), StartError>>;

/// Runs a node until it is told to stop, or cannot take part; returns whom to tell when all is closed.
pub(super) async fn run(parts: Parts, stores: Stores, started: Started) -> Option<oneshot::Sender<()>> {
    let Parts {
        core,
        raft,
        record,
        calls,
        askers,
        readiness,
        status,
        port,
        identity,
        members,
    } = parts;
    let standing = stores.standing.clone();
    let service = Service::new(core.clone(), standing.clone(), record.ability.highest);
    let mut helpers = JoinSet::new();
    if let Some(port) = port {
        let peers = core.peers.clone();
        helpers.spawn(network::serve(port, identity, peers, Arc::new(service)));
    }
    helpers.spawn(core.visible.clone().follow(core.states.clone()));
    helpers.spawn(confirm::serve(core.clone(), askers));
    helpers.spawn(remembering::keep_remembering(
        core.clone(),
        stores.standing.clone(),
    ));
    // They go on while this node takes leave.
    let mut watchers = JoinSet::new();
    let mut started = Some(started);
    if stores.standing.now() == Standing::New && !core.peers.are_none() {
        // The others decide how long this takes, so whoever starts this node does not wait for it.
        tell(&mut started, Ok(()));
    }
    let taking_part = async {
        let raft = match take_part(&core, raft, stores, (&members, &mut watchers)).await {
            Ok(raft) => raft,
            Err(error) => return tell(&mut started, Err(error)),
        };
        tell(&mut started, Ok(()));
        watchers.spawn(follow_members(core.clone(), raft.clone(), members));
        watch(&core, &mut watchers);
        // Not a task of its own: a node that takes leave does not say any more that it is up. Whatever the cluster
        // thinks of the record, calls are served.
        let keeping = async {
            keeper::keep_own_record(&core, record, &readiness).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = keeping => {}
            () = publish_status(raft, status) => {
                tracing::error!("openraft has stopped, so this node stops");
            }
            () = panicked(&mut watchers) => {}
        }
    };
    let done = tokio::select! {
        () = taking_part => None,
        exclusion = excluded(&core) => {
            readiness.send_replace(stopped_by(exclusion));
            None
        }
        () = panicked(&mut helpers) => None,
        done = calls::serve(core.clone(), calls, &readiness) => done,
    };
    if done.is_some() {
        calls::leave(&core).await;
        if !core.peers.are_none() {
            remembering::remember(&core, &standing).await;
        }
    }
    shut(&core).await;
    done
}

/// Ends openraft, if it runs.
async fn shut(core: &Core) {
    if let Some(raft) = core.raft.get()
        && let Err(error) = raft.shutdown().await
    {
        tracing::warn!(%error, "openraft did not stop cleanly");
    }
}

/// Says why this node stops.
fn stopped_by(exclusion: NodeExclusion) -> Readiness {
    match exclusion {
        NodeExclusion::Removed { at } => {
            tracing::error!(%at, "this node was removed from its cluster, so it stops");
            Readiness::Removed { at }
        }
        NodeExclusion::OldCopy { by } => {
            tracing::error!(said_by = %by, "this node's data directory is an old copy, or another process was started with it, so this one stops");
            Readiness::OldCopy { by }
        }
    }
}

/// Starts the tasks that see to it that the cluster and this node know how the others are.
fn watch(core: &Arc<Core>, watchers: &mut JoinSet<()>) {
    watchers.spawn(network::poll_all(core.peers.clone()));
    watchers.spawn(keeper::watch_peers(core.clone()));
    watchers.spawn(hearing::listen(core.clone()));
    watchers.spawn(upgrade::raise_level(core.clone()));
    watchers.spawn(membership::shape(core.clone()));
    if core.lease.left().is_some() {
        watchers.spawn(leasing::keep(core.clone()));
        watchers.spawn(leasing::report(core.clone()));
        watchers.spawn(succession::look_back(core.clone()));
    }
}

/// Returns when one of these tasks has panicked. What it was to do, nobody does any more, so the node must stop.
async fn panicked(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(ended) = ended
            && ended.is_panic()
        {
            tracing::error!("a task of this node panicked, so this node stops: {ended}");
            return;
        }
    }
    std::future::pending().await
}

/// Tells whoever starts this node, or, when that was told already, the log.
fn tell(started: &mut Option<Started>, result: Result<(), StartError>) {
    match (started.take(), result) {
        // Whoever starts a node waits for this.
        (Some(started), result) => drop(started.send(result)),
        (None, Ok(())) => {}
        (None, Err(error)) => tracing::error!(%error, "this node cannot take part and stops"),
    }
}

/// Returns when this node was removed from its cluster, or another process has taken its place.
async fn excluded(core: &Core) -> NodeExclusion {
    let mut states = core.states.clone();
    let on_record = async {
        let id = core.id;
        match states
            .wait_for(|state| state.roster.removed.contains_key(&id))
            .await
        {
            Ok(state) => state.roster.removed.get(&id).copied().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        at = on_record => NodeExclusion::Removed { at },
        exclusion = core.peers.exclusion().noted() => exclusion,
    }
}

/// Takes this node's place in the cluster and starts openraft.
async fn take_part(
    core: &Core,
    mut config: Config,
    stores: Stores,
    (members, watchers): (&watch::Sender<ClusterMembers>, &mut JoinSet<()>),
) -> Result<Raft, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Raft(error.to_string());
    let Stores {
        log,
        states,
        standing,
    } = stores;
    formation::take_place(core, &standing)
        .await
        .map_err(|error| failed(&error))?;
    config.enable_elect = standing.now().is_member();
    let network = Network::new(core.peers.clone());
    let raft = Raft::new(core.id.0, Arc::new(config), network, log, states).await;
    let raft = raft.map_err(|error| failed(&error))?;
    let stored =
        raft.with_raft_state(|state| ClusterMembers::of(state.membership_state.effective().membership()));
    let stored = stored.await.map_err(|error| failed(&error))?;
    check_alone(core, &stored)?;
    members.send_replace(stored.clone());
    core.know_peers();
    if stored.are_known() {
        if stored.are_only(core.id) && standing.now().is_member() {
            // Nobody else leads: there is nothing to wait for.
            raft.trigger()
                .elect(false)
                .await
                .map_err(|error| failed(&error))?;
        }
    } else if founds(core, standing.now()) {
        let founders = core.listed.iter().copied().chain([core.id]);
        let founders = founders.map(|id| (id.0, BasicNode::default()));
        let founded = raft.initialize(founders.collect::<BTreeMap<_, _>>()).await;
        founded.map_err(|error| failed(&error))?;
    }
    watchers.spawn(formation::watch_catching_up(raft.clone(), standing));
    // It is set here only.
    core.raft.set(raft.clone()).ok();
    Ok(raft)
}

/// Whether this node is the one that writes down who founded the cluster.
fn founds(core: &Core, standing: Standing) -> bool {
    let is_first = core.listed.first().is_none_or(|first| *first == core.id);
    matches!(standing, Standing::Member { .. }) && is_first
}

/// A node that nobody can reach must be alone.
fn check_alone(core: &Core, stored: &ClusterMembers) -> Result<(), StartError> {
    let can_be_reached = core.lease.left().is_some();
    let members = stored.all();
    match can_be_reached || members.iter().all(|id| *id == core.id) {
        true => Ok(()),
        false => Err(StartError::NotAlone {
            members: members.into_iter().collect(),
        }),
    }
}

/// Keeps track of the members by the log of this node, and of where the others are.
async fn follow_members(core: Arc<Core>, raft: Raft, members: watch::Sender<ClusterMembers>) {
    let mut metrics = raft.metrics();
    let mut states = core.states.clone();
    loop {
        let now = ClusterMembers::of(metrics.borrow_watched().membership_config.membership());
        // Before openraft has looked, it knows none.
        if now.are_known() {
            members.send_if_modified(|known| {
                let is_new = *known != now;
                *known = now;
                is_new
            });
        }
        core.know_peers();
        let changed = tokio::select! {
            changed = metrics.changed() => changed.is_ok(),
            changed = states.changed() => changed.is_ok(),
        };
        if !changed {
            return;
        }
    }
}

/// Returns when openraft has stopped.
async fn publish_status(raft: Raft, status: watch::Sender<RaftStatus>) {
    let mut metrics = raft.metrics();
    loop {
        let now = metrics.borrow_watched().clone();
        status.send_replace(RaftStatus {
            leader: now.current_leader.map(NodeId),
            term: now.current_term,
            last_log: now.last_log_index,
            committed: now.local_committed.map(|id| id.index),
            snapshot: now.snapshot.map(|id| id.index),
            logs: logs(&now),
        });
        if now.running_state.is_err() || metrics.changed().await.is_err() {
            return;
        }
    }
}

/// How far the logs of the others are, as the leader knows.
fn logs(metrics: &RaftMetrics<TypeConfig>) -> BTreeMap<NodeId, u64> {
    let logs = metrics.replication.iter().flatten();
    logs.map(|(id, last)| (NodeId(*id), last.as_ref().map_or(0, |last| last.index)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const A_MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_task_that_panics_is_noticed_and_one_that_ends_is_not() {
        let mut tasks = JoinSet::new();
        assert!(timeout(A_MOMENT, panicked(&mut tasks)).await.is_err());
        tasks.spawn(async {});
        tasks.spawn(std::future::pending());
        assert!(timeout(A_MOMENT, panicked(&mut tasks)).await.is_err());
        tasks.spawn(async { panic!("on purpose") });
        panicked(&mut tasks).await;
    }
}
