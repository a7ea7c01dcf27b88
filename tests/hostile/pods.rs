//! The pods of the Kubernetes manifest as processes, with its environment, ordinals and volumes: they found a cluster, come and go,
//! one comes back with a volume that was kept, and the cluster is restored and recovered without anybody naming a number.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::ports::PortBlock;
use serde_json::Value;

use super::broker::FakeBroker;

/// How long something may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// The exit code of a node whose data directory is of no use any more.
const EXIT_CONFIG: i32 = 78;

/// Pods that there are at most.
const PODS: u16 = 5;

/// Client ports of a pod.
const PORTS: u16 = 16;

/// A StatefulSet without Kubernetes: each pod is a process, its volume a directory.
struct StatefulSet {
    directory: tempfile::TempDir,
    clusters: PathBuf,
    /// The variables of the manifest.
    template: Vec<(String, String)>,
    pods: Vec<Option<GatewayNode>>,
    ports: PortBlock,
    _broker: FakeBroker,
}

impl StatefulSet {
    fn new() -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let broker = FakeBroker::start();
        let made = Command::new("sh")
            .args(["-c", "(umask 077; head -c 32 /dev/urandom | base64 > backup.key)"])
            .current_dir(directory.path())
            .status();
        assert!(made.unwrap().success());
        Self {
            clusters: broker.as_main(directory.path()),
            template: template(),
            pods: (0..PODS).map(|_| None).collect(),
            directory,
            ports,
            _broker: broker,
        }
    }

    /// Where the peers of a pod reach it.
    fn address(&self, ordinal: u16) -> String {
        format!("127.0.0.1:{}", self.ports.port(ordinal))
    }

    /// A value of the manifest, with addresses in place of names.
    fn resolved(&self, value: &str) -> String {
        let mut value = value.to_owned();
        for ordinal in 0..PODS {
            value = value.replace(&format!("klamm-{ordinal}.klamm:9300"), &self.address(ordinal));
        }
        // The name of the service stands for all pods.
        let all: Vec<String> = (0..PODS).map(|ordinal| self.address(ordinal)).collect();
        value.replace("klamm:9300", &all.join(","))
    }

    fn settings(&self, ordinal: u16) -> NodeSettings {
        let own = self.address(ordinal);
        let key = self.directory.path().join("backup.key").display().to_string();
        let from_manifest = self.template.iter().map(|(name, value)| {
            let value = match name.as_str() {
                "KLAMM_RAFT_LISTEN" => own.clone(),
                _ => self.resolved(value),
            };
            (name.clone(), value)
        });
        let more = [
            ("KLAMM_RAFT_ADVERTISED", own.clone()),
            ("KLAMM_BACKUP_KEY_FILE", key),
        ];
        let more = more.map(|(name, value)| (name.to_owned(), value));
        NodeSettings {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            id: ordinal + 1,
            data_dir: self.volume(ordinal),
            clusters: self.clusters.clone(),
            http_port: self.ports.port(PODS + ordinal),
            advertised_host: "127.0.0.1".to_owned(),
            port_start: self.ports.port(2 * PODS + PORTS * ordinal),
            port_count: PORTS,
            raft_ports: Vec::new(),
            more: from_manifest.chain(more).collect(),
        }
    }

    fn volume(&self, ordinal: u16) -> PathBuf {
        self.directory.path().join(format!("data-klamm-{ordinal}"))
    }

    /// Starts pods, the last one first, and waits until they are ready.
    fn start(&mut self, ordinals: &[u16]) {
        for ordinal in ordinals.iter().rev() {
            let pod = GatewayNode::start(self.settings(*ordinal)).unwrap();
            self.pods[usize::from(*ordinal)] = Some(pod);
        }
        for ordinal in ordinals {
            self.pod(*ordinal).await_ready().unwrap();
        }
    }

    fn pod(&mut self, ordinal: u16) -> &mut GatewayNode {
        self.pods[usize::from(ordinal)].as_mut().unwrap()
    }

    fn delete(&mut self, ordinal: u16) {
        let mut pod = self.pods[usize::from(ordinal)].take().unwrap();
        assert!(pod.stop().unwrap().success());
    }

    /// Ends pods, and takes their volumes away.
    fn lose(&mut self, ordinals: &[u16]) {
        for ordinal in ordinals {
            self.pods[usize::from(*ordinal)] = None;
            fs::remove_dir_all(self.volume(*ordinal)).unwrap();
        }
    }

    /// Runs a command in a pod.
    fn exec(&self, ordinal: u16, words: &[&str]) -> Output {
        let settings = self.settings(ordinal);
        Command::new(env!("CARGO_BIN_EXE_klamm"))
            .args(words)
            .env_clear()
            .envs(settings.environment())
            .env(
                "KLAMM_ADMIN_URL",
                format!("http://127.0.0.1:{}", settings.http_port),
            )
            .current_dir(self.directory.path())
            .output()
            .unwrap()
    }

    /// The output of a command that must succeed.
    fn done(&self, ordinal: u16, words: &[&str]) -> String {
        let output = self.exec(ordinal, words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// The members that have a role, or a state.
    fn members(&self, at: u16, is_meant: impl Fn(&Value) -> bool) -> Vec<u64> {
        let output = self.exec(at, &["cluster", "members", "-o", "json"]);
        let view: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let members = view["members"].as_array().cloned().unwrap_or_default();
        let ids = members.iter().filter(|member| is_meant(member));
        ids.filter_map(|member| member["id"].as_u64()).collect()
    }

    fn voters(&self, at: u16) -> Vec<u64> {
        self.members(at, |member| member["role"] == "VOTER")
    }

    fn learners(&self, at: u16) -> Vec<u64> {
        self.members(at, |member| member["role"] == "LEARNER")
    }

    /// A virtual cluster, made at one pod.
    fn create(&self, at: u16, name: &str) {
        let admin = Admin::new(&format!("http://127.0.0.1:{}", self.settings(at).http_port));
        admin
            .put("virtual-cluster", &admin::vcluster(name, "admin"))
            .unwrap();
    }

    fn shows(&self, at: u16, name: &str) -> bool {
        let admin = Admin::new(&format!("http://127.0.0.1:{}", self.settings(at).http_port));
        let shown = admin
            .call("GET", &format!("virtual-cluster/{name}"), None)
            .unwrap();
        shown.status == 200
    }
}

/// The variables that the manifest gives its pods, but for secrets.
fn template() -> Vec<(String, String)> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes/klamm.yaml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let variables = manifest.lines().filter_map(|line| {
        let (_, variable) = line.split_once("- {name: ")?;
        let (name, value) = variable.split_once(", value: ")?;
        let value = value.strip_suffix('}')?.trim_matches('"');
        name.starts_with("KLAMM_")
            .then(|| (name.to_owned(), value.to_owned()))
    });
    let variables: Vec<_> = variables.collect();
    let has = |name: &str| variables.iter().any(|(known, _)| known == name);
    for name in [
        "KLAMM_NODE_ID",
        "KLAMM_RAFT_LISTEN",
        "KLAMM_RAFT_PEERS",
        "KLAMM_RAFT_JOIN",
    ] {
        assert!(has(name), "{name} is not in the manifest");
    }
    variables
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The id of a new cluster, as it is printed.
fn new_id(printed: &str) -> String {
    let (_, rest) = printed.split_once("the new cluster ").expect("an id");
    rest.split(',').next().unwrap_or_default().to_owned()
}

#[test]
fn pods_come_and_go_and_one_with_a_volume_that_was_kept_is_told_that_it_was_removed() {
    let mut set = StatefulSet::new();
    set.start(&[0, 1, 2]);
    assert_eq!(set.voters(0), [1, 2, 3]);
    set.start(&[3, 4]);
    eventually("two learners", || set.learners(1) == [4, 5]);
    let last = set.exec(4, &["cluster", "status", "-o", "json"]);
    let view: Value = serde_json::from_slice(&last.stdout).unwrap();
    let number = view["nodeId"].as_u64().unwrap();
    let metrics = ureq::get(format!("{}/metrics", set.pod(0).admin_url())).call();
    let metrics = metrics.unwrap().body_mut().read_to_string().unwrap();
    for line in [
        "klamm_nodes{state=\"voters\"} 3",
        "klamm_nodes{state=\"learners\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}");
    }

    // It was scaled down without a word to the cluster: it counts as lost, and is removed by the same command.
    set.delete(4);
    eventually("it is lost", || {
        set.members(0, |member| member["liveness"] == "DOWN") == [number]
    });
    set.done(0, &["cluster", "remove", &number.to_string()]);
    let pod = GatewayNode::start(set.settings(4)).unwrap();
    set.pods[4] = Some(pod);
    let pod = set.pod(4);
    eventually("it ends", || pod.ended().is_some());
    assert_eq!(pod.ended().and_then(|status| status.code()), Some(EXIT_CONFIG));
    assert!(
        pod.log().contains("removed from its cluster at revision")
            && pod.log().contains("delete its data directory")
    );
    set.lose(&[4]);
    set.start(&[4]);
    eventually("it has a number of its own", || {
        set.learners(0) == [9 - number, 6]
    });

    // A volume that is lost is filled, and the pod is the voter that it was.
    set.lose(&[1]);
    set.start(&[1]);
    assert_eq!(set.voters(1), [1, 2, 3]);
    set.create(1, "at-last");
    assert!(set.shows(4, "at-last"));
}

