//! Starting a node: its store is opened and its thread runs when this returns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use aws_lc_rs::rand;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, Config, SnapshotPolicy};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};

use super::calls::{self, Call};
use super::core::{Core, Raft};
use super::{Node, RaftStatus, Shared, keeper};
use crate::config::{NodeConfig, Tuning};
use crate::model::{NodeId, NodeRecord};
use crate::network::{Network, Peers};
use crate::status::Readiness;
use crate::store::{self, LogStore, StateStore, Store, StoreError};
use crate::visibility::VisibleRevision;

/// Calls that may wait for the node's thread.
const CALLS: usize = 256;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data directory cannot be used")]
    Store(#[from] StoreError),
    #[error("the timing is not possible: {0}")]
    Tuning(#[from] openraft::ConfigError),
    #[error("the node's thread cannot be started")]
    Thread(#[source] std::io::Error),
    #[error("no randomness is to be had from the system")]
    Random,
    #[error("openraft does not start: {0}")]
    Raft(String),
}

/// What the node's thread works with.
struct Parts {
    core: Arc<Core>,
    raft: Arc<Config>,
    record: NodeRecord,
    calls: mpsc::Receiver<Call>,
    readiness: watch::Sender<Readiness>,
    status: watch::Sender<RaftStatus>,
}

impl Node {
    /// Starts a node. Returns when its state is at least as new as it was when the node last ran.
    pub fn start(config: NodeConfig) -> Result<Self, StartError> {
        let raft_config = Arc::new(raft_config(&config.tuning)?);
        let store = store::open(&config.data_dir, config.id)?;
        let states = store.states.watch();
        let visible = VisibleRevision::new(states.borrow().revision);
        let peers = Peers::default();
        let (calls, call_queue) = mpsc::channel(CALLS);
        let (readiness, readiness_seen) = watch::channel(Readiness::Starting);
        let (status, status_seen) = watch::channel(RaftStatus::default());
        let core = Core::new(
            config.id,
            states.clone(),
            visible.clone(),
            peers.clone(),
            (config.tuning.clone(), random()?),
        );
        let parts = Parts {
            core: Arc::new(core),
            raft: raft_config,
            record: config.record,
            calls: call_queue,
            readiness,
            status,
        };
        spawn(parts, store)?;
        let shared = Shared {
            id: config.id,
            calls,
            states,
            raft: status_seen,
            readiness: readiness_seen,
            visible,
            peers: peers.all().cloned().collect(),
            tuning: config.tuning,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

/// Starts the thread; returns when openraft runs on it.
fn spawn(parts: Parts, store: Store) -> Result<(), StartError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    let (started, starting) = std::sync::mpsc::channel();
    let run = move || {
        let Store {
            log, states, thread, ..
        } = store;
        let done = runtime.block_on(run(parts, (log, states), started));
        // Tasks that are still there hold the store: they go before anybody is told.
        drop(runtime);
        if thread.join().is_err() {
            tracing::error!("the storage writer ended with a panic");
        }
        if let Some(done) = done {
            done.send(()).ok();
        }
    };
    thread::Builder::new()
        .name("klamm-raft".to_owned())
        .spawn(run)
        .map_err(StartError::Thread)?;
    match starting.recv() {
        Ok(result) => result,
        Err(_) => Err(StartError::Raft("its thread ended".to_owned())),
    }
}

async fn run(
    parts: Parts,
    (log, states): (LogStore, StateStore),
    started: std::sync::mpsc::Sender<Result<(), StartError>>,
) -> Option<oneshot::Sender<()>> {
    let Parts {
        core,
        raft: config,
        record,
        calls,
        readiness,
        status,
    } = parts;
    let raft = match Raft::new(core.id.0, config, Network, log, states).await {
        Ok(raft) => raft,
        Err(error) => {
            started.send(Err(StartError::Raft(error.to_string()))).ok();
            return None;
        }
    };
    if let Err(error) = initialize(&raft, core.id).await {
        started.send(Err(StartError::Raft(error))).ok();
        return None;
    }
    core.raft.set(raft.clone()).ok();
    started.send(Ok(())).ok();
    tokio::spawn(core.visible.clone().follow(core.states.clone()));
    tokio::spawn(publish_status(raft.clone(), status));
    tokio::spawn(keeper::watch_peers(core.clone()));
    tokio::spawn(keeper::keep_own_record(core.clone(), record, readiness.clone()));
    let done = calls::serve(core, calls, readiness).await;
    if let Err(error) = raft.shutdown().await {
        tracing::warn!(%error, "openraft did not stop in good order");
    }
    done
}

/// A node without peers leads from the start.
async fn initialize(raft: &Raft, id: NodeId) -> Result<(), String> {
    if raft.is_initialized().await.map_err(|error| error.to_string())? {
        return raft
            .trigger()
            .elect(false)
            .await
            .map_err(|error| error.to_string());
    }
    let members = BTreeMap::from([(id.0, BasicNode::default())]);
    raft.initialize(members).await.map_err(|error| error.to_string())
}

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
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

fn raft_config(tuning: &Tuning) -> Result<Config, StartError> {
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let election = millis(tuning.election);
    let config = Config {
        cluster_name: "klamm".to_owned(),
        heartbeat_interval: millis(tuning.heartbeat),
        election_timeout_min: election,
        election_timeout_max: election.saturating_add(election / 2),
        enable_pre_vote: Some(true),
        allow_log_reversion: Some(true),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(tuning.snapshot_entries),
        max_in_snapshot_log_to_keep: tuning.snapshot_entries,
        replication_lag_threshold: tuning.snapshot_entries.saturating_mul(2),
        ..Config::default()
    };
    Ok(config.validate()?)
}

fn random() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(u64::from_le_bytes(bytes))
}
