//! A cluster of processes is upgraded one by one under load, back before its feature level is raised, and on; then an older
//! process says why it does not start.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::{Ability, Level, NodeId};
use klamm_raft::outcome::{Outcome, Refusal};
use klamm_raft::{Node, NotReady, RaftConfig, Upgrade};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::support::{Cluster, LIMIT, config_of, put, put_policy};

/// Two nodes find each other faster.
const SOON: Duration = Duration::from_secs(3);
/// How often each process makes a change of its own accord.
const LOAD_EVERY: Duration = Duration::from_millis(100);
/// The variable that says what a child is: its number and the highest level that it knows.
const CHILD: &str = "KLAMM_TEST_UPGRADE";
/// Where it finds what the cluster is.
const SECRET: &str = "KLAMM_TEST_UPGRADE_SECRET";
const PEERS: &str = "KLAMM_TEST_UPGRADE_PEERS";
const DIRECTORY: &str = "KLAMM_TEST_UPGRADE_DIRECTORY";

/// Processes are this test again, as children.
#[tokio::test]
async fn nodes_are_upgraded_one_by_one_and_back_until_the_level_is_raised() {
    if let Ok(child) = std::env::var(CHILD) {
        return serve(&child).await;
    }
    let mut fleet = Fleet::new();
    for id in 1..=3 {
        fleet.start(id, 1);
    }
    (1..=3).for_each(|id| fleet.await_ready(id));
    let too_early = "refused this needs feature level 2, and the cluster is at 1";
    assert!(fleet.ask(1, "policy early").starts_with(too_early));
    for id in 1..=3 {
        fleet.restart(id, 2);
        fleet.put_on_each();
    }
    assert!(
        fleet.ask(2, "policy early").starts_with(too_early),
        "all know it, and nobody has raised the level"
    );
    fleet.restart(2, 1);
    fleet.put_on_each();
    assert!(
        fleet
            .ask(1, "raise")
            .contains("nodes that do not support feature level 2: 2. Bring them")
    );
    fleet.restart(2, 2);
    assert_eq!(fleet.ask(3, "raise"), "updated");
    fleet.put_on_each();
    assert_eq!(fleet.ask(2, "policy new"), "created");
    fleet.all_answer("show", "level 2 policies new");
    fleet.put_on_each();
    fleet.stop(1);
    let reason = fleet.fails(1, 1);
    assert!(
        reason.contains("was written by a newer version of klamm: it has format version 2"),
        "{reason}"
    );
    fs::remove_dir_all(fleet.cluster.data_dir(1)).unwrap();
    fleet.start(1, 1);
    assert_eq!(
        fleet.ask(1, "soon"),
        "not ready",
        "without anything on its disk the others refuse it"
    );
    fleet.stop(1);
    fleet.start(1, 2);
    fleet.all_answer("show", "level 2 policies new");
    fleet.all_have_everything();
}

/// Three nodes, each a process, and what was acknowledged.
struct Fleet {
    cluster: Cluster,
    nodes: BTreeMap<u64, Process>,
    acknowledged: u32,
}

struct Process {
    child: Child,
    /// Whether it makes changes of its own accord, once it is ready.
    is_loaded: bool,
    told: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Fleet {
    fn new() -> Self {
        Self {
            cluster: Cluster::configured(),
            nodes: BTreeMap::new(),
            acknowledged: 0,
        }
    }

    fn spawn(&self, id: u64, highest: u8) -> Process {
        let peers = self
            .cluster
            .peers
            .iter()
            .map(|(id, address)| format!("{id}={address}"));
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("upgrade::nodes_are_upgraded_one_by_one_and_back_until_the_level_is_raised")
            .env(CHILD, format!("{id} {highest}"))
            .env(PEERS, peers.collect::<Vec<_>>().join(","))
            .env(SECRET, self.cluster.secret.as_ref().unwrap().reveal())
            .env(DIRECTORY, self.cluster.data_dir(id))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = child.stdin.take().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap()).lines();
        Process {
            child,
            is_loaded: false,
            told,
            says,
        }
    }

    fn start(&mut self, id: u64, highest: u8) {
        let process = self.spawn(id, highest);
        self.nodes.insert(id, process);
    }

    /// Why a node of that level does not start.
    fn fails(&self, id: u64, highest: u8) -> String {
        let mut process = self.spawn(id, highest);
        let reason = process.answer();
        process.child.wait().unwrap();
        reason
    }

    fn stop(&mut self, id: u64) {
        let mut process = self.nodes.remove(&id).unwrap();
        let answer = process.ask("stop");
        let made = answer.strip_prefix("stopped ").unwrap().parse::<u32>().unwrap();
        assert!(made > 0 || !process.is_loaded, "the node was under no load");
        self.acknowledged += made;
        process.child.wait().unwrap();
    }

    /// Another version in the place of one, while the others go on.
    fn restart(&mut self, id: u64, highest: u8) {
        self.stop(id);
        self.put_on_each();
        self.start(id, highest);
        self.await_ready(id);
    }

    /// From now on the node makes changes, whatever else happens.
    fn await_ready(&mut self, id: u64) {
        let process = self.nodes.get_mut(&id).unwrap();
        assert_eq!(process.ask("ready"), "ready");
        process.is_loaded = true;
    }

    fn ask(&mut self, id: u64, what: &str) -> String {
        self.nodes.get_mut(&id).unwrap().ask(what)
    }

