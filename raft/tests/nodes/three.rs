//! Three nodes: they find each other, take changes anywhere, survive the loss of one, and take it back.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Cluster, LIMIT, eventually, liveness, propose, restart};
use klamm_raft::model::{Liveness, NodeId, Revision};
use klamm_raft::outcome::Outcome;
use klamm_raft::{ProposeError, Readiness};

#[tokio::test]
async fn a_change_on_any_node_is_shown_by_every_node_when_it_is_acknowledged() {
    let cluster = Cluster::started().await;
    for (id, node) in &cluster.nodes {
        for round in 0..5 {
            let name = format!("vc-{id}-{round}");
            let applied = propose(node, &name).await.unwrap();
            assert_eq!(applied.outcome, Outcome::Created);
            for other in cluster.nodes.values() {
                let state = other.states().borrow().clone();
                assert!(state.revision >= applied.revision);
                assert!(state.vclusters.contains_key(name.as_str()), "{name} is missing");
            }
        }
    }
    assert_eq!(cluster.agreed().await.vclusters.len(), 15);
    assert_eq!(cluster.node(1).status().voters.len(), 3);
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_done_twice_when_the_leader_goes() {
    let mut cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let proposers: Vec<_> = cluster
        .nodes
        .iter()
        .filter(|(id, _)| **id != leader)
        .flat_map(|(id, node)| (0..3).map(move |stream| (format!("vc-{id}-{stream}"), node.clone())))
        .collect();
    let mut streams = Vec::new();
    for (prefix, node) in proposers {
        streams.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0..40 {
                let name = format!("{prefix}-{number}");
                // A name is proposed once, so whatever is done twice would answer `Unchanged`.
                assert_eq!(propose(&node, &name).await.unwrap().outcome, Outcome::Created);
                acknowledged.push(name);
            }
            acknowledged
        }));
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    cluster.kill(leader);
    let mut acknowledged = Vec::new();
    for stream in streams {
        acknowledged.extend(stream.await.unwrap());
    }
    assert_ne!(cluster.leader().await, leader);
    let state = cluster.agreed().await;
    assert_eq!(acknowledged.len(), 240);
    for name in &acknowledged {
        assert!(
            state.vclusters.contains_key(name.as_str()),
            "{name} was acknowledged and is lost"
        );
    }
    cluster.start(leader).wait_ready(LIMIT).await.unwrap();
    let state = cluster.agreed().await;
    assert_eq!(state.vclusters.len(), acknowledged.len());
}

#[tokio::test]
async fn a_silent_node_leaves_the_live_set_and_comes_back() {
    let mut cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let down = (1..=3).find(|id| *id != leader).unwrap();
    cluster.kill(down);
    // Acknowledged only once the node that is gone is no longer waited for.
    propose(cluster.node(leader), "while-down").await.unwrap();
    assert_eq!(liveness(cluster.node(leader), down), Some(Liveness::Down));
    cluster.start(down).wait_ready(LIMIT).await.unwrap();
    assert_eq!(liveness(cluster.node(down), down), Some(Liveness::Up));
    assert!(
        cluster
            .node(down)
            .states()
            .borrow()
            .vclusters
            .contains_key("while-down")
    );
}

#[tokio::test]
async fn a_node_that_says_goodbye_is_not_waited_for() {
    let mut cluster = Cluster::configured();
    cluster.tuning.silence = Duration::from_secs(600);
    cluster.start_all().await;
    let leader = cluster.leader().await;
    cluster.stop(leader).await;
    let other = leader % 3 + 1;
    assert_eq!(
        propose(cluster.node(other), "one").await.unwrap().outcome,
        Outcome::Created
    );
    assert_eq!(liveness(cluster.node(other), leader), Some(Liveness::Down));
    cluster.start(leader).wait_ready(LIMIT).await.unwrap();
    assert_eq!(liveness(cluster.node(leader), leader), Some(Liveness::Up));
}

#[tokio::test]
async fn a_node_that_was_down_for_long_catches_up_by_snapshot() {
    let mut cluster = Cluster::configured();
    cluster.tuning.snapshot_entries = 20;
    cluster.start_all().await;
    let leader = cluster.leader().await;
    let down = (1..=3).find(|id| *id != leader).unwrap();
    cluster.stop(down).await;
    for number in 0..120 {
        propose(cluster.node(leader), &format!("vc-{number}"))
            .await
            .unwrap();
    }
    let snapshot = cluster.node(leader).status().snapshot.unwrap();
    cluster.start(down).wait_ready(LIMIT).await.unwrap();
    assert_eq!(cluster.agreed().await.vclusters.len(), 120);
    let received = cluster.node(down).status().snapshot.unwrap();
    assert!(
        received >= snapshot.min(100),
        "{received} is not from a snapshot of the leader ({snapshot})"
    );
}

#[tokio::test]
async fn all_nodes_restart_and_keep_all() {
    let mut cluster = Cluster::started().await;
    for number in 0..10 {
        propose(cluster.node(1 + number % 3), &format!("vc-{number}"))
            .await
            .unwrap();
    }
    let before = cluster.agreed().await;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    cluster.start_all().await;
    assert_eq!(cluster.agreed().await.vclusters, before.vclusters);
}

