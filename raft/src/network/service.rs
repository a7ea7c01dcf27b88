//! Answers peers' requests on this node's behalf.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openraft::raft::TransferLeaderRequest;
use tokio::time::timeout;

use super::message::{
    AdmissionAnswer, AppendMessage, Ballot, Failure, JoinAnswer, KnownMembers, PeerDescription, Request,
    Response, TakeAnswer,
};
use super::pieces::{Gathered, Gathering, Piece};
use crate::clock::BootTime;
use crate::codec::layout::{LogIdV1, VoteV1};
use crate::founding::FoundingId;
use crate::model::{Level, NewNode, NodeId, Revision};
use crate::node::{Core, Raft, SETTLE, floor_as_leader, take};
use crate::standing::StandingKeeper;
use crate::store::{Standing, read_snapshot};
use crate::types::Snapshot;

/// How long a peer that asks what this node shows waits for news.
pub(super) const SHOW_WAIT: Duration = Duration::from_millis(250);

/// The parts that this node answers from.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    standing: Arc<StandingKeeper>,
    /// The highest format that is known here.
    highest: Level,
    /// The pieces of a snapshot that have come.
    gathering: Mutex<Gathering>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>, standing: Arc<StandingKeeper>, highest: Level) -> Self {
        Self {
            core,
            standing,
            highest,
            gathering: Mutex::default(),
        }
    }

    /// The answer to `request` of a peer.
    pub(super) async fn answer(&self, from: NodeId, request: Request) -> Response {
        let answered = match request {
            Request::Describe => Ok(Response::Description(self.describe())),
            Request::Join { cluster } => self.join(cluster).await,
            Request::Show { after } => Ok(Response::Shown(self.show(after).await)),
            Request::Members => Ok(Response::Members(self.members())),
            Request::Demands(demands) => {
                self.core.demands.note(from, demands);
                Ok(Response::Noted)
            }
            Request::Inquire(question) => match self.core.inquiries.get() {
                Some(answerer) => Ok(Response::Told(answerer(question).await)),
                None => Err(Failure::NotTakingPart),
            },
            request => match self.core.raft.get() {
                Some(raft) => self.answer_with(raft, from, request).await,
                None => Err(Failure::NotTakingPart),
            },
        };
        answered.unwrap_or_else(Response::Failed)
    }

    async fn answer_with(&self, raft: &Raft, from: NodeId, request: Request) -> Result<Response, Failure> {
        match request {
            Request::Lease { process, shows } => {
                let answer = self.core.granting.grant(raft, (from, process), shows).await;
                Ok(Response::Lease(answer))
            }
            Request::Shows { process, shows } => {
                self.core.granting.shows(raft, (from, process), shows);
                Ok(Response::Noted)
            }
            Request::Release { process } => {
                self.core.granting.releases(raft, (from, process));
                Ok(Response::Noted)
            }
            Request::Settled { revision } => {
                let answer = self.core.granting.settled(raft, revision, SETTLE).await;
                Ok(Response::Settled(answer))
            }
            Request::Acknowledged { before } => Ok(self.acknowledged(before)),
            Request::Append(message) => self.append(raft, message).await,
            Request::Vote(ballot) => {
                self.may_vote()?;
                vote(raft, ballot).await
            }
            Request::PreVote(ballot) => {
                self.may_vote()?;
                let response = raft.pre_vote(ballot.into()).await.map_err(|_| Failure::Stopped)?;
                Ok(Response::vote(&response))
            }
            Request::Snapshot(piece) => self.gather(raft, piece).await,
            Request::TransferLeader { from, to, last } => {
                self.may_vote()?;
                stand(raft, from, to, last).await
            }
            Request::Propose(proposal) if self.core.space.is_enough() => {
                Ok(Response::Taken(take(raft, *proposal).await))
            }
            Request::Propose(_) => Ok(Response::Taken(TakeAnswer::DiskFull)),
            Request::Admit(new) => Ok(Response::Admission(self.admit(*new).await)),
            Request::Floor => Ok(Response::Floor(floor_as_leader(raft).await)),
            Request::Describe
            | Request::Join { .. }
            | Request::Show { .. }
            | Request::Members
            | Request::Inquire(_)
            | Request::Demands(_) => Err(Failure::NotUnderstood),
        }
    }

    /// A follower cannot refuse single entries to openraft, so it refuses the whole message, and gets it again.
    async fn append(&self, raft: &Raft, message: AppendMessage) -> Result<Response, Failure> {
        if message.has_entries() && !self.core.space.is_enough() {
            return Err(Failure::DiskFull);
        }
        let term = message.term();
        let request = message.into_openraft().map_err(|_| Failure::NotUnderstood)?;
        let response = raft.append_entries(request).await.map_err(|_| Failure::Stopped)?;
        self.core.granting.acknowledges(term);
        Ok(Response::Append(response.into()))
    }

    async fn gather(&self, raft: &Raft, piece: Piece) -> Result<Response, Failure> {
        if !self.core.space.is_enough() {
            return Err(Failure::DiskFull);
        }
        let vote = piece.vote;
        let gathered = {
            let mut gathering = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
            gathering.add(piece)
        };
        match gathered {
            Gathered::Part => Ok(Response::Piece),
            Gathered::Whole(snapshot) => self.install(raft, vote, snapshot).await,
            Gathered::OutOfPlace => Err(Failure::NotUnderstood),
        }
    }

    /// openraft panics on a snapshot that no leader can have sent; what does not decode never reaches it.
    async fn install(&self, raft: &Raft, vote: VoteV1, bytes: Vec<u8>) -> Result<Response, Failure> {
        let read = read_snapshot(bytes, self.highest).await;
        let (decoded, snapshot) = read.map_err(|_| Failure::NotUnderstood)?;
        let meta = decoded.meta().map_err(|_| Failure::NotUnderstood)?;
        drop(decoded);
        let snapshot = Snapshot { meta, snapshot };
        let response = raft
            .install_full_snapshot(vote.into(), snapshot)
            .await
            .map_err(|_| Failure::Stopped)?;
        self.core.granting.acknowledges(vote.term());
        Ok(Response::Snapshot {
            vote: response.vote.into(),
        })
    }

    fn acknowledged(&self, before: u64) -> Response {
        let moment = self.core.granting.acknowledged_before(before);
        let elapsed = BootTime::now().since(moment);
        Response::Acknowledged {
            millis: u64::try_from(elapsed.as_millis()).unwrap_or_default(),
        }
    }

    async fn show(&self, after: Revision) -> Revision {
        let mut visible = self.core.visible.watch();
        // Whether there was news or not, the answer is what is shown now.
        timeout(SHOW_WAIT, visible.wait_for(|visible| *visible > after))
            .await
            .ok();
        self.core.visible.now()
    }

    fn may_vote(&self) -> Result<(), Failure> {
        match self.standing.now() {
            Standing::Member { .. } | Standing::Admitted { .. } => Ok(()),
            Standing::New | Standing::Joining { .. } => Err(Failure::NotTakingPart),
            Standing::Rejoining { .. } => Err(Failure::Rejoining),
        }
    }

    fn describe(&self) -> PeerDescription {
        let (vote, last) = self.standing.log().position();
        let standing = self.standing.now();
        PeerDescription {
            member: standing.is_member(),
            cluster: standing.cluster(),
            vote: vote.map(Into::into),
            last: last.map(Into::into),
        }
    }

    /// The cluster, as this node knows it.
    fn members(&self) -> KnownMembers {
        let members = self.core.members.borrow();
        KnownMembers {
            cluster: self.standing.now().cluster(),
            members: members.all(),
            voters: members.voters(),
        }
    }

    async fn admit(&self, new: NewNode) -> AdmissionAnswer {
        match self.standing.now().cluster() {
            Some(cluster) => self.core.admit(new, cluster).await,
            None => AdmissionAnswer::NotNow("the node that was asked belongs to no cluster yet".to_owned()),
        }
    }

    async fn join(&self, cluster: FoundingId) -> Result<Response, Failure> {
        let joined = self.standing.join(cluster).await.map_err(|_| Failure::Stopped)?;
        Ok(Response::Join(if joined {
            JoinAnswer::Joined
        } else {
            JoinAnswer::HasCluster
        }))
    }
}

async fn vote(raft: &Raft, ballot: Ballot) -> Result<Response, Failure> {
    let response = raft.vote(ballot.into()).await.map_err(|_| Failure::Stopped)?;
    Ok(Response::vote(&response))
}

async fn stand(raft: &Raft, from: VoteV1, to: u64, last: Option<LogIdV1>) -> Result<Response, Failure> {
    let request = TransferLeaderRequest::new(from.into(), to, last.map(Into::into));
    let response = raft
        .handle_transfer_leader(request)
        .await
        .map_err(|_| Failure::Stopped)?;
    Ok(Response::TransferLeader {
        accepted: response.is_ok(),
    })
}
