//! The drills of the page on operations: the commands as they stand there, on nodes that have lost their disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use klamm::quickstart::admin::{self, Admin};
use klamm::quickstart::node::{GatewayNode, NodeSettings};
use klamm::quickstart::ports::PortBlock;

use super::broker::FakeBroker;

/// How long something may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Three nodes with a key for backups.
struct Drill {
    directory: tempfile::TempDir,
    nodes: Vec<GatewayNode>,
    _ports: PortBlock,
    _broker: FakeBroker,
}

impl Drill {
    fn start() -> Self {
        let (ports, directory) = (PortBlock::take().unwrap(), tempfile::tempdir().unwrap());
        let broker = FakeBroker::start();
        let clusters = broker.as_main(directory.path());
        let made = Command::new("sh")
            .args(["-c", "(umask 077; head -c 32 /dev/urandom | base64 > backup.key)"])
            .current_dir(directory.path())
            .status();
        assert!(made.unwrap().success());
        fs::create_dir(directory.path().join("backups")).unwrap();
        let more =
            |name: &str, path: &str| (name.to_owned(), directory.path().join(path).display().to_string());
        let settings = |index: u16| NodeSettings {
            program: env!("CARGO_BIN_EXE_klamm").into(),
            id: index + 1,
            data_dir: directory.path().join(format!("node{}", index + 1)),
            clusters: clusters.clone(),
            http_port: ports.port(3 + index),
            advertised_host: "127.0.0.1".to_owned(),
            port_start: ports.port(8 + 16 * index),
            port_count: 16,
            raft_ports: (0..3).map(|peer| ports.port(peer)).collect(),
            more: vec![
                more("KLAMM_BACKUP_KEY_FILE", "backup.key"),
                more("KLAMM_BACKUP_DIR", "backups"),
                ("KLAMM_BACKUP_EVERY_MINUTES".to_owned(), "1".to_owned()),
            ],
        };
        let nodes = (0..3)
            .map(|index| GatewayNode::start(settings(index)).unwrap())
            .collect();
        let mut drill = Self {
            directory,
            nodes,
            _ports: ports,
            _broker: broker,
        };
        drill.await_all();
        drill
    }

    fn await_all(&mut self) {
        for node in &mut self.nodes {
            node.await_ready().unwrap();
        }
    }

