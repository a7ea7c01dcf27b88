//! Takes connections from peers. Who does not prove to be one costs a small task for a short while.

use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::channel::{Channel, ChannelError};
use super::handshake::Identity;
use super::hello::{NOBODY, Relation};
use super::message::{Failure, Request, Response};
use super::peers::Peers;
use super::port::PeerPort;
use super::refused::{PeerRefusal, RefusalCounts};
use super::seats::{Leave, Place, Seats, Whereabouts};
use super::service::Service;
use crate::model::NodeId;
use crate::seats::AddressBlock;
use crate::seldom::Seldom;

/// Connections that have not proved anything yet, from addresses at which no peer is known to be.
const STRANGERS: usize = 64;
/// Those from each address at which one is.
const NEIGHBOURS: usize = 64;
/// Connections of each peer.
const OF_PEER: usize = 64;
/// Time to prove to be a peer.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// A connection without a request for this long is closed. The caller forgets it earlier.
const IDLE: Duration = Duration::from_secs(60);
/// Time for an answer to leave.
const ANSWER: Duration = Duration::from_secs(30);
/// After a failed accept, which is most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Which callers are let in before they prove anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    Any,
    /// There is nothing to prove.
    LoopbackOnly,
}

/// Runs until it is dropped.
pub(crate) async fn serve(mut port: PeerPort, identity: Identity, peers: Peers, service: Arc<Service>) {
    let (listener, callers) = (port.opened().await, port.callers);
    let door = Arc::new(Door {
        identity,
        service,
        whereabouts: peers.whereabouts(),
        strangers: Seats::new(STRANGERS, STRANGERS),
        neighbours: Seats::new(NEIGHBOURS, usize::MAX),
        peers: Seats::new(OF_PEER, usize::MAX),
        nodes: peers,
        refusals: port.refusals(),
        seldom: Seldom::default(),
    });
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if callers == Callers::LoopbackOnly && !from.ip().to_canonical().is_loopback() {
            let why = "refused a peer that is not on loopback: no cluster secret is set";
            door.turn_away(PeerRefusal::NotOnLoopback, || tracing::warn!(%from, "{why}"));
            continue;
        }
        let address = AddressBlock::of(from.ip());
        if door.whereabouts.has_peer_at(address) {
            let seat = door.neighbours.take(address);
            tokio::spawn(Arc::clone(&door).receive(stream, from, seat));
        } else {
            let seat = door.strangers.take(address);
            tokio::spawn(Arc::clone(&door).receive(stream, from, seat));
        }
    }
}

/// The seat of a connection.
type Seat<K> = (Place<K>, Leave);

/// The state that all connections share.
struct Door {
    identity: Identity,
    service: Arc<Service>,
    whereabouts: Arc<Whereabouts>,
    strangers: Arc<Seats<AddressBlock>>,
    neighbours: Arc<Seats<AddressBlock>>,
    peers: Arc<Seats<NodeId>>,
    /// The other nodes, which may move.
    nodes: Peers,
    refusals: Arc<RefusalCounts>,
    seldom: Seldom,
}

impl Door {
    /// Lets a connection prove itself for as long as it has its seat, and answers it from then on.
    async fn receive<K>(self: Arc<Self>, stream: TcpStream, from: SocketAddr, (place, leave): Seat<K>)
    where
        K: Ord + Hash + Clone,
    {
        stream.set_nodelay(true).ok();
        let met = tokio::select! {
            met = timeout(HANDSHAKE, self.identity.answer(stream)) => met,
            _ = leave => {
                let why = "a connection that had not identified itself was closed to make room on the port for peers";
                return self.turn_away(PeerRefusal::SeatGivenAway, || tracing::warn!(%from, "{why}"));
            }
        };
        drop(place);
        let channel = match met {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let log = || tracing::warn!(%from, %error, cause, "refused a peer connection");
                return self.turn_away(error.refusal(), log);
            }
            Err(_) => {
                let why = "a peer connection did not identify itself in time";
                return self.turn_away(PeerRefusal::TooSlow, || tracing::warn!(%from, "{why}"));
            }
        };
        let terms = channel.terms;
        tracing::debug!(%from, node = %terms.peer, version = %terms.version, "a peer connected");
        self.note(&channel, from);
        let (place, leave) = self.peers.take(terms.peer);
        tokio::select! {
            () = self.converse(channel, place) => {}
            _ = leave => tracing::debug!(node = %terms.peer, "a peer has too many connections: this one is closed"),
        }
    }

    /// Takes note of where a peer is. Who wants to join is none yet.
    fn note(&self, channel: &Channel, from: SocketAddr) {
        let peer = channel.terms.peer;
        if peer != NOBODY {
            self.whereabouts.note(peer, from.ip());
        }
        if let (Relation::Fellows, Some(address)) = (channel.terms.relation, &channel.caller_address) {
            self.nodes.says(peer, address);
        }
    }

    /// Counts a connection that is not to be, and logs it now and then.
    fn turn_away(&self, refusal: PeerRefusal, log: impl FnOnce()) {
        self.refusals.count(refusal);
        self.seldom.log(refusal.name(), log);
    }

    /// Whether the caller is still a node of the cluster, and no other process has taken its place.
    fn is_still_taken(&self, channel: &Channel) -> bool {
        let peer = channel.terms.peer;
        let is_current = |mark| self.identity.boots.is_current(peer, mark);
        self.identity.removed(peer).is_none() && channel.boot.is_none_or(is_current)
    }

    /// Answers one request after the other.
    async fn converse(&self, mut channel: Channel, mut place: Place<NodeId>) {
        loop {
            let request: Request = match timeout(IDLE, channel.receive()).await {
                Ok(Ok(request)) => request,
                Ok(Err(ChannelError::Closed)) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a peer connection has ended");
                    return;
                }
            };
            if !self.is_still_taken(&channel) {
                // It is told why when it calls again.
                return;
            }
            place.is_used();
            let response = match channel.terms.relation {
                Relation::Strangers if !request.is_of_strangers() => Response::Failed(Failure::NotTakingPart),
                _ => self.service.answer(channel.terms.peer, request).await,
            };
            if !matches!(timeout(ANSWER, channel.send(&response)).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}