#[tokio::test]
async fn a_node_that_lost_its_disk_is_taken_back() {
    let mut cluster = Cluster::started().await;
    // The one that founds clusters must not found another.
    propose(cluster.node(1), "before").await.unwrap();
    cluster.stop(1).await;
    std::fs::remove_dir_all(cluster.data_dir(1)).unwrap();
    propose(cluster.node(2), "without").await.unwrap();
    cluster.start(1).wait_ready(LIMIT).await.unwrap();
    propose(cluster.node(1), "after").await.unwrap();
    let state = cluster.agreed().await;
    assert_eq!(state.vclusters.len(), 3);
    // It counts again: the two of them are a majority.
    eventually("all are live", || {
        (1..=3).all(|id| liveness(cluster.node(1), id) == Some(Liveness::Up))
    })
    .await;
    cluster.stop(3).await;
    propose(cluster.node(1), "two-of-three").await.unwrap();
}

#[tokio::test]
async fn nodes_that_lost_a_majority_of_the_disks_do_not_start_anew() {
    let mut cluster = Cluster::started().await;
    propose(cluster.node(3), "before").await.unwrap();
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    for id in 1..=2 {
        std::fs::remove_dir_all(cluster.data_dir(id)).unwrap();
    }
    cluster.tuning.propose = Duration::from_secs(4);
    for id in 1..=3 {
        cluster.start(id);
    }
    for node in cluster.nodes.values() {
        assert!(matches!(
            propose(node, "after").await,
            Err(ProposeError::NoLeader { .. })
        ));
    }
    assert!(cluster.node(1).states().borrow().nodes.is_empty());
    assert!(cluster.node(3).states().borrow().vclusters.contains_key("before"));
}

#[tokio::test]
async fn leadership_moves_on_request_and_a_draining_node_is_not_advertised() {
    let cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    cluster.node(leader).drain().await.unwrap();
    eventually("another leads", || {
        cluster
            .node(leader)
            .status()
            .leader
            .is_some_and(|id| id.0 != leader)
    })
    .await;
    assert_eq!(liveness(cluster.node(leader), leader), Some(Liveness::Draining));
    assert_eq!(cluster.node(leader).status().readiness, Readiness::Draining);
    propose(cluster.node(leader), "still-takes-changes")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_change_waits_for_what_another_node_really_shows() {
    let mut cluster = Cluster::configured();
    cluster.tuning.silence = Duration::from_secs(600);
    cluster.start_all().await;
    let visibility = cluster.node(2).report_visibility();
    let node = cluster.node(1).clone();
    let proposal = tokio::spawn(async move { propose(&node, "one").await });
    eventually("it is applied", || {
        cluster.node(2).states().borrow().vclusters.contains_key("one")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!proposal.is_finished(), "node 2 has not shown it");
    visibility.report(Revision(u64::MAX));
    assert_eq!(proposal.await.unwrap().unwrap().outcome, Outcome::Created);
}

#[tokio::test]
async fn without_a_majority_there_is_a_clear_error() {
    let mut cluster = Cluster::started().await;
    cluster.stop(1).await;
    cluster.stop(2).await;
    cluster.stop(3).await;
    cluster.tuning.propose = Duration::from_secs(2);
    let node = cluster.start(3);
    let error = propose(&node, "one").await.unwrap_err();
    assert_eq!(
        error,
        ProposeError::NoLeader {
            after: Duration::from_secs(2)
        }
    );
}

/// Nobody leads then, so that nothing can be agreed on.
#[tokio::test]
async fn who_is_left_knows_by_itself_who_has_ended() {
    let mut cluster = Cluster::configured();
    // Silence tells nothing.
    cluster.tuning.silence = 10 * LIMIT;
    cluster.start_all().await;
    let leader = cluster.leader().await;
    let left = (1..=3).find(|id| *id != leader).unwrap();
    let unheard = cluster.node(left).unheard();
    assert!(unheard.borrow().is_empty());
    let ended: BTreeSet<NodeId> = (1..=3).filter(|id| *id != left).map(NodeId).collect();
    for id in &ended {
        cluster.kill(id.0);
    }
    eventually("it hears neither", || **unheard.borrow() == ended).await;
    assert_eq!(liveness(cluster.node(left), leader), Some(Liveness::Up));
    let _back = restart(cluster.config(leader)).await;
    eventually("it hears the one that is back", || {
        unheard.borrow().len() == 1 && !unheard.borrow().contains(&NodeId(leader))
    })
    .await;
}

/// A node that starts again may find its port in another's hands for a while: that is no reason not to start.
#[tokio::test]
async fn a_peer_port_that_is_taken_is_waited_for() {
    let mut cluster = Cluster::configured();
    let address = cluster.address(3);
    let taken = TcpListener::bind(address).unwrap();
    for id in 1..=3 {
        cluster.start(id);
    }
    assert_eq!(cluster.node(3).status().taken_port, Some(address));
    assert_eq!(cluster.node(1).status().taken_port, None);
    drop(taken);
    for node in cluster.nodes.values() {
        node.wait_ready(LIMIT).await.unwrap();
    }
    assert_eq!(cluster.node(3).status().taken_port, None);
}
