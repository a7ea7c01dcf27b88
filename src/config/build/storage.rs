//! Under what a node encrypts what it keeps on its disk: the files that hold the keys.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::{Storage, StorageKey};

use super::super::clusters::unreadable;
use super::super::problem::Problem;
use super::super::{ReadFile, reference};
use super::Builder;

/// In place of a file: what was encrypted is to be in clear again.
const NONE: &str = "none";

const HOW_TO_MAKE: &str = "`(umask 077; head -c 32 /dev/urandom | base64 > storage.key)` creates one";

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
                .and_then(|path| self.storage_key(reference::STORAGE_KEY, &path, read)),
            previous: previous.and_then(|path| self.storage_key(reference::STORAGE_PREVIOUS, &path, read)),
        };
        if storage.key.is_some() && storage.key == storage.previous {
            let place = self.place(reference::STORAGE_PREVIOUS);
            self.refuse(place, "this is the same key as the current one");
        }
        storage
    }

    fn storage_key(&mut self, name: &'static str, path: &str, read: ReadFile<'_>) -> Option<StorageKey> {
        let place = self.place(name);
        let text = match read(Path::new(path)) {
            Ok(text) => text,
            Err(error) => {
                self.problems.push(unreadable(place, Path::new(path), &error));
                return None;
            }
        };
        let bytes = STANDARD.decode(text.trim()).ok();
        let key = bytes.and_then(|bytes| <[u8; StorageKey::BYTES]>::try_from(bytes).ok());
        if key.is_none() {
            let message = format!("{path} is not the base64 of {} bytes", StorageKey::BYTES);
            self.problems.push(Problem::new(place, message).hint(HOW_TO_MAKE));
        }
        key.map(StorageKey::new)
    }
}
