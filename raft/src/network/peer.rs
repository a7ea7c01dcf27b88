//! One peer: where it is, connections to it, when it answered last, and how far it has come.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::channel::{Channel, ChannelError};
use super::exclusion::{ExclusionNews, NodeExclusion};
use super::handshake::{HandshakeError, Identity};
use super::hello::Relation;
use super::message::{Request, Response};
use super::places::PeerPlaces;
use super::seats::Whereabouts;
use crate::model::{NodeId, Revision};

/// Connections that are kept for later.
const IDLE_CONNECTIONS: usize = 8;
/// A kept connection is not used again after this long; the server closes it a while later.
const IDLE: Duration = Duration::from_secs(20);
/// Proposals on their way to one leader at once.
const PROPOSALS: usize = 16;
const CONNECT: Duration = Duration::from_secs(1);

/// Why a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("it is not known where node {0} is")]
    Unknown(NodeId),
    #[error("cannot connect to {address}")]
    Connect { address: String, source: std::io::Error },
    #[error("the handshake with {address} failed")]
    Handshake { address: String, source: HandshakeError },
    #[error("the connection to {address} failed")]
    Channel { address: String, source: ChannelError },
    #[error("{address} did not answer within {} ms", limit.as_millis())]
    Late { address: String, limit: Duration },
    #[error("{address} gave an answer that does not match the request")]
    Unexpected { address: String },
}

/// One other node of the cluster.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(super) places: PeerPlaces,
    identity: Identity,
    whereabouts: Arc<Whereabouts>,
    exclusion: ExclusionNews,
    /// Told when the process of a peer has ended.
    ended: Arc<Notify>,
    seen: watch::Sender<Seen>,
    idle: Mutex<Vec<Channel>>,
    pub(super) proposals: Semaphore,
}

/// A peer as its last answer showed it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) at: Option<Instant>,
    pub(crate) visible: Revision,
    /// Whether nobody listens at its address since then: its process has ended.
    pub(crate) is_gone: bool,
}

impl Seen {
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        self.at.map(|at| at.elapsed())
    }
}

impl Peer {
    /// The peer `id` at these places, as `identity` calls it.
    pub(super) fn new(
        (id, places): (NodeId, PeerPlaces),
        identity: &Identity,
        (whereabouts, exclusion, ended): (&Arc<Whereabouts>, &ExclusionNews, &Arc<Notify>),
    ) -> Self {
        Self {
            id,
            places,
            identity: identity.clone(),
            whereabouts: Arc::clone(whereabouts),
            exclusion: exclusion.clone(),
            ended: Arc::clone(ended),
            seen: watch::Sender::default(),
            idle: Mutex::default(),
            proposals: Semaphore::new(PROPOSALS),
        }
    }

    /// Where it was looked for last.
    pub(crate) fn address(&self) -> String {
        self.places.current().unwrap_or_default()
    }

    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// The peer has answered that it shows `visible`.
    pub(super) fn heard(&self, visible: Revision) {
        self.identity.boots.shows(self.id, visible);
        self.seen.send_replace(Seen {
            at: Some(Instant::now()),
            visible,
            is_gone: false,
        });
    }

    /// The peer has given its vote in this term.
    pub(super) fn has_voted(&self, term: u64) {
        self.identity.boots.votes(self.id, term);
    }

    /// The peer did not answer.
    pub(super) fn missed(&self, error: &CallError) {
        if let CallError::Connect { source, .. } = error
            && source.kind() == std::io::ErrorKind::ConnectionRefused
            && self.places.are_all_refused()
        {
            let has_ended = self
                .seen
                .send_if_modified(|seen| !std::mem::replace(&mut seen.is_gone, true));
            if has_ended {
                self.ended.notify_one();
            }
        }
    }

    pub(crate) fn unexpected(&self) -> CallError {
        CallError::Unexpected {
            address: self.address(),
        }
    }

    /// Asks the peer. Dropping the future closes the connection that it used.
    pub(crate) async fn call(&self, request: &Request, limit: Duration) -> Result<Response, CallError> {
        match timeout(limit, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(CallError::Late {
                address: self.address(),
                limit,
            }),
        }
    }

    /// A kept connection may have been closed by the peer in the meantime; then a new one is tried. Every request may
    /// arrive twice.
    async fn exchange(&self, request: &Request) -> Result<Response, CallError> {
        while let Some(mut channel) = self.take_idle() {
            if let Ok(response) = ask(&mut channel, request).await {
                self.keep(channel);
                return Ok(response);
            }
        }
        let mut channel = self.connect().await?;
        let response = ask(&mut channel, request)
            .await
            .map_err(|source| CallError::Channel {
                address: self.address(),
                source,
            })?;
        self.keep(channel);
        Ok(response)
    }

    async fn connect(&self) -> Result<Channel, CallError> {
        let place = self.places.current().ok_or(CallError::Unknown(self.id))?;
        let late = || CallError::Late {
            address: place.clone(),
            limit: CONNECT,
        };
        let stream = match timeout(CONNECT, TcpStream::connect(&place)).await {
            Ok(Ok(stream)) => stream,
            failed => {
                let source = failed.ok().and_then(Result::err);
                let is_refused = source
                    .as_ref()
                    .is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
                self.places.failed(&place, is_refused);
                return Err(source.map_or_else(late, |source| CallError::Connect {
                    address: place.clone(),
                    source,
                }));
            }
        };
        self.places.reached();
        if let Ok(address) = stream.peer_addr() {
            self.whereabouts.note(self.id, address.ip());
        }
        // Without it small frames wait for acknowledgements; a socket that refuses it still works.
        stream.set_nodelay(true).ok();
        let agreed = timeout(CONNECT, self.identity.call(stream, &place, self.id))
            .await
            .map_err(|_| late())?;
        match &agreed {
            Err(HandshakeError::Removed(at)) => self.exclusion.note(NodeExclusion::Removed { at: *at }),
            Err(HandshakeError::OldCopy) => self.exclusion.note(NodeExclusion::OldCopy { by: self.id }),
            Err(HandshakeError::AnotherProcess) => self.identity.boots.is_beside_another(true),
            Ok(_) => self.identity.boots.is_beside_another(false),
            Err(_) => {}
        }
        agreed.map_err(|source| CallError::Handshake {
            address: place.clone(),
            source,
        })
    }

    fn take_idle(&self) -> Option<Channel> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_current = |mark| self.identity.boots.is_current(self.id, mark);
        idle.retain(|channel| now.duration_since(channel.used) < IDLE && channel.boot.is_none_or(is_current));
        idle.pop()
    }

    /// Strangers make a new connection for every request: by then they may know more of each other.
    fn keep(&self, channel: Channel) {
        if channel.terms.relation == Relation::Strangers {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(channel);
        }
    }
}

pub(super) async fn ask(channel: &mut Channel, request: &Request) -> Result<Response, ChannelError> {
    channel.send(request).await?;
    channel.receive().await
}
