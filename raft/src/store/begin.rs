//! The file of a node whose first start is not in a new cluster without anything, but in one that begins with a state.

use std::path::Path;

use super::disk::{self, COMMITTED, Contents, OwnerClaim, SNAPSHOT, STANDING, Standing, VOTE};
use super::error::StoreError;
use super::seal::Storage;
use super::writer::{FileChange, commit_alone};
use crate::codec::{
    self, CodecError, Format,
    layout::{LogIdV1, VoteV1},
};
use crate::model::{Level, NodeId};
use crate::types::{LogId, Vote};

/// Everything that such a node knows at its first start.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// The encoded snapshot.
    pub(crate) snapshot: Vec<u8>,
    /// The last entry that it covers. The log behind it is empty.
    pub(crate) last: LogId,
    pub(crate) vote: Vote,
    pub(crate) standing: Standing,
}

/// Writes it, all at once. A file that was used before is refused.
pub(crate) fn begin(
    data_dir: &Path,
    id: NodeId,
    storage: &Storage,
    beginning: Beginning,
) -> Result<(), StoreError> {
    let path = data_dir.join(disk::FILE_NAME);
    let (file, contents) = disk::open(data_dir, (OwnerClaim::Of(id), Level::NEWEST), storage)?;
    if !is_new(&contents) {
        return Err(StoreError::NotEmpty { path });
    }
    let Beginning {
        snapshot,
        last,
        vote,
        standing,
    } = beginning;
    let changes = || -> Result<Vec<FileChange>, CodecError> {
        let last = LogIdV1::from(last);
        Ok(vec![
            FileChange::Put {
                key: SNAPSHOT,
                value: snapshot,
            },
            FileChange::Purge {
                upto: LogId::from(last).index,
                id: codec::encode(&last)?,
            },
            put(COMMITTED, &last)?,
            put(VOTE, &VoteV1::from(vote))?,
            put(STANDING, &standing)?,
        ])
    };
    let unwritable = |source: redb::Error| StoreError::Read {
        path: path.clone(),
        source: Box::new(source),
    };
    let changes = changes().map_err(|error| unwritable(std::io::Error::other(error).into()))?;
    commit_alone(&file, changes).map_err(unwritable)
}

fn is_new(contents: &Contents) -> bool {
    let Contents {
        owner: _,
        log,
        vote,
        committed,
        snapshot,
        standing,
        boot: _,
        boots: _,
    } = contents;
    log.purged.is_none()
        && log.entries.is_empty()
        && vote.is_none()
        && committed.is_none()
        && snapshot.is_none()
        && *standing == Standing::New
}

fn put<T: Format>(key: &'static str, value: &T) -> Result<FileChange, CodecError> {
    let value = codec::encode(value)?;
    Ok(FileChange::Put { key, value })
}
