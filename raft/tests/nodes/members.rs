//! Nodes join and leave a running cluster: numbers are given once, voters change all at once, and nobody who has left decides
//! or comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use klamm_raft::command::{Command, MemberChange};
use klamm_raft::model::{Departure, Liveness, NodeId, NodeRecord, Revision, VoterPlan};
use klamm_raft::outcome::{Outcome, Refusal};
use klamm_raft::{Node, NotReady, OwnId, RaftConfig, StartError};

use crate::support::{Cluster, LIMIT, eventually, liveness, propose};

/// The configuration of a node that joins. It has any number, and a directory of its own.
fn joining(cluster: &Cluster, at: u16) -> RaftConfig {
    let address = cluster.spare_address(at);
    let record = NodeRecord::with_ports(format!("gateway-{at}"), 6969, 50_000);
    RaftConfig {
        id: OwnId::Given { founding: None },
        listen: Some(address.parse().unwrap()),
        address: Some(address),
        peers: BTreeMap::new(),
        seeds: cluster.peers.values().cloned().collect(),
        secret: cluster.secret.clone(),
        tuning: cluster.tuning.clone(),
        ..RaftConfig::single(NodeId(0), cluster.data_dir(100 + u64::from(at)), record)
    }
}

/// Has a node join, and waits until it is ready.
async fn join(cluster: &mut Cluster, at: u16) -> u64 {
    let node = Node::start(joining(cluster, at)).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    let id = node.id().0;
    cluster.nodes.insert(id, node);
    id
}

/// One node that founds a cluster by itself, and can be joined.
async fn alone() -> Cluster {
    let mut cluster = Cluster::configured();
    cluster.peers.retain(|id, _| id.0 == 1);
    let address = cluster.peers[&NodeId(1)].clone();
    let config = RaftConfig {
        listen: Some(address.parse().unwrap()),
        address: Some(address),
        peers: BTreeMap::new(),
        ..cluster.config(1)
    };
    let node = Node::start(config).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    cluster.nodes.insert(1, node);
    cluster
}

async fn change(node: &Node, command: Command) -> Outcome {
    node.propose_own(command).await.unwrap().outcome
}

async fn count_voters(node: &Node, count: u8) {
    let outcome = change(
        node,
        Command::ChangeMembers(MemberChange::Plan(VoterPlan::Count(count))),
    )
    .await;
    assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
}

async fn leave(node: &Node, id: u64, departure: Departure) {
    let id = NodeId(id);
    let outcome = change(
        node,
        Command::ChangeMembers(MemberChange::Leave { id, departure }),
    )
    .await;
    assert_eq!(outcome, Outcome::Updated);
}

/// Waits until all nodes that run have these voters, and the change is over.
async fn voters_become(cluster: &Cluster, voters: &[u64]) {
    let wanted: Vec<NodeId> = voters.iter().copied().map(NodeId).collect();
    eventually(&format!("the voters are {voters:?}"), || {
        cluster.nodes.values().all(|node| {
            let status = node.status();
            status.voters == wanted && !status.is_joint
        })
    })
    .await;
}

/// Waits until a node is on record no more.
async fn is_removed(node: &Node, id: u64) {
    eventually(&format!("node {id} is removed"), || {
        !node.states().borrow().nodes.contains_key(&NodeId(id))
    })
    .await;
}

