//! One node: it leads at once, keeps all over a restart, and has its data directory for itself.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use klamm_raft::command::Command;
use klamm_raft::model::{Level, NodeId, NodeRecord};
use klamm_raft::outcome::{Outcome, Refusal};
use klamm_raft::{Node, NotReady, OwnId, ProposeError, RaftConfig, StartError, StoreError};

use crate::support::{LIMIT, put};

pub(crate) fn config(directory: &Path) -> RaftConfig {
    let record = NodeRecord::with_ports("gateway", 6969, 50_000);
    RaftConfig::single(NodeId(1), directory.join("data"), record)
}

#[tokio::test]
async fn a_restart_keeps_all() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(config(directory.path())).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    let applied = node.propose_own(put("one")).await.unwrap();
    assert_eq!(applied.outcome, Outcome::Created);
    assert!(node.states().borrow().revision >= applied.revision);
    let before = node.states().borrow().clone();
    node.shutdown().await;

    let node = Node::start(config(directory.path())).unwrap();
    assert!(
        node.states().borrow().revision >= applied.revision,
        "the state is there at once"
    );
    assert_eq!(node.states().borrow().vclusters, before.vclusters);
    node.wait_ready(LIMIT).await.unwrap();
    assert_eq!(
        node.propose_own(put("one")).await.unwrap().outcome,
        Outcome::Unchanged
    );
    node.shutdown().await;
}

#[tokio::test]
async fn a_data_directory_serves_one_node() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(config(directory.path())).unwrap();
    let second = Node::start(config(directory.path())).unwrap_err();
    assert!(
        matches!(second, StartError::Store(StoreError::InUse { .. })),
        "{second:?}"
    );
    node.shutdown().await;
    let mut other = config(directory.path());
    other.id = OwnId::Fixed(NodeId(2));
    let error = Node::start(other).unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::OtherNode { .. })),
        "{error:?}"
    );
    // Who founds a cluster is listed; it is founded already.
    let mut grown = config(directory.path());
    grown.listen = Some("127.0.0.1:0".parse().unwrap());
    grown.peers = (1..=3)
        .map(|id| (NodeId(id), format!("127.0.0.1:{id}")))
        .collect();
    let node = Node::start(grown).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    assert_eq!(node.status().voters, [NodeId(1)]);
    node.shutdown().await;
}

#[tokio::test]
async fn a_node_whose_data_are_of_a_level_that_it_does_not_know_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(config(directory.path())).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    node.shutdown().await;
    let mut older = config(directory.path());
    older.record.ability.highest = Level::FIRST;
    let node = Node::start(older).unwrap();
    let refused = node.wait_ready(LIMIT).await.unwrap_err();
    assert!(
        matches!(&refused, NotReady::Refused(refusal @ Refusal::NodeTooOld { .. }) if refusal.is_final_for_node()),
        "nothing in them is of the new level: {refused:?}"
    );
}

#[tokio::test]
async fn the_data_is_the_owners_only() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    let node = Node::start(config.clone()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.data_dir), 0o700);
    assert_eq!(mode(&config.data_dir.join("klamm.redb")), 0o600);
    node.shutdown().await;
}

#[tokio::test]
async fn a_disk_without_room_refuses_changes() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    let node = Node::start(config.clone()).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    node.shutdown().await;
    config.tuning.disk_reserve_bytes = u64::MAX;
    let node = Node::start(config).unwrap();
    assert_eq!(node.propose_own(put("one")).await, Err(ProposeError::DiskFull));
    node.shutdown().await;
}

#[tokio::test]
async fn a_command_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(config(directory.path())).unwrap();
    let command = Command::PinCluster {
        cluster: "main".parse().unwrap(),
        kafka_cluster_id: "x".repeat(9 * 1024 * 1024),
    };
    assert!(matches!(
        node.propose_own(command).await,
        Err(ProposeError::TooLarge { .. })
    ));
    node.shutdown().await;
    assert_eq!(node.propose_own(put("one")).await, Err(ProposeError::Stopped));
}

#[tokio::test]
async fn the_log_is_cut_and_a_snapshot_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.tuning.snapshot_entries = 10;
    let node = Node::start(config.clone()).unwrap();
    for number in 0..60 {
        node.propose_own(put(&format!("vc-{number}"))).await.unwrap();
    }
    assert!(node.status().snapshot.is_some());
    node.shutdown().await;
    let node = Node::start(config).unwrap();
    assert_eq!(node.states().borrow().vclusters.len(), 60);
    node.shutdown().await;
}

#[tokio::test]
async fn too_few_ports_are_named_instead_of_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    let node = Node::start(config.clone()).unwrap();
    node.propose_own(put("one")).await.unwrap();
    node.propose_own(put("two")).await.unwrap();
    node.shutdown().await;
    config.record = NodeRecord::with_ports("gateway", 6969, 1);
    let node = Node::start(config).unwrap();
    let refusal = Refusal::TooFewPorts {
        node: 1,
        port_count: 1,
        highest: 1,
    };
    assert_eq!(node.wait_ready(LIMIT).await, Err(NotReady::Refused(refusal)));
    node.shutdown().await;
}
