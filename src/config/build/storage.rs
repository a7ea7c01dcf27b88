//! Under what a node encrypts what it keeps on its disk, and backups: the files that hold the keys.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::{Storage, StorageKey};

use super::super::clusters::unreadable;
use super::super::problem::Problem;
use super::super::{BackupsConfig, ReadFile, RegularBackups, reference};
use super::Builder;

/// In place of a file: what was encrypted is to be in clear again.
const NONE: &str = "none";

const MINUTES_A_DAY: u64 = 24 * 60;
/// A year.
const MAX_MINUTES: u64 = 365 * MINUTES_A_DAY;
/// Backups that are kept unless it is said otherwise, and at most.
const KEPT: NonZeroUsize = NonZeroUsize::new(7).expect("not zero");
const MAX_KEPT: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// How a key is made, in a file of that name.
fn how_to_make(name: &str) -> String {
    format!("`(umask 077; head -c 32 /dev/urandom | base64 > {name})` creates one")
}

impl Builder {
    pub(super) fn storage(&mut self, read: ReadFile<'_>) -> Storage {
        let key = self.text(reference::STORAGE_KEY);
        let previous = self.text(reference::STORAGE_PREVIOUS);
        if let (None, Some(_)) = (&key, &previous) {
            let message = "the previous key is set, but no current one";
            let problem = Problem::new(self.place(reference::STORAGE_PREVIOUS), message);
            self.problems.push(problem.hint(format!(
                "{} names the file of the current key; with {NONE} the data directory is decrypted",
                reference::STORAGE_KEY
            )));
        }
        let storage = Storage {
            key: key
                .filter(|path| path != NONE)
                .and_then(|path| self.key_of(reference::STORAGE_KEY, &path, read)),
            previous: previous.and_then(|path| self.key_of(reference::STORAGE_PREVIOUS, &path, read)),
        };
        if storage.key.is_some() && storage.key == storage.previous {
            let place = self.place(reference::STORAGE_PREVIOUS);
            self.refuse(place, "this is the same key as the current one");
        }
        storage
    }

    pub(super) fn backups(&mut self, read: ReadFile<'_>) -> BackupsConfig {
        let key = self
            .text(reference::BACKUP_KEY)
            .and_then(|path| self.key_of(reference::BACKUP_KEY, &path, read));
        let minutes = self.number(reference::BACKUP_EVERY, 1..=MAX_MINUTES, MINUTES_A_DAY);
        let keep = self.number(reference::BACKUP_KEEP, NonZeroUsize::MIN..=MAX_KEPT, KEPT);
        let dir = self.text(reference::BACKUP_DIR);
        if dir.is_some() && !self.is_set(reference::BACKUP_KEY) {
            let message = "backups hold the key that signs tokens, so they are written encrypted only, and no key is set";
            let problem = Problem::new(self.place(reference::BACKUP_DIR), message);
            let name = reference::BACKUP_KEY;
            self.problems
                .push(problem.hint(format!("{name} names its file: {}", how_to_make("backup.key"))));
        }
        let regular = dir.map(|dir| RegularBackups {
            dir: dir.into(),
            every: Duration::from_secs(minutes * 60),
            keep,
        });
        BackupsConfig { key, regular }
    }

    fn key_of(&mut self, name: &'static str, path: &str, read: ReadFile<'_>) -> Option<StorageKey> {
        let place = self.place(name);
        let text = match read(Path::new(path)) {
            Ok(text) => text,
            Err(error) => {
                self.problems.push(unreadable(place, Path::new(path), &error));
                return None;
            }
        };
        let key = key_in(&text);
        if key.is_none() {
            let message = format!("{path} is not the base64 of {} bytes", StorageKey::BYTES);
            let file = match name {
                reference::BACKUP_KEY => "backup.key",
                _ => "storage.key",
            };
            self.problems
                .push(Problem::new(place, message).hint(how_to_make(file)));
        }
        key
    }
}

/// The key that a file with this text holds.
pub(crate) fn key_in(text: &str) -> Option<StorageKey> {
    let bytes = STANDARD.decode(text.trim()).ok()?;
    <[u8; StorageKey::BYTES]>::try_from(bytes)
        .ok()
        .map(StorageKey::new)
}
