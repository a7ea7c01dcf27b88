//! Clusters that begin anew: of a backup, and of what a lost one has left.

use std::collections::BTreeSet;

use klamm_raft::model::{NodeId, State};
use klamm_raft::{
    Backup, FoundedCluster, NodeHome, OfflineError, RecoveryOutcome, RestoreChoices, StorageKey, StoreError,
    inspect, recover, restore,
};

use crate::support::{Cluster, LIMIT, eventually, propose};

const MADE: (&str, u64) = ("1.2.3", 1_800_000_000);

fn home(cluster: &Cluster, id: u64) -> NodeHome {
    NodeHome {
        id: NodeId(id),
        data_dir: cluster.data_dir(id),
        storage: cluster.config(id).storage,
        members: cluster.peers.keys().copied().collect(),
    }
}

/// The part of a state that a new cluster begins with.
fn kept(state: &State) -> State {
    let mut kept = state.clone();
    kept.revision = Default::default();
    kept.nodes.clear();
    kept.proposals.clear();
    kept.level = Default::default();
    kept
}

fn forget(cluster: &Cluster, id: u64) {
    std::fs::remove_dir_all(cluster.data_dir(id)).unwrap();
}

fn into_cluster(cluster_id: &str) -> RestoreChoices {
    RestoreChoices {
        cluster_id: Some(cluster_id.to_owned()),
        ..RestoreChoices::default()
    }
}

/// Restores two nodes of three.
fn restored(cluster: &Cluster, backup: &Backup) -> FoundedCluster {
    let first = restore(&home(cluster, 1), backup, &RestoreChoices::default()).unwrap();
    let second = restore(&home(cluster, 2), backup, &into_cluster(&first.cluster_id)).unwrap();
    assert_eq!(first, second);
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_disks_are_all_lost_is_restored() {
    let mut cluster = Cluster::started().await;
    propose(cluster.node(1), "before").await.unwrap();
    let key = StorageKey::new([9; StorageKey::BYTES]);
    let backup = cluster.node(2).backup(MADE).await.unwrap();
    let file = backup.encode(Some(&key)).unwrap();
    let was = cluster.node(1).status().cluster_id.unwrap();
    assert_eq!(backup.header().cluster_id(), was);
    propose(cluster.node(3), "after").await.unwrap();
    let last = cluster.agreed().await.revision;
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    forget(&cluster, 1);
    forget(&cluster, 2);
    let read = Backup::decode(&file, Some(&key)).unwrap();
    let founded = restored(&cluster, &read);
    assert_ne!(founded.cluster_id, was);
    assert!(founded.revision > last, "no revision is used twice");
    // The third still has what the old cluster left: it does not come in.
    let third = cluster.start(3);
    cluster.start(1);
    cluster.start(2);
    for id in [1, 2] {
        cluster.node(id).wait_ready(LIMIT).await.unwrap();
    }
    eventually("the node of the old cluster is turned away", || {
        let refused = |id: u64| !cluster.node(id).status().refused_peers.is_empty();
        refused(1) || refused(2)
    })
    .await;
    assert_eq!(third.status().cluster_id.as_deref(), Some(was.as_str()));
    cluster.stop(3).await;
    forget(&cluster, 3);
    // Without its old disk it is taken in.
    cluster.start(3);
    cluster.node(3).wait_ready(LIMIT).await.unwrap();
    let state = cluster.agreed().await;
    assert_eq!(kept(&state).vclusters, kept(read.state()).vclusters);
    assert!(
        !state.vclusters.contains_key("after"),
        "it was made after the backup"
    );
    let applied = propose(cluster.node(3), "later").await.unwrap();
    assert!(applied.revision > founded.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_disk_of_three_holds_is_recovered() {
    let mut cluster = Cluster::started().await;
    for name in ["a", "b", "c"] {
        propose(cluster.node(1), name).await.unwrap();
    }
    let state = cluster.agreed().await;
    let was = cluster.node(1).status().cluster_id.unwrap();
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    let seen = inspect(&home(&cluster, 3)).unwrap();
    assert_eq!(seen.cluster_id.as_ref(), Some(&was));
    assert_eq!((seen.vclusters, seen.voters.len()), (3, 3));
    assert!(
        seen.last
            .is_some_and(|(term, index)| term > 0 && index >= state.revision.0)
    );
    for id in [1, 2] {
        forget(&cluster, id);
    }
    let other = recover(&home(&cluster, 3), &"0".repeat(32), MADE).unwrap_err();
    assert!(matches!(other, OfflineError::OtherCluster { .. }), "{other}");
    let (recovery, backup) = recover(&home(&cluster, 3), &was, MADE).unwrap();
    let RecoveryOutcome::Founded(founded) = recovery else {
        panic!("{recovery:?}")
    };
    assert_ne!(founded.cluster_id, was);
    assert_eq!(backup.header().cluster_id(), founded.cluster_id);
    assert!(cluster.data_dir(3).join("klamm.redb.before-recover").exists());
    restore(&home(&cluster, 1), &backup, &into_cluster(&founded.cluster_id)).unwrap();
    cluster.start_all().await;
    let now = cluster.agreed().await;
    assert_eq!(kept(&now).vclusters, kept(&state).vclusters);
    propose(cluster.node(2), "later").await.unwrap();
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let home = NodeHome {
        id: NodeId(1),
        data_dir: directory.path().join("data"),
        storage: Default::default(),
        members: BTreeSet::from([NodeId(1)]),
    };
    let missing = inspect(&home).unwrap_err();
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    assert!(!home.data_dir.exists(), "a look makes nothing");
    let node = klamm_raft::Node::start(crate::single::config(directory.path())).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    propose(&node, "here").await.unwrap();
    let backup = node.backup(MADE).await.unwrap();
    let in_use = restore(&home, &backup, &RestoreChoices::default()).unwrap_err();
    assert!(
        matches!(in_use, OfflineError::Store(StoreError::InUse { .. })),
        "{in_use}"
    );
    node.shutdown().await;
    let there = restore(&home, &backup, &RestoreChoices::default()).unwrap_err();
    assert!(
        matches!(there, OfflineError::Store(StoreError::NotEmpty { .. })),
        "{there}"
    );
    let elsewhere = NodeHome {
        data_dir: directory.path().join("elsewhere/data"),
        ..home
    };
    let wrong = restore(&elsewhere, &backup, &into_cluster("mine")).unwrap_err();
    assert!(matches!(wrong, OfflineError::NotAnId(_)), "{wrong}");
    restore(&elsewhere, &backup, &RestoreChoices::default()).unwrap();
    let node = klamm_raft::Node::start(crate::single::config(&directory.path().join("elsewhere"))).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    assert!(node.states().borrow().vclusters.contains_key("here"));
    node.shutdown().await;
}
