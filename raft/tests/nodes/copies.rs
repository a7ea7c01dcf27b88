//! Copies of a node's data directory: one that is older than what the node has done since is told so and ends, and of two
//! processes with the same directory one is the node.

use std::fs;
use std::path::Path;
use std::time::Duration;

use klamm_raft::model::NodeId;
use klamm_raft::{Node, NotReady, PeerRefusal, Readiness};

use crate::support::{Cluster, LIMIT, eventually, propose};

/// Long enough for everybody to meet.
const A_WHILE: Duration = Duration::from_secs(4);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::copy(from.join("klamm.redb"), to.join("klamm.redb")).unwrap();
}

/// Puts a copy in the place of a node's directory.
fn put_back(cluster: &Cluster, id: u64, copied: &Path) {
    let directory = cluster.data_dir(id);
    fs::remove_dir_all(&directory).unwrap();
    copy(copied, &directory);
}

/// The node is told, by another one, that it began with an old copy.
async fn is_told(node: &Node) {
    let told = node.wait_ready(LIMIT).await.unwrap_err();
    assert!(
        matches!(told, NotReady::OldCopy { by } if by != node.id()),
        "{told:?}"
    );
    assert!(told.to_string().contains("is an old copy"), "{told}");
}

#[tokio::test]
async fn a_node_that_begins_with_an_old_copy_is_told_so() {
    let mut cluster = Cluster::started().await;
    propose(cluster.node(1), "before").await.unwrap();
    let copied = tempfile::tempdir().unwrap();
    cluster.stop(3).await;
    copy(&cluster.data_dir(3), copied.path());
    let again = cluster.start(3);
    again.wait_ready(LIMIT).await.unwrap();
    propose(&again, "since").await.unwrap();
    drop(again);
    cluster.stop(3).await;
    put_back(&cluster, 3, copied.path());
    is_told(&cluster.start(3)).await;
    cluster.stop(3).await;
    // Also when nobody has run meanwhile who could know it.
    for id in [1, 2] {
        cluster.stop(id).await;
    }
    put_back(&cluster, 3, copied.path());
    for id in 1..=3 {
        cluster.start(id);
    }
    is_told(cluster.node(3)).await;
    cluster.stop(3).await;
    propose(cluster.node(1), "without").await.unwrap();
    // As one that has lost its disk it comes back, and is the node again.
    fs::remove_dir_all(cluster.data_dir(3)).unwrap();
    for round in 0..2 {
        let again = cluster.start(3);
        again.wait_ready(LIMIT).await.unwrap();
        propose(&again, &format!("again-{round}")).await.unwrap();
        assert_eq!(cluster.agreed().await.vclusters.len(), 4 + round);
        drop(again);
        cluster.stop(3).await;
    }
}

#[tokio::test]
async fn a_copy_beside_its_node_waits_and_is_told_in_the_end() {
    let mut cluster = Cluster::started().await;
    propose(cluster.node(1), "before").await.unwrap();
    cluster.agreed().await;
    let mut config = cluster.config(3);
    config.data_dir = cluster.data_dir(30);
    copy(&cluster.data_dir(3), &config.data_dir);
    let address = cluster.spare_address(0);
    config.listen = Some(address.parse().unwrap());
    config.peers.insert(NodeId(3), address);
    let beside = Node::start(config).unwrap();
    let timed_out = Err(NotReady::TimedOut { after: A_WHILE });
    assert_eq!(beside.wait_ready(A_WHILE).await, timed_out);
    let status = beside.status();
    assert!(status.beside_another && status.leader.is_none());
    assert!(!beside.lease().holds());
    // The node itself is not disturbed.
    for (id, name) in [(1, "one"), (3, "three")] {
        propose(cluster.node(id), name).await.unwrap();
    }
    assert!(cluster.node(3).lease().holds());
    let refused = |node: &Node| {
        let counts = node.status().refused_peers;
        let of_copies = counts
            .iter()
            .find(|(refusal, _)| *refusal == PeerRefusal::AnotherProcess);
        of_copies.map_or(0, |(_, count)| *count)
    };
    assert!(refused(cluster.node(1)) > 0 && refused(cluster.node(2)) > 0);
    // When the node stops, the copy has less than it had.
    cluster.stop(3).await;
    eventually("it is told", || {
        matches!(beside.status().readiness, Readiness::OldCopy { .. })
    })
    .await;
    beside.shutdown().await;
    let again = cluster.start(3);
    again.wait_ready(LIMIT).await.unwrap();
}
