//! Accepts connections, gives each a seat, and places it on the data arbiter that has the fewest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::ArbiterHandle;
use klamm_raft::seldom::Seldom;
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

use super::reception::{Guest, Reception};
use super::routes::Route;
use super::turns::Turns;
use crate::auth::certificate::ClientCertificate;
use crate::session::census::{Census, Load};
use crate::session::{Pools, Session, SessionShared, Setup};
use crate::stream::Stream;

/// After an accept failed (no file descriptor is left, say), nothing is accepted for this long.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// An arbiter that sessions run on, with the pools of that arbiter.
#[derive(Debug)]
pub struct DataArbiter {
    handle: ArbiterHandle,
    pools: Pools,
    load: Load,
    turns: Turns,
}

/// The state that all ports share.
#[derive(Debug)]
pub(super) struct Entrance {
    arbiters: Vec<DataArbiter>,
    pub(super) shared: Arc<SessionShared>,
    census: Arc<Census>,
    /// For what anybody can cause. Sessions do not come here.
    pub(super) seldom: Seldom,
}

impl DataArbiter {
    /// An arbiter without sessions.
    pub fn new(handle: ArbiterHandle, pools: Pools) -> Self {
        Self {
            handle,
            pools,
            load: Load::default(),
            turns: Turns::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> Load {
        Arc::clone(&self.load)
    }
}

impl Entrance {
    pub(super) fn new(arbiters: Vec<DataArbiter>, shared: Arc<SessionShared>, census: Arc<Census>) -> Self {
        Self {
            arbiters,
            shared,
            census,
            seldom: Seldom::default(),
        }
    }

    /// Accepts connections of one port until it is aborted.
    pub(super) async fn accept(self: Arc<Self>, listener: Arc<TcpListener>, reception: Arc<Reception>) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.admit(socket, peer, &reception),
                Err(error) => {
                    self.seldom
                        .log("accept", || warn!(%error, "connections cannot be accepted"));
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Has a session started.
    fn admit(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr, reception: &Arc<Reception>) {
        self.shared.metrics.accepted.inc();
        let loads = self.arbiters.iter();
        let Some(arbiter) = loads.min_by_key(|arbiter| arbiter.load.load(Ordering::Relaxed)) else {
            return;
        };
        let guest = Guest {
            peer,
            seat: self.census.admit(&arbiter.load, peer.ip()),
            pools: arbiter.pools.clone(),
            turns: arbiter.turns.clone(),
        };
        let moved = socket
            .into_std()
            .map(|socket| arbiter.start(socket, guest, Arc::clone(self), Arc::clone(reception)));
        if let Err(error) = moved {
            self.seldom.log(
                "hand_over",
                || warn!(%peer, %error, "a connection could not be handed to a data thread"),
            );
        }
    }

    /// Starts the session of a connection that has been received, on this thread.
    pub(super) fn start(
        &self,
        stream: Stream,
        guest: Guest,
        route: &Route,
        certificate: Option<Arc<ClientCertificate>>,
    ) {
        let setup = Setup {
            peer: guest.peer,
            certificate,
            door: Arc::clone(&route.door),
            shared: Arc::clone(&self.shared),
            pools: guest.pools,
            orders: route.orders.clone(),
            seat: guest.seat,
        };
        Session::start(stream, setup);
    }
}

impl DataArbiter {
    /// A socket belongs to the reactor of the thread that serves it, so it is registered there.
    fn start(
        &self,
        socket: std::net::TcpStream,
        guest: Guest,
        entrance: Arc<Entrance>,
        reception: Arc<Reception>,
    ) {
        // False only when the arbiter has ended, with the node; the socket closes then.
        self.handle.spawn(async move {
            match TcpStream::from_std(socket) {
                Ok(socket) => match reception.passes_through() {
                    Some(route) => entrance.start(Stream::Plain(socket), guest, route, None),
                    None => Box::pin(reception.receive(socket, guest, &entrance)).await,
                },
                Err(error) => log_lost(guest.peer, &error),
            }
        });
    }
}

fn log_lost(peer: SocketAddr, error: &io::Error) {
    warn!(%peer, %error, "a connection could not be taken over by a data thread");
}
