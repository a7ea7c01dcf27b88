//! Composition: the only place that names every part. It starts them in order, and stops them in order.
//!
//! Start: Raft node → physical clusters → data arbiters → listener → virtual clusters → admin API. A node takes clients
//! once it has caught up with its cluster.
//! Stop (SIGTERM or SIGINT): this node is no longer advertised and hands leadership over → no new connections, sessions
//! finish what is in flight → the Raft node stops.

mod accounting;
mod backups;
mod borders;
mod drain;
mod files;
mod here;
mod manager;
mod passthrough;
mod physical;
mod pins;
mod quotas;
mod reports;
mod routes;
mod secrets;
mod services;
mod sessions;
mod tracking;
mod unopened;
mod usage;

use std::convert::Infallible;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix::prelude::*;
use actix_web::dev::{Server, ServerHandle};
use klamm_raft::model::{Ability, Level, ListenerName, Liveness, NodeRecord, Speech, Unopened};
use klamm_raft::{Node, NotReady, RaftConfig, Readiness, StartError, Tuning};
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use crate::address::HostPort;
use crate::admin;
use crate::backend::{UpstreamError, Upstreams};
use crate::config::Config;
use crate::control::{Control, ControlError};
use crate::listener::config::ListenerConfig;
use crate::listener::{Addresses, DataArbiter, Listener, ListenerGuard, Site};
use crate::metrics::{Metrics, MetricsError, NodeMetrics};
use crate::session::census::Census;
use crate::session::{Limits, SessionShared};
use crate::supervision::{Companion, Component, Panicked, Supervisor};
use crate::tls::{Latest, ServerTlsError, TlsFiles, TrustError};
use crate::unix_time;
use drain::Shutdown;
use files::SeatCounts;
use manager::Manager;
use physical::PhysicalClusters;
use routes::Passages;
use services::NodeParts;

