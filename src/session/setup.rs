//! The parts that a session is given at its start. It makes none of it itself.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use klamm_raft::Lease;
use klamm_raft::command::Change;
use klamm_raft::model::{ListenerName, Speech};
use tokio::sync::watch;

use super::budget::Purses;
use super::census::Seat;
use super::complaints::Complaints;
use super::failed_logins::FailedLogins;
use super::limits::Limits;
use super::orders::Orders;
use super::passage::Passage;
use super::passwords::Passwords;
use super::patterns::Patterns;
use super::throttle::Meters;
use crate::auth::certificate::ClientCertificate;
use crate::backend::Pools;
use crate::keys::RecordKeys;
use crate::metrics::{NodeMetrics, VclusterMetrics};
use crate::oauth::Keys;
use crate::quota::OpenConnections;
use crate::registries::Registries;
use crate::usage::Inbox;
use crate::vcluster::plan::{ChangeResult, Confirmation, Place};
use crate::vcluster::view::SharedView;

/// An answer that a session waits for on its own thread.
pub type Later<T> = Pin<Box<dyn Future<Output = T>>>;

/// Has the home cluster looked at again. Complete when the view that it led to is published.
pub type RefreshView = Arc<dyn Fn() -> Later<()> + Send + Sync>;

/// Has a change made durable and applied: here, and on every node that may decide.
pub type Propose = Arc<dyn Fn(Change) -> Later<ChangeResult> + Send + Sync>;

/// Finds out whether this node shows everything that was acknowledged, on whatever node.
pub type Confirm = Arc<dyn Fn() -> Later<Confirmation> + Send + Sync>;

/// The ways of sessions to the replicated state, beside the views that are made of it.
pub struct StateAccess {
    pub propose: Propose,
    pub confirm: Confirm,
    /// Whether this node may decide by what it shows.
    pub lease: Lease,
}

/// A door: what an address of a virtual cluster leads to. Shared by the sessions on it.
#[derive(Clone)]
pub struct Door {
    pub view: SharedView,
    pub place: Place,
    /// The listener that the address is on, and what clients of it speak.
    pub listener: ListenerName,
    pub speech: Speech,
    pub refresh: RefreshView,
    /// The way of requests from here to physical clusters.
    pub passage: Arc<Passage>,
    pub metrics: Arc<VclusterMetrics>,
    /// The connections of the virtual cluster on this node.
    pub connections: Arc<OpenConnections>,
}

/// The state that all sessions of a node share.
pub struct SessionShared {
    pub limits: Limits,
    /// The memory that large frames may take.
    pub(super) purses: Purses,
    pub(super) passwords: Arc<Passwords>,
    pub(super) failed_logins: FailedLogins,
    pub(super) complaints: Arc<Complaints>,
    pub(super) patterns: Arc<Patterns>,
    /// The meters of what clients use that have quotas.
    pub(super) meters: Arc<Meters>,
    /// Where sessions leave what they used.
    pub usage: Arc<Inbox>,
    pub replicated: StateAccess,
    pub metrics: Arc<NodeMetrics>,
    /// The keys of providers of tokens.
    pub keys: Keys,
    /// The keys that records are encrypted with.
    pub record_keys: Arc<RecordKeys>,
    /// The registries that have the schemas of records.
    pub registries: Arc<Registries>,
}

impl SessionShared {
    /// With budgets as `limits` say.
    pub fn new(
        limits: Limits,
        replicated: StateAccess,
        metrics: Arc<NodeMetrics>,
        (keys, record_keys, registries): (Keys, Arc<RecordKeys>, Arc<Registries>),
    ) -> Self {
        Self {
            purses: Purses::new(
                limits.max_buffered_bytes,
                limits.max_policy_bytes,
                Arc::clone(&metrics),
            ),
            failed_logins: FailedLogins::new(limits.failed_login_delay),
            passwords: Arc::new(Passwords::new(Arc::clone(&metrics))),
            complaints: Arc::new(Complaints::new(&metrics.guards)),
            patterns: Arc::new(Patterns::new(metrics.guards.clone())),
            meters: Arc::new(Meters::new()),
            usage: Arc::new(Inbox::new(limits.max_usage_names)),
            limits,
            replicated,
            metrics,
            keys,
            record_keys,
            registries,
        }
    }

    /// The meters of what clients use that have quotas.
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }
}

/// The parts that one session is given.
pub struct Setup {
    /// The client; behind a load balancer that says who it is, not the balancer.
    pub peer: SocketAddr,
    pub certificate: Option<Arc<ClientCertificate>>,
    pub door: Arc<Door>,
    pub shared: Arc<SessionShared>,
    pub pools: Pools,
    pub orders: watch::Receiver<Orders>,
    pub seat: Seat,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({:?} on {})", self.place, self.listener)
    }
}

impl std::fmt::Debug for StateAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateAccess({:?})", self.lease)
    }
}

impl std::fmt::Debug for SessionShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(..)")
    }
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Setup({} to {:?})", self.peer, self.door)
    }
}
