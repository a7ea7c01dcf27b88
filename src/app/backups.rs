//! Backups of the replicated state: for whoever asks the admin API, and by itself into a directory.

mod directory;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use klamm_raft::{BackupError, StorageKey};
use tracing::{error, info};

use crate::admin::{BackupCover, BackupFile, CannotBackUp, MakeBackup};
use crate::chain::Chain;
use crate::config::RegularBackups;
use crate::control::Control;
use crate::metrics::{BackupMetrics, BackupResult};
use crate::supervision::{Component, Supervisor};
use crate::unix_time;
use directory::BackupDirectory;

/// From one look whether a backup is due to the next.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A node that has just started may lead soon.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Makes backups for whoever asks.
pub(super) fn maker(control: &Control, key: Option<&StorageKey>) -> Arc<MakeBackup> {
    let (control, key) = (control.clone(), key.cloned());
    Arc::new(move |cover| {
        let (control, key) = (control.clone(), key.clone());
        Box::pin(async move {
            let key = match cover {
                BackupCover::Encrypted => Some(key.ok_or(CannotBackUp::NoKey)?),
                BackupCover::InClear => None,
            };
            make(&control, key).await
        })
    })
}

/// A large state takes its time to encode, so that happens on a thread of its own.
async fn make(control: &Control, key: Option<StorageKey>) -> Result<BackupFile, CannotBackUp> {
    let backup = control.backup(now_s()).await?;
    let encode = move || -> Result<BackupFile, BackupError> {
        Ok(BackupFile {
            content: backup.encode(key.as_ref())?,
            header: backup.header().clone(),
        })
    };
    let encoded = actix_rt::task::spawn_blocking(encode).await;
    encoded
        .map_err(|_| CannotBackUp::GivenUp)?
        .map_err(CannotBackUp::Failed)
}

fn now_s() -> u64 {
    unix_time::now_s().unwrap_or(0)
}

/// Why no backup came into the directory.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Made(#[from] CannotBackUp),
    #[error("{0} cannot be used")]
    Directory(String, #[source] io::Error),
    #[error("the writing of it was given up")]
    GivenUp,
}

/// Makes backups by itself, as long as this node leads.
pub(super) fn make_regularly(
    (regular, key): (&RegularBackups, &StorageKey),
    control: &Control,
    metrics: &BackupMetrics,
    supervisor: &Supervisor,
) {
    let (regular, key) = (regular.clone(), key.clone());
    let (control, metrics) = (control.clone(), metrics.clone());
    supervisor.keep(Component::Backups, move || {
        follow((regular.clone(), key.clone()), control.clone(), metrics.clone())
    });
}

async fn follow((regular, key): (RegularBackups, StorageKey), control: Control, metrics: BackupMetrics) {
    tokio::time::sleep(FIRST_LOOK).await;
    loop {
        let status = control.status();
        if status.leader == Some(status.id)
            && let Some(cluster) = status.cluster_id
        {
            let directory = BackupDirectory::new(regular.dir.clone(), &cluster);
            match keep_up(&directory, (&regular, &key), &control, &metrics).await {
                Ok(()) => {}
                Err(error) => {
                    metrics.tried(BackupResult::Failed);
                    error!(error = %Chain(&error), "no backup could be made");
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Makes a backup if one is due.
async fn keep_up(
    directory: &BackupDirectory,
    (regular, key): (&RegularBackups, &StorageKey),
    control: &Control,
    metrics: &BackupMetrics,
) -> Result<(), NotKept> {
    let unusable = |source| NotKept::Directory(directory.shown(), source);
    let newest = blocking(directory, BackupDirectory::newest_s).await?;
    let newest = newest.map_err(unusable)?;
    metrics.last_made(newest.unwrap_or(0));
    // A time in the future is that of a clock that was wrong.
    let is_fresh = newest.is_some_and(|made_s| {
        let age = now_s().checked_sub(made_s);
        age.is_some_and(|age| Duration::from_secs(age) < regular.every)
    });
    if is_fresh {
        return Ok(());
    }
    let backup = make(control, Some(key.clone())).await?;
    let (made_s, revision) = (backup.header.created_s(), backup.header.revision());
    let keep = regular.keep.get();
    let kept = blocking(directory, move |directory| {
        directory.keep((made_s, &backup.content), keep)
    })
    .await?;
    let path = kept.map_err(unusable)?;
    metrics.tried(BackupResult::Made);
    metrics.last_made(made_s);
    info!(file = %path.display(), %revision, "a backup was made");
    Ok(())
}

async fn blocking<T: Send + 'static>(
    directory: &BackupDirectory,
    work: impl FnOnce(&BackupDirectory) -> T + Send + 'static,
) -> Result<T, NotKept> {
    let directory = directory.clone();
    let worked = actix_rt::task::spawn_blocking(move || work(&directory)).await;
    worked.map_err(|_| NotKept::GivenUp)
}
