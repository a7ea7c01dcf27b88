//! Peers over TCP.

use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use crate::command::Proposal;
use crate::model::{NodeId, Revision};
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::types::{Snapshot, TypeConfig, Vote};

/// A leader's answer to a proposal.
#[derive(Debug)]
pub(crate) enum TakeAnswer {
    Committed { outcome: Outcome, revision: Revision },
    NotLeader,
    DiskFull,
    Stopped,
}

#[derive(Debug, thiserror::Error)]
#[error("peer connections are not there yet")]
pub(crate) struct CallError;

/// All peers of this node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peers {
    peers: Arc<Vec<Arc<Peer>>>,
}

impl Peers {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.peers.iter()
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Arc<Peer>> {
        self.peers.iter().find(|peer| peer.id == id)
    }

    pub(crate) async fn propose(&self, _: NodeId, _: Proposal, _: Duration) -> Result<TakeAnswer, CallError> {
        Err(CallError)
    }
}

#[derive(Debug)]
pub(crate) struct Network;

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Self;

    async fn new_client(&mut self, _: u64, _: &BasicNode) -> Self {
        Self
    }
}

fn unreachable() -> Unreachable<TypeConfig> {
    Unreachable::new(&CallError)
}

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = Vec<u8>;

    async fn append_entries(
        &mut self,
        _: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(unreachable().into())
    }

    async fn vote(
        &mut self,
        _: VoteRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(unreachable().into())
    }

    async fn full_snapshot(
        &mut self,
        _: Vote,
        _: Snapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        Err(unreachable().into())
    }
}
