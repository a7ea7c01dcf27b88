//! One node: it leads at once, keeps all over a restart, and has its data directory for itself.

use std::path::Path;
use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::{Liveness, NodeId, NodeRecord, VclusterKind, VirtualCluster};
use klamm_raft::outcome::Outcome;
use klamm_raft::{Node, NodeConfig};

const LIMIT: Duration = Duration::from_secs(20);

fn config(directory: &Path) -> NodeConfig {
    let record = NodeRecord {
        advertised_host: "gateway".to_owned(),
        port_start: 6969,
        port_count: 256,
        liveness: Liveness::Up,
    };
    NodeConfig::single(NodeId(1), directory.join("data"), record)
}

fn put(name: &str) -> Command {
    Command::PutVcluster {
        name: name.parse().unwrap(),
        spec: VirtualCluster {
            kind: VclusterKind::Partner,
            acl_enabled: true,
            super_users: ["admin".parse().unwrap()].into(),
        },
        kafka_cluster_id: format!("id-of-{name}"),
    }
}

#[tokio::test]
async fn a_restart_keeps_all() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(config(directory.path())).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    let applied = node.propose(put("one")).await.unwrap();
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
        node.propose(put("one")).await.unwrap().outcome,
        Outcome::Unchanged
    );
    node.shutdown().await;
}