    fn start_all(&mut self) {
        for node in &mut self.nodes {
            node.restart().unwrap();
        }
        self.await_all();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends all nodes, and takes the disks of these away.
    fn lose(&mut self, lost: &[usize]) {
        for node in &mut self.nodes {
            node.kill();
        }
        for index in lost {
            fs::remove_dir_all(&self.nodes[*index].settings().data_dir).unwrap();
        }
    }

    /// Runs a command line where the operator of a node would.
    fn run(&self, node: usize, line: &str) -> Output {
        let settings = self.nodes[node].settings();
        let klamm = Path::new(env!("CARGO_BIN_EXE_klamm")).parent().unwrap();
        let path = format!("{}:{}", klamm.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        // Those of whoever runs the tests are not meant for this node.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KLAMM_")) {
            command.env_remove(name);
        }
        command
            .args(["-c", line])
            .envs(settings.environment())
            .env("KLAMM_ADMIN_URL", self.nodes[node].admin_url())
            .env("PATH", path)
            .current_dir(self.directory.path())
            .output()
            .unwrap()
    }

    /// The output of a command line that must succeed.
    fn done(&self, node: usize, line: &str) -> String {
        let output = self.run(node, line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{line}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// The complaint of a command line that must fail.
    fn refused(&self, node: usize, line: &str) -> String {
        let output = self.run(node, line);
        assert!(!output.status.success(), "{line}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn create(&self, node: usize, name: &str) {
        let admin = Admin::new(&self.nodes[node].admin_url());
        admin
            .put("virtual-cluster", &admin::vcluster(name, "admin"))
            .unwrap();
    }

    /// A virtual cluster as clients know it, if there is one of that name.
    fn shown(&self, node: usize, name: &str) -> Option<String> {
        let admin = Admin::new(&self.nodes[node].admin_url());
        let shown = admin
            .call("GET", &format!("virtual-cluster/{name}"), None)
            .unwrap();
        (shown.status == 200).then_some(shown.body)
    }
}

/// The lines that a drill of the page tells to type.
fn lines(heading: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md")).unwrap();
    let (_, section) = page.split_once(&format!("### {heading}\n")).expect("a drill");
    let section = section.split("\n##").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(str::to_owned).collect()
}

/// The id of a new cluster, as it is printed.
fn new_id(printed: &str) -> &str {
    let (_, rest) = printed.split_once("the new cluster ").expect("an id");
    rest.split(',').next().unwrap_or_default()
}

#[test]
fn a_cluster_whose_nodes_are_all_lost_is_restored_as_the_page_says() {
    let mut drill = Drill::start();
    drill.create(2, "kept");
    let known = drill.shown(0, "kept").unwrap();
    let made = drill.done(1, "klamm cluster backup gateway.backup");
    assert!(made.contains(", encrypted, "), "{made}");
    let again = drill.refused(1, "klamm cluster backup gateway.backup");
    assert!(again.contains("exists already"), "{again}");
    let seen = drill.done(
        0,
        "klamm cluster backup verify gateway.backup --key-file backup.key",
    );
    assert!(seen.contains("2 virtual clusters"), "{seen}");
    let outside = drill.done(0, "klamm cluster backup verify gateway.backup");
    assert!(outside.contains("--key-file"), "{outside}");
    drill.create(2, "later");
    let [first, second] = lines("All nodes are lost").try_into().expect("two commands");
    let running = drill.refused(0, &first);
    assert!(running.contains("in use by another process"), "{running}");
    drill.lose(&[0, 1, 2]);
    let restored = drill.done(0, &first);
    assert!(
        restored.contains("KNOWS NOTHING OF WHAT CAME AFTER IT"),
        "{restored}"
    );
    drill.done(1, &second.replace("<id>", new_id(&restored)));
    let twice = drill.refused(0, &first);
    assert!(twice.contains("has data already"), "{twice}");
    drill.start_all();
    for node in 0..3 {
        assert_eq!(drill.shown(node, "kept").as_ref(), Some(&known), "node {node}");
        assert_eq!(drill.shown(node, "later"), None, "node {node}");
    }
    drill.create(2, "again");
    assert!(drill.shown(0, "again").is_some());
}

#[test]
fn a_cluster_is_recovered_from_the_one_disk_that_is_left_as_the_page_says() {
    let mut drill = Drill::start();
    drill.create(0, "kept");
    drill.lose(&[0, 1]);
    let [inspect, recover, restore] = lines("Most nodes are lost, and one is left")
        .try_into()
        .expect("three commands");
    let seen = drill.done(2, &inspect);
    let was = seen.lines().find_map(|line| line.strip_prefix("cluster "));
    let was = was.expect("an id").trim();
    let other = drill.refused(2, &recover.replace("<id>", &"0".repeat(32)));
    assert!(other.contains("belongs to the cluster"), "{other}");
    let recovered = drill.done(2, &recover.replace("<id>", was));
    assert!(
        recovered.contains("WHAT ONLY THE LOST NODES HELD IS GONE"),
        "{recovered}"
    );
    assert_ne!(new_id(&recovered), was);
    drill.done(0, &restore.replace("<id>", new_id(&recovered)));
    drill.start_all();
    for node in 0..3 {
        assert!(drill.shown(node, "kept").is_some(), "node {node}");
    }
    drill.create(1, "again");
}

#[test]
fn the_leader_makes_backups_by_itself() {
    let drill = Drill::start();
    let begun = Instant::now();
    let made = loop {
        let files = fs::read_dir(drill.path("backups")).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        if let Some(file) = files.find(|path| path.extension().is_some_and(|ending| ending == "backup")) {
            break file;
        }
        assert!(begun.elapsed() < LIMIT, "no backup was made");
        thread::sleep(Duration::from_millis(100));
    };
    let line = format!(
        "klamm cluster backup verify {} --key-file backup.key",
        made.display()
    );
    let seen = drill.done(0, &line);
    assert!(seen.contains(", encrypted"), "{seen}");
}
