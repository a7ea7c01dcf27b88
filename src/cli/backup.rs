//! `klamm cluster backup`: the replicated state as a file, and a look at such a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use klamm_raft::model::State;
use klamm_raft::{Backup, BackupHeader, StorageKey, fingerprint, read_backup_header};

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::{Variables, offline, print};
use crate::unix_time::{self, utc};
use crate::whole_file::write_whole;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct BackupArgs {
    /// The file to write; it must not exist yet
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Do not encrypt it: whoever has the file can sign tokens for every account
    #[arg(long)]
    plaintext: bool,
    #[command(subcommand)]
    action: Option<BackupAction>,
    #[command(flatten)]
    pub(super) connection: Connection,
}

#[derive(Debug, Subcommand)]
enum BackupAction {
    /// Read a backup to its end, and show what is in it; this needs no gateway
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
}

/// Where the key of a backup is.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The file with the key of an encrypted backup: that of klamm.backup.key.file when it was made
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key that is named, or that of the configuration.
    pub(super) fn key(&self, configured: Option<&StorageKey>) -> Result<Option<StorageKey>, Failure> {
        match &self.key_file {
            Some(path) => offline::read_key(path).map(Some),
            None => Ok(configured.cloned()),
        }
    }
}

/// Makes a backup, or looks at one.
pub(super) fn run(args: &BackupArgs, variables: &Variables) -> Result<(), Failure> {
    match (&args.action, &args.file) {
        (Some(BackupAction::Verify(verify)), _) => print(&verified(verify)?),
        (None, Some(file)) => print(&make(file, args.plaintext, &args.connection.client(variables)?)?),
        // The parser demands one of them.
        (None, None) => Ok(()),
    }
}

fn make(file: &Path, plaintext: bool, client: &AdminClient) -> Result<String, Failure> {
    if file.exists() {
        return Err(Failure::Usage(format!(
            "{} exists already: backups overwrite nothing",
            file.display()
        )));
    }
    let content = client
        .download(
            &format!("/gateway/v2/cluster/backup?plaintext={plaintext}"),
            Backup::MAX_BYTES,
        )?
        .map_err(|refusal| refusal.failure("the backup"))?;
    let header = read_backup_header(&content).map_err(|error| Failure::Failed(Box::new(error)))?;
    write_whole(file, &content).map_err(|error| Failure::Failed(Box::new(error)))?;
    let warning = match header.is_encrypted() {
        true => "",
        false => "It is not encrypted: whoever reads it can sign tokens for every account\n",
    };
    Ok(format!(
        "{}: {}, {} bytes\n{warning}",
        file.display(),
        described(&header),
        content.len()
    ))
}

/// A file, up to the size that backups can have.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |source: io::Error| Failure::Unreadable {
        path: file.to_owned(),
        source,
    };
    let mut content = Vec::new();
    let opened = File::open(file).map_err(unreadable)?;
    opened
        .take(Backup::MAX_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    Ok(content)
}

fn verified(args: &VerifyArgs) -> Result<String, Failure> {
    let content = read(&args.file)?;
    let unusable = |error| Failure::Refused {
        what: args.file.display().to_string(),
        why: format!("{error}"),
    };
    let header = read_backup_header(&content).map_err(unusable)?;
    let key = args.key.key(None)?;
    if header.is_encrypted() && key.is_none() {
        return Ok(format!(
            "{}: {}\nIt is whole, as far as can be seen without its key: --key-file looks into it\n",
            args.file.display(),
            described(&header)
        ));
    }
    let backup = Backup::decode(&content, key.as_ref()).map_err(unusable)?;
    Ok(format!(
        "{}: {}\n{}\nits state's SHA-256: {}\n",
        args.file.display(),
        described(&header),
        counted(backup.state()),
        fingerprint(backup.state()).unwrap_or_else(|| "unknown".to_owned())
    ))
}

/// Of which cluster, and of when, a backup is.
pub(super) fn described(header: &BackupHeader) -> String {
    format!(
        "cluster {} at revision {}, feature level {}, made {} by klamm {}, {}",
        header.cluster_id(),
        header.revision(),
        header.level(),
        utc(header.created_s()),
        header.version(),
        match header.is_encrypted() {
            true => "encrypted",
            false => "not encrypted",
        }
    )
}

/// The number of everything that people know of.
pub(super) fn counted(state: &State) -> String {
    let vclusters = || state.vclusters.values();
    let of_own: usize = vclusters().map(|vcluster| vcluster.policies.len()).sum();
    let counts: [(&str, usize); 7] = [
        ("virtual clusters", state.vclusters.len()),
        (
            "alias topics",
            vclusters().map(|vcluster| vcluster.aliases.len()).sum(),
        ),
        (
            "service accounts",
            vclusters().map(|vcluster| vcluster.accounts.len()).sum(),
        ),
        ("tokens", vclusters().map(|vcluster| vcluster.tokens.len()).sum()),
        (
            "SCRAM credentials",
            vclusters().map(|vcluster| vcluster.scram.len()).sum(),
        ),
        ("ACLs", vclusters().map(|vcluster| vcluster.acls.len()).sum()),
        ("policies", state.policies.len() + of_own),
    ];
    let counts: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    counts.join(", ")
}

/// How long ago a backup was made, for people. None: its time is in the future.
pub(super) fn age(header: &BackupHeader) -> Option<String> {
    let age = unix_time::now_s()?.checked_sub(header.created_s())?;
    Some(match age {
        0..120 => format!("{age} s"),
        120..7200 => format!("{} min", age / 60),
        7200..172_800 => format!("{} h", age / 3600),
        _ => format!("{} days", age / 86_400),
    })
}