/// A node that has not joined its cluster by then says so, and goes on trying.
const JOIN_REMINDER: Duration = Duration::from_secs(15);

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("metrics cannot be set up")]
    Metrics(#[from] MetricsError),
    #[error("{setting} {value} is not an address of this machine")]
    Address {
        setting: &'static str,
        value: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the Raft node cannot start")]
    Raft(#[from] StartError),
    #[error("this node cannot join its cluster")]
    Join(#[from] NotReady),
    #[error(
        "this node's part in the cluster has stopped unexpectedly; the log above says why. Start the node again: nothing that it acknowledged is lost"
    )]
    NodeEnded,
    #[error(
        "this node cannot continue without the component that panicked. Start it again, and report what the log above says"
    )]
    Panicked(#[from] Panicked),
    #[error("the admin API has stopped unexpectedly; the log above says why")]
    AdminEnded,
    #[error("the replicated state cannot be used")]
    Control(#[from] ControlError),
    #[error("a physical cluster cannot be used")]
    Upstream(#[from] UpstreamError),
    #[error("the listener {listener} cannot be opened")]
    Tls {
        listener: ListenerName,
        #[source]
        source: ServerTlsError,
    },
    #[error("the admin API has no usable certificate")]
    HttpTls(#[source] ServerTlsError),
    #[error("this node has no usable certificate for its peers")]
    RaftTls(#[source] ServerTlsError),
    #[error("the authorities of an OAuth provider cannot be used")]
    Oauth(#[from] TrustError),
    #[error("the admin API cannot listen on {address}")]
    Admin {
        address: HostPort,
        #[source]
        source: std::io::Error,
    },
    #[error("signals cannot be handled")]
    Signals(#[source] std::io::Error),
}

impl AppError {
    /// Whether it will be the same however often the node is started: somebody must change something first.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Control(ControlError::OtherSigningKey { .. }) => true,
            Self::Raft(error) => error.is_final(),
            Self::Join(NotReady::Removed { .. } | NotReady::OldCopy { .. }) => true,
            Self::Join(NotReady::Refused(refusal)) => refusal.is_final_for_node(),
            // Files, addresses and certificates come and go.
            _ => false,
        }
    }
}

/// Runs a node until it is told to stop. Call it inside an actix system: this thread becomes the control arbiter.
pub async fn run(config: Config) -> Result<(), AppError> {
    Box::pin(run_with(config, None)).await
}

/// Runs a node with company for each of its components, which may make them panic.
///
/// # Errors
/// As [`run`].
pub async fn run_with(config: Config, companion: Option<Companion>) -> Result<(), AppError> {
    warn_of(&config);
    let mut stop = drain::StopSignals::on_signals().map_err(AppError::Signals)?;
    let metrics = Metrics::new()?;
    let supervisor = Supervisor::with(metrics.components.clone(), companion);
    let followers = Followers(&supervisor, &metrics.node);
    let Some(node) = start_node(raft_config(&config, followers).await?, &mut stop).await? else {
        return Ok(());
    };
    let control = Control::new(node.clone());
    let own_ports = own_ports(&config.listeners);
    let upstreams = Upstreams::start(&config.backends, &own_ports, &metrics, &supervisor)?;
    pins::watch(&upstreams, &control, &supervisor);
    let census = census(&config, &metrics);
    let parts = (&metrics, &census, followers);
    let (sources, accounts, shared) = sessions::shared(&config, &control, parts)?;
    let meters = shared.meters();
    let (listener, addresses) = listener(&config, &upstreams, shared, parts).await?;
    unopened::announce(node.id(), addresses.clone(), &control, &supervisor);
    reports::announce(node.id(), &upstreams, &control, &supervisor);
    let passages = Passages::default();
    routes::keep(node.id(), &passages, &control, &supervisor);
    let physical = PhysicalClusters::start(&config, &upstreams, &control, &supervisor);
    let (draining, serving) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let parts = NodeParts {
        control: control.clone(),
        upstreams: upstreams.clone(),
        addresses,
        metrics: metrics.clone(),
        supervisor: supervisor.clone(),
        draining: Arc::clone(&draining),
        serving: Arc::clone(&serving),
        isolated: config.node.isolated,
        sources: sources.clone(),
        accounts: accounts.clone(),
    };
    let admin = admin_server(&config, &parts, followers).map_err(|error| *error)?;
    back_up(&config, &control, &metrics, &supervisor);
    let (admin_handle, admin) = administer(admin, supervisor.clone());
    let manager = Manager {
        visibility: node.report_visibility(),
        control,
        upstreams,
        physical,
        passages,
        sources,
        meters,
        limits: Arc::new(config.limits.vclusters.clone()),
        listener: listener.clone(),
        fronts: fronts(&config.listeners),
        metrics,
        supervisor,
        serving,
    };
    let drain = Shutdown {
        node,
        listener,
        census,
        draining,
        limit: config.limits.drain,
        parting: limits(&config).drain_spread + limits(&config).drain_visit,
    };
    let working = async { tokio::try_join!(join(&config, manager), admin).map(drop) };
    let ended = Box::pin(serve_until(stop, drain, working)).await;
    accounts.write();
    // Not gracefully: there is no node any more that could answer.
    admin_handle.stop(false).await;
    ended
}

/// Says what the configuration has that is ignored.
fn warn_of(config: &Config) {
    let warnings = config.warnings.iter();
    warnings.for_each(|warning| warn!(%warning, "configuration"));
}

/// Starts this node's part in the cluster; none if it is told to stop before it has joined one.
async fn start_node(config: RaftConfig, stop: &mut drain::StopSignals) -> Result<Option<Node>, AppError> {
    let (started, starting) = oneshot::channel();
    // A node that joins waits for the others, and signals are heard here meanwhile.
    std::thread::Builder::new()
        .name("klamm-start".to_owned())
        .spawn(move || started.send(Node::start(config)))
        .map_err(StartError::Thread)?;
    tokio::select! {
        node = starting => match node {
            Ok(node) => Ok(Some(node?)),
            Err(_) => Err(AppError::NodeEnded),
        },
        () = stop.wait() => Ok(None),
    }
}

/// Has backups made regularly, if the configuration says so.
fn back_up(config: &Config, control: &Control, metrics: &Metrics, supervisor: &Supervisor) {
    let backups = &config.node.backups;
    if let (Some(regular), Some(key)) = (&backups.regular, &backups.key) {
        backups::make_regularly((regular, key), control, &metrics.backups, supervisor);
    }
}

/// The admin API, which listens from now on.
fn admin_server(
    config: &Config,
    parts: &NodeParts,
    followers: Followers<'_>,
) -> Result<Server, Box<AppError>> {
    let tls = followers.of("the admin API", &config.http.tls, Latest::load);
    let tls = tls.map_err(|error| Box::new(AppError::HttpTls(error)))?;
    let services = services::services(parts, config);
    let server = admin::server(&config.http, services, tls.as_ref(), &parts.metrics.node.guards);
    server.map_err(|source| {
        Box::new(AppError::Admin {
            address: config.http.bind.clone(),
            source,
        })
    })
}

/// Starts the admin API; the answer comes when that has ended by itself, or by the handle.
fn administer(
    server: Server,
    supervisor: Supervisor,
) -> (ServerHandle, impl Future<Output = Result<Infallible, AppError>>) {
    let handle = server.handle();
    let serving = actix_rt::spawn(async move { supervisor.run(Component::AdminApi, server).await });
    let ended = async {
        let ended = serving.await;
        Err(match ended {
            Ok(Err(panicked)) => panicked.into(),
            _ => AppError::AdminEnded,
        })
    };
    (handle, ended)
}

/// Serves until it is told to stop or cannot go on, then drains.
async fn serve_until(
    mut stop: drain::StopSignals,
    drain: Shutdown,
    working: impl Future<Output = Result<(), AppError>>,
) -> Result<(), AppError> {
    let mut working = pin!(working);
    tokio::select! {
        ended = &mut working => {
            drain.run().await;
            ended
        }
        () = stop.wait() => {
            stop_serving(&drain, working).await;
            Ok(())
        }
        () = drain.is_to_leave() => {
            info!("this node leaves its cluster: its clients are sent elsewhere");
            tokio::select! {
                ended = leave(&drain, working.as_mut()) => {
                    drain.node.shutdown().await;
                    return ended;
                }
                () = stop.wait() => {}
            }
            stop_serving(&drain, working).await;
            Ok(())
        }
    }
}

/// Stops the node. The state is followed to the end: the other nodes wait for this one to see that it drains.
async fn stop_serving(drain: &Shutdown, working: Pin<&mut impl Future<Output = Result<(), AppError>>>) {
    let mut draining = pin!(drain.run());
    tokio::select! {
        () = &mut draining => {}
        _ = working => draining.await,
    }
}

/// Sends the clients elsewhere, and takes part in what the nodes decide until this one is no member any more.
async fn leave(
    drain: &Shutdown,
    mut working: Pin<&mut impl Future<Output = Result<(), AppError>>>,
) -> Result<(), AppError> {
    tokio::select! {
        ended = &mut working => return ended,
        () = drain.part() => {}
    }
    working.await
}

/// The parts that a listener is opened with, beside the configuration.
type ListenerParts<'a> = (&'a Metrics, &'a Arc<Census>, Followers<'a>);

async fn listener(
    config: &Config,
    upstreams: &Upstreams,
    shared: Arc<SessionShared>,
    (_, census, followers): ListenerParts<'_>,
) -> Result<(Addr<Listener>, watch::Receiver<Addresses>), AppError> {
    let mut sites = Vec::new();
    for listener in &config.listeners {
        sites.push(site(listener, followers).await?);
    }
    let (listener, addresses) = Listener::new(
        sites,
        data_arbiters(config, upstreams),
        shared,
        Arc::clone(census),
        followers.0,
    );
    Ok((followers.0.start(Component::Listener, listener), addresses))
}

/// A listener with its address and its certificates, which are followed from now on.
async fn site(listener: &ListenerConfig, followers: Followers<'_>) -> Result<Site, AppError> {
    let of = format!("the listener {}", listener.name);
    let tls = followers.of(&of, &listener.tls, Latest::load);
    let tls = tls.map_err(|source| AppError::Tls {
        listener: listener.name.clone(),
        source,
    })?;
    Ok(Site {
        name: listener.name.clone(),
        address: resolve("gateway.bind.host", &listener.bind_host).await?,
        port: listener.bind_port,
        routing: listener.routing.clone(),
        guard: ListenerGuard {
            proxies: listener.proxies.clone(),
            tls,
        },
    })
}

/// Who follows files.
#[derive(Clone, Copy)]
struct Followers<'a>(&'a Supervisor, &'a Arc<NodeMetrics>);

impl Followers<'_> {
    /// Certificates that are followed from now on.
    fn of(
        self,
        of: &str,
        files: &Option<TlsFiles>,
        load: fn(TlsFiles) -> Result<Arc<Latest>, ServerTlsError>,
    ) -> Result<Option<Arc<Latest>>, ServerTlsError> {
        let tls = files.clone().map(load).transpose()?;
        if let Some(tls) = &tls {
            let (tls, metrics) = (Arc::clone(tls), Arc::clone(self.1));
            self.0.keep(Component::Certificates(of.to_owned()), move || {
                Arc::clone(&tls).follow(Arc::clone(&metrics))
            });
        }
        Ok(tls)
    }
}

fn fronts(listeners: &[ListenerConfig]) -> Vec<(ListenerName, Speech)> {
    let front = |listener: &ListenerConfig| (listener.name.clone(), listener.speech);
    listeners.iter().map(front).collect()
}

/// The ports that this node listens on for clients.
fn own_ports(listeners: &[ListenerConfig]) -> Vec<RangeInclusive<u16>> {
    let ports = |listener: &ListenerConfig| {
        let first = listener.bind_port;
        first..=first + (listener.port_count() - 1)
    };
    listeners.iter().map(ports).collect()
}

/// Follows the replicated state for as long as the node runs, and serves clients once it has joined its cluster.
async fn join(config: &Config, manager: Manager) -> Result<(), AppError> {
    let passthrough = passthrough::spec(&config.passthrough);
    let (joined, seen) = oneshot::channel();
    let (control, supervisor) = (manager.control.clone(), manager.supervisor.clone());
    let ended = manager.control.clone();
    let following = async {
        supervisor.run(Component::Manager, manager.run(seen)).await?;
        Err::<Infallible, _>(match ended.status().readiness {
            Readiness::Removed { at } => NotReady::Removed { at }.into(),
            Readiness::OldCopy { by } => NotReady::OldCopy { by }.into(),
            _ => AppError::NodeEnded,
        })
    };
    let joining = async {
        wait_ready(&control).await?;
        ensure_signing_key(config, &control).await?;
        passthrough::ensure(passthrough, &control).await?;
        info!(node = %control.status().id, "this node has joined its cluster");
        // The manager runs until the node stops; then nobody needs to know.
        let _ = joined.send(());
        Ok(())
    };
    tokio::try_join!(following, joining).map(|(never, ())| match never {})
}

async fn wait_ready(control: &Control) -> Result<(), AppError> {
    loop {
        match control.wait_ready(JOIN_REMINDER).await {
            Ok(()) => return Ok(()),
            Err(NotReady::TimedOut { .. }) => {
                warn!("this node has not joined its cluster yet: is a majority of the peers up?");
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn ensure_signing_key(config: &Config, control: &Control) -> Result<(), AppError> {
    loop {
        match control.ensure_signing_key(config.signing_key.as_ref()).await {
            Err(ControlError::Propose(error)) if services::is_transient(&error) => {}
            done => return Ok(done?),
        }
    }
}

async fn raft_config(config: &Config, followers: Followers<'_>) -> Result<RaftConfig, AppError> {
    let listen = match &config.node.raft_listen {
        Some(address) => {
            let ip = resolve("klamm.raft.listen", &address.host).await?;
            Some((ip, address.port).into())
        }
        None => None,
    };
    let tls = followers.of("peers", &config.node.raft_tls, Latest::load_peer);
    let tls = tls.map_err(AppError::RaftTls)?;
    Ok(RaftConfig {
        id: config.node.id,
        data_dir: config.node.data_dir.clone(),
        storage: config.node.storage.clone(),
        listen,
        address: config.node.raft_address.as_ref().map(ToString::to_string),
        seeds: config.node.raft_join.iter().map(ToString::to_string).collect(),
        peers: config
            .node
            .raft_peers
            .iter()
            .map(|(id, address)| (*id, address.to_string()))
            .collect(),
        secret: config.node.cluster_secret.clone(),
        tls: tls.map(|tls| klamm_raft::PeerTls {
            server: {
                let tls = Arc::clone(&tls);
                Arc::new(move || tls.config())
            },
            client: Arc::new(move || tls.caller().expect("it was loaded for a peer")),
        }),
        record: NodeRecord {
            listeners: config
                .listeners
                .iter()
                .map(|listener| (listener.name.clone(), listener.record()))
                .collect(),
            liveness: Liveness::Up,
            ability: ability(),
            // What the cluster knows of this node stays.
            unopened: Unopened::new(),
        },
        upgrade: config.node.upgrade,
        tuning: Tuning::default(),
    })
}

/// The levels and features that this version of klamm can work with.
fn ability() -> Ability {
    let highest = Level::NEWEST;
    #[cfg(feature = "planted")]
    let highest = match klamm_raft::planted::knows_next_level() {
        true => Level::NEXT,
        false => highest,
    };
    Ability {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        highest,
        // A clock before 1970 makes the level wait for somebody who raises it.
        since_s: unix_time::now_s().unwrap_or(u64::MAX),
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        max_connections: config.limits.connections,
        max_unauthenticated: config.limits.before_login,
        max_frame_bytes: config.limits.frame_bytes,
        max_buffered_bytes: config.limits.buffer_bytes,
        max_policy_bytes: config.limits.policy_bytes,
        drain_timeout: config.limits.drain,
        max_session_lifetime: config.limits.session_lifetime,
        max_usage_names: config.node.usage.names,
        ..Limits::default()
    }
}

/// The seats of this node: fewer than configured where they would not run out before open files do.
fn census(config: &Config, metrics: &Metrics) -> Arc<Census> {
    let mut limits = limits(config);
    let wanted = SeatCounts {
        connections: limits.max_connections,
        before_login: limits.max_unauthenticated,
    };
    let files = files::limit().unwrap_or(usize::MAX);
    let seats = wanted.fitting(files);
    if seats != wanted {
        let SeatCounts {
            connections,
            before_login,
        } = seats;
        warn!(
            files,
            connections,
            before_login,
            "this process may open only a few files (ulimit -n), so it accepts fewer connections than klamm.limits.connections and klamm.limits.connections.before.login allow"
        );
    }
    limits.max_connections = seats.connections;
    limits.max_unauthenticated = seats.before_login;
    Arc::new(Census::new(&limits, &metrics.node.guards))
}

fn data_arbiters(config: &Config, upstreams: &Upstreams) -> Vec<DataArbiter> {
    let threads = match config.limits.threads {
        Some(threads) => usize::from(threads.get()),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let start = |_| {
        let arbiter = Arbiter::new().handle();
        let pools = upstreams.pools_on(&arbiter);
        DataArbiter::new(arbiter, pools)
    };
    (0..threads).map(start).collect()
}

/// The first address of a host name, or the address itself.
async fn resolve(setting: &'static str, host: &str) -> Result<IpAddr, AppError> {
    let failed = |source| AppError::Address {
        setting,
        value: host.to_owned(),
        source,
    };
    let mut found = tokio::net::lookup_host((host, 0)).await.map_err(failed)?;
    found
        .next()
        .map(|address| address.ip())
        .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))
}
