//! The way of a connection before its session: the PROXY header of a load balancer, the TLS handshake, and where its
//! server name leads.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use klamm_raft::model::ListenerName;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{LazyConfigAcceptor, TlsStream};
use tracing::{debug, warn};

use super::entrance::Entrance;
use super::networks::Networks;
use super::proxy::{FIXED_BYTES, Fixed, ProxyOrigin};
use super::routes::{Route, Routes};
use super::turned_away::TurnedAway;
use super::turns::Turns;
use crate::auth::certificate::{self, ClientCertificate};
use crate::session::Pools;
use crate::session::census::Seat;
use crate::stream::Stream;
use crate::tls::Latest;

/// The first byte of a TLS connection: a record of the handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Says in TLS that no server here has the name that was asked for (RFC 6066 §3, RFC 8446 §6), in a record of its own.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];

/// A client that was turned away has this long, and may send so much, until it has read why.
const PARTING: Duration = Duration::from_secs(1);
const MAX_PARTING_READS: usize = 32;

/// The longest part of an unknown server name that is logged, in bytes.
const MAX_LOGGED_NAME_BYTES: usize = 100;

/// The steps that the connections of a port go through.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) listener: ListenerName,
    pub(super) guard: ListenerGuard,
    pub(super) target: LeadsTo,
}

/// The guard before the sessions of a listener.
#[derive(Debug, Clone, Default)]
pub struct ListenerGuard {
    /// Who must say who the client is.
    pub proxies: Option<Networks>,
    pub tls: Option<Arc<Latest>>,
}

/// Where connections lead.
#[derive(Debug)]
pub(super) enum LeadsTo {
    Route(Route),
    ByName(Arc<ArcSwap<Routes>>),
}

/// A connection that has been accepted.
#[derive(Debug)]
pub(super) struct Guest {
    /// Behind a load balancer, the client's own address as soon as it is known.
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
    pub(super) pools: Pools,
    /// Handshakes of the thread that it was placed on.
    pub(super) turns: Turns,
}

/// A connection whose session can start.
struct Received {
    stream: Stream,
    route: Route,
    certificate: Option<Arc<ClientCertificate>>,
}

impl Reception {
    /// Where connections lead when nothing comes before the session.
    pub(super) fn passes_through(&self) -> Option<&Route> {
        match (&self.guard, &self.target) {
            (
                ListenerGuard {
                    proxies: None,
                    tls: None,
                },
                LeadsTo::Route(route),
            ) => Some(route),
            _ => None,
        }
    }

    /// Starts the session, or closes the connection and says why.
    pub(super) async fn receive(&self, socket: TcpStream, mut guest: Guest, entrance: &Entrance) {
        let limit = entrance.shared.limits.handshake_timeout;
        let lost = guest.seat.lost();
        let received = tokio::select! {
            received = tokio::time::timeout(limit, self.prepare(socket, &mut guest)) => {
                received.unwrap_or(Err(TurnedAway::TooSlow))
            }
            () = lost => Err(TurnedAway::SeatGivenAway),
        };
        match received {
            Ok(received) => entrance.start(received.stream, guest, &received.route, received.certificate),
            Err(away) => self.turn_away(guest.peer, &away, entrance),
        }
    }

    fn turn_away(&self, peer: SocketAddr, away: &TurnedAway, entrance: &Entrance) {
        entrance.shared.metrics.turned_away(away.label());
        let listener = &self.listener;
        if away.is_ordinary() {
            debug!(%peer, %listener, reason = %away, "a connection was closed");
        } else {
            entrance.seldom.log(
                away.label().name(),
                || warn!(%peer, %listener, reason = %away, "a connection was closed"),
            );
        }
    }

