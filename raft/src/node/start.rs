//! Starting a node: when this returns its store is open, its port is bound (unless another process has it) and its thread runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
use super::{Node, RaftStatus, Shared, admission, list};
use crate::boots::{BootClaim, BootMark, KnownBoots};
use crate::config::{OwnId, RaftConfig, Tuning};
use crate::disk_space::DiskSpace;
use crate::inquiries::Inquiries;
use crate::lease::{Lease, LeaseTerms, ProcessId};
use crate::members::ClusterMembers;
use crate::model::{NodeId, Revision, State};
use crate::network::{Callers, Identity, PeerPort, Peers};
use crate::outcome::Refusal;
use crate::standing::StandingKeeper;
use crate::status::Readiness;
use crate::store::{self, OwnerClaim, Standing, Store, StoreError};
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
    #[error(
        "node {0} is not among the configured peers, which found the cluster: add it to the list, or let it join a cluster that there is (klamm.raft.join)"
    )]
    NotAmongPeers(NodeId),
    #[error(
        "this node has no number: klamm.node.id is auto, and there is no cluster for it to join (klamm.raft.join)"
    )]
    NoNumber,
    #[error("none of {} took this node into a cluster: {reason}", seeds.join(", "))]
    NotAdmitted { seeds: Vec<String>, reason: String },
    #[error("the cluster does not take this node")]
    Refused(#[source] Refusal),
    #[error("the data directory cannot be written")]
    Write(#[source] std::io::Error),
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
        "the data directory belongs to a cluster of the nodes {}, and this node has no address to listen on for the others (klamm.raft.listen)",
        list(members)
    )]
    NotAlone { members: Vec<NodeId> },
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
            Self::Refused(refusal) => refusal.is_final_for_node(),
            Self::NotAmongPeers(_)
            | Self::NoNumber
            | Self::NoListenAddress
            | Self::NoSecret { .. }
            | Self::NotAlone { .. }
            | Self::Tuning(_)
            | Self::ShortLease { .. } => true,
            Self::NotAdmitted { .. }
            | Self::Write(_)
            | Self::Listen { .. }
            | Self::Thread(_)
            | Self::Random
            | Self::Raft(_) => false,
        }
    }
}

impl Node {
    /// Starts a node. When this returns, its state is at least as new as it was when the node last ran. Blocks for as
    /// long as reading the data directory takes, and a node that joins a cluster for as long as that needs.
    pub fn start(config: RaftConfig) -> Result<Self, StartError> {
        let raft = raft_config(&config.tuning)?;
        let (store, id, port) = opened(&config)?;
        let taken_port = port.as_ref().map(PeerPort::taken);
        let refusals = port.as_ref().map(PeerPort::refusals);
        let snapshot_failures = store.states.watch_failures();
        let process = ProcessId(random()?);
        let boots = boots(&store, process);
        let identity = identity(&config, id, (&store, boots));
        let (members, members_seen) = watch::channel(ClusterMembers::default());
        let (calls, call_queue) = mpsc::channel(CALLS);
        let (confirms, askers) = mpsc::channel(confirm::WAITING);
        let (readiness, readiness_seen) = watch::channel(Readiness::Starting);
        let (status, status_seen) = watch::channel(RaftStatus::default());
        let core = Arc::new(core(&config, (&store, &identity, process), members_seen));
        core.know_peers();
        let shared = Shared {
            id,
            calls,
            confirms,
            states: core.states.clone(),
            raft: status_seen,
            readiness: readiness_seen,
            visible: core.visible.clone(),
            lease: core.lease.clone(),
            demands: Arc::clone(&core.demands),
            inquiries: core.inquiries.clone(),
            peers: core.peers.clone(),
            unheard: core.unheard.subscribe(),
            members: core.members.clone(),
            taken_port,
            refusals,
            standing: core.standing.clone(),
            snapshot_failures,
            tuning: config.tuning,
        };
        let parts = Parts {
            core,
            raft,
            record: config.record,
            calls: call_queue,
            askers,
            readiness,
            status,
            port,
            identity,
            members,
        };
        spawn(parts, store)?;
        Ok(Self {
            shared: Arc::new(shared),
        })
    }
}

/// The data directory, the number of the node that it belongs to, and its port for peers, if there is to be one.
fn opened(config: &RaftConfig) -> Result<(Store, NodeId, Option<PeerPort>), StartError> {
    let callers = callers(config)?;
    let claim = match config.id {
        OwnId::Fixed(id) => OwnerClaim::Of(id),
        OwnId::Given { .. } => OwnerClaim::Any,
    };
    let highest = config.record.ability.highest;
    let store = store::open(&config.data_dir, (claim, highest), &config.storage)?;
    match place(config, &store, callers) {
        Ok((id, port)) => Ok((store, id, port)),
        Err(error) => {
            store.close();
            Err(error)
        }
    }
}

