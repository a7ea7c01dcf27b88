//! A data directory that version 1 of the format wrote, kept in the repository: every later version starts on it.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use klamm_raft::command::Command;
use klamm_raft::model::{Level, PolicyId, SigningKey, State};
use klamm_raft::outcome::Outcome;
use klamm_raft::{Node, Tuning, Upgrade};

use crate::single::config;
use crate::support::{LIMIT, put, put_policy};

/// Few enough for a snapshot, with entries after it.
const SNAPSHOT_ENTRIES: u64 = 6;

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1/klamm.redb")
}

async fn start(directory: &Path) -> Node {
    let mut config = config(directory);
    config.tuning = Tuning {
        snapshot_entries: SNAPSHOT_ENTRIES,
        ..config.tuning
    };
    config.upgrade = Upgrade::Manual;
    let node = Node::start(config).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    node
}

/// The SHA-256 of the file. Version 1 is released: the file is never written anew.
const SHA256: &str = "29aee327ede25495a9fb78e1dc4442d637fedb365aae98bab077267a364837fa";

#[tokio::test]
async fn a_node_starts_on_a_data_directory_of_version_1() {
    let digest = digest::digest(&digest::SHA256, &fs::read(stored()).unwrap());
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, SHA256, "what a released version wrote was changed");
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    fs::copy(stored(), directory.path().join("data/klamm.redb")).unwrap();
    let node = start(directory.path()).await;
    let before = node.states().borrow().clone();
    assert_eq!(before.level, Level::FIRST);
    check(&before);
    node.propose_own(put("later")).await.unwrap();
    node.shutdown().await;
    let node = start(directory.path()).await;
    let after = node.states().borrow().clone();
    assert_eq!(after.level, Level::FIRST);
    check(&after);
    assert!(after.vclusters.contains_key("later"));
    // What a later level has comes behind it.
    for command in [Command::RaiseLevel { to: Level::NEWEST }, put_policy("added")] {
        let outcome = node.propose_own(command).await.unwrap().outcome;
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }
    // Enough for a snapshot of it.
    for n in 0..2 * SNAPSHOT_ENTRIES {
        node.propose_own(put(&format!("later-{n}"))).await.unwrap();
    }
    node.shutdown().await;
    let node = start(directory.path()).await;
    let raised = node.states().borrow().clone();
    assert_eq!(raised.level, Level::NEWEST);
    let added = PolicyId::of_all("added".parse().unwrap());
    assert!(raised.policies.contains_key(&added));
    check(&raised);
    node.shutdown().await;
}

/// Everything of the history is there.
fn check(state: &State) {
    assert!(!state.vclusters.contains_key("other"));
    let partner = &state.vclusters["partner"];
    assert_eq!(partner.spec.super_users.len(), 1);
    assert_eq!(partner.aliases["orders"].physical_name.to_string(), "p-orders");
    assert_eq!(partner.acls.len(), 1);
    assert_eq!(partner.accounts.len(), 2, "alice, and bob of the credential");
    assert_eq!(partner.tokens.len(), 1);
    assert_eq!(partner.scram.len(), 1);
    assert_eq!(partner.brokers.len(), 1);
    let keys = state.signing_keys.as_ref().unwrap();
    assert_eq!(keys.current, SigningKey(vec![7; 32]));
}
