//! The other nodes of the cluster, as they come and go, and the questions that a leader is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::exclusion::ExclusionNews;
use super::handshake::Identity;
use super::message::{FloorAnswer, LeaseAnswer, Request, Response, SettledAnswer, TakeAnswer};
use super::peer::{CallError, Peer};
use super::places::PeerPlaces;
use super::seats::Whereabouts;
use crate::boots::KnownBoots;
use crate::command::Proposal;
use crate::lease::ProcessId;
use crate::model::{NodeId, QuotaDemand, Revision};

/// The peers by id.
pub(crate) type PeerMap = BTreeMap<NodeId, Arc<Peer>>;

/// All other nodes of the cluster. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    peers: watch::Sender<Arc<PeerMap>>,
    identity: Identity,
    /// Those that are configured, by which they are looked for first.
    listed: Arc<BTreeMap<NodeId, String>>,
    whereabouts: Arc<Whereabouts>,
    exclusion: ExclusionNews,
    ended: Arc<Notify>,
}

impl Peers {
    /// Knows nobody yet. `listed` are the nodes that are configured, and may name this one too.
    pub(crate) fn new(identity: &Identity, listed: &BTreeMap<NodeId, String>) -> Self {
        Self {
            peers: watch::Sender::default(),
            identity: identity.clone(),
            listed: Arc::new(listed.clone()),
            whereabouts: Arc::default(),
            exclusion: ExclusionNews::default(),
            ended: Arc::default(),
        }
    }

    /// From now on these are the nodes of the cluster, this one included or not. `addresses` are on record.
    pub(crate) fn set(&self, ids: &BTreeSet<NodeId>, addresses: &BTreeMap<NodeId, String>) {
        let known = self.now();
        for (id, peer) in known.iter().filter(|(id, _)| ids.contains(id)) {
            peer.places.is_recorded(addresses.get(id));
        }
        let others = ids.iter().filter(|id| **id != self.identity.own);
        if known.keys().eq(others.clone()) {
            return;
        }
        let peers = others.map(|id| {
            let peer = known.get(id).cloned();
            (*id, peer.unwrap_or_else(|| self.peer(*id, addresses.get(id))))
        });
        self.peers.send_replace(Arc::new(peers.collect()));
    }

    fn peer(&self, id: NodeId, recorded: Option<&String>) -> Arc<Peer> {
        let places = PeerPlaces::new(self.listed.get(&id), recorded);
        let shared = (&self.whereabouts, &self.exclusion, &self.ended);
        Arc::new(Peer::new((id, places), &self.identity, shared))
    }

    /// A peer has proved who it is, and says that it is there.
    pub(super) fn says(&self, id: NodeId, address: &str) {
        if let Some(peer) = self.get(id) {
            peer.places.says(address);
        }
    }

    /// Where they were last.
    pub(super) fn whereabouts(&self) -> Arc<Whereabouts> {
        Arc::clone(&self.whereabouts)
    }

    /// Whether this node was told that it is none of the cluster any more.
    pub(crate) fn exclusion(&self) -> &ExclusionNews {
        &self.exclusion
    }

    /// Returns when the process of a peer has ended, to one who waits.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// The starts of nodes that are known.
    pub(crate) fn boots(&self) -> &KnownBoots {
        &self.identity.boots
    }

    pub(crate) fn now(&self) -> Arc<PeerMap> {
        Arc::clone(&self.peers.borrow())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<PeerMap>> {
        self.peers.subscribe()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Peer>> {
        self.now().values().cloned().collect()
    }

    pub(crate) fn are_none(&self) -> bool {
        self.peers.borrow().is_empty()
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<Arc<Peer>> {
        self.peers.borrow().get(&id).cloned()
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
                address: peer.address(),
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

    /// Asks a node how long ago it last acknowledged a leader of a term before this one. It is at least so long.
    pub(crate) async fn acknowledged(
        &self,
        node: NodeId,
        before: u64,
        limit: Duration,
    ) -> Result<Duration, CallError> {
        let peer = self.get(node).ok_or(CallError::Unknown(node))?;
        match peer.call(&Request::Acknowledged { before }, limit).await? {
            Response::Acknowledged { millis } => Ok(Duration::from_millis(millis)),
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

    /// Tells a peer how much is wanted here.
    pub(crate) async fn wants(
        &self,
        peer: NodeId,
        demands: Vec<QuotaDemand>,
        limit: Duration,
    ) -> Result<(), CallError> {
        self.note(peer, Request::Demands(demands), limit).await
    }

    /// Asks the application of a peer.
    pub(crate) async fn inquire(
        &self,
        peer: NodeId,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let peer = self.get(peer).ok_or(CallError::Unknown(peer))?;
        match peer.call(&Request::Inquire(question), limit).await? {
            Response::Told(answer) => Ok(answer),
            _ => Err(peer.unexpected()),
        }
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
