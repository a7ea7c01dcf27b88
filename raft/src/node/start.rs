//! Starting a node: when this returns its store is open, its port is bound (unless another process has it) and its thread runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use aws_lc_rs::rand;
use openraft::{Config, SnapshotPolicy};
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use super::confirm;
use super::core::{Core, MAX_APPEND_ENTRIES};
use super::granting::Granting;
use super::run::{Parts, Stores, run};
use super::{Node, RaftStatus, Shared};
use crate::config::{RaftConfig, Tuning};
use crate::disk_space::DiskSpace;
use crate::lease::{Lease, LeaseTerms, ProcessId};
use crate::model::NodeId;
use crate::network::{Callers, Identity, PeerPort, Peers};
use crate::standing::StandingKeeper;
use crate::status::Readiness;
use crate::store::{self, Store, StoreError};
use crate::visibility::VisibleRevision;

/// Calls that may wait for the node's thread.
const CALLS: usize = 256;
/// How long one piece of a snapshot may take to send, and the last one to be installed.
const SNAPSHOT_MS: u64 = 60_000;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data directory cannot be used")]
    Store(#[from] StoreError),
    #[error("node {0} is not among the configured peers: the list names every node of the cluster")]
    NotAmongPeers(NodeId),
    #[error("peers are configured, but no address to listen on for them")]
    NoListenAddress,
    #[error(
        "{address} is not a loopback address, and no cluster secret is set: create one with `klamm cluster secret`, the same for every node"
    )]
    NoSecret { address: String },
    #[error("cannot listen for peers on {address}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(
        "the configured peers are nodes {configured:?}, but the data directory belongs to a cluster of nodes {stored:?}"
    )]
    OtherMembers {
        configured: Vec<NodeId>,
        stored: Vec<NodeId>,
    },
    #[error("the timing is impossible: {0}")]
    Tuning(#[from] openraft::ConfigError),
    #[error(
        "the timing is impossible: a lease of {} ms ends while a leader is elected; it must last at least {} ms",
        lease.as_millis(),
        shortest.as_millis()
    )]
    ShortLease { lease: Duration, shortest: Duration },
    #[error("the node's thread cannot be started")]
    Thread(#[source] std::io::Error),
    #[error("the operating system provides no random bytes")]
    Random,
    #[error("openraft cannot start: {0}")]
    Raft(String),
}

impl StartError {
    /// Whether it will be the same however often the node is started.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Store(error) => error.is_final(),
            Self::NotAmongPeers(_)
            | Self::NoListenAddress
            | Self::NoSecret { .. }
            | Self::OtherMembers { .. }
            | Self::Tuning(_)
            | Self::ShortLease { .. } => true,
            Self::Listen { .. } | Self::Thread(_) | Self::Random | Self::Raft(_) => false,
        }
    }
}

