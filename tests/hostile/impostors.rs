//! Nodes that know each other by certificates, and then by a secret as well, with an admin API over TLS: who shows another one
//! comes in nowhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use klamm::quickstart::child;
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::ports::PortBlock;

use super::broker::FakeBroker;
use super::client::Client;
use super::gateway::PATIENCE;
use super::pki::{Authority, Identity};

const NODES: u16 = 3;

/// Three nodes before a fake broker.
struct Group {
    nodes: Vec<GatewayNode>,
    identities: Vec<Identity>,
    authority: Authority,
    directory: tempfile::TempDir,
    ports: PortBlock,
    _broker: FakeBroker,
}

impl Group {
    fn start() -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let broker = FakeBroker::start();
        let clusters = broker.as_main(directory.path());
        let authority = Authority::new(directory.path(), "nodes").unwrap();
        let mut group = Self {
            nodes: Vec::new(),
            identities: Vec::new(),
            authority,
            directory,
            ports,
            _broker: broker,
        };
        for index in 0..NODES {
            let name = format!("node{}", index + 1);
            let identity = group.authority.identity(&name, &["127.0.0.1"]).unwrap();
            let settings = group.settings(index, &identity, &clusters);
            group.identities.push(identity);
            group.nodes.push(GatewayNode::start(settings).unwrap());
        }
        group
    }

    fn settings(&self, index: u16, identity: &Identity, clusters: &Path) -> NodeSettings {
        let file = |path: &Path| path.display().to_string();
        let (chain, key) = (file(&identity.chain), file(&identity.key));
        let more = [
            ("KLAMM_RAFT_TLS_CERTIFICATE", &chain),
            ("KLAMM_RAFT_TLS_KEY", &key),
            ("KLAMM_RAFT_TLS_CA", &file(&self.authority.file)),
            ("GATEWAY_HTTP_TLS_CERTIFICATE", &chain),
            ("GATEWAY_HTTP_TLS_KEY", &key),
        ];
        NodeSettings {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            id: index + 1,
            data_dir: self.directory.path().join(format!("node{}", index + 1)),
            clusters: clusters.to_owned(),
            http_port: self.http(index),
            advertised_host: "127.0.0.1".to_owned(),
            port_start: self.ports.port(16 + 16 * index),
            port_count: 16,
            raft_ports: (0..NODES).map(|index| self.ports.port(index)).collect(),
            more: more.map(|(name, value)| (name.to_owned(), value.clone())).into(),
        }
    }

    fn http(&self, index: u16) -> u16 {
        self.ports.port(8 + index)
    }

    /// Starts a node again, with this secret.
    fn restart(&mut self, index: usize, secret: &str) {
        self.nodes[index].stop();
        let mut settings = self.nodes[index].settings().clone();
        settings.more.retain(|(name, _)| name != "KLAMM_RAFT_SECRET");
        settings
            .more
            .push(("KLAMM_RAFT_SECRET".to_owned(), secret.to_owned()));
        self.nodes[index] = GatewayNode::start(settings).unwrap();
    }

    /// Runs the command at a node's admin API, which must come from this authority.
    fn klamm(&self, index: u16, authority: &Authority, words: &[&str]) -> Output {
        let mut command: Command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
        let url = format!("https://127.0.0.1:{}", self.http(index));
        command.args(words).args(["--admin-url", &url]);
        command.arg("--admin-ca").arg(&authority.file);
        command.output().unwrap()
    }

    /// Waits until so many nodes are up, as a node sees it.
    fn expect_up(&self, seen_by: u16, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.klamm(seen_by, &self.authority, &["cluster", "status"]);
            let text = String::from_utf8_lossy(&shown.stdout);
            if text
                .lines()
                .filter(|line| line.split_whitespace().nth(1) == Some("up"))
                .count()
                == count
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{count} nodes are not up: {shown:?}\n{}",
                self.nodes[0].log()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a node has logged a line with all of these.
    fn expect_logged(&self, index: usize, parts: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        while !self.nodes[index]
            .log()
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
        {
            assert!(
                Instant::now() < deadline,
                "{parts:?}: {}",
                self.nodes[index].log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A secret as `klamm cluster secret` prints it.
fn new_secret() -> String {
    let mut command: Command = child::guarded(env!("CARGO_BIN_EXE_klamm"));
    let printed = command.args(["cluster", "secret"]).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap().trim_end().to_owned()
}

/// A certificate of the right authority is good for its own host only.
fn the_certificate_of_another_host(group: &mut Group) {
    group.nodes[2].stop();
    let own = group.identities[2].clone();
    let (chain, key) = (fs::read(&own.chain).unwrap(), fs::read(&own.key).unwrap());
    group.authority.identity("node3", &["127.0.0.9"]).unwrap();
    group.nodes[2].restart().unwrap();
    group.expect_logged(
        0,
        &["refused a peer connection", "certificate does not name the host"],
    );
    group.expect_up(0, 2);
    fs::write(&own.chain, chain).unwrap();
    fs::write(&own.key, key).unwrap();
    group.nodes[2].restart().unwrap();
    group.expect_up(0, 3);
}

/// Beside certificates nodes may have a secret, and then it must be the same.
fn another_secret(group: &mut Group) {
    let (secret, other) = (new_secret(), new_secret());
    assert_ne!(secret, other);
    for index in 0..2 {
        group.restart(index, &secret);
    }
    group.expect_up(0, 2);
    let refused = "refused a peer connection";
    group.expect_logged(0, &[refused, "one of the two nodes has a cluster secret"]);
    group.restart(2, &other);
    group.expect_logged(0, &[refused, "the two nodes have different cluster secrets"]);

    group.restart(2, "a secret that somebody thought of");
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        match group.nodes[2].ended() {
            Some(ended) => break ended,
            None => thread::sleep(Duration::from_millis(20)),
        }
        assert!(
            Instant::now() < deadline,
            "it runs with a secret that can be guessed"
        );
    };
    assert_eq!(ended.code(), Some(78), "{}", group.nodes[2].log());
    group.expect_logged(2, &["create one with `klamm cluster secret`"]);

    group.restart(2, &secret);
    group.expect_up(0, 3);
    for node in &group.nodes {
        assert!(!node.log().contains("klamm_cluster_"), "{}", node.log());
    }
}

/// More of them than the admin API has seats for, all held open: who goes on with a handshake is answered.
fn handshakes_that_go_no_further(group: &Group) {
    let begin = |_| {
        let mut client = Client::connect(group.http(0));
        client.send(&[0x16, 3, 1, 2, 0, 1]);
        client
    };
    let begun: Vec<Client> = (0..600).map(begin).collect();
    let asked = Instant::now();
    let shown = group.klamm(0, &group.authority, &["cluster", "status"]);
    assert!(shown.status.success(), "{shown:?}");
    // A handshake may take three seconds, which nobody is to wait for.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    drop(begun);
}

#[test]
fn impostors() {
    let mut group = Group::start();
    group.expect_up(0, 3);
    let tenant = group.directory.path().join("tenant.yaml");
    let resource = "kind: VirtualCluster\napiVersion: gateway/v2\nmetadata: {name: tenant}\nspec: {type: Partner, aclEnabled: true, superUsers: [admin]}\n";
    fs::write(&tenant, resource).unwrap();
    let applied = group.klamm(0, &group.authority, &["apply", "-f", tenant.to_str().unwrap()]);
    assert!(applied.status.success(), "{applied:?}");
    let shown = group.klamm(2, &group.authority, &["get", "virtual-cluster"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("tenant"),
        "{shown:?}"
    );

    // Neither the command nor a node trusts what another authority made.
    let strangers = Authority::new(group.directory.path(), "strangers").unwrap();
    let refused = group.klamm(0, &strangers, &["get", "virtual-cluster"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    group.nodes[2].stop();
    let own = group.identities[2].clone();
    let (chain, key) = (fs::read(&own.chain).unwrap(), fs::read(&own.key).unwrap());
    strangers.identity("node3", &["127.0.0.1"]).unwrap();
    assert_ne!(fs::read(&own.chain).unwrap(), chain);
    group.nodes[2].restart().unwrap();
    group.expect_logged(0, &["refused a peer connection", "the TLS handshake failed"]);
    group.expect_up(0, 2);

    // Its own certificate is read when it is there again.
    fs::write(&own.chain, chain).unwrap();
    fs::write(&own.key, key).unwrap();
    group.expect_up(0, 3);
    the_certificate_of_another_host(&mut group);
    another_secret(&mut group);
    assert!(group.nodes.iter_mut().all(|node| node.ended().is_none()));

    for port in [group.ports.port(0), group.http(0)] {
        let mut plain = Client::connect(port);
        plain.send(b"klamm/psGET / HTTP/1.1\r\n\r\n");
        assert!(plain.is_closed(), "{port} speaks TLS only");
    }
    let mut http = Client::connect(group.http(0));
    http.send(b"GET / HTTP/1.1\r\n\r\n");
    assert!(http.is_closed());
    handshakes_that_go_no_further(&group);
    group.expect_logged(
        0,
        &["a connection to the admin API was closed", "it looks like HTTP"],
    );
}
