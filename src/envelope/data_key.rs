//! The keys that parts of records are encrypted with.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

/// The length of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// The bytes of the authentication tag.
const TAG_BYTES: usize = 16;

/// The bytes by which a sealed part is longer.
pub const SEALED_BYTES: usize = TAG_BYTES + NONCE_LEN;

/// Once a data key has sealed so many parts, or so many bytes, another one is to take its place …
const MOST_PARTS: u64 = 1 << 24;
const MOST_BYTES: u64 = 64 << 30;

/// … and once it has sealed so many times as much, it seals no more. Both are far from what AES-GCM allows.
const SPENT_AT: u64 = 2;

/// The bytes were not encrypted with this key, or not as they are, or not for this place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record was changed since it was encrypted, or is encrypted with another key")]
pub struct Forged;

/// A key has sealed as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpentKey;

/// The library takes no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key cannot be used")]
pub struct BadKey;

/// A data key that opens what was sealed with it. Its memory is overwritten when it is dropped: the library does that.
pub struct DataKey(LessSafeKey);

impl DataKey {
    /// A key for AES-256-GCM.
    ///
    /// # Errors
    /// The library takes no such key.
    pub fn new(bytes: &[u8; DATA_KEY_BYTES]) -> Result<Self, BadKey> {
        let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| BadKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Opens the end of a buffer, from a place on.
    ///
    /// # Errors
    /// It was not sealed with this key, or not as it is. What is left in the buffer is nothing.
    pub fn open(&self, associated: &[u8], buffer: &mut Vec<u8>, from: usize) -> Result<(), Forged> {
        let nonce_at = buffer.len().checked_sub(NONCE_LEN).filter(|at| *at >= from);
        let nonce_at = nonce_at.ok_or(Forged)?;
        let nonce: [u8; NONCE_LEN] = buffer[nonce_at..].try_into().map_err(|_| Forged)?;
        self.open_with(nonce, associated, &mut buffer[from..nonce_at])?;
        buffer.truncate(nonce_at - TAG_BYTES);
        Ok(())
    }

    /// Opens bytes, with the tag behind them, that were sealed with a nonce. The length of what they become is theirs without the
    /// tag.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        &self,
        nonce: [u8; NONCE_LEN],
        associated: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Forged> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(associated), sealed);
        opened.map(drop).map_err(|_| Forged)
    }

    /// Seals the end of a buffer, from a place on, with a nonce that was never used with this key.
    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        associated: &[u8],
        buffer: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), SpentKey> {
        let (unique, associated) = (Nonce::assume_unique_for_key(nonce), Aad::from(associated));
        let sealed = self
            .0
            .seal_in_place_separate_tag(unique, associated, &mut buffer[from..]);
        // Only what is longer than 64 GiB cannot be sealed.
        let tag = sealed.map_err(|_| SpentKey)?;
        buffer.extend_from_slice(tag.as_ref());
        buffer.extend_from_slice(&nonce);
        Ok(())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// When a data key is to be followed by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueWhen {
    /// Not yet.
    Later,
    /// It may be used until there is another one.
    Now,
    /// It may be used no more.
    Spent,
}

/// A data key that seals. It was made for this process and is never stored, so that nobody else seals with it; within the
/// process a counter tells its nonces apart.
#[derive(Debug)]
pub struct SealingKey {
    key: DataKey,
    wrapped: Box<[u8]>,
    /// Random bytes of the process, before the counter.
    prefix: [u8; 4],
    parts: AtomicU64,
    bytes: AtomicU64,
}

impl SealingKey {
    /// A key that was never used, as it is wrapped, and random bytes of the process.
    pub fn new(key: DataKey, wrapped: Box<[u8]>, prefix: [u8; 4]) -> Self {
        Self {
            key,
            wrapped,
            prefix,
            parts: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// The key as records carry it.
    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Seals the end of a buffer, from a place on: the bytes, their tag, and the nonce.
    ///
    /// # Errors
    /// The key may seal no more.
    pub fn seal(&self, associated: &[u8], buffer: &mut Vec<u8>, from: usize) -> Result<(), SpentKey> {
        let length = buffer.len().saturating_sub(from) as u64;
        let bytes = self.bytes.fetch_add(length, Ordering::Relaxed);
        let number = self.parts.fetch_add(1, Ordering::Relaxed);
        if due(number, bytes) == DueWhen::Spent {
            return Err(SpentKey);
        }
        let mut nonce = [0; NONCE_LEN];
        nonce[..4].copy_from_slice(&self.prefix);
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        self.key.seal(nonce, associated, buffer, from)
    }

    /// Whether another one is to take its place, for what it has sealed.
    pub fn due(&self) -> DueWhen {
        due(
            self.parts.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

#[cfg(test)]
impl SealingKey {
    /// Counts as much as sealed as that.
    pub(super) fn count_for_tests(&self, parts: u64, bytes: u64) {
        self.parts.fetch_add(parts, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn due(parts: u64, bytes: u64) -> DueWhen {
    if parts >= SPENT_AT * MOST_PARTS || bytes >= SPENT_AT * MOST_BYTES {
        DueWhen::Spent
    } else if parts >= MOST_PARTS || bytes >= MOST_BYTES {
        DueWhen::Now
    } else {
        DueWhen::Later
    }
}

/// A key under which the same bytes always become the same: AES-256-GCM-SIV, which is made for that.
pub struct PinnedKey {
    key: LessSafeKey,
    version: u32,
}

impl PinnedKey {
    /// A key of this version.
    ///
    /// # Errors
    /// The library takes no such key.
    pub fn new(bytes: &[u8; DATA_KEY_BYTES], version: u32) -> Result<Self, BadKey> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, bytes).map_err(|_| BadKey)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            version,
        })
    }

    /// The version of the key that this one comes from.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Seals the end of a buffer, from a place on: the bytes and their tag.
    ///
    /// # Errors
    /// There is too much of it.
    pub fn seal(&self, associated: &[u8], buffer: &mut Vec<u8>, from: usize) -> Result<(), SpentKey> {
        let associated = Aad::from(associated);
        let sealed = self
            .key
            .seal_in_place_separate_tag(no_nonce(), associated, &mut buffer[from..]);
        buffer.extend_from_slice(sealed.map_err(|_| SpentKey)?.as_ref());
        Ok(())
    }

    /// Opens the end of a buffer, from a place on.
    ///
    /// # Errors
    /// It was not sealed with this key, or not as it is.
    pub fn open(&self, associated: &[u8], buffer: &mut Vec<u8>, from: usize) -> Result<(), Forged> {
        let associated = Aad::from(associated);
        let opened = self
            .key
            .open_in_place(no_nonce(), associated, &mut buffer[from..]);
        let length = opened.map_err(|_| Forged)?.len();
        buffer.truncate(from + length);
        Ok(())
    }
}

impl fmt::Debug for PinnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedKey({})", self.version)
    }
}

/// Where the same bytes are to become the same, there is nothing that tells them apart.
fn no_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}
