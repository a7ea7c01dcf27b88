//! Accepts connections within the limits and places each on the data arbiter that has the fewest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::ArbiterHandle;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::warn;

use crate::session::census::{Census, Load, Seat};
use crate::session::{Door, Orders, Pools, Session, Setup, Shared};

/// After an accept failed (no file descriptor is left, say), nothing is accepted for this long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Refused connections are logged at most this often.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// An arbiter that sessions run on, with the pools of that arbiter.
#[derive(Debug)]
pub struct DataArbiter {
    handle: ArbiterHandle,
    pools: Pools,
    load: Load,
}

/// What all ports share.
#[derive(Debug)]
pub(super) struct Entrance {
    arbiters: Vec<DataArbiter>,
    shared: Arc<Shared>,
    census: Arc<Census>,
    started: Instant,
    /// When a refusal was last logged, in milliseconds after `started`.
    logged_ms: AtomicU64,
}

impl DataArbiter {
    /// An arbiter without sessions.
    pub fn new(handle: ArbiterHandle, pools: Pools) -> Self {
        Self {
            handle,
            pools,
            load: Load::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> Load {
        Arc::clone(&self.load)
    }
}

impl Entrance {
    pub(super) fn new(arbiters: Vec<DataArbiter>, shared: Arc<Shared>, census: Arc<Census>) -> Self {
        Self {
            arbiters,
            shared,
            census,
            started: Instant::now(),
            logged_ms: AtomicU64::new(0),
        }
    }

    /// Accepts connections of one port until it is aborted.
    pub(super) async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        door: Arc<Door>,
        orders: watch::Receiver<Orders>,
    ) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.admit(socket, peer, &door, &orders),
                Err(error) => {
                    self.log_refusal(|| warn!(%error, "connections cannot be accepted"));
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Starts a session, or closes the socket when a limit is reached.
    fn admit(&self, socket: TcpStream, peer: SocketAddr, door: &Arc<Door>, orders: &watch::Receiver<Orders>) {
        let metrics = &self.shared.metrics;
        metrics.accepted.inc();
        let Some((arbiter, seat)) = self.seat() else {
            metrics.refused.inc();
            self.log_refusal(
                || warn!(%peer, "a connection was refused: the limit of connections is reached"),
            );
            return;
        };
        let setup = Setup {
            peer,
            door: Arc::clone(door),
            shared: Arc::clone(&self.shared),
            pools: Arc::clone(&arbiter.pools),
            orders: orders.clone(),
            seat,
        };
        let moved = socket.into_std().map(|socket| arbiter.start(socket, setup));
        if let Err(error) = moved {
            self.log_refusal(|| warn!(%peer, %error, "a connection could not be handed to a data thread"));
        }
    }

    fn seat(&self) -> Option<(&DataArbiter, Seat)> {
        let limits = &self.shared.limits;
        let least = self
            .arbiters
            .iter()
            .min_by_key(|arbiter| arbiter.load.load(Ordering::Relaxed))?;
        let seat = self
            .census
            .admit(&least.load, limits.max_connections, limits.max_unauthenticated)?;
        Some((least, seat))
    }

    fn log_refusal(&self, log: impl FnOnce()) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last_ms = self.logged_ms.load(Ordering::Relaxed);
        let every_ms = LOG_EVERY.as_millis() as u64;
        if last_ms == 0 || now_ms.saturating_sub(last_ms) >= every_ms {
            self.logged_ms.store(now_ms.max(1), Ordering::Relaxed);
            log();
        }
    }
}

impl DataArbiter {
    /// A socket belongs to the reactor of the thread that serves it, so it is registered there.
    fn start(&self, socket: std::net::TcpStream, setup: Setup) {
        // False only when the arbiter has ended, with the node; the socket closes then.
        self.handle.spawn(async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => Session::start(socket, setup),
                Err(error) => log_lost(setup.peer, &error),
            }
        });
    }
}

fn log_lost(peer: SocketAddr, error: &io::Error) {
    warn!(%peer, %error, "a connection could not be taken over by a data thread");
}
