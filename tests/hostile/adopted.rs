//! A physical cluster of the configuration becomes a resource by the command, and goes on as one when it is gone from the file.

use std::fs;
use std::path::Path;
use std::process::Command;

use klamm::quickstart::admin::Admin;
use klamm::quickstart::node::{GatewayNode, NodeSettings, write_clusters};
use klamm::quickstart::ports::PortBlock;
use serde_json::Value;

use super::broker::FakeBroker;

const JAAS: &str = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"klamm\"";

/// Whether it succeeded, and all that it said.
fn klamm(node: &GatewayNode, words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_klamm"))
        .args(words)
        .env_clear()
        .envs(node.settings().environment())
        .env("KLAMM_ADMIN_URL", node.admin_url())
        .output()
        .unwrap();
    let [said, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    (output.status.success(), format!("{said}{told}"))
}

/// Where the node has the cluster from.
fn source(node: &GatewayNode) -> Value {
    let answer = Admin::new(&node.admin_url())
        .call("GET", "physical-cluster/east", None)
        .unwrap();
    let shown: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    shown["status"]["nodes"]["1"]["source"].clone()
}

#[test]
fn one_of_the_configuration_is_adopted_and_goes_on_as_a_resource() {
    let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
    let broker = FakeBroker::start();
    let main = format!("127.0.0.1:{}", broker.port);
    let clusters = directory.path().join("clusters.yaml");
    let configured = |path: &Path, with_east: bool| {
        let jaas = format!("{JAAS} password=\"s3cret\";");
        let main: &[(&str, &str)] = &[("bootstrap.servers", &main)];
        let east: &[(&str, &str)] = &[
            ("bootstrap.servers", "127.0.0.1:9"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", &jaas),
        ];
        let all = [("main", main), ("east", east)];
        write_clusters(path, &all[..if with_east { 2 } else { 1 }]).unwrap();
    };
    configured(&clusters, true);
    let secrets = [("KLAMM_SECRET_EAST", "s3cret"), ("KLAMM_SECRET_OTHER", "another")];
    let mut node = GatewayNode::start(NodeSettings {
        program: env!("CARGO_BIN_EXE_klamm").into(),
        id: 1,
        data_dir: directory.path().join("node1"),
        clusters: clusters.clone(),
        http_port: ports.port(0),
        advertised_host: "127.0.0.1".to_owned(),
        port_start: ports.port(8),
        port_count: 16,
        raft_ports: Vec::new(),
        more: secrets
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    })
    .unwrap();
    node.await_ready().unwrap();

    let (is_done, said) = klamm(&node, &["cluster", "adopt", "east"]);
    assert!(
        !is_done && said.contains("${env[NAME]}") && said.contains("--property") && !said.contains("s3cret"),
        "{said}"
    );
    let referring = |name: &str| format!("sasl.jaas.config={JAAS} password=\"${{env[{name}]}}\";");
    let adopt = |node: &GatewayNode, property: &str, more: &[&str]| {
        let words = [&["cluster", "adopt", "east", "--property", property], more].concat();
        klamm(node, &words)
    };
    let (is_done, said) = adopt(&node, &referring("KLAMM_SECRET_OTHER"), &[]);
    assert!(!is_done && said.contains("what differs: sasl.*"), "{said}");
    let good = referring("KLAMM_SECRET_EAST");
    let (is_done, said) = adopt(&node, &good, &["--dry-run"]);
    assert!(
        is_done && said.contains("would be a resource (CREATED)"),
        "{said}"
    );
    assert_eq!(source(&node), Value::Null, "nothing was changed");
    let (is_done, said) = adopt(&node, &good, &[]);
    assert!(is_done && said.contains("is a resource now (CREATED)"), "{said}");
    assert_eq!(source(&node), "CONFIGURATION");

    configured(&clusters, false);
    node.restart().unwrap();
    node.await_ready().unwrap();
    assert_eq!(source(&node), "RESOURCE");
    let (is_done, said) = adopt(&node, &good, &[]);
    assert!(
        !is_done && said.contains("has no physical cluster east"),
        "{said}"
    );
    let stored = fs::read(directory.path().join("node1/klamm.redb")).unwrap();
    assert!(!stored.windows(6).any(|window| window == b"s3cret"));
}
