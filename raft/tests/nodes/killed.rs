//! A process that is killed in the middle of its work: what it acknowledged is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use klamm_raft::Node;
use klamm_raft::outcome::Outcome;

use crate::single::config;
use crate::support::{LIMIT, propose};

const CHILD: &str = "KLAMM_TEST_KILLED";

/// The process that is killed is this test again, in a child.
#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return acknowledge_until_killed(directory.as_ref()).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        acknowledged.extend(kill_after(directory.path(), 25));
        let node = Node::start(config(directory.path())).unwrap();
        let state = node.states().borrow().clone();
        for name in &acknowledged {
            assert!(
                state.vclusters.contains_key(name.as_str()),
                "round {round}: {name} is lost"
            );
        }
        assert!(
            state.vclusters.len() <= acknowledged.len() + round + 1,
            "at most one was under way"
        );
        node.shutdown().await;
    }
}

/// Kills a child after it has acknowledged `count` changes; returns all that it acknowledged.
fn kill_after(directory: &std::path::Path, count: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "killed::what_was_acknowledged_survives_a_kill",
        ])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines {
        if let Some(name) = line.unwrap().strip_prefix("acknowledged ") {
            acknowledged.push(name.to_owned());
        }
        if acknowledged.len() == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= count);
    acknowledged
}

async fn acknowledge_until_killed(directory: &std::path::Path) {
    let node = Node::start(config(directory)).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    let before = node.states().borrow().vclusters.len();
    for number in before..before + 10_000 {
        let name = format!("vc-{number}");
        assert_eq!(propose(&node, &name).await.unwrap().outcome, Outcome::Created);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {name}").unwrap();
        out.flush().unwrap();
    }
    panic!("nobody killed this process");
}
