//! The directory of the backups of one cluster. Files of other names, and of other clusters, are left alone.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::whole_file::write_whole;

const ENDING: &str = ".backup";

/// A directory that backups are kept in.
#[derive(Debug, Clone)]
pub(super) struct BackupDirectory {
    path: PathBuf,
    /// The beginning of the names of files.
    prefix: String,
}

impl BackupDirectory {
    pub(super) fn new(path: PathBuf, cluster_id: &str) -> Self {
        Self {
            path,
            prefix: format!("klamm-{cluster_id}-"),
        }
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// When the newest was made, in seconds since the Unix epoch.
    pub(super) fn newest_s(&self) -> io::Result<Option<u64>> {
        Ok(self.files()?.into_iter().next_back().map(|(made_s, _)| made_s))
    }

    /// Adds a backup that was made at this second, and then deletes the oldest, so that so many are left.
    pub(super) fn keep(&self, (made_s, content): (u64, &[u8]), keep: usize) -> io::Result<PathBuf> {
        let path = self.path.join(format!("{}{made_s:012}{ENDING}", self.prefix));
        write_whole(&path, content)?;
        let files = self.files()?;
        let too_many = files.len().saturating_sub(keep);
        for (_, old) in files.into_iter().take(too_many) {
            fs::remove_file(old)?;
        }
        Ok(path)
    }

    /// When each was made, oldest first. That is in its name, so a file that was copied is as old as it was.
    fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let made = name
                .strip_prefix(&self.prefix)
                .and_then(|rest| rest.strip_suffix(ENDING));
            if let Some(made_s) = made.and_then(|made| made.parse().ok()) {
                files.push((made_s, path));
            }
        }
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_nothing_else_is_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for foreign in [
            "klamm-0b-000000000001.backup",
            "klamm-0a-notes.backup",
            "klamm-0a-1.txt",
        ] {
            fs::write(at(foreign), "theirs").expect("a file");
        }
        let backups = BackupDirectory::new(directory.path().to_owned(), "0a");
        assert_eq!(backups.newest_s().expect("a look"), None);
        for made_s in [900, 1000, 99, 1100] {
            backups.keep((made_s, b"content"), 2).expect("a backup");
        }
        assert_eq!(backups.newest_s().expect("a look"), Some(1100));
        let files = backups.files().expect("files");
        let times: Vec<u64> = files.iter().map(|(made_s, _)| *made_s).collect();
        assert_eq!(
            times,
            [1000, 1100],
            "the one with a time of long ago is the oldest"
        );
        assert_eq!(fs::read(&files[1].1).expect("a file"), b"content");
        assert_eq!(fs::read_dir(directory.path()).expect("a look").count(), 5);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let missing = BackupDirectory::new("/nowhere/at/all".into(), "0a");
        assert!(missing.newest_s().is_err());
        assert!(missing.keep((1, b"content"), 2).is_err());
    }
}
