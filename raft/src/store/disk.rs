//! The file's tables, and reading all of them at the start. It writes nothing but the owner of a new file, unless the
//! file is to be kept in another way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::rewrite::{self, Turn, rewrite};
use super::seal::{Label, Seal, Storage, ValuePlace};
use crate::boots::{BootMemories, BootNumber};
use crate::codec::layout::{EntryV1, LogIdV1, SnapshotV1, VoteV1};
use crate::codec::{self, CodecError, Format};
use crate::founding::FoundingId;
use crate::model::{Level, NodeId, State};
use crate::types::{LogEntry, LogId, SnapshotMeta, Vote};

/// Log entries by index.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Single values by name.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

pub(crate) const VOTE: &str = "vote";
pub(super) const COMMITTED: &str = "committed";
pub(super) const PURGED: &str = "purged";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(crate) const STANDING: &str = "standing";
/// How often the directory was started.
pub(crate) const BOOT: &str = "boot";
/// The starts of other nodes that this one knows.
pub(crate) const BOOTS: &str = "boots";
/// In clear always.
pub(super) const OWNER: &str = "owner";
/// The label of what seals all other values, in clear; there is none where they are not sealed.
pub(super) const SEAL: &str = "seal";

pub(super) const FILE_NAME: &str = "klamm.redb";
/// redb's page cache. The log is served from memory and the snapshot is read seldom.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Whether this node may vote, and in which cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// The file is new: the node does not know yet whether its cluster is, too.
    New,
    /// A member since the cluster began, or one that caught up since.
    Member { cluster: FoundingId },
    /// The cluster is older than the file: what this node promised before is lost, so it neither votes nor stands for
    /// election before its log reaches `threshold`.
    Rejoining { cluster: FoundingId, threshold: u64 },
    /// The node asks to be admitted, under this number of its own: whoever asks again is given what was given before.
    Joining { admission: u64 },
    /// A member that was admitted to a cluster that there was.
    Admitted { cluster: FoundingId },
}

impl Standing {
    pub(crate) fn is_member(self) -> bool {
        matches!(self, Self::Member { .. } | Self::Admitted { .. })
    }

    /// The cluster that the node belongs to, if it knows.
    pub(crate) fn cluster(self) -> Option<FoundingId> {
        match self {
            Self::New | Self::Joining { .. } => None,
            Self::Member { cluster } | Self::Rejoining { cluster, .. } | Self::Admitted { cluster } => {
                Some(cluster)
            }
        }
    }
}

impl Format for Standing {
    fn level(&self) -> Level {
        match self {
            Self::New | Self::Member { .. } | Self::Rejoining { .. } => Level::FIRST,
            Self::Joining { .. } | Self::Admitted { .. } => Level::MEMBERS,
        }
    }
}

/// Whose a data directory is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerClaim {
    /// That of this node; one that belongs to nobody yet becomes its.
    Of(NodeId),
    /// Whoever's it is.
    Any,
}

/// Everything in the file.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) owner: Option<NodeId>,
    pub(super) log: LogContents,
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) snapshot: Option<(SnapshotMeta, Arc<State>)>,
    pub(super) standing: Standing,
    pub(super) boot: BootNumber,
    pub(super) boots: BootMemories,
}

/// The log, without holes, from just after `purged`.
#[derive(Debug, Default)]
pub(super) struct LogContents {
    pub(super) purged: Option<LogId>,
    pub(super) entries: BTreeMap<u64, LogEntry>,
}

/// The file, and what seals its values, if they are sealed.
#[derive(Debug)]
pub(super) struct File {
    pub(super) database: Database,
    pub(super) seal: Option<Seal>,
}

/// Opens the file, creating it for its owner only, reads all of it, and has it written anew where it is not kept as
/// `storage` says.
pub(super) fn open(
    data_dir: &Path,
    (claim, highest): (OwnerClaim, Level),
    storage: &Storage,
) -> Result<(File, Contents), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|source| StoreError::Directory {
            path: data_dir.to_owned(),
            source,
        })?;
    let path = data_dir.join(FILE_NAME);
    // redb expects its pages to be sound and may panic when they are not; what it says then helps nobody.
    catch_unwind(|| {
        let mut reader = Reader {
            path: path.clone(),
            seal: None,
            highest,
        };
        let mut database = reader.open()?;
        // Of a node that ended while it wrote the file anew.
        fs::remove_file(rewrite::beside(&path)).ok();
        let owner = reader.claim(&database, claim)?;
        let label = reader.label(&database)?;
        reader.seal = reader.seal_of(label.as_ref(), storage)?;
        let contents = reader.read(&database, owner)?;
        reader.check_pages(&mut database)?;
        let file = reader.kept_as(database, storage)?;
        sync_directory(data_dir)?;
        Ok((file, contents))
    })
    .unwrap_or_else(|_| {
        let what = "a page".to_owned();
        let reason = "it is not a page of a tree".to_owned();
        Err(StoreError::Corrupt { path, what, reason })
    })
}

