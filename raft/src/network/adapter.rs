//! openraft's network, on our connections.

use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
    TransferLeaderRequest, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};

use super::message::{AppendAnswer, AppendMessage, Request, Response};
use super::peer::{CallError, Peer};
use super::peers::Peers;
use super::pieces;
use crate::model::NodeId;
use crate::types::{Snapshot, TypeConfig, Vote};

/// Entries wait for the follower's disk; openraft's own limit is meant for heartbeats.
const APPEND: Duration = Duration::from_secs(3);
/// How many bytes of entries go into one message, unless one entry has more: so that it arrives in time over a slow line.
const APPEND_BYTES: u64 = 1024 * 1024;

/// Makes the connections that openraft asks for. The membership has no addresses.
#[derive(Debug)]
pub(crate) struct Network {
    peers: Peers,
}

impl Network {
    pub(crate) fn new(peers: Peers) -> Self {
        Self { peers }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, _: &BasicNode) -> Connection {
        Connection {
            id: NodeId(target),
            peers: self.peers.clone(),
        }
    }
}

/// openraft's way to one peer.
#[derive(Debug)]
pub(crate) struct Connection {
    id: NodeId,
    /// Asked anew for each message: a node may be in the membership before it is known where it is.
    peers: Peers,
}

type RpcResult<T> = Result<T, RPCError<TypeConfig>>;

impl Connection {
    /// Every failure is `Unreachable`: openraft would try again without a pause after any other.
    async fn call(&self, request: &Request, limit: Duration) -> RpcResult<Response> {
        let peer = self.peer()?;
        match peer.call(request, limit).await {
            Ok(Response::Failed(failure)) => Err(failure.into()),
            Ok(response) => Ok(response),
            Err(error) => Err(Unreachable::new(&error).into()),
        }
    }

    fn peer(&self) -> RpcResult<Arc<Peer>> {
        let unknown = || Unreachable::new(&CallError::Unknown(self.id)).into();
        self.peers.get(self.id).ok_or_else(unknown)
    }

    fn unexpected<T>(&self) -> RpcResult<T> {
        Err(Unreachable::new(&self.peer()?.unexpected()).into())
    }

    async fn ask_for_vote(
        &self,
        request: &Request,
        option: &RPCOption,
    ) -> RpcResult<VoteResponse<TypeConfig>> {
        match self.call(request, option.soft_ttl()).await? {
            Response::Vote { vote, granted, last } => {
                Ok(VoteResponse::new(Vote::from(vote), last.map(Into::into), granted))
            }
            _ => self.unexpected(),
        }
    }
}

impl RaftNetworkV2<TypeConfig> for Connection {
    type SnapshotData = Vec<u8>;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> RpcResult<AppendEntriesResponse<TypeConfig>> {
        let limit = if rpc.entries.is_empty() {
            option.soft_ttl()
        } else {
            APPEND
        };
        let mut message = AppendMessage::new(rpc);
        let part = message.keep_within(APPEND_BYTES);
        match self.call(&Request::Append(message), limit).await? {
            Response::Append(AppendAnswer::Success) if part.is_some() => {
                Ok(AppendAnswer::Partial(part).into())
            }
            Response::Append(answer) => Ok(answer.into()),
            _ => self.unexpected(),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> RpcResult<VoteResponse<TypeConfig>> {
        let term = rpc.vote.leader_id.term;
        let response = self.ask_for_vote(&Request::Vote(rpc.into()), &option).await?;
        if response.vote_granted {
            self.peer()?.has_voted(term);
        }
        Ok(response)
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> RpcResult<VoteResponse<TypeConfig>> {
        self.ask_for_vote(&Request::PreVote(rpc.into()), &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let mut cancel = std::pin::pin!(cancel);
        for piece in pieces::cut(vote.into(), &snapshot.snapshot) {
            let request = Request::Snapshot(piece);
            let response = tokio::select! {
                response = self.call(&request, option.soft_ttl()) => response?,
                closed = &mut cancel => return Err(closed.into()),
            };
            match response {
                Response::Piece => {}
                Response::Snapshot { vote } => return Ok(SnapshotResponse::new(vote.into())),
                _ => return Ok(self.unexpected()?),
            }
        }
        Ok(self.unexpected()?)
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> RpcResult<Result<(), TransferLeaderError<TypeConfig>>> {
        match self.call(&Request::transfer(&req), option.soft_ttl()).await? {
            Response::TransferLeader { accepted: true } => Ok(Ok(())),
            // openraft only logs what exactly changed.
            Response::TransferLeader { accepted: false } => Ok(Err(TransferLeaderError::LogNotFlushed {
                expected: req.last_log_id().copied(),
                actual: None,
            })),
            _ => self.unexpected(),
        }
    }
}