    async fn prepare(&self, mut socket: TcpStream, guest: &mut Guest) -> Result<Received, TurnedAway> {
        if let Some(trusted) = &self.guard.proxies {
            if !trusted.contain(guest.peer.ip()) {
                return Err(TurnedAway::UntrustedSource);
            }
            if let ProxyOrigin::Client(client) = read_origin(&mut socket).await? {
                guest.peer = client;
                guest.seat.comes_from(client.ip());
            }
        }
        // An error leaves the socket slower than it could be.
        drop(socket.set_nodelay(true));
        let Some(tls) = &self.guard.tls else {
            let route = self.route(None)?;
            return Ok(Received {
                stream: Stream::Plain(socket),
                route,
                certificate: None,
            });
        };
        expect_tls(&socket).await?;
        let hello = LazyConfigAcceptor::new(Acceptor::default(), socket)
            .await
            .map_err(TurnedAway::handshake)?;
        let route = self.route(hello.client_hello().server_name());
        let route = match route {
            Ok(route) => route,
            Err(away) => {
                let mut socket = hello.io;
                // A client that does not take it is closed without.
                drop(socket.write_all(&UNRECOGNIZED_NAME).await);
                part(socket).await;
                return Err(away);
            }
        };
        let config: Arc<ServerConfig> = tls.config();
        // Keys are agreed on and signed here.
        let handshake = guest.turns.make(|| hello.into_stream(config)).await;
        let stream = match handshake.into_fallible().await {
            Ok(stream) => stream,
            Err((error, socket)) => {
                part(socket).await;
                return Err(TurnedAway::handshake(error));
            }
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown
            .map(|leaf| certificate::read(leaf))
            .transpose()
            .map_err(|error| TurnedAway::BadCertificate(error.to_string()))?;
        Ok(Received {
            stream: Stream::Tls(Box::new(TlsStream::Server(stream))),
            route,
            certificate: certificate.map(Arc::new),
        })
    }

    fn route(&self, server_name: Option<&str>) -> Result<Route, TurnedAway> {
        let routes = match &self.target {
            LeadsTo::Route(route) => return Ok(route.clone()),
            LeadsTo::ByName(routes) => routes.load(),
        };
        let name = server_name.ok_or(TurnedAway::NoServerName)?;
        routes.find(name).cloned().ok_or_else(|| {
            let shown = name.chars().take(MAX_LOGGED_NAME_BYTES).collect();
            TurnedAway::UnknownServerName(shown)
        })
    }
}

/// Reads the header of a load balancer.
async fn read_origin(socket: &mut TcpStream) -> Result<ProxyOrigin, TurnedAway> {
    let mut fixed = [0; FIXED_BYTES];
    read_exact(socket, &mut fixed).await?;
    let fixed = Fixed::parse(&fixed)?;
    let mut rest = vec![0; fixed.rest_bytes];
    read_exact(socket, &mut rest).await?;
    Ok(fixed.origin(&rest)?)
}

/// Closes a connection so that the client reads why: what it has sent meanwhile would make it a reset, which takes the
/// last alert away from it.
async fn part(mut socket: TcpStream) {
    let parting = async {
        socket.shutdown().await?;
        let mut rest = [0; 512];
        for _ in 0..MAX_PARTING_READS {
            if socket.read(&mut rest).await? == 0 {
                break;
            }
        }
        io::Result::Ok(())
    };
    // Whatever comes of it, the connection is over.
    drop(tokio::time::timeout(PARTING, parting).await);
}

async fn read_exact(socket: &mut TcpStream, bytes: &mut [u8]) -> Result<(), TurnedAway> {
    match socket.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TurnedAway::Silent),
        Err(error) => Err(TurnedAway::Broken(error)),
    }
}

/// Looks at the first bytes of a connection without taking them.
///
/// # Errors
/// They are not TLS, or none come.
pub async fn expect_tls(socket: &TcpStream) -> Result<(), TurnedAway> {
    let mut start = [0; 4];
    match socket.peek(&mut start).await.map_err(TurnedAway::Broken)? {
        0 => Err(TurnedAway::Silent),
        _ if start[0] == TLS_HANDSHAKE => Ok(()),
        count => Err(TurnedAway::not_tls(&start[..count])),
    }
}
