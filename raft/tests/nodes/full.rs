//! A large state, up to one that is as large as it may be: it is snapshotted, survives a restart of all nodes, and reaches a node that lost
//! its disk.

use std::collections::BTreeSet;

use klamm_raft::command::Command;
use klamm_raft::model::{
    AclBinding, AclEntry, Limit, Limits, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};
use klamm_raft::outcome::{Outcome, Refusal};

use crate::support::{Cluster, LIMIT, eventually, propose, put};

/// A large ACL, as large ones go.
fn acl(number: usize) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Group,
            name: format!("{number:0>1000}"),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: format!("User:{}", "p".repeat(500)),
            host: "*".to_owned(),
            operation: Operation::Read,
            permission: Permission::Allow,
        },
    }
}

/// Makes ACLs, so many at once, until there may be no more of them, or no more of anything.
async fn fill(cluster: &Cluster, vcluster: &str, at_once: usize) -> Limit {
    for batch in 0.. {
        let first = batch * at_once;
        let command = Command::CreateAcls {
            vcluster: vcluster.parse().unwrap(),
            acls: (first..first + at_once).map(acl).collect(),
        };
        match cluster.node(1).propose_own(command).await.unwrap().outcome {
            Outcome::Created => {}
            Outcome::Refused(Refusal::OverLimit(over)) => return over.limit,
            other => panic!("{other:?}"),
        }
    }
    unreachable!("it ends")
}

/// Both ends of a test: all nodes are started again, and one of them without its disk.
async fn comes_back(cluster: &mut Cluster) {
    let before = cluster.agreed().await;
    for node in cluster.nodes.values() {
        eventually("a snapshot was made", || node.status().snapshot.is_some()).await;
        assert_eq!(node.status().snapshot_failures, 0);
    }
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    cluster.start_all().await;
    assert_eq!(
        cluster.agreed().await.vclusters,
        before.vclusters,
        "after a restart of all"
    );
    cluster.stop(3).await;
    std::fs::remove_dir_all(cluster.data_dir(3)).unwrap();
    cluster.start(3).wait_ready(LIMIT).await.unwrap();
    assert_eq!(
        cluster.agreed().await.vclusters,
        before.vclusters,
        "with a new disk"
    );

    let room = Command::DeleteAcls {
        vcluster: "full-0".parse().unwrap(),
        acls: vec![acl(0)],
    };
    let made = cluster.node(2).propose_own(room).await.unwrap().outcome;
    assert_eq!(made, Outcome::Deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_many_pieces_reaches_a_node_that_lost_its_disk() {
    let mut cluster = Cluster::configured();
    cluster.tuning.snapshot_entries = 10;
    cluster.start_all().await;
    let mut spec = put("full-0");
    if let Command::PutVcluster { spec, .. } = &mut spec {
        spec.limits = Limits([(Limit::AclBytes, 3 * 1024 * 1024)].into());
    }
    cluster.node(1).propose_own(spec).await.unwrap();
    assert_eq!(fill(&cluster, "full-0", 100).await, Limit::AclBytes);
    comes_back(&mut cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "only an optimized build is fast enough for elections: make full-state"]
async fn a_state_at_its_limit_is_kept_by_every_node() {
    let mut cluster = Cluster::configured();
    cluster.tuning.snapshot_entries = 20;
    cluster.start_all().await;
    let mut reached = BTreeSet::new();
    for number in 0.. {
        let name = format!("full-{number}");
        propose(cluster.node(1), &name).await.unwrap();
        reached.insert(fill(&cluster, &name, 1_000).await);
        if reached.contains(&Limit::StateBytes) {
            break;
        }
    }
    assert_eq!(reached, BTreeSet::from([Limit::AclBytes, Limit::StateBytes]));
    let full = cluster.agreed().await;
    assert!(full.used(Limit::StateBytes) > Limit::StateBytes.most() * 9 / 10);
    comes_back(&mut cluster).await;
}