/// Opens a file of redb, creating it for its owner only.
pub(super) fn create(path: &Path) -> Result<Database, redb::Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_file(file)?;
    Ok(database)
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
    seal: Option<Seal>,
    /// The highest format that is known here.
    highest: Level,
}

impl Reader {
    fn open(&self) -> Result<Database, StoreError> {
        create(&self.path).map_err(|error| match error {
            redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => StoreError::File {
                path: self.path.clone(),
                source,
            },
            error => self.redb_error(error),
        })
    }

    /// The label that is written beside sealed values.
    fn label(&self, database: &Database) -> Result<Option<Label>, StoreError> {
        let transaction = database.begin_read().map_err(|e| self.redb_error(e))?;
        let meta = transaction.open_table(META).map_err(|e| self.redb_error(e))?;
        self.clear_value(&meta, SEAL)
    }

    /// The seal of the values: a key of those that are given.
    fn seal_of(&self, label: Option<&Label>, storage: &Storage) -> Result<Option<Seal>, StoreError> {
        let Some(label) = label else {
            return Ok(None);
        };
        for key in storage.key.iter().chain(&storage.previous) {
            if let Some(seal) = Seal::of(key, label).map_err(|_unspecified| StoreError::Random)? {
                return Ok(Some(seal));
            }
        }
        let path = self.path.clone();
        Err(match storage.key.is_some() || storage.previous.is_some() {
            true => StoreError::OtherKey { path },
            false => StoreError::NoKey { path },
        })
    }

    /// The file as it is to be kept from now on.
    fn kept_as(self, database: Database, storage: &Storage) -> Result<File, StoreError> {
        let random = |_unspecified| StoreError::Random;
        let is_so = match (&self.seal, &storage.key) {
            (None, None) => true,
            (Some(seal), Some(key)) => Seal::of(key, seal.label()).map_err(random)?.is_some(),
            _ => false,
        };
        if is_so {
            let seal = self.seal;
            return Ok(File { database, seal });
        }
        let seal = storage.key.as_ref().map(Seal::fresh);
        let seal = seal.transpose().map_err(random)?;
        let turn = Turn {
            was: self.seal.as_ref(),
            becomes: seal.as_ref(),
        };
        let database = rewrite(&self.path, database, turn).map_err(|source| StoreError::Rewrite {
            path: self.path.clone(),
            source: Box::new(source),
        })?;
        let how = match (&self.seal, &seal) {
            (_, None) => "in clear",
            (None, Some(_)) => "encrypted under the storage key",
            (Some(_), Some(_)) => "encrypted under the new storage key",
        };
        tracing::info!(file = %self.path.display(), "the file was rewritten, {how}");
        Ok(File { database, seal })
    }

    /// redb looks at its own checksums only after a crash; here they are looked at on every start.
    fn check_pages(&self, database: &mut Database) -> Result<(), StoreError> {
        match database.check_integrity() {
            Ok(true) => Ok(()),
            Ok(false) => {
                tracing::warn!(file = %self.path.display(), "the free-page list was rebuilt");
                Ok(())
            }
            Err(error) => Err(self.redb_error(error)),
        }
    }

    fn redb_error(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => StoreError::InUse {
                path: self.path.clone(),
            },
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
        match error {
            CodecError::Newer { version, highest } => StoreError::Newer {
                path: self.path.clone(),
                what: what.into(),
                version: *version,
                highest: *highest,
            },
            error => self.corrupt(what, error.to_string()),
        }
    }

