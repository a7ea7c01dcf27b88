//! One peer: where it is, connections to it, when it answered last, and how far it has come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::channel::{Channel, ChannelError};
use super::handshake::{HandshakeError, Identity};
use super::hello::Relation;
use super::message::{FloorAnswer, LeaseAnswer, Request, Response, SettledAnswer, TakeAnswer};
use super::seats::Whereabouts;
use crate::command::Proposal;
use crate::lease::ProcessId;
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
    #[error("node {0} is not configured as a peer")]
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
    pub(crate) address: String,
    identity: Identity,
    whereabouts: Arc<Whereabouts>,
    seen: watch::Sender<Seen>,
    idle: Mutex<Vec<Channel>>,
    proposals: Semaphore,
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

/// All other nodes of the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers {
    peers: Arc<BTreeMap<NodeId, Arc<Peer>>>,
    whereabouts: Arc<Whereabouts>,
}

impl Peers {
    /// `addresses` may name this node too.
    pub(crate) fn new(identity: &Identity, addresses: &BTreeMap<NodeId, String>) -> Self {
        let whereabouts = Arc::<Whereabouts>::default();
        let others = addresses.iter().filter(|(id, _)| **id != identity.own);
        let peers = others.map(|(id, address)| {
            let peer = Peer {
                id: *id,
                address: address.clone(),
                identity: identity.clone(),
                whereabouts: Arc::clone(&whereabouts),
                seen: watch::Sender::default(),
                idle: Mutex::default(),
                proposals: Semaphore::new(PROPOSALS),
            };
            (*id, Arc::new(peer))
        });
        Self {
            peers: Arc::new(peers.collect()),
            whereabouts,
        }
    }

    /// Where they were last.
    pub(super) fn whereabouts(&self) -> Arc<Whereabouts> {
        Arc::clone(&self.whereabouts)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.values()
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Arc<Peer>> {
        self.peers.get(&id)
    }

    /// Has the leader commit a proposal.
    pub(crate) async fn propose(
        &self,
        leader: NodeId,
        proposal: Proposal,
        limit: Duration,
    ) -> Result<TakeAnswer, CallError> {
        let peer = self.get(leader).ok_or(CallError::Unknown(leader))?;
        let permit = timeout(limit, peer.proposals.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(CallError::Late {
                address: peer.address.clone(),
                limit,
            });
        };
        match peer.call(&Request::Propose(Box::new(proposal)), limit).await? {
            Response::Taken(answer) => Ok(answer),
            Response::Failed(_) => Ok(TakeAnswer::NotLeader),
            _ => Err(peer.unexpected()),
        }
    }

    /// Has the leader say how far the cluster has come.
    pub(crate) async fn floor(&self, leader: NodeId, limit: Duration) -> Result<FloorAnswer, CallError> {
        let peer = self.get(leader).ok_or(CallError::Unknown(leader))?;
        match peer.call(&Request::Floor, limit).await? {
            Response::Floor(answer) => Ok(answer),
            Response::Failed(_) => Ok(FloorAnswer::NotLeader),
            _ => Err(peer.unexpected()),
        }
    }

    /// Asks the leader for a lease.
    pub(crate) async fn lease(
        &self,
        leader: NodeId,
        process: ProcessId,
        shows: Revision,
        limit: Duration,
    ) -> Result<LeaseAnswer, CallError> {
        let peer = self.get(leader).ok_or(CallError::Unknown(leader))?;
        match peer.call(&Request::Lease { process, shows }, limit).await? {
            Response::Lease(answer) => Ok(answer),
            Response::Failed(_) => Ok(LeaseAnswer::NotLeader),
            _ => Err(peer.unexpected()),
        }
    }

    /// Tells the leader what this node shows.
    pub(crate) async fn shows(
        &self,
        leader: NodeId,
        process: ProcessId,
        shows: Revision,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.note(leader, Request::Shows { process, shows }, limit).await
    }

    /// Tells the leader that this process decides nothing any more.
    pub(crate) async fn releases(
        &self,
        leader: NodeId,
        process: ProcessId,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.note(leader, Request::Release { process }, limit).await
    }

    async fn note(&self, leader: NodeId, request: Request, limit: Duration) -> Result<(), CallError> {
        let peer = self.get(leader).ok_or(CallError::Unknown(leader))?;
        match peer.call(&request, limit).await? {
            Response::Noted => Ok(()),
            _ => Err(peer.unexpected()),
        }
    }

    /// Has the leader say who still decides by what was before a revision.
    pub(crate) async fn settled(
        &self,
        leader: NodeId,
        revision: Revision,
        limit: Duration,
    ) -> Result<SettledAnswer, CallError> {
        let peer = self.get(leader).ok_or(CallError::Unknown(leader))?;
        match peer.call(&Request::Settled { revision }, limit).await? {
            Response::Settled(answer) => Ok(answer),
            Response::Failed(_) => Ok(SettledAnswer::NotLeader),
            _ => Err(peer.unexpected()),
        }
    }
}

impl Peer {
    pub(crate) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// The peer has answered that it shows `visible`.
    pub(super) fn heard(&self, visible: Revision) {
        self.seen.send_replace(Seen {
            at: Some(Instant::now()),
            visible,
            is_gone: false,
        });
    }

    /// The peer did not answer.
    pub(super) fn missed(&self, error: &CallError) {
        if let CallError::Connect { source, .. } = error
            && source.kind() == std::io::ErrorKind::ConnectionRefused
        {
            self.seen
                .send_if_modified(|seen| !std::mem::replace(&mut seen.is_gone, true));
        }
    }

    pub(crate) fn unexpected(&self) -> CallError {
        CallError::Unexpected {
            address: self.address.clone(),
        }
    }

    /// Asks the peer. Dropping the future closes the connection that it used.
    pub(crate) async fn call(&self, request: &Request, limit: Duration) -> Result<Response, CallError> {
        match timeout(limit, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(CallError::Late {
                address: self.address.clone(),
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
                address: self.address.clone(),
                source,
            })?;
        self.keep(channel);
        Ok(response)
    }

    async fn connect(&self) -> Result<Channel, CallError> {
        let address = || self.address.clone();
        let late = || CallError::Late {
            address: address(),
            limit: CONNECT,
        };
        let stream = timeout(CONNECT, TcpStream::connect(&self.address))
            .await
            .map_err(|_| late())?;
        let stream = stream.map_err(|source| CallError::Connect {
            address: address(),
            source,
        })?;
        if let Ok(address) = stream.peer_addr() {
            self.whereabouts.note(self.id, address.ip());
        }
        // Without it small frames wait for acknowledgements; a socket that refuses it still works.
        stream.set_nodelay(true).ok();
        let agreed = timeout(CONNECT, self.identity.call(stream, &self.address, self.id))
            .await
            .map_err(|_| late())?;
        agreed.map_err(|source| CallError::Handshake {
            address: address(),
            source,
        })
    }

    fn take_idle(&self) -> Option<Channel> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        idle.retain(|channel| now.duration_since(channel.used) < IDLE);
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

async fn ask(channel: &mut Channel, request: &Request) -> Result<Response, ChannelError> {
    channel.send(request).await?;
    channel.receive().await
}
