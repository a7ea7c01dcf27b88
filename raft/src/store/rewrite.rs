//! Writing a file anew, where its values are to be kept in another way: sealed, under another key, or in clear. The old file
//! is there until the new one is whole, and then gone, since a file keeps bytes that were deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable};

use super::disk::{LOG, META, OWNER, SEAL, create};
use super::seal::{Seal, ValuePlace};
use crate::codec;

/// Where the new file grows.
pub(super) fn beside(path: &Path) -> PathBuf {
    path.with_extension("redb.new")
}

/// How values are kept, and how they are to be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) was: Option<&'a Seal>,
    pub(super) becomes: Option<&'a Seal>,
}

/// Writes all values of `database` into a new file, which takes its place at `path`.
pub(super) fn rewrite(path: &Path, database: Database, turn: Turn<'_>) -> Result<Database, redb::Error> {
    let new = beside(path);
    let written = write(&new, &database, turn).and_then(|fresh| {
        fs::rename(&new, path)?;
        Ok(fresh)
    });
    if written.is_err() {
        // It holds space that may be short. What is left is removed at the next start.
        fs::remove_file(&new).ok();
    }
    // Locked until the new one, which is locked as well, is in its place.
    drop(database);
    written
}

fn write(path: &Path, from: &Database, turn: Turn<'_>) -> Result<Database, redb::Error> {
    let to = create(path)?;
    let reading = from.begin_read()?;
    let mut writing = to.begin_write()?;
    writing.set_two_phase_commit(true);
    {
        let (mut log, mut meta) = (writing.open_table(LOG)?, writing.open_table(META)?);
        for item in reading.open_table(LOG)?.iter()? {
            let (index, value) = item?;
            let index = index.value();
            let value = turn.value(ValuePlace::Log(index), value.value())?;
            log.insert(index, value.as_slice())?;
        }
        for item in reading.open_table(META)?.iter()? {
            let (name, value) = item?;
            let (name, value) = (name.value(), value.value());
            let value = match name {
                SEAL => continue,
                OWNER => value.to_vec(),
                name => turn.value(ValuePlace::Single(name), value)?,
            };
            meta.insert(name, value.as_slice())?;
        }
        if let Some(seal) = turn.becomes {
            let label = codec::encode(seal.label()).map_err(io::Error::other)?;
            meta.insert(SEAL, label.as_slice())?;
        }
    }
    writing.commit()?;
    Ok(to)
}

impl Turn<'_> {
    fn value(self, place: ValuePlace<'_>, value: &[u8]) -> io::Result<Vec<u8>> {
        let mut value = value.to_vec();
        let opened = self.was.map_or(Ok(()), |was| was.open(place, &mut value));
        let sealed = opened.and_then(|()| {
            let becomes = self.becomes;
            becomes.map_or(Ok(()), |becomes| becomes.seal(place, &mut value))
        });
        sealed.map_err(|_unspecified| io::Error::other("a value cannot be decrypted or encrypted"))?;
        Ok(value)
    }
}
