//! The directory of a node's usage: a file for each hour, for the node's user only, there as a whole or not at all.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::file::{self, Damaged};
use super::hour::Hour;
use super::tally::Tally;
use crate::whole_file::write_whole;

const WRITTEN: &str = "usage";
const DAMAGED: &str = "damaged";
/// The endings of the names of its files. The last is that of one that a process was writing when it ended.
const ENDINGS: [&str; 3] = [WRITTEN, DAMAGED, "new"];

/// Why the file of an hour cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HourFault {
    #[error("{path} cannot be read")]
    Io { path: String, source: io::Error },
    #[error("{path} is damaged")]
    Damaged { path: String, source: Damaged },
}

/// A directory with usage.
#[derive(Debug, Clone)]
pub struct UsageDirectory(PathBuf);

impl UsageDirectory {
    /// The one in a node's data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("usage"))
    }

    /// Its path.
    pub fn shown(&self) -> String {
        self.0.display().to_string()
    }

    /// Makes the directory, if it is not there.
    pub(super) fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    fn path(&self, hour: Hour) -> PathBuf {
        self.0.join(format!("{}.{WRITTEN}", hour.stem()))
    }

    /// The sums of an hour; none, if it has no file.
    pub(super) fn read(&self, hour: Hour, most: usize) -> Result<Option<Tally>, HourFault> {
        let path = self.path(hour);
        let shown = || path.display().to_string();
        match fs::read(&path) {
            Ok(content) => {
                file::decode(hour, &content, most)
                    .map(Some)
                    .map_err(|source| HourFault::Damaged {
                        path: shown(),
                        source,
                    })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HourFault::Io {
                path: shown(),
                source,
            }),
        }
    }

    /// Writes the sums of an hour.
    pub(super) fn write(&self, hour: Hour, tally: &Tally) -> io::Result<()> {
        let content = file::encode(hour, tally)?;
        write_whole(&self.path(hour), &content)
    }

    /// Gives the file of an hour another name, so that nothing is written over it.
    pub(super) fn set_aside(&self, hour: Hour) -> io::Result<PathBuf> {
        let aside = self.path(hour).with_extension(DAMAGED);
        fs::rename(self.path(hour), &aside)?;
        Ok(aside)
    }

    /// Whether the file of an hour was set aside.
    pub(super) fn is_set_aside(&self, hour: Hour) -> bool {
        self.path(hour).with_extension(DAMAGED).exists()
    }

    /// Deletes the files of all hours before one. Files of other names are left alone.
    pub(super) fn prune(&self, before: Hour) -> io::Result<usize> {
        let mut deleted = 0;
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_of_usage = ending.is_some_and(|ending| ENDINGS.contains(&ending));
            let hour = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<Hour>().ok());
            if is_of_usage && hour.is_some_and(|hour| hour < before) {
                fs::remove_file(path)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::usage::tally::tests::used;

    #[test]
    fn old_hours_are_deleted_and_nothing_else_is_touched() {
        let at = tempfile::tempdir().unwrap();
        let directory = UsageDirectory::of(at.path());
        directory.prepare().unwrap();
        directory.prepare().unwrap();
        let first: Hour = "2026-11-30T22".parse().unwrap();
        let mut tally = Tally::new(9);
        tally.add(&"v".parse().unwrap(), "a", &used(&[("t", 1)]));
        for hour in [first, first.next(), first.next().next()] {
            directory.write(hour, &tally).unwrap();
        }
        let file = directory.path(first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let inside = fs::metadata(file.parent().unwrap()).unwrap();
        assert_eq!(inside.permissions().mode() & 0o777, 0o700);
        fs::write(at.path().join("usage/notes.txt"), "mine").unwrap();
        assert_eq!(directory.prune(first.next()).unwrap(), 1);
        assert_eq!(directory.read(first, 9).unwrap(), None);
        assert_eq!(directory.read(first.next(), 9).unwrap(), Some(tally));
        assert_eq!(fs::read_dir(at.path().join("usage")).unwrap().count(), 3);
    }

    #[test]
    fn a_damaged_file_is_told_and_can_be_set_aside() {
        let at = tempfile::tempdir().unwrap();
        let directory = UsageDirectory::of(at.path());
        directory.prepare().unwrap();
        let hour = Hour::of(7200);
        fs::write(directory.path(hour), "klamm-usage 1 00\n{}").unwrap();
        let fault = directory.read(hour, 9).unwrap_err();
        assert!(
            matches!(
                fault,
                HourFault::Damaged {
                    source: Damaged::Sum,
                    ..
                }
            ),
            "{fault}"
        );
        directory.set_aside(hour).unwrap();
        assert!(directory.is_set_aside(hour));
        assert_eq!(directory.read(hour, 9).unwrap(), None);
        assert_eq!(directory.prune(hour.next()).unwrap(), 1);
        assert!(!directory.is_set_aside(hour));
    }
}
