//! The pool of lanes to one physical cluster, on one data arbiter: takes leases, dials, keeps clean lanes for reuse, and
//! leaves addresses alone that fail. It knows no client and no request.

mod connect;
mod shelf;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use klamm_raft::model::CredentialsName;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use crate::address::HostPort;
use crate::backend::breaker::{Breaker, DialFailure};
use crate::backend::dial::{DialError, Dialer};
use crate::backend::expected::OtherCluster;
use crate::backend::lane::{Lane, LaneTarget, LoginAs};
use crate::backend::topology::{Broker, Topology};
use crate::backend::unusable::Unusable;
use crate::backend::{Redial, Retire};
use crate::chain::Chain;
use crate::metrics::UpstreamFault;
use connect::{Connected, connect};
use shelf::LaneShelf;

/// Messages that wait for the pool. A sender beyond it waits; a returned lane beyond it is closed.
const MAILBOX: usize = 256;

/// Dials at the same time, to the whole cluster.
const MAX_DIALS: usize = 16;

/// Leases that wait for a dial. One more is refused.
const MAX_WAITING: usize = 1024;

/// Of the brokers that would do, how many are tried for one lease.
const MAX_ATTEMPTS: usize = 3;

const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Asks for a lane. The caller owns it until it drops it or sends it in a [`Return`].
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "Result<Lane, LeaseError>")]
pub struct Lease {
    /// The physical broker; `None`: any will do.
    pub broker: Option<i32>,
    pub login: LoginAs,
}

/// Gives back a clean lane: every request was answered, no part of a frame is read or written, the broker has no state
/// for the connection and does not throttle it. Send it with `try_send`, and let it go when the mailbox is full.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Return {
    pub lane: Lane,
}

/// Why there is no lane. A client never sees it: its connection ends, as a broker's death would end it.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("broker {0} is unknown")]
    UnknownBroker(i32),
    #[error("there are no credentials {0} in the configuration of the physical cluster")]
    UnknownCredentials(CredentialsName),
    #[error("the last connections failed; the next one is tried a little later")]
    Resting,
    #[error("too many sessions are waiting for a connection")]
    Overloaded,
    #[error(transparent)]
    OtherCluster(#[from] OtherCluster),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("no connection could be established")]
    Dial(#[from] DialError),
}

impl LeaseError {
    /// The label of this error in metrics.
    pub fn kind(&self) -> UpstreamFault {
        match self {
            Self::UnknownBroker(_) => UpstreamFault::UnknownBroker,
            Self::UnknownCredentials(_) => UpstreamFault::UnknownCredentials,
            Self::Resting => UpstreamFault::Resting,
            Self::Overloaded => UpstreamFault::Overloaded,
            Self::OtherCluster(_) => UpstreamFault::OtherCluster,
            Self::Unusable(_) => UpstreamFault::Unusable,
            Self::Dial(error) => error.fault.kind(),
        }
    }
}

/// The actor. Start one for each physical cluster on each data arbiter.
#[derive(Debug)]
pub struct Pool {
    dialer: Arc<Dialer>,
    topology: watch::Receiver<Option<Arc<Topology>>>,
    shelf: LaneShelf,
    /// By address, and by the credentials that are refused there, if they are what fails.
    breakers: HashMap<(HostPort, Option<CredentialsName>), Breaker>,
    dials: Arc<Semaphore>,
    waiting: usize,
}

impl Pool {
    /// A pool that finds brokers in what the cluster's watcher publishes.
    pub fn new(dialer: Arc<Dialer>, topology: watch::Receiver<Option<Arc<Topology>>>) -> Self {
        let metrics = dialer.metrics();
        Self {
            shelf: LaneShelf::new(metrics.idle.clone(), metrics.leased.clone()),
            dialer,
            topology,
            breakers: HashMap::new(),
            dials: Arc::new(Semaphore::new(MAX_DIALS)),
            waiting: 0,
        }
    }

    /// Where a lease may lead: the broker itself; or all brokers, or the bootstrap servers, in an order of chance.
    fn targets(&self, lease: &Lease) -> Result<Vec<LaneTarget>, LeaseError> {
        let topology = self.topology.borrow();
        let brokers = topology.as_deref().map(|topology| &topology.brokers);
        let target = |id: i32, broker: &Broker| LaneTarget {
            broker: Some(id),
            address: broker.address(),
            login: lease.login.clone(),
        };
        let mut targets: Vec<LaneTarget> = match (lease.broker, brokers) {
            (Some(id), brokers) => {
                let broker = brokers.and_then(|brokers| brokers.get(&id));
                return Ok(vec![target(id, broker.ok_or(LeaseError::UnknownBroker(id))?)]);
            }
            (None, Some(brokers)) => brokers.iter().map(|(&id, broker)| target(id, broker)).collect(),
            (None, None) => bootstrap(&self.dialer, &lease.login).collect(),
        };
        let first = usize::from(super::chance()) % targets.len().max(1);
        targets.rotate_left(first);
        Ok(targets)
    }

    /// Closes idle lanes and forgets failures of addresses that are not in use any more.
    fn sweep(&mut self) {
        let topology = self.topology.borrow().clone();
        let dialer = &self.dialer;
        let is_wanted = |target: &LaneTarget| match (target.broker, topology.as_deref()) {
            (Some(id), Some(topology)) => topology
                .brokers
                .get(&id)
                .is_some_and(|broker| broker.address() == target.address),
            (None, None) => dialer.bootstrap().contains(&target.address),
            _ => false,
        };
        self.shelf.sweep(Instant::now(), is_wanted);
        self.breakers.retain(|(address, _), _| match topology.as_deref() {
            Some(topology) => topology
                .brokers
                .values()
                .any(|broker| broker.address() == *address),
            None => dialer.bootstrap().contains(address),
        });
    }

    fn settle(&mut self, connected: Connected) -> Result<Lane, LeaseError> {
        self.waiting -= 1;
        for (target, error) in &connected.failures {
            self.failed(target, error);
        }
        let Connected { lane, mut failures } = connected;
        match lane {
            Some(lane) => {
                self.succeeded(lane.target());
                Ok(lane)
            }
            None => Err(failures.pop().map_or_else(
                || self.counted(LeaseError::Overloaded),
                |(_, error)| LeaseError::Dial(error),
            )),
        }
    }

    fn failed(&mut self, target: &LaneTarget, error: &DialError) {
        let of_credentials = error.fault.is_of_credentials();
        // What a client shows says nothing of the address.
        if of_credentials && !target.login.is_shared() {
            return;
        }
        let credentials = target.login.name().filter(|_| of_credentials).cloned();
        let failure = if error.fault.is_final() {
            DialFailure::Final
        } else {
            DialFailure::Passing
        };
        let breaker = self
            .breakers
            .entry((error.address.clone(), credentials))
            .or_default();
        let had_opened = breaker.has_opened();
        breaker.failed(failure, Instant::now(), super::chance());
        if breaker.has_opened() && !had_opened {
            warn!(cluster = %self.dialer.cluster(), error = %Chain(error), "an upstream address is avoided for a while");
        }
    }

    fn succeeded(&mut self, target: &LaneTarget) {
        let address = &target.address;
        for credentials in [None, target.login.name()] {
            let closed = self.breakers.remove(&(address.clone(), credentials.cloned()));
            if closed.is_some_and(|breaker| breaker.has_opened()) {
                info!(cluster = %self.dialer.cluster(), %address, "an upstream address works again");
            }
        }
    }

    /// Whether an address is left alone, by everybody or by whoever shows these credentials.
    fn is_resting(&self, target: &LaneTarget, now: Instant) -> bool {
        [None, target.login.name()].into_iter().any(|credentials| {
            let key = (target.address.clone(), credentials.cloned());
            self.breakers
                .get(&key)
                .is_some_and(|breaker| breaker.is_open(now))
        })
    }

    fn counted(&self, error: LeaseError) -> LeaseError {
        self.dialer.metrics().error(error.kind());
        error
    }

    /// A lane that waits on the shelf, or where to dial for one.
    fn plan(&mut self, lease: &Lease) -> Result<Plan, LeaseError> {
        let now = Instant::now();
        self.dialer.check_usable()?;
        if let Some(name) = lease.login.name().filter(|name| !self.dialer.knows(name)) {
            return Err(LeaseError::UnknownCredentials(name.clone()));
        }
        if let Some(stranger) = self.dialer.expected().stranger() {
            return Err(stranger.into());
        }
        let mut targets = self.targets(lease)?;
        if let Some(lane) = targets.iter().find_map(|target| self.shelf.take(target, now)) {
            return Ok(Plan::Reuse(lane));
        }
        targets.retain(|target| !self.is_resting(target, now));
        targets.truncate(MAX_ATTEMPTS);
        if targets.is_empty() {
            return Err(LeaseError::Resting);
        }
        if self.waiting >= MAX_WAITING {
            return Err(LeaseError::Overloaded);
        }
        Ok(Plan::Dial(targets))
    }
}

/// How a lease is met.
enum Plan {
    Reuse(Lane),
    /// One after the other, until one takes the connection.
    Dial(Vec<LaneTarget>),
}

impl Actor for Pool {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(SWEEP_EVERY, |pool, _| pool.sweep());
    }
}

