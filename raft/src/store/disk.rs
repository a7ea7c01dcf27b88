//! The file's tables, and reading all of them at the start. It writes nothing but the owner of a new file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::layout::{EntryV1, LogIdV1, SnapshotV1, VoteV1};
use crate::codec::{self, CodecError};
use crate::model::{NodeId, State};
use crate::types::{Entry, LogId, SnapshotMeta, Vote};

/// Log entries by index.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Single values by name.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

pub(crate) const VOTE: &str = "vote";
pub(super) const COMMITTED: &str = "committed";
pub(super) const PURGED: &str = "purged";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(crate) const STANDING: &str = "standing";
const OWNER: &str = "owner";

const FILE_NAME: &str = "klamm.redb";
/// redb's page cache. The log is served from memory and the snapshot is read seldom.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the directory {} cannot be used", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot open {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is in use by another process: one data directory serves one node", path.display())]
    InUse { path: PathBuf },
    #[error("{} belongs to node {owner}, not to node {id}: a data directory stays with its node", path.display())]
    OtherNode {
        path: PathBuf,
        owner: NodeId,
        id: NodeId,
    },
    #[error("{what} in {} is corrupt: {reason}. Nothing of it is served; restore the file or, if other nodes hold the data, remove it so that this node fetches it again", path.display())]
    Corrupt {
        path: PathBuf,
        what: String,
        reason: String,
    },
    #[error("the thread that writes the file cannot be started")]
    Thread(#[source] io::Error),
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: Box<redb::Error> },
}

impl StoreError {
    /// Whether it will be the same however often the file is opened.
    pub fn is_final(&self) -> bool {
        match self {
            Self::OtherNode { .. } | Self::Corrupt { .. } => true,
            // Another process may end, a disk be mounted.
            Self::Directory { .. }
            | Self::File { .. }
            | Self::InUse { .. }
            | Self::Thread(_)
            | Self::Read { .. } => false,
        }
    }
}

/// Whether this node may vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// The file is new: the node does not know yet whether its cluster is, too.
    New,
    /// A member since the cluster began, or one that caught up since.
    Member,
    /// The cluster is older than the file: what this node promised before is lost, so it neither votes nor stands for
    /// election before its log reaches `threshold`.
    Rejoining { threshold: u64 },
}

/// Everything in the file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) log: LogContents,
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) snapshot: Option<(SnapshotMeta, Arc<State>)>,
    pub(super) standing: Standing,
}

/// The log, without holes, from just after `purged`.
#[derive(Debug, Default)]
pub(super) struct LogContents {
    pub(super) purged: Option<LogId>,
    pub(super) entries: BTreeMap<u64, Entry>,
}

/// Opens the file, creating it for its owner only, and reads all of it.
pub(super) fn open(data_dir: &Path, id: NodeId) -> Result<(Database, Contents), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|source| StoreError::Directory {
            path: data_dir.to_owned(),
            source,
        })?;
    let reader = Reader {
        path: data_dir.join(FILE_NAME),
    };
    // redb expects its pages to be sound and may panic when they are not; what it says then helps nobody.
    catch_unwind(|| {
        let mut database = reader.open()?;
        reader.claim(&database, id)?;
        let contents = reader.read(&database)?;
        reader.check_pages(&mut database)?;
        sync_directory(data_dir)?;
        Ok((database, contents))
    })
    .unwrap_or_else(|_| Err(reader.corrupt("a page", "it is no page of a tree")))
}

/// Makes the name of a new file as durable as what is in it.
fn sync_directory(data_dir: &Path) -> Result<(), StoreError> {
    let sync = |directory: &Path| fs::File::open(directory).and_then(|directory| directory.sync_all());
    if let Some(parent) = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        // That is for the directory's own name; where it is not allowed, somebody else made the directory.
        sync(parent).ok();
    }
    sync(data_dir).map_err(|source| StoreError::Directory {
        path: data_dir.to_owned(),
        source,
    })
}

/// Reads one file; every error names it.
struct Reader {
    path: PathBuf,
}

impl Reader {
    fn open(&self) -> Result<Database, StoreError> {
        let failed = |source| StoreError::File {
            path: self.path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)
            .map_err(failed)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(failed)?;
        Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_file(file)
            .map_err(|error| self.database_error(error))
    }

