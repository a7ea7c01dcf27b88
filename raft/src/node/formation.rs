//! How a node whose file is new takes its place.
//!
//! A new file means a new cluster, or a node that lost its disk. Only when *all* nodes are there and none has ever
//! promised anything, the one with the lowest id founds the cluster under a new random id, after each of the others has
//! durably joined that. In any other case somebody remembers a cluster, and this node has forgotten what it promised there.
//! It then learns from so many members that every majority that it may have been part of has one among them, which cluster
//! that is, and what it may have voted and acknowledged at most; it votes for nothing older, and not at all before its log
//! reaches that far.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{Instant, sleep, timeout};

use super::core::{Core, Raft};
use super::list;
use crate::founding::FoundingId;
use crate::model::NodeId;
use crate::network::{JoinAnswer, Peer, PeerDescription, Request, Response};
use crate::standing::StandingKeeper;
use crate::store::Standing;
use crate::types::{LogId, Vote};

const ASK: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);
/// How often the log says what is waited for.
const REMIND: Duration = Duration::from_secs(10);

/// Runs until this node knows its standing.
pub(super) async fn take_place(core: &Core, standing: &StandingKeeper) -> io::Result<()> {
    if standing.now() == Standing::New && core.listed.iter().all(|id| *id == core.id) {
        standing.join(new_cluster()?).await?;
        return Ok(());
    }
    let mut reminded: Option<Instant> = None;
    let mut changes = standing.watch();
    while standing.now() == Standing::New {
        let waits_for = advance(core, standing).await?;
        if standing.now() == Standing::New && reminded.is_none_or(|at| at.elapsed() > REMIND) {
            tracing::info!("{waits_for}");
            reminded = Some(Instant::now());
        }
        // A founder may make this node a member in the meantime.
        timeout(PAUSE, changes.wait_for(|standing| *standing != Standing::New))
            .await
            .ok();
    }
    Ok(())
}

fn new_cluster() -> io::Result<FoundingId> {
    FoundingId::random().map_err(|_| io::Error::other("the operating system provides no random bytes"))
}

/// One attempt; says what is missing.
async fn advance(core: &Core, standing: &StandingKeeper) -> io::Result<String> {
    let (own, peers) = (core.id, core.peers.all());
    let asked = peers
        .iter()
        .map(|peer| async move { (peer, describe(peer).await) });
    let answers = futures::future::join_all(asked).await;
    let known: Vec<(&Arc<Peer>, PeerDescription)> = answers
        .iter()
        .filter_map(|(peer, answer)| Some((*peer, (*answer)?)))
        .collect();
    let missing: Vec<NodeId> = answers
        .iter()
        .filter(|(_, answer)| answer.is_none())
        .map(|(peer, _)| peer.id)
        .collect();
    if !standing.is_pristine() || known.iter().any(|(_, known)| !known.is_pristine()) {
        return rejoin(core, &known, standing).await;
    }
    if !missing.is_empty() {
        return Ok(format!(
            "the cluster is not founded yet: nodes {missing:?} do not answer"
        ));
    }
    if peers.iter().any(|peer| peer.id < own) {
        return Ok("the cluster is not founded yet: the node with the lowest id has to do that".to_owned());
    }
    let cluster = new_cluster()?;
    let joins = futures::future::join_all(peers.iter().map(|peer| join(peer, cluster))).await;
    if joins.into_iter().all(|joined| joined) {
        standing.join(cluster).await?;
        tracing::info!(%cluster, "the cluster is founded");
    }
    Ok("the cluster is not founded yet: a node did not join".to_owned())
}

async fn rejoin(
    core: &Core,
    known: &[(&Arc<Peer>, PeerDescription)],
    standing: &StandingKeeper,
) -> io::Result<String> {
    let nodes = core.listed.len();
    let majority = nodes / 2 + 1;
    let needed = nodes - majority + 1;
    let members: Vec<&(&Arc<Peer>, PeerDescription)> =
        known.iter().filter(|(_, known)| known.member).collect();
    for (peer, _) in &members {
        let voters = voters(peer).await;
        if voters.as_ref().is_some_and(BTreeSet::is_empty) {
            return Ok(format!("node {} is still starting", peer.id));
        }
        if let Some(voters) = voters.filter(|voters| *voters != core.listed) {
            return Ok(format!(
                "this node's data is gone, and it cannot come back as node {}, because nodes {} vote by now: let it join as a new node (klamm.raft.join, with klamm.node.id: auto), and remove node {}",
                core.id,
                list(&Vec::from_iter(voters)),
                core.id
            ));
        }
    }
    if members.len() < needed {
        return Ok(format!(
            "this node's data is gone, but its cluster already exists: {needed} members must answer, and {} do",
            members.len()
        ));
    }
    let members: Vec<PeerDescription> = members.iter().map(|(_, known)| *known).collect();
    let clusters: BTreeSet<FoundingId> = members.iter().filter_map(|member| member.cluster).collect();
    let Some(cluster) = clusters.first().copied().filter(|_| clusters.len() == 1) else {
        return Ok("this node's data is gone, and the other nodes belong to different clusters".to_owned());
    };
    let votes = members.iter().filter_map(|member| member.vote).map(Vote::from);
    let highest = votes
        .map(|vote| (vote.leader_id.term, vote.leader_id.node_id))
        .max();
    let highest = highest.map(|(term, node)| Vote::new(term, node));
    let last = members
        .iter()
        .filter_map(|member| member.last)
        .map(|last| LogId::from(last).index)
        .max();
    let threshold = last.unwrap_or(0);
    tracing::warn!(
        threshold,
        %cluster,
        "this node's data is gone: it fetches the data from the others, and votes once it has caught up"
    );
    let told = core.peers.boots().told();
    standing.rejoin(cluster, (highest, threshold), told).await?;
    Ok(String::new())
}

async fn describe(peer: &Arc<Peer>) -> Option<PeerDescription> {
    match peer.call(&Request::Describe, ASK).await {
        Ok(Response::Description(description)) => Some(description),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(node = %peer.id, %error, "a node does not say what it has");
            None
        }
    }
}

/// The voters as a member knows them. Where they are not those that founded the cluster, a majority of them may know nothing
/// of what this node promised. A node of an older version cannot say, and has had no others.
async fn voters(peer: &Peer) -> Option<BTreeSet<NodeId>> {
    match peer.call(&Request::Members, ASK).await {
        Ok(Response::Members(known)) => Some(known.voters),
        Ok(_) | Err(_) => None,
    }
}

async fn join(peer: &Arc<Peer>, cluster: FoundingId) -> bool {
    matches!(
        peer.call(&Request::Join { cluster }, ASK).await,
        Ok(Response::Join(JoinAnswer::Joined))
    )
}

/// Lets a node that lost its data vote again, once its log holds all that it may have acknowledged.
pub(super) async fn watch_catching_up(raft: Raft, standing: Arc<StandingKeeper>) {
    let Standing::Rejoining { threshold, .. } = standing.now() else {
        return;
    };
    let metrics = raft.metrics();
    let caught_up = || {
        let now = metrics.borrow_watched();
        now.current_leader.is_some() && now.last_log_index >= Some(threshold)
    };
    while !caught_up() {
        sleep(PAUSE).await;
    }
    match standing.caught_up().await {
        Ok(()) => {
            tracing::info!("this node has its data back and votes again");
            raft.runtime_config().elect(true);
        }
        Err(error) => tracing::error!(%error, "cannot record that this node has caught up"),
    }
}
