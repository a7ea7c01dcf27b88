//! The backup that the page on operations describes: made while the cluster runs, restored where everything is lost.

use std::fs;
use std::path::Path;

use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::{GatewayNode, NodeSettings, write_clusters};
use klamm::quickstart::ports::PortBlock;

use super::broker::FakeBroker;

/// The nodes whose directories are the backup: more than half.
const COPIED: [usize; 2] = [0, 1];

fn three_nodes(directory: &Path, ports: &PortBlock, broker: &FakeBroker) -> Vec<GatewayNode> {
    let clusters = directory.join("clusters.yaml");
    let address = format!("127.0.0.1:{}", broker.port);
    write_clusters(&clusters, &[("main", &[("bootstrap.servers", &address)])]).unwrap();
    let settings = |index: u16| NodeSettings {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        id: index + 1,
        data_dir: directory.join(format!("node{}", index + 1)),
        clusters: clusters.clone(),
        http_port: ports.port(3 + index),
        advertised_host: "127.0.0.1".to_owned(),
        port_start: ports.port(8 + 16 * index),
        port_count: 16,
        raft_ports: (0..3).map(|peer| ports.port(peer)).collect(),
        more: Vec::new(),
    };
    (0..3)
        .map(|index| GatewayNode::start(settings(index)).unwrap())
        .collect()
}

fn await_all(nodes: &mut [GatewayNode]) {
    for node in nodes {
        node.await_ready().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn vclusters(node: &GatewayNode) -> String {
    let listed = Admin::new(&node.admin_url())
        .call("GET", "virtual-cluster", None)
        .unwrap();
    assert_eq!(listed.status, 200, "{}", listed.body);
    listed.body
}

fn create(node: &GatewayNode, name: &str) {
    let admin = Admin::new(&node.admin_url());
    admin
        .put("virtual-cluster", &admin::vcluster(name, "admin"))
        .unwrap();
}

#[test]
fn the_directories_of_two_nodes_of_three_bring_a_lost_cluster_back() {
    let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
    let broker = FakeBroker::start();
    let mut nodes = three_nodes(directory.path(), &ports, &broker);
    await_all(&mut nodes);
    create(&nodes[2], "kept");

    // One node after the other, while the others serve.
    let backup = directory.path().join("backup");
    for index in COPIED {
        let data = nodes[index].settings().data_dir.clone();
        assert!(nodes[index].stop().is_some_and(|status| status.success()));
        copy(&data, &backup.join(index.to_string()));
        nodes[index].restart().unwrap();
        await_all(&mut nodes);
    }
    create(&nodes[2], "later");

    for node in &mut nodes {
        node.kill();
        fs::remove_dir_all(&node.settings().data_dir).unwrap();
    }
    for index in COPIED {
        copy(&backup.join(index.to_string()), &nodes[index].settings().data_dir);
    }
    for node in &mut nodes {
        node.restart().unwrap();
    }
    await_all(&mut nodes);
    for node in &nodes {
        let listed = vclusters(node);
        assert!(
            listed.contains("\"kept\"") && !listed.contains("\"later\""),
            "{listed}"
        );
    }
    create(&nodes[2], "again");
    assert!(vclusters(&nodes[0]).contains("\"again\""));
}
