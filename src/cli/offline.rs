//! `klamm cluster restore`, `inspect` and `recover`: what is done to the data directory of a node that does not run. The
//! directory, its key and the nodes are those of the node's configuration.

use std::path::{Path, PathBuf};

use clap::Args;
use klamm_raft::model::NodeId;
use klamm_raft::{
    Backup, FoundedCluster, Inspection, NodeHome, OfflineError, RecoveryOutcome, RestoreChoices, StorageKey,
    read_backup_header,
};

use super::backup::{self, KeyArgs};
use super::failure::Failure;
use super::{ConfigArgs, Variables, print, serve};
use crate::config::{self, Config};
use crate::unix_time;
use crate::whole_file::write_whole;

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
    /// The new cluster that another node was restored into before, as that has said
    #[arg(long, value_name = "ID")]
    cluster_id: Option<String>,
    /// Forget the key that signs tokens: all tokens become invalid, also those that were revoked after the backup
    #[arg(long)]
    new_signing_key: bool,
    /// Forget which Kafka clusters are behind the physical clusters, so that others may take their places
    #[arg(long)]
    unpin: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// The id of the lost cluster, as klamm cluster inspect shows it: it proves that you mean this directory
    #[arg(long, value_name = "ID")]
    confirm: String,
    /// Where a backup of what was recovered goes: other nodes are restored from it
    #[arg(long, value_name = "FILE")]
    backup: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

fn home(config: &Config) -> Result<NodeHome, Failure> {
    let node = &config.node;
    let listed = node.raft_peers.keys().copied().collect();
    NodeHome::of(node.id, node.data_dir.clone(), node.storage.clone(), listed).map_err(unusable)
}

/// The key in a file.
pub(super) fn read_key(path: &Path) -> Result<StorageKey, Failure> {
    let text = serve::read_secret(path).map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    config::key_in(&text).ok_or_else(|| {
        Failure::Usage(format!(
            "{} is not the base64 of {} bytes",
            path.display(),
            StorageKey::BYTES
        ))
    })
}

fn unusable(error: OfflineError) -> Failure {
    Failure::Failed(Box::new(error))
}

/// Makes the data directory of a member of a new cluster from a backup.
pub(super) fn restore(args: &RestoreArgs, variables: &Variables) -> Result<(), Failure> {
    let config = serve::load(args.config.config.clone(), variables)?;
    let content = backup::read(&args.file)?;
    let key = args.key.key(config.node.backups.key.as_ref())?;
    let read = |error| Failure::Refused {
        what: args.file.display().to_string(),
        why: format!("{error}"),
    };
    let header = read_backup_header(&content).map_err(read)?;
    let backup = Backup::decode(&content, key.as_ref()).map_err(read)?;
    let choices = RestoreChoices {
        cluster_id: args.cluster_id.clone(),
        new_signing_key: args.new_signing_key,
        unpin: args.unpin,
    };
    let home = home(&config)?;
    let founded = klamm_raft::restore(&home, &backup, &choices).map_err(unusable)?;
    let age = backup::age(&header).map_or_else(String::new, |age| format!(" is {age} old and"));
    let tokens = match args.new_signing_key {
        true => "All tokens are invalid: issue new ones.",
        false => {
            "Tokens that were revoked since then are valid again: revoke them again, or restore with --new-signing-key."
        }
    };
    print(&format!(
        "{}: {}\n{}{}\n\nTHE BACKUP{age} KNOWS NOTHING OF WHAT CAME AFTER IT. ACLs, accounts and policies that were removed since then are back: remove them again. {tokens}\n{}",
        args.file.display(),
        backup::described(&header),
        founding(&home, &founded),
        backup::counted(backup.state()),
        others(&home, &founded, &args.file)
    ))
}