impl Supervised for Pool {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self = Self::new(Arc::clone(&self.dialer), self.topology.clone());
    }
}

impl Handler<Lease> for Pool {
    type Result = ResponseActFuture<Self, Result<Lane, LeaseError>>;

    fn handle(&mut self, lease: Lease, _: &mut Self::Context) -> Self::Result {
        match self.plan(&lease) {
            Ok(Plan::Reuse(lane)) => Box::pin(fut::ok(lane)),
            Ok(Plan::Dial(targets)) => {
                self.waiting += 1;
                let dials = connect(Arc::clone(&self.dialer), Arc::clone(&self.dials), targets);
                Box::pin(
                    dials
                        .into_actor(self)
                        .map(|connected, pool, _| pool.settle(connected)),
                )
            }
            Err(error) => Box::pin(fut::err(self.counted(error))),
        }
    }
}

impl Handler<Redial> for Pool {
    type Result = ();

    /// Nothing of the generation before is kept; what is being dialled goes to those who wait for it.
    fn handle(&mut self, Redial { dialer }: Redial, _: &mut Self::Context) {
        let (dials, waiting) = (Arc::clone(&self.dials), self.waiting);
        *self = Self {
            dials,
            waiting,
            ..Self::new(dialer, self.topology.clone())
        };
    }
}

impl Handler<Retire> for Pool {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Return> for Pool {
    type Result = ();

    fn handle(&mut self, Return { lane }: Return, _: &mut Self::Context) {
        self.shelf.put(lane, Instant::now());
    }
}

fn bootstrap<'a>(dialer: &'a Dialer, login: &'a LoginAs) -> impl Iterator<Item = LaneTarget> + 'a {
    dialer.bootstrap().iter().map(|address| LaneTarget {
        broker: None,
        address: address.clone(),
        login: login.clone(),
    })
}

#[cfg(test)]
mod tests;