    /// A change on every node that runs.
    fn put_on_each(&mut self) {
        for process in self.nodes.values_mut() {
            self.acknowledged += 1;
            let number = self.acknowledged;
            assert_eq!(process.ask(&format!("put vc-{number}")), "created");
        }
    }

    fn all_answer(&mut self, what: &str, wanted: &str) {
        for process in self.nodes.values_mut() {
            assert_eq!(process.ask(what), wanted);
        }
    }

    fn all_have_everything(&mut self) {
        for process in self.nodes.values_mut().filter(|process| process.is_loaded) {
            self.acknowledged += process.ask("rest").parse::<u32>().unwrap();
            process.is_loaded = false;
        }
        let wanted = format!("{}", self.acknowledged);
        self.all_answer("count", &wanted);
    }
}

impl Process {
    fn ask(&mut self, what: &str) -> String {
        writeln!(self.told, "{what}").unwrap();
        self.answer()
    }

    /// The next line that is an answer; the test harness says things of its own.
    fn answer(&mut self) -> String {
        let line = self
            .says
            .find_map(|line| Some(line.unwrap().strip_prefix("answer: ")?.to_owned()));
        line.expect("the process goes on")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn say(answer: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nanswer: {answer}").unwrap();
    out.flush().unwrap();
}

/// The child: a node that does what it is told, line by line.
async fn serve(child: &str) {
    let node = match Node::start(config(child)) {
        Ok(node) => node,
        Err(error) => return say(&std::error::Error::source(&error).unwrap().to_string()),
    };
    let node = Arc::new(node);
    let mut load = None;
    // Lines are read elsewhere: the load goes on meanwhile.
    let (tell, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut lines = std::io::stdin().lines();
        lines.try_for_each(|line| tell.send(line.unwrap()).ok())
    });
    while let Some(line) = told.recv().await {
        let (what, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match what {
            "ready" => {
                node.wait_ready(LIMIT).await.unwrap();
                load = Some(Load::begin(&node));
                say("ready");
            }
            "rest" => say(&Load::end(&mut load).await.to_string()),
            "soon" => say(&match node.wait_ready(SOON).await {
                Ok(()) => "ready".to_owned(),
                Err(NotReady::Refused(refusal)) => refusal.to_string(),
                Err(_) => "not ready".to_owned(),
            }),
            "put" => say(&propose(&node, put(rest)).await),
            "policy" => say(&propose(&node, put_policy(rest)).await),
            "raise" => say(&propose(&node, Command::RaiseLevel { to: Level::POLICIES }).await),
            "show" => {
                node.confirm().await.unwrap();
                let state = node.states().borrow().clone();
                let policies: Vec<&str> = state.policies.keys().map(|id| id.name.as_str()).collect();
                say(&format!("level {} policies {}", state.level, policies.join(" ")));
            }
            "count" => {
                node.confirm().await.unwrap();
                say(&node.states().borrow().vclusters.len().to_string());
            }
            _ => {
                let made = Load::end(&mut load).await;
                node.shutdown().await;
                return say(&format!("stopped {made}"));
            }
        }
    }
}

/// Changes that a process makes of its own accord.
struct Load {
    ended: watch::Sender<bool>,
    made: JoinHandle<u32>,
}

impl Load {
    fn begin(node: &Arc<Node>) -> Self {
        let (ended, is_ended) = watch::channel(false);
        let node = Arc::clone(node);
        let made = tokio::spawn(async move {
            let mut made = 0;
            while !*is_ended.borrow() {
                let name = format!("load-{}-{made}", std::process::id());
                // Whoever leads may be the one that is stopped: then nobody knows, and it is made again.
                if let Ok(done) = node.propose_own(put(&name)).await {
                    assert!(matches!(
                        done.outcome,
                        Outcome::Created | Outcome::Unchanged | Outcome::Updated
                    ));
                    made += 1;
                }
                tokio::time::sleep(LOAD_EVERY).await;
            }
            made
        });
        Self { ended, made }
    }

    /// How many were acknowledged.
    async fn end(load: &mut Option<Self>) -> u32 {
        let Some(load) = load.take() else { return 0 };
        load.ended.send_replace(true);
        load.made.await.unwrap()
    }
}

async fn propose(node: &Node, command: Command) -> String {
    match node.propose_own(command).await.unwrap().outcome {
        Outcome::Refused(refusal @ (Refusal::LevelTooLow { .. } | Refusal::LevelNotEverywhere { .. })) => {
            format!("refused {refusal}")
        }
        outcome => format!("{outcome:?}").to_lowercase(),
    }
}

fn config(child: &str) -> RaftConfig {
    let (id, highest) = child.split_once(' ').unwrap();
    let peers = std::env::var(PEERS).unwrap();
    let peers = peers.split(',').map(|peer| {
        let (id, address) = peer.split_once('=').unwrap();
        (NodeId(id.parse().unwrap()), address.to_owned())
    });
    let id: u64 = id.parse().unwrap();
    let mut config = config_of(id, peers.collect(), std::env::var_os(DIRECTORY).unwrap().into());
    config.secret = Some(std::env::var(SECRET).unwrap().parse().unwrap());
    config.upgrade = Upgrade::Manual;
    config.record.ability = Ability {
        version: format!("test-{highest}"),
        highest: Level(highest.parse().unwrap()),
        since_s: 0,
    };
    config
}