    /// Creates the tables of a new file and writes its owner, or checks it.
    fn claim(&self, database: &Database, claim: OwnerClaim) -> Result<Option<NodeId>, StoreError> {
        let mut transaction = database.begin_write().map_err(|e| self.redb_error(e))?;
        transaction.set_two_phase_commit(true);
        {
            transaction.open_table(LOG).map_err(|e| self.redb_error(e))?;
            let mut meta = transaction.open_table(META).map_err(|e| self.redb_error(e))?;
            let owner: Option<NodeId> = self.clear_value(&meta, OWNER)?;
            match (owner, claim) {
                (Some(owner), OwnerClaim::Any) => return Ok(Some(owner)),
                (Some(owner), OwnerClaim::Of(id)) if owner == id => return Ok(Some(owner)),
                (Some(owner), OwnerClaim::Of(id)) => {
                    return Err(StoreError::OtherNode {
                        path: self.path.clone(),
                        owner,
                        id,
                    });
                }
                (None, OwnerClaim::Any) => {}
                (None, OwnerClaim::Of(id)) => {
                    let bytes = codec::encode(&id).map_err(|e| self.codec_error("the owner", &e))?;
                    meta.insert(OWNER, bytes.as_slice())
                        .map_err(|e| self.redb_error(e))?;
                }
            }
        }
        transaction.commit().map_err(|e| self.redb_error(e))?;
        Ok(match claim {
            OwnerClaim::Of(id) => Some(id),
            OwnerClaim::Any => None,
        })
    }

    fn read(&self, database: &Database, owner: Option<NodeId>) -> Result<Contents, StoreError> {
        let transaction = database.begin_read().map_err(|e| self.redb_error(e))?;
        let meta = transaction.open_table(META).map_err(|e| self.redb_error(e))?;
        let log = transaction.open_table(LOG).map_err(|e| self.redb_error(e))?;
        let vote: Option<VoteV1> = self.value(&meta, VOTE)?;
        let committed: Option<LogIdV1> = self.value(&meta, COMMITTED)?;
        let purged: Option<LogIdV1> = self.value(&meta, PURGED)?;
        let contents = Contents {
            owner,
            log: self.log(&log, purged.map(Into::into))?,
            vote: vote.map(Into::into),
            committed: committed.map(Into::into),
            snapshot: self.snapshot(&meta)?,
            standing: self.value(&meta, STANDING)?.unwrap_or(Standing::New),
            boot: self.of_members(&meta, BOOT)?,
            boots: self.of_members(&meta, BOOTS)?,
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
            let bytes = self.opened(ValuePlace::Log(index), bytes.value(), what)?;
            let entry: EntryV1 =
                codec::decode(&bytes, self.highest).map_err(|e| self.codec_error(what(), &e))?;
            let entry = entry.into_entry().map_err(|e| self.codec_error(what(), &e))?;
            let expected = first + entries.len() as u64;
            if index != expected || entry.log_id.index != index {
                return Err(self.corrupt(what(), format!("entry {expected} should be there")));
            }
            entries.insert(index, entry);
        }
        Ok(LogContents { purged, entries })
    }

    fn value<T: Format>(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let what = || format!("the {key}");
        let Some(bytes) = meta.get(key).map_err(|e| self.redb_error(e))? else {
            return Ok(None);
        };
        let bytes = self.opened(ValuePlace::Single(key), bytes.value(), what)?;
        codec::decode(&bytes, self.highest)
            .map(Some)
            .map_err(|e| self.codec_error(what(), &e))
    }

    /// A value that older versions neither write nor look for.
    fn of_members<T: Format + Default>(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &'static str,
    ) -> Result<T, StoreError> {
        match self.highest >= Level::MEMBERS {
            true => Ok(self.value(meta, key)?.unwrap_or_default()),
            false => Ok(T::default()),
        }
    }

    /// Writes a value that is never sealed.
    fn clear_value<T: Format>(
        &self,
        meta: &impl ReadableTable<&'static str, &'static [u8]>,
        key: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let bytes = meta.get(key).map_err(|e| self.redb_error(e))?;
        bytes
            .map(|bytes| codec::decode(bytes.value(), self.highest))
            .transpose()
            .map_err(|e| self.codec_error(format!("the {key}"), &e))
    }

    /// A value as it was before it was sealed. The key is the right one, so what does not open is damaged.
    fn opened<'a>(
        &self,
        place: ValuePlace<'_>,
        value: &'a [u8],
        what: impl Fn() -> String,
    ) -> Result<Cow<'a, [u8]>, StoreError> {
        let Some(seal) = &self.seal else {
            return Ok(Cow::Borrowed(value));
        };
        let mut value = value.to_vec();
        match seal.open(place, &mut value) {
            Ok(()) => Ok(Cow::Owned(value)),
            Err(_unspecified) => Err(self.corrupt(
                what(),
                "it cannot be decrypted with the storage key, although that key is the right one",
            )),
        }
    }
}
