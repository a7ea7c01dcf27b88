//! Configuration files and environment variables of any content are read or refused, with a place for each problem.

use std::collections::BTreeMap;
use std::path::Path;

use klamm::config::{Config, Inputs};

use super::corpus;
use super::mutate::spoil;
use super::runner::run;

const VALUES: [&str; 12] = [
    "",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "true",
    "main",
    "file : { path: clusters.yaml }",
    "file : {",
    "1=a:1,2=b",
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"b\\\";",
    "SASL_SSL",
];

const NAMES: [&str; 12] = [
    "GATEWAY_BACKEND_KAFKA_SELECTOR",
    "GATEWAY_PORT_START",
    "GATEWAY_PORT_COUNT",
    "GATEWAY_HTTP_PORT",
    "KLAMM_NODE_ID",
    "KLAMM_RAFT_PEERS",
    "KLAMM_RAFT_LISTEN",
    "KLAMM_RAFT_JOIN",
    "KLAMM_RAFT_ADVERTISED",
    "KAFKA_MAIN_BOOTSTRAP_SERVERS",
    "KAFKA_MAIN_SASL_JAAS_CONFIG",
    "KAFKA_MAIN_SECURITY_PROTOCOL",
];

#[test]
fn configurations() {
    let corpus = corpus::configurations();
    run("configurations", |chance| {
        let mut file = chance.pick(&corpus).clone().into_bytes();
        let mut clusters = chance.pick(&corpus).clone().into_bytes();
        if !chance.one_in(10) {
            spoil(&mut file, chance);
            spoil(&mut clusters, chance);
        }
        let (file, clusters) = (String::from_utf8_lossy(&file), String::from_utf8_lossy(&clusters));
        let variable = |_| (chance.pick(&NAMES).to_string(), chance.pick(&VALUES).to_string());
        let variables: BTreeMap<String, String> = (0..4).map(variable).collect();
        let path = Path::new("klamm.yaml");
        let inputs = Inputs {
            file: Some(path),
            variables: &variables,
            read: &|asked| {
                let text = if asked == path { &file } else { &clusters };
                Ok(text.to_string())
            },
            read_secret: &|_| Ok(clusters.to_string()),
            methods: klamm::admin::authentication_from,
        };
        match Config::load(inputs) {
            Ok(config) => assert!(config.listeners.iter().all(|listener| listener.port_count() > 0)),
            Err(refused) => assert!(!refused.problems().is_empty()),
        }
    });
}

/// YAML that is small on disk and large in memory.
#[test]
fn a_document_of_aliases_or_brackets_is_refused() {
    let anchors: String = (1..30)
        .map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0}]\n", n - 1))
        .collect();
    let bombs = [
        format!("a0: &a0 [x]\n{anchors}"),
        "[".repeat(200_000),
        "{a: ".repeat(100_000),
        "- ".repeat(60),
        "- ".repeat(100_000),
        format!("config:\n  main:\n    bootstrap.servers: {}", "x".repeat(4 << 20)),
    ];
    for bomb in bombs {
        let inputs = Inputs {
            file: Some(Path::new("klamm.yaml")),
            variables: &BTreeMap::new(),
            read: &|_| Ok(bomb.clone()),
            read_secret: &|_| Ok(bomb.clone()),
            methods: klamm::admin::authentication_from,
        };
        assert!(Config::load(inputs).is_err());
    }
}