#[tokio::test]
async fn one_node_grows_to_three_and_five_and_back() {
    let mut cluster = alone().await;
    propose(cluster.node(1), "alone").await.unwrap();
    assert_eq!(cluster.node(1).lease().left(), None, "it needs no lease");
    for at in 0..2 {
        join(&mut cluster, at).await;
    }
    assert_eq!(cluster.nodes.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(cluster.node(1).status().voters, [NodeId(1)]);
    assert_eq!(cluster.node(3).status().learners, [NodeId(2), NodeId(3)]);
    assert!(cluster.node(1).lease().left().is_some(), "from now on it does");
    propose(cluster.node(3), "by-a-learner").await.unwrap();
    count_voters(cluster.node(2), 3).await;
    voters_become(&cluster, &[1, 2, 3]).await;
    for at in 2..4 {
        join(&mut cluster, at).await;
    }
    count_voters(cluster.node(5), 5).await;
    voters_become(&cluster, &[1, 2, 3, 4, 5]).await;
    cluster.stop(1).await;
    cluster.stop(2).await;
    propose(cluster.node(4), "three-of-five").await.unwrap();
    for id in [1, 2] {
        leave(cluster.node(3), id, Departure::Drained).await;
        is_removed(cluster.node(3), id).await;
    }
    count_voters(cluster.node(3), 3).await;
    voters_become(&cluster, &[3, 4, 5]).await;
    let leader = cluster.leader().await;
    count_voters(cluster.node(3), 1).await;
    voters_become(&cluster, &[leader]).await;
    propose(cluster.node(5), "at-last").await.unwrap();
    assert_eq!(cluster.agreed().await.vclusters.len(), 4);
}

#[tokio::test]
async fn a_leader_that_is_removed_hands_over_and_is_told_that_it_was() {
    let mut cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let other = leader % 3 + 1;
    let (removed, lease) = (cluster.node(leader).clone(), cluster.node(leader).lease());
    leave(cluster.node(other), leader, Departure::Now).await;
    is_removed(cluster.node(other), leader).await;
    assert!(!lease.holds(), "nobody decides by then who is not a member");
    eventually("it is told", || {
        matches!(removed.status().readiness, klamm_raft::Readiness::Removed { .. })
    })
    .await;
    drop(removed);
    cluster.stop(leader).await;
    let rest: Vec<u64> = cluster.nodes.keys().copied().collect();
    voters_become(&cluster, &rest).await;
    propose(cluster.node(other), "without").await.unwrap();
    // It says so again at every start, with its data and without.
    let again = cluster.start(leader);
    let told = again.wait_ready(LIMIT).await.unwrap_err();
    assert!(
        matches!(&told, NotReady::Removed { at } if *at > Revision(0))
            && told.to_string().contains("delete its data directory"),
        "{told:?}"
    );
    again.shutdown().await;
    std::fs::remove_dir_all(cluster.data_dir(leader)).unwrap();
    let again = cluster.start(leader);
    assert!(matches!(
        again.wait_ready(LIMIT).await,
        Err(NotReady::Removed { .. })
    ));
    drop(again);
    cluster.stop(leader).await;
    // Its place is free for a new node, with a number of its own.
    assert_eq!(join(&mut cluster, 0).await, 4);
    let refused = change(
        cluster.node(4),
        Command::PutNode {
            id: NodeId(leader),
            record: NodeRecord::with_ports("gateway", 6969, 50_000),
        },
    )
    .await;
    assert!(matches!(refused, Outcome::Refused(Refusal::NodeRemoved { .. })));
}

#[tokio::test]
async fn a_dead_node_is_replaced_by_a_new_one_in_one_change() {
    let mut cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let dead = leader % 3 + 1;
    cluster.kill(dead);
    let new = join(&mut cluster, 0).await;
    let plan = VoterPlan::Change {
        seen: [1, 2, 3].map(NodeId).into(),
        add: [NodeId(new)].into(),
        drop: [NodeId(dead)].into(),
    };
    change(
        cluster.node(new),
        Command::ChangeMembers(MemberChange::Plan(plan)),
    )
    .await;
    leave(cluster.node(new), dead, Departure::Now).await;
    is_removed(cluster.node(new), dead).await;
    let all: Vec<u64> = cluster.nodes.keys().copied().collect();
    voters_become(&cluster, &all).await;
    assert_eq!(all.len(), 3);
    cluster.stop(leader).await;
    propose(cluster.node(new), "two-of-three").await.unwrap();
}

/// The new voters are gone before the old ones know that they agreed on them: the change is neither lost nor stuck.
#[tokio::test]
async fn a_change_of_voters_that_is_cut_short_is_finished_by_whoever_leads() {
    let mut cluster = Cluster::started().await;
    for at in 0..2 {
        join(&mut cluster, at).await;
    }
    let mut cut_short = 0;
    for round in 0..4 {
        let (count, wanted): (u8, BTreeSet<u64>) = match round % 2 {
            0 => (5, (1..=5).collect()),
            _ => (3, BTreeSet::new()),
        };
        let leader = cluster.leader().await;
        let watched = cluster.node(leader).clone();
        count_voters(cluster.node(4), count).await;
        let wait = async {
            while !watched.status().is_joint && watched.status().voters.len() != usize::from(count) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, wait).await.unwrap();
        cut_short += u32::from(watched.status().is_joint);
        drop(watched);
        let config = match cluster.peers.contains_key(&NodeId(leader)) {
            true => cluster.config(leader),
            false => joining(&cluster, u16::try_from(leader).unwrap() - 4),
        };
        cluster.kill(leader);
        let node = crate::support::restart(config).await;
        cluster.nodes.insert(leader, node);
        eventually("the change is over", || {
            cluster.nodes.values().all(|node| {
                let status = node.status();
                status.voters.len() == usize::from(count) && !status.is_joint
            })
        })
        .await;
        if !wanted.is_empty() {
            voters_become(&cluster, &wanted.into_iter().collect::<Vec<_>>()).await;
        }
        propose(cluster.node(5), &format!("after-{round}")).await.unwrap();
    }
    assert!(cut_short > 0, "no change was cut short");
    assert_eq!(cluster.agreed().await.vclusters.len(), 4);
}

#[tokio::test]
async fn a_node_that_has_too_few_ports_is_told_so_and_is_no_member() {
    let cluster = Cluster::started().await;
    for number in 0..5 {
        propose(cluster.node(1), &format!("vc-{number}")).await.unwrap();
    }
    let mut config = joining(&cluster, 0);
    config.record = NodeRecord::with_ports("gateway", 6969, 2);
    let error = Node::start(config).unwrap_err();
    assert!(error.is_final());
    assert!(
        matches!(
            error,
            StartError::Refused(Refusal::TooFewPorts { port_count: 2, .. })
        ),
        "{error:?}"
    );
    assert_eq!(cluster.agreed().await.nodes.len(), 3);
    assert!(cluster.node(1).status().learners.is_empty());
}

#[tokio::test]
async fn a_node_that_was_taken_in_keeps_its_number_and_may_move() {
    let mut cluster = Cluster::started().await;
    let id = join(&mut cluster, 0).await;
    assert_eq!(id, 4);
    cluster.stop(id).await;
    let mut config = joining(&cluster, 0);
    let moved = cluster.spare_address(5);
    config.listen = Some(moved.parse().unwrap());
    config.address = Some(moved.clone());
    // It needs no seeds any more, and nobody is told where it is now.
    config.seeds = Vec::new();
    let node = crate::support::restart(config).await;
    assert_eq!(node.id(), NodeId(id));
    node.wait_ready(LIMIT).await.unwrap();
    cluster.nodes.insert(id, node);
    let recorded = |node: &Node| node.states().borrow().roster.addresses.get(&NodeId(id)).cloned();
    eventually("the others know where it is", || {
        recorded(cluster.node(1)).as_ref() == Some(&moved)
    })
    .await;
    propose(cluster.node(id), "moved").await.unwrap();
    eventually("it is up", || liveness(cluster.node(1), id) == Some(Liveness::Up)).await;
}

#[tokio::test]
async fn learners_are_waited_for_like_voters() {
    let mut cluster = Cluster::started().await;
    let id = join(&mut cluster, 0).await;
    let visibility = cluster.node(id).report_visibility();
    let (node, lease) = (cluster.node(1).clone(), cluster.node(id).lease());
    let shows = visibility.clone();
    eventually("it holds a lease", || lease.holds()).await;
    let proposal = tokio::spawn(async move { propose(&node, "one").await });
    eventually("it is applied", || {
        cluster.node(id).states().borrow().vclusters.contains_key("one")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!proposal.is_finished(), "the learner decides by what was before");
    shows.report(Revision(u64::MAX));
    assert_eq!(proposal.await.unwrap().unwrap().outcome, Outcome::Created);
}

#[tokio::test]
async fn a_cluster_that_nobody_knows_cannot_be_joined() {
    let cluster = Cluster::configured();
    let mut config = joining(&cluster, 0);
    config.seeds = Vec::new();
    config.address = None;
    assert!(matches!(Node::start(config), Err(StartError::NoNumber)));
}