/// The part that makes changes.
fn core(
    config: &RaftConfig,
    (store, identity, process): (&Store, &Identity, ProcessId),
    members: watch::Receiver<ClusterMembers>,
) -> Core {
    let id = identity.own;
    let states = store.states.watch();
    let (lease, granting) = leases(config, identity, &states);
    let visible = VisibleRevision::new(states.borrow().revision);
    Core {
        id,
        address: config.address_of(id),
        listed: config.peers.keys().copied().collect(),
        raft: Arc::default(),
        standing: store.standing.subscribe(),
        members,
        states,
        visible,
        peers: Peers::new(identity, &config.peers),
        unheard: watch::Sender::default(),
        tuning: config.tuning.clone(),
        upgrade: config.upgrade,
        space: DiskSpace::new(config.data_dir.clone(), config.tuning.disk_reserve_bytes),
        proposals: super::core::Proposals::new(process.0),
        process,
        lease,
        granting,
        demands: Arc::default(),
        inquiries: Inquiries::default(),
        has_left: AtomicBool::new(false),
    }
}

/// The starts of nodes that are known, and the claim of this one.
fn boots(store: &Store, process: ProcessId) -> KnownBoots {
    // What a handle holds must not hold the file.
    let (term, states) = (store.log.term(), store.states.watch());
    let (standing, boot) = (store.standing.subscribe(), store.boot.subscribe());
    let has = store.log.committed().map_or(0, |committed| committed.index);
    let claim = move || {
        let number = *boot.borrow();
        number.map(|number| BootClaim {
            mark: BootMark { number, process },
            // What is applied is on the disk.
            has: states.borrow().revision.max(Revision(has)),
            term: term(),
            has_forgotten: matches!(*standing.borrow(), Standing::Rejoining { .. }),
        })
    };
    KnownBoots::new(Some(Box::new(claim)), store.boots.clone())
}

/// The proofs that this node gives its peers.
fn identity(config: &RaftConfig, id: NodeId, (store, boots): (&Store, KnownBoots)) -> Identity {
    Identity::new(
        (id, config.address_of(id)),
        &config.peers,
        (config.secret.clone(), config.tls.clone()),
        (store.standing.subscribe(), boots),
        (config.record.ability.highest, store.states.watch()),
    )
}

/// The lease of this node, and its part of granting them.
fn leases(
    config: &RaftConfig,
    identity: &Identity,
    states: &watch::Receiver<Arc<State>>,
) -> (Lease, Arc<Granting>) {
    // Others may come to a node that listens for them.
    let lease = match config.listen {
        None => Lease::unlimited(),
        Some(_) => Lease::ended(),
    };
    let terms = LeaseTerms {
        span: config.tuning.lease,
    };
    let knows = (states.clone(), identity.boots.clone());
    (lease, Arc::new(Granting::new(identity.own, knows, terms)))
}

/// Who may call the port for peers; none if there is to be no port.
fn callers(config: &RaftConfig) -> Result<Option<Callers>, StartError> {
    let Some(address) = config.listen else {
        return match config.peers.is_empty() && config.seeds.is_empty() {
            true => Ok(None),
            false => Err(StartError::NoListenAddress),
        };
    };
    if config.secret.is_some() || config.tls.is_some() {
        return Ok(Some(Callers::Any));
    }
    let own = address.to_string();
    let far = [&own]
        .into_iter()
        .chain(config.peers.values())
        .chain(&config.seeds)
        .find(|address| !is_loopback(address));
    match far {
        Some(address) => Err(StartError::NoSecret {
            address: address.clone(),
        }),
        None => Ok(Some(Callers::LoopbackOnly)),
    }
}

/// The number of this node, and its port for peers, if there is to be one.
fn place(
    config: &RaftConfig,
    store: &Store,
    callers: Option<Callers>,
) -> Result<(NodeId, Option<PeerPort>), StartError> {
    let id = admission::own_id(config, store)?;
    let is_founder = config.peers.is_empty() || config.peers.contains_key(&id);
    if !is_founder && *store.standing.borrow() == Standing::New {
        return Err(StartError::NotAmongPeers(id));
    }
    let port = config.listen.zip(callers).map(|(address, callers)| {
        PeerPort::bind(address, callers).map_err(|source| StartError::Listen { address, source })
    });
    Ok((id, port.transpose()?))
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
        let standing = Arc::new(StandingKeeper::new(&store));
        let (log, states, thread) = store.parts();
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

pub(super) fn random() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(u64::from_le_bytes(bytes))
}
