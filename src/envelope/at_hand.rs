//! The keys that are there when records are judged.

use std::fmt;
use std::sync::Arc;

use klamm_raft::model::KeyName;

use super::{DataKey, PinnedKey, SealingKey};

/// Gives keys without waiting for anything.
pub trait KeysAtHand: fmt::Debug + Send + Sync {
    /// The data key with which records are sealed now.
    ///
    /// # Errors
    /// There is none.
    fn sealing(&self, key: &KeyName) -> Result<Arc<SealingKey>, NoKey>;

    /// The data key that was wrapped by this key.
    ///
    /// # Errors
    /// There is none.
    fn opening(&self, key: &KeyName, wrapped: &[u8]) -> Result<Arc<DataKey>, NoKey>;

    /// The key that seals keys of records, always alike: that of a version, or of the oldest one.
    ///
    /// # Errors
    /// There is none.
    fn pinned(&self, key: &KeyName, version: Option<u32>) -> Result<Arc<PinnedKey>, NoKey>;
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It is to be had by waiting for it.
    #[error("the key is not there yet")]
    NotYet,
    #[error("the key cannot be had now; it is tried again")]
    Away,
    #[error("this node has no such key in klamm.keys")]
    Unknown,
    #[error("this node has no record.key for it in klamm.keys, with which keys of records are encrypted")]
    Unpinned,
    #[error("the record is not encrypted with this key, or with a version of it that there is")]
    Refused,
}

impl NoKey {
    /// Whether the same may go well a little later, without anybody changing the record.
    pub fn is_for_now(self) -> bool {
        match self {
            Self::NotYet | Self::Away | Self::Unknown | Self::Unpinned => true,
            Self::Refused => false,
        }
    }
}

/// A key that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKeyNeed {
    Sealing(KeyName),
    Opening { key: KeyName, wrapped: Box<[u8]> },
}

impl RecordKeyNeed {
    /// The key by its name.
    pub fn key(&self) -> &KeyName {
        match self {
            Self::Sealing(key) | Self::Opening { key, .. } => key,
        }
    }
}

/// No key at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl KeysAtHand for NoKeys {
    fn sealing(&self, _: &KeyName) -> Result<Arc<SealingKey>, NoKey> {
        Err(NoKey::Unknown)
    }

    fn opening(&self, _: &KeyName, _: &[u8]) -> Result<Arc<DataKey>, NoKey> {
        Err(NoKey::Unknown)
    }

    fn pinned(&self, _: &KeyName, _: Option<u32>) -> Result<Arc<PinnedKey>, NoKey> {
        Err(NoKey::Unknown)
    }
}
