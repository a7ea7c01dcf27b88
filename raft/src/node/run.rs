//! The work of a node's thread: peers are served, the node takes its place, openraft runs, calls are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, Config};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::calls::{self, Call};
use super::confirm::{self, Asker};
use super::core::{Core, Raft};
use super::{RaftStatus, StartError, formation, keeper, leasing, upgrade};
use crate::disk_space::DiskSpace;
use crate::model::{NodeId, NodeRecord};
use crate::network::{self, Identity, Network, PeerPort, Service};
use crate::standing::StandingKeeper;
use crate::status::Readiness;
use crate::store::{LogStore, Standing, StateStore};

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
    pub(super) space: DiskSpace,
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
        space,
    } = parts;
    let service = Service::new(
        core.raft.clone(),
        stores.standing.clone(),
        core.visible.clone(),
        (space, record.ability.highest),
        core.granting.clone(),
    );
    let mut helpers = JoinSet::new();
    if let Some(port) = port {
        let peers = core.peers.clone();
        helpers.spawn(network::serve(port, identity, peers, Arc::new(service)));
    }
    helpers.spawn(core.visible.clone().follow(core.states.clone()));
    helpers.spawn(confirm::serve(core.clone(), askers));
    // They go on while this node takes leave.
    let mut watchers = JoinSet::new();
    let mut started = Some(started);
    if stores.standing.now() == Standing::New && core.peers.all().next().is_some() {
        // The others decide how long this takes, so whoever starts this node does not wait for it.
        tell(&mut started, Ok(()));
    }
    let taking_part = async {
        let raft = match take_part(&core, raft, stores, &mut watchers).await {
            Ok(raft) => raft,
            Err(error) => return tell(&mut started, Err(error)),
        };
        tell(&mut started, Ok(()));
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
        () = panicked(&mut helpers) => None,
        done = calls::serve(core.clone(), calls, &readiness) => done,
    };
    if done.is_some() {
        calls::leave(&core).await;
    }
    if let Some(raft) = core.raft.get()
        && let Err(error) = raft.shutdown().await
    {
        tracing::warn!(%error, "openraft did not stop cleanly");
    }
    done
}

/// Starts the tasks that see to it that the cluster and this node know how the others are.
fn watch(core: &Arc<Core>, watchers: &mut JoinSet<()>) {
    for peer in core.peers.all() {
        watchers.spawn(network::poll(peer.clone()));
    }
    watchers.spawn(keeper::watch_peers(core.clone()));
    watchers.spawn(upgrade::raise_level(core.clone()));
    if !core.is_alone() {
        watchers.spawn(leasing::keep(core.clone()));
        watchers.spawn(leasing::report(core.clone()));
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

/// Takes this node's place in the cluster and starts openraft.
async fn take_part(
    core: &Core,
    mut config: Config,
    stores: Stores,
    watchers: &mut JoinSet<()>,
) -> Result<Raft, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Raft(error.to_string());
    let Stores {
        log,
        states,
        standing,
    } = stores;
    formation::take_place(core.id, &core.peers, &standing)
        .await
        .map_err(|error| failed(&error))?;
    config.enable_elect = standing.now().is_member();
    let network = Network::new(core.peers.clone());
    let raft = Raft::new(core.id.0, Arc::new(config), network, log, states).await;
    let raft = raft.map_err(|error| failed(&error))?;
    check_members(core, &raft).await?;
    let is_founder = core.peers.all().all(|peer| core.id < peer.id);
    if raft.is_initialized().await.map_err(|error| failed(&error))? {
        if core.peers.all().next().is_none() {
            // Nobody else leads: there is nothing to wait for.
            raft.trigger()
                .elect(false)
                .await
                .map_err(|error| failed(&error))?;
        }
    } else if is_founder && standing.now().is_member() {
        let members = members(core).into_iter().map(|id| (id.0, BasicNode::default()));
        let founded = raft.initialize(members.collect::<BTreeMap<_, _>>()).await;
        founded.map_err(|error| failed(&error))?;
    }
    watchers.spawn(formation::watch_catching_up(raft.clone(), standing));
    // It is set here only.
    core.raft.set(raft.clone()).ok();
    Ok(raft)
}

fn members(core: &Core) -> Vec<NodeId> {
    let mut members: Vec<_> = core.peers.all().map(|peer| peer.id).chain([core.id]).collect();
    members.sort();
    members
}

async fn check_members(core: &Core, raft: &Raft) -> Result<(), StartError> {
    let stored = raft
        .with_raft_state(|state| {
            state
                .membership_state
                .effective()
                .voter_ids()
                .map(NodeId)
                .collect::<Vec<_>>()
        })
        .await
        .map_err(|error| StartError::Raft(error.to_string()))?;
    let configured = members(core);
    if stored.is_empty() || stored == configured {
        return Ok(());
    }
    Err(StartError::OtherMembers { configured, stored })
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
            voters: now.membership_config.voter_ids().map(NodeId).collect(),
        });
        if now.running_state.is_err() || metrics.changed().await.is_err() {
            return;
        }
    }
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