#[test]
fn pods_are_restored_and_recovered_without_their_numbers() {
    let mut set = StatefulSet::new();
    set.start(&[0, 1, 2]);
    set.start(&[3]);
    set.create(3, "kept");
    set.done(3, &["cluster", "backup", "gateway.backup"]);
    set.lose(&[0, 1, 2, 3]);
    let printed = set.done(0, &["cluster", "restore", "gateway.backup"]);
    assert!(printed.starts_with("gateway.backup: ") && printed.contains("node 1 is now a member"));
    let id = new_id(&printed);
    let printed = set.done(1, &["cluster", "restore", "gateway.backup", "--cluster-id", &id]);
    assert!(printed.contains("node 2 is now a member"), "{printed}");
    // Who has no number by its place in the list has one only once it has joined.
    let refused = set.exec(3, &["cluster", "restore", "gateway.backup", "--cluster-id", &id]);
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.contains("klamm.node.id is auto"), "{refused}");
    set.start(&[0, 1, 2, 3]);
    assert_eq!(set.voters(3), [1, 2, 3]);
    eventually("it joins again, with a new number", || set.learners(0) == [5]);
    for at in 0..4 {
        assert!(set.shows(at, "kept"), "pod {at}");
    }

    // Of the four, one that votes is left.
    set.create(0, "since");
    let was = set.exec(2, &["cluster", "status", "-o", "json"]);
    let was: Value = serde_json::from_slice(&was.stdout).unwrap();
    let was = was["clusterId"].as_str().unwrap().to_owned();
    set.lose(&[0, 1, 3]);
    set.delete(2);
    let seen = set.done(2, &["cluster", "inspect"]);
    assert!(seen.contains(&was), "{seen}");
    let recover = ["cluster", "recover", "--confirm", &was, "--backup", "left.backup"];
    let printed = set.done(2, &recover);
    assert!(printed.contains("node 3 is now a member"), "{printed}");
    let id = new_id(&printed);
    set.done(1, &["cluster", "restore", "left.backup", "--cluster-id", &id]);
    set.start(&[0, 1, 2, 3]);
    assert_eq!(set.voters(0), [1, 2, 3]);
    eventually("the fourth joins", || set.learners(2) == [6]);
    for at in 0..4 {
        assert!(set.shows(at, "kept") && set.shows(at, "since"), "pod {at}");
    }

    // Of the four, the one that joined is left.
    set.create(3, "at-last");
    set.lose(&[0, 1, 2]);
    set.delete(3);
    let seen = set.done(3, &["cluster", "inspect"]);
    assert!(seen.contains(&id), "{seen}");
    let printed = set.done(
        3,
        &[
            "cluster",
            "recover",
            "--confirm",
            &id,
            "--backup",
            "joined.backup",
        ],
    );
    let said = "Restore the nodes 1, 2, 3 as if all nodes were lost";
    assert!(
        printed.contains(said) && printed.contains("what node 6 held is in joined.backup"),
        "{printed}"
    );
    let printed = set.done(0, &["cluster", "restore", "joined.backup"]);
    let id = new_id(&printed);
    set.done(1, &["cluster", "restore", "joined.backup", "--cluster-id", &id]);
    set.start(&[0, 1, 2, 3]);
    assert_eq!(set.voters(0), [1, 2, 3]);
    eventually("it joins with a new number", || set.learners(2) == [7]);
    for at in 0..4 {
        assert!(set.shows(at, "since") && set.shows(at, "at-last"), "pod {at}");
    }
}
