//! A key in a file: one line for each version, its number and the base64 of 32 random bytes. The highest number wraps data
//! keys, all of them open what they wrapped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm_raft::model::KeyName;
use zeroize::{Zeroize, Zeroizing};

use super::derived::{DATA_KEYS, RECORD_KEYS, derived};
use crate::envelope::{BadKey, DATA_KEY_BYTES, DataKey, NoKey, PinnedKey};

/// The largest file.
const MAX_BYTES: u64 = 64 << 10;

/// The bytes of a version's number before a wrapped data key.
const NUMBER_BYTES: usize = 4;

/// Why a file holds no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFileError {
    #[error("the key file cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("the key file does not exist")]
    Gone,
    #[error(
        "the key file may be read by everybody, or changed: take that right from others (chmod o-rwx) and make a new key"
    )]
    Open,
    #[error(
        "line {line} of the key file is not a version and the base64 of {DATA_KEY_BYTES} bytes, as in: 1 q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
    )]
    Malformed { line: usize },
    #[error("the key file has no key")]
    Empty,
}

/// One version of a key.
struct FileVersion {
    wrapping: LessSafeKey,
    pinned: Arc<PinnedKey>,
}

type FileVersions = BTreeMap<u32, FileVersion>;

/// A key in a file.
pub(super) struct FileKey {
    path: PathBuf,
    name: KeyName,
    versions: ArcSwap<FileVersions>,
    /// The digest of what was read last.
    seen: ArcSwapOption<digest::Digest>,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileKey({})", self.path.display())
    }
}

impl FileKey {
    /// A key that was not read yet.
    pub(super) fn new(name: &KeyName, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            name: name.clone(),
            versions: ArcSwap::default(),
            seen: ArcSwapOption::empty(),
        }
    }

    /// Reads the file. Blocks.
    fn read(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeyFileError::Gone,
            _ => KeyFileError::Unreadable(error),
        };
        let file = File::open(&self.path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.permissions().mode() & 0o007 != 0 {
            return Err(KeyFileError::Open);
        }
        let mut text = Zeroizing::new(String::with_capacity(MAX_BYTES as usize));
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        read.map_err(unreadable)?;
        Ok(text)
    }

    /// Takes what the file holds now; whether that is something else than before. Blocks. What is no key changes nothing; a file
    /// that is gone takes its keys with it.
    pub(super) fn look(&self) -> Result<bool, KeyFileError> {
        let text = match self.read() {
            Ok(text) => text,
            Err(error) => {
                if matches!(error, KeyFileError::Gone) {
                    self.versions.store(Arc::default());
                    self.seen.store(None);
                }
                return Err(error);
            }
        };
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        let is_new = self
            .seen
            .load()
            .as_ref()
            .is_none_or(|seen| seen.as_ref().as_ref() != digest.as_ref());
        if is_new {
            self.versions.store(Arc::new(self.parsed(&text)?));
            self.seen.store(Some(Arc::new(digest)));
        }
        Ok(is_new)
    }

    fn parsed(&self, text: &str) -> Result<FileVersions, KeyFileError> {
        let mut versions = FileVersions::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let malformed = KeyFileError::Malformed { line };
            let Some((number, version)) = self.version(text) else {
                return Err(malformed);
            };
            if versions.insert(number, version).is_some() {
                return Err(malformed);
            }
        }
        match versions.is_empty() {
            true => Err(KeyFileError::Empty),
            false => Ok(versions),
        }
    }

    fn version(&self, line: &str) -> Option<(u32, FileVersion)> {
        let (number, key) = line.split_once(char::is_whitespace)?;
        let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
        let bytes = Zeroizing::new(STANDARD.decode(key.trim()).ok()?);
        let bytes: Zeroizing<[u8; DATA_KEY_BYTES]> = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        let wrapping = derived(&bytes, DATA_KEYS, &self.name)?;
        let wrapping = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*wrapping).ok()?);
        let pinned = derived(&bytes, RECORD_KEYS, &self.name)?;
        let pinned = Arc::new(PinnedKey::new(&pinned, number).ok()?);
        Some((number, FileVersion { wrapping, pinned }))
    }

    /// A new data key, and as it is wrapped.
    pub(super) fn data_key(&self) -> Result<(DataKey, Box<[u8]>), NoKey> {
        let versions = self.versions.load();
        let (number, version) = versions.last_key_value().ok_or(NoKey::Away)?;
        let mut key = Zeroizing::new([0; DATA_KEY_BYTES]);
        let random = SystemRandom::new();
        let mut nonce = [0; NONCE_LEN];
        let filled = random.fill(&mut *key).and_then(|()| random.fill(&mut nonce));
        filled.map_err(|_| NoKey::Away)?;
        let mut wrapped = number.to_be_bytes().to_vec();
        wrapped.extend_from_slice(&nonce);
        let at = wrapped.len();
        wrapped.extend_from_slice(&*key);
        let (nonce, name) = (Nonce::assume_unique_for_key(nonce), Aad::from(self.name.as_str()));
        let tag = version
            .wrapping
            .seal_in_place_separate_tag(nonce, name, &mut wrapped[at..]);
        wrapped.extend_from_slice(tag.map_err(|_| NoKey::Away)?.as_ref());
        let key = DataKey::new(&key).map_err(|BadKey| NoKey::Away)?;
        Ok((key, wrapped.into()))
    }

    /// Opens a data key.
    pub(super) fn open(&self, wrapped: &[u8]) -> Result<DataKey, NoKey> {
        let versions = self.versions.load();
        if versions.is_empty() {
            return Err(NoKey::Away);
        }
        let (number, rest) = wrapped
            .split_first_chunk::<NUMBER_BYTES>()
            .ok_or(NoKey::Refused)?;
        let version = versions.get(&u32::from_be_bytes(*number)).ok_or(NoKey::Refused)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(NoKey::Refused)?;
        let mut sealed = sealed.to_vec();
        let (nonce, name) = (
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(self.name.as_str()),
        );
        let opened = version.wrapping.open_in_place(nonce, name, &mut sealed);
        let key = match opened.ok().map(|key| DataKeyBytes::try_from(&*key)) {
            Some(Ok(key)) => DataKey::new(&Zeroizing::new(key)).map_err(|BadKey| NoKey::Refused),
            _ => Err(NoKey::Refused),
        };
        sealed.zeroize();
        key
    }

    /// The key for keys of records of a version, or of the oldest.
    pub(super) fn pinned(&self, number: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        let versions = self.versions.load();
        let (_, oldest) = versions.first_key_value().ok_or(NoKey::Away)?;
        let version = match number {
            Some(number) => versions.get(&number).ok_or(NoKey::Refused)?,
            None => oldest,
        };
        Ok(Arc::clone(&version.pinned))
    }

    /// Whether there is a key.
    pub(super) fn is_there(&self) -> bool {
        !self.versions.load().is_empty()
    }
}

type DataKeyBytes = [u8; DATA_KEY_BYTES];
