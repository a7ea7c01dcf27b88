//! Everything that a node which does not run has left on its disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, OwnerClaim, Standing};
use super::error::StoreError;
use super::seal::Storage;
use super::states::Applying;
use crate::model::{Level, NodeId, Revision, State};
use crate::types::{LogEntry, LogId, SnapshotMeta, Vote};

/// The contents of the file.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) standing: Standing,
    pub(crate) vote: Option<Vote>,
    /// The last entry of the log.
    pub(crate) last: Option<LogId>,
    pub(crate) committed: Option<LogId>,
    snapshot: Option<(SnapshotMeta, Arc<State>)>,
    entries: BTreeMap<u64, LogEntry>,
}

/// Reads the file of a node that does not run. It must exist.
pub(crate) fn read_left(data_dir: &Path, id: NodeId, storage: &Storage) -> Result<Left, StoreError> {
    let path = data_dir.join(disk::FILE_NAME);
    if !path.exists() {
        return Err(StoreError::Missing { path });
    }
    let (_, contents) = disk::open(data_dir, (OwnerClaim::Of(id), Level::NEWEST), storage)?;
    let last = contents.log.entries.last_key_value();
    Ok(Left {
        standing: contents.standing,
        vote: contents.vote,
        last: last.map(|(_, entry)| entry.log_id).or(contents.log.purged),
        committed: contents.committed,
        snapshot: contents.snapshot,
        entries: contents.log.entries,
    })
}

/// Whose the file of a node that does not run is; none if there is no file, or it belongs to nobody.
pub(crate) fn owner(data_dir: &Path, storage: &Storage) -> Result<Option<NodeId>, StoreError> {
    if !data_dir.join(disk::FILE_NAME).exists() {
        return Ok(None);
    }
    let (_, contents) = disk::open(data_dir, (OwnerClaim::Any, Level::NEWEST), storage)?;
    Ok(contents.owner)
}

impl Left {
    /// The revision of the snapshot, if there is one.
    pub(crate) fn snapshot_revision(&self) -> Option<Revision> {
        self.snapshot.as_ref().map(|(_, state)| state.revision)
    }

    /// The state after the whole log, and who votes then.
    pub(crate) fn whole(self) -> (State, Vec<NodeId>) {
        let covered = self.snapshot.as_ref().and_then(|(meta, _)| meta.last_log_id);
        let mut applying = Applying::of(self.snapshot);
        for entry in self.entries.into_values() {
            if covered.is_none_or(|covered| entry.log_id.index > covered.index) {
                applying.apply(entry);
            }
        }
        let voters = applying.membership.membership().voter_ids().map(NodeId).collect();
        (Arc::unwrap_or_clone(applying.state), voters)
    }
}

/// The name of a file that was put aside.
fn aside(data_dir: &Path) -> PathBuf {
    data_dir.join(format!("{}.before-recover", disk::FILE_NAME))
}

/// Gives the file another name, so that a new one can be made. Nothing that was put aside before is overwritten.
pub(crate) fn put_aside(data_dir: &Path) -> io::Result<()> {
    let aside = aside(data_dir);
    if aside.exists() {
        let message = format!("{} is there already: move it away first", aside.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    fs::rename(data_dir.join(disk::FILE_NAME), aside)
}

/// Gives the file its name again.
pub(crate) fn put_back(data_dir: &Path) -> io::Result<()> {
    fs::rename(aside(data_dir), data_dir.join(disk::FILE_NAME))
}
