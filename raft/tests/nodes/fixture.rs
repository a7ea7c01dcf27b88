//! A data directory that version 1 of the format wrote, kept in the repository: every later version starts on it.

use std::fs;
use std::path::{Path, PathBuf};

use klamm_raft::command::Command;
use klamm_raft::model::{
    AccountSpec, AclBinding, AclEntry, AliasTopic, BrokerKey, Level, Operation, PatternType, Permission,
    ResourcePattern, ResourceType, Revision, ScramCredential, ScramHash, ScramUser, SigningKey, State,
    TokenId, TokenRecord,
};
use klamm_raft::{Node, Tuning};

use crate::single::config;
use crate::support::{LIMIT, put};

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
    let node = Node::start(config).unwrap();
    node.wait_ready(LIMIT).await.unwrap();
    node
}

/// What was done to it, in this order.
fn history() -> Vec<Command> {
    let key = SigningKey(vec![7; 32]);
    let vcluster = || "partner".parse().unwrap();
    let acl = AclBinding {
        pattern: ResourcePattern {
            resource_type: ResourceType::Topic,
            name: "orders".to_owned(),
            pattern_type: PatternType::Prefixed,
        },
        entry: AclEntry {
            principal: "User:alice".to_owned(),
            host: "*".to_owned(),
            operation: Operation::Read,
            permission: Permission::Allow,
        },
    };
    let user = ScramUser {
        account: "bob".parse().unwrap(),
        hash: ScramHash::Sha512,
    };
    let credential = ScramCredential {
        salt: vec![1; 16],
        iterations: 8192,
        stored_key: vec![2; 64],
        server_key: vec![3; 64],
    };
    vec![
        Command::InitSigningKey {
            key,
            decoy: SigningKey(vec![8; 32]),
        },
        put("partner"),
        Command::PutAlias {
            vcluster: vcluster(),
            name: "orders".parse().unwrap(),
            alias: AliasTopic {
                physical_cluster: "main".parse().unwrap(),
                physical_name: "p-orders".parse().unwrap(),
            },
        },
        Command::PutAccount {
            vcluster: vcluster(),
            name: "alice".parse().unwrap(),
            spec: AccountSpec::local(),
        },
        Command::CreateAcls {
            vcluster: vcluster(),
            acls: vec![acl],
        },
        Command::AssignBrokers {
            vcluster: vcluster(),
            brokers: vec![BrokerKey {
                cluster: "main".parse().unwrap(),
                physical_id: 1,
            }],
        },
        put("other"),
        Command::DeleteVcluster {
            name: "other".parse().unwrap(),
        },
        Command::AlterScramCredentials {
            vcluster: vcluster(),
            put: vec![(user, credential)],
            delete: Vec::new(),
        },
    ]
}

fn token(created: Revision) -> Command {
    Command::PutToken {
        vcluster: "partner".parse().unwrap(),
        id: TokenId([9; 16]),
        record: TokenRecord {
            account: "alice".parse().unwrap(),
            account_created: created,
            issued_at_s: 1_700_000_000,
            expires_at_s: 4_000_000_000,
            key: SigningKey(vec![7; 32]).id(),
        },
    }
}

/// Writes the directory anew, which is right only until version 1 is released.
async fn bless() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(directory.path()).await;
    for command in history() {
        node.propose_own(command).await.unwrap();
    }
    let created = node.states().borrow().vclusters["partner"].accounts["alice"].created;
    node.propose_own(token(created)).await.unwrap();
    node.shutdown().await;
    fs::create_dir_all(stored().parent().unwrap()).unwrap();
    fs::copy(directory.path().join("data/klamm.redb"), stored()).unwrap();
}

#[tokio::test]
async fn a_node_starts_on_a_data_directory_of_version_1() {
    if std::env::var_os("KLAMM_BLESS").is_some() {
        bless().await;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    fs::copy(stored(), directory.path().join("data/klamm.redb")).unwrap();
    let node = start(directory.path()).await;
    let before = node.states().borrow().clone();
    check(&before);
    node.propose_own(put("later")).await.unwrap();
    node.shutdown().await;
    let node = start(directory.path()).await;
    let after = node.states().borrow().clone();
    check(&after);
    assert!(after.vclusters.contains_key("later"));
    node.shutdown().await;
}

/// Everything of the history is there.
fn check(state: &State) {
    assert_eq!(state.level, Level::FIRST);
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