impl Node {
    /// Starts a node. When this returns, its state is at least as new as it was when the node last ran. Blocks for as
    /// long as reading the data directory takes.
    pub fn start(config: RaftConfig) -> Result<Self, StartError> {
        let raft = raft_config(&config.tuning)?;
        let highest = config.record.ability.highest;
        let port = listen(&config)?;
        let taken_port = port.as_ref().map(PeerPort::taken);
        let refusals = port.as_ref().map(PeerPort::refusals);
        let store = store::open(&config.data_dir, (config.id, highest), &config.storage)?;
        let states = store.states.watch();
        let snapshot_failures = store.states.watch_failures();
        let standing = store.standing.subscribe();
        let visible = VisibleRevision::new(states.borrow().revision);
        let identity = identity(&config, &store);
        let peers = Peers::new(&identity, &config.peers);
        let (calls, call_queue) = mpsc::channel(CALLS);
        let (confirms, askers) = mpsc::channel(confirm::WAITING);
        let (readiness, readiness_seen) = watch::channel(Readiness::Starting);
        let (status, status_seen) = watch::channel(RaftStatus::default());
        let process = random()?;
        let (lease, granting) = leases(&config);
        let space = DiskSpace::new(config.data_dir, config.tuning.disk_reserve_bytes);
        let core = Core {
            id: config.id,
            raft: Arc::default(),
            states: states.clone(),
            visible: visible.clone(),
            peers: peers.clone(),
            tuning: config.tuning.clone(),
            upgrade: config.upgrade,
            space: space.clone(),
            proposals: super::core::Proposals::new(process),
            process: ProcessId(process),
            lease: lease.clone(),
            granting,
        };
        let core = Arc::new(core);
        let record = config.record;
        let parts = Parts {
            core,
            raft,
            record,
            calls: call_queue,
            askers,
            readiness,
            status,
            port,
            identity,
            space,
        };
        spawn(parts, store)?;
        let shared = Shared {
            id: config.id,
            calls,
            confirms,
            states,
            raft: status_seen,
            readiness: readiness_seen,
            visible,
            lease,
            peers: peers.all().cloned().collect(),
            taken_port,
            refusals,
            standing,
            snapshot_failures,
            tuning: config.tuning,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

/// The proofs that this node gives its peers.
fn identity(config: &RaftConfig, store: &Store) -> Identity {
    Identity::new(
        config.id,
        &config.peers,
        (config.secret.clone(), config.tls.clone()),
        store.standing.subscribe(),
        (config.record.ability.highest, store.states.watch()),
    )
}

/// The lease of this node, and its part of granting them.
fn leases(config: &RaftConfig) -> (Lease, Arc<Granting>) {
    // A list of peers may name this node alone.
    let lease = match config.peers.keys().all(|id| *id == config.id) {
        true => Lease::unlimited(),
        false => Lease::ended(),
    };
    let terms = LeaseTerms {
        span: config.tuning.lease,
    };
    let members = config.peers.keys().copied().collect();
    (lease, Arc::new(Granting::new(config.id, members, terms)))
}

/// Binds the port for peers, if there are any.
fn listen(config: &RaftConfig) -> Result<Option<PeerPort>, StartError> {
    if config.peers.is_empty() {
        return Ok(None);
    }
    if !config.peers.contains_key(&config.id) {
        return Err(StartError::NotAmongPeers(config.id));
    }
    let address = config.listen.ok_or(StartError::NoListenAddress)?;
    let callers = match (&config.secret, &config.tls) {
        (Some(_), _) | (_, Some(_)) => Callers::Any,
        (None, None) => {
            let own = address.to_string();
            let far = [&own]
                .into_iter()
                .chain(config.peers.values())
                .find(|address| !is_loopback(address));
            if let Some(address) = far {
                return Err(StartError::NoSecret {
                    address: address.clone(),
                });
            }
            Callers::LoopbackOnly
        }
    };
    let port = PeerPort::bind(address, callers);
    let port = port.map_err(|source| StartError::Listen { address, source })?;
    Ok(Some(port))
}

/// Whether a `host:port` is on this machine whatever the resolver says.
fn is_loopback(address: &str) -> bool {
    match address.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => address
            .rsplit_once(':')
            .is_some_and(|(host, _)| host.eq_ignore_ascii_case("localhost")),
    }
}

/// Starts the thread; returns when openraft runs on it, or when it is clear that that waits for other nodes.
fn spawn(parts: Parts, store: Store) -> Result<(), StartError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    let (started, starting) = std::sync::mpsc::channel();
    let run = move || {
        let Store {
            log,
            states,
            standing,
            writer,
            thread,
        } = store;
        let standing = Arc::new(StandingKeeper::new(standing, log.clone(), writer));
        let done = runtime.block_on(run(
            parts,
            Stores {
                log,
                states,
                standing,
            },
            started,
        ));
        // Tasks that are still there hold the store: they go before anybody is told.
        drop(runtime);
        if thread.join().is_err() {
            tracing::error!("the storage writer ended with a panic");
        }
        if let Some(done) = done {
            // Whoever asked may have given up waiting.
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

fn raft_config(tuning: &Tuning) -> Result<Config, StartError> {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (lease, shortest) = (tuning.lease, tuning.shortest_lease());
    if lease < shortest {
        return Err(StartError::ShortLease { lease, shortest });
    }
    let config = Config {
        cluster_name: "klamm".to_owned(),
        heartbeat_interval: millis(tuning.heartbeat),
        election_timeout_min: millis(tuning.election),
        election_timeout_max: millis(tuning.election_max()),
        install_snapshot_timeout: SNAPSHOT_MS,
        max_payload_entries: MAX_APPEND_ENTRIES as u64,
        enable_pre_vote: Some(true),
        // A node that lost its disk is taken back by what `formation` does, not by openraft, which would stop the leader.
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