    /// redb looks at its own checksums only after a crash; here they are looked at on every start.
    fn check_pages(&self, database: &mut Database) -> Result<(), StoreError> {
        match database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::warn!(file = %self.path.display(), "the free-page list was rebuilt");
                Ok(())
            }
            Err(error) => Err(self.database_error(error)),
        }
    }

    fn database_error(&self, error: DatabaseError) -> StoreError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => StoreError::InUse {
                path: self.path.clone(),
            },
            error => self.redb_error(error),
        }
    }

    fn redb_error(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Corrupted(reason) => self.corrupt("a page", reason),
            // A file that is not redb's at all.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.corrupt("the file header", error.to_string())
            }
            source => StoreError::Read {
                path: self.path.clone(),
                source: Box::new(source),
            },
        }
    }

    fn corrupt(&self, what: impl Into<String>, reason: impl Into<String>) -> StoreError {
        StoreError::Corrupt {
            path: self.path.clone(),
            what: what.into(),
            reason: reason.into(),
        }
    }

    fn codec_error(&self, what: impl Into<String>, error: &CodecError) -> StoreError {
        self.corrupt(what, error.to_string())
    }

    /// Creates the tables of a new file and writes its owner, or checks it.
    fn claim(&self, database: &Database, id: NodeId) -> Result<(), StoreError> {
        let mut transaction = database.begin_write().map_err(|e| self.redb_error(e))?;
        transaction.set_two_phase_commit(true);
        {
            transaction.open_table(LOG).map_err(|e| self.redb_error(e))?;
            let mut meta = transaction.open_table(META).map_err(|e| self.redb_error(e))?;
            let owner: Option<NodeId> = self.value(&meta, OWNER)?;
            match owner {
                Some(owner) if owner == id => return Ok(()),
                Some(owner) => {
                    return Err(StoreError::OtherNode {
                        path: self.path.clone(),
                        owner,
                        id,
                    });
                }
                None => {
                    let bytes = codec::encode(&id).map_err(|e| self.codec_error("the owner", &e))?;
                    meta.insert(OWNER, bytes.as_slice())
                        .map_err(|e| self.redb_error(e))?;
                }
            }
        }
        transaction.commit().map_err(|e| self.redb_error(e))
    }

    fn read(&self, database: &Database) -> Result<Contents, StoreError> {
        let transaction = database.begin_read().map_err(|e| self.redb_error(e))?;
        let meta = transaction.open_table(META).map_err(|e| self.redb_error(e))?;
        let log = transaction.open_table(LOG).map_err(|e| self.redb_error(e))?;
        let vote: Option<VoteV1> = self.value(&meta, VOTE)?;
        let committed: Option<LogIdV1> = self.value(&meta, COMMITTED)?;
        let purged: Option<LogIdV1> = self.value(&meta, PURGED)?;
        let contents = Contents {
            log: self.log(&log, purged.map(Into::into))?,
            vote: vote.map(Into::into),
            committed: committed.map(Into::into),
            snapshot: self.snapshot(&meta)?,
            standing: self.value(&meta, STANDING)?.unwrap_or(Standing::New),
        };
        if let Some(purged) = contents.log.purged {
            let covered = contents.snapshot.as_ref().and_then(|(meta, _)| meta.last_log_id);
            if covered.is_none_or(|covered| covered.index < purged.index) {
                return Err(self.corrupt("the snapshot", "it does not reach the purged part of the log"));
            }
        }
        Ok(contents)
    }

    fn snapshot(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
    ) -> Result<Option<(SnapshotMeta, Arc<State>)>, StoreError> {
        let Some(snapshot) = self.value::<SnapshotV1>(meta, SNAPSHOT)? else {
            return Ok(None);
        };
        let meta = snapshot
            .meta()
            .map_err(|e| self.codec_error("the snapshot", &e))?;
        Ok(Some((meta, snapshot.state)))
    }

    fn log(
        &self,
        table: &impl ReadableTable<u64, &'static [u8]>,
        purged: Option<LogId>,
    ) -> Result<LogContents, StoreError> {
        let mut entries = BTreeMap::new();
        let first = purged.map_or(0, |purged| purged.index + 1);
        for item in table.iter().map_err(|e| self.redb_error(e))? {
            let (index, bytes) = item.map_err(|e| self.redb_error(e))?;
            let index = index.value();
            let what = || format!("log entry {index}");
            let entry: EntryV1 = codec::decode(bytes.value()).map_err(|e| self.codec_error(what(), &e))?;
            let entry = entry.into_entry().map_err(|e| self.codec_error(what(), &e))?;
            let expected = first + entries.len() as u64;
            if index != expected || entry.log_id.index != index {
                return Err(self.corrupt(what(), format!("entry {expected} should be there")));
            }
            entries.insert(index, entry);
        }
        Ok(LogContents { purged, entries })
    }

    fn value<T: DeserializeOwned>(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match meta.get(key).map_err(|e| self.redb_error(e))? {
            None => Ok(None),
            Some(bytes) => codec::decode(bytes.value())
                .map(Some)
                .map_err(|e| self.codec_error(format!("the {key}"), &e)),
        }
    }
}