/// Makes a new cluster of what the data directory has.
pub(super) fn recover(args: &RecoverArgs, variables: &Variables) -> Result<(), Failure> {
    let config = serve::load(args.config.config.clone(), variables)?;
    let key = config.node.backups.key.as_ref();
    if key.is_none() {
        return Err(Failure::Usage(
            "klamm.backup.key.file is not set: the backup of what is recovered holds the key that signs tokens, so it must be encrypted"
                .to_owned(),
        ));
    }
    if args.backup.exists() {
        return Err(Failure::Usage(format!(
            "{} exists already",
            args.backup.display()
        )));
    }
    let made = (env!("CARGO_PKG_VERSION"), unix_time::now_s().unwrap_or(0));
    let home = home(&config)?;
    let (recovery, backup) = klamm_raft::recover(&home, &args.confirm, made).map_err(unusable)?;
    let content = backup
        .encode(key)
        .map_err(|error| Failure::Failed(Box::new(error)))?;
    write_whole(&args.backup, &content).map_err(|error| Failure::Failed(Box::new(error)))?;
    let held = backup::counted(backup.state());
    const GONE: &str =
        "WHAT ONLY THE LOST NODES HELD IS GONE, also what was acknowledged: compare with what you know.";
    print(&match recovery {
        RecoveryOutcome::Founded(founded) => format!(
            "{}{held}\n\n{GONE} The old file is klamm.redb.before-recover, beside the new one. No node of the old cluster can come into the new one.\n{}",
            founding(&home, &founded),
            others(&home, &founded, &args.backup)
        ),
        RecoveryOutcome::BackupOnly => {
            home.put_aside().map_err(unusable)?;
            format!(
                "what node {} held is in {}\n{held}\n\n{GONE} The old file is klamm.redb.before-recover.\n\n{}",
                home.id,
                args.backup.display(),
                founders(&home, &args.backup)
            )
        }
    })
}

/// Instructions where this node is none of those that a cluster begins with.
fn founders(home: &NodeHome, file: &Path) -> String {
    let founders: Vec<String> = home.members.iter().map(NodeId::to_string).collect();
    format!(
        "Node {} is none of those that a cluster begins with, by klamm.raft.peers. Restore the nodes {} as if all nodes were lost, each with an empty data directory:\n  klamm cluster restore {}\nThen start all nodes; this one joins with a new number. If those nodes are no more, take klamm.raft.peers out of the configuration and restore this node: others join it.\n",
        home.id,
        founders.join(", "),
        file.display()
    )
}

fn founding(home: &NodeHome, founded: &FoundedCluster) -> String {
    format!(
        "node {} is now a member of the new cluster {}, at revision {}\n",
        home.id, founded.cluster_id, founded.revision
    )
}

/// Instructions for the other nodes.
fn others(home: &NodeHome, founded: &FoundedCluster, file: &Path) -> String {
    let others: Vec<String> = founded
        .members
        .iter()
        .filter(|id| **id != home.id)
        .map(NodeId::to_string)
        .collect();
    if others.is_empty() {
        return "Start the node.\n".to_owned();
    }
    format!(
        "\nBefore any node is started, do the same on the nodes {}, each with an empty data directory:\n  klamm cluster restore {} --cluster-id {}\nThen start all of them.\n",
        others.join(" and "),
        file.display(),
        founded.cluster_id
    )
}

/// Prints what a data directory holds.
pub(super) fn inspect(args: &ConfigArgs, variables: &Variables) -> Result<(), Failure> {
    let config = serve::load(args.config.clone(), variables)?;
    let home = home(&config)?;
    let seen = klamm_raft::inspect(&home).map_err(|error| Failure::Failed(Box::new(error)))?;
    print(&shown(&home, &seen))
}

fn shown(home: &NodeHome, seen: &Inspection) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |number| number.to_string());
    let (term, index) = seen.last.unzip();
    let voters: Vec<String> = seen.voters.iter().map(NodeId::to_string).collect();
    let rows = [
        ("data directory", home.data_dir.display().to_string()),
        ("node", seen.id.to_string()),
        (
            "cluster",
            seen.cluster_id.clone().unwrap_or_else(|| "none".to_owned()),
        ),
        ("voters", voters.join(", ")),
        ("last entry: term", number(term)),
        ("last entry: index", number(index)),
        ("committed index", number(seen.committed)),
        ("snapshot", number(seen.snapshot.map(|revision| revision.0))),
        ("vote: term", seen.term.to_string()),
        ("feature level", seen.level.to_string()),
        ("virtual clusters", seen.vclusters.to_string()),
        (
            "state's SHA-256",
            seen.fingerprint.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
    ];
    let mut text: String = rows
        .iter()
        .map(|(name, value)| format!("{name:18}  {value}\n"))
        .collect();
    if seen.is_catching_up {
        text += "It lost its disk before and has not caught up since: another directory has more.\n";
    }
    text + "Of several directories of one cluster, that whose last entry has the highest term, then the highest index, has most.\n"
}
