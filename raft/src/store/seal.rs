//! Encryption that keeps a stolen disk or copy of it from being read: each value of the file is sealed under a key that
//! is elsewhere.
//!
//! Each file has a random salt. The storage key and the salt make the key that seals values (HKDF-SHA-256), and a mark by
//! which a wrong storage key is told from damage. A value is sealed by AES-256-GCM-SIV with a random nonce, together
//! with its place: it opens nowhere else. `ciphertext ‖ tag ‖ nonce` is what is written.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::{error::Unspecified, rand};
use serde::{Deserialize, Serialize};

use crate::codec::Format;

const MARK_BYTES: usize = 16;

/// A key under which a node seals what it keeps on its disk, or backups. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageKey([u8; Self::BYTES]);

impl StorageKey {
    pub const BYTES: usize = 32;

    /// The key that these random bytes are.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

/// How a node keeps its data directory. What is there is rewritten at the start where it is kept in another way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    /// Under what it is sealed; none: it is in clear.
    pub key: Option<StorageKey>,
    /// Under what it may be sealed until now.
    pub previous: Option<StorageKey>,
}

/// Where a value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValuePlace<'a> {
    Log(u64),
    Single(&'a str),
    /// The state of a backup with this header.
    Backup(&'a [u8]),
}

impl ValuePlace<'_> {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Log(index) => [b"log\0", &index.to_be_bytes()[..]].concat(),
            Self::Single(name) => [b"meta\0", name.as_bytes()].concat(),
            Self::Backup(header) => [b"backup\0", header].concat(),
        }
    }
}

/// The label that is written in clear beside sealed values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label {
    salt: [u8; 32],
    /// Follows from the salt and the storage key, and says nothing of it.
    mark: [u8; MARK_BYTES],
}

impl Format for Label {}

/// The seal that closes and opens the values of one file.
pub(crate) struct Seal {
    key: LessSafeKey,
    label: Label,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// For values that are written under one label from now on.
    pub(crate) fn fresh(key: &StorageKey) -> Result<Self, Unspecified> {
        let mut salt = [0; 32];
        rand::fill(&mut salt)?;
        Self::salted(key, salt)
    }

    /// For values that have this label; none if it is sealed under another key.
    pub(crate) fn of(key: &StorageKey, label: &Label) -> Result<Option<Self>, Unspecified> {
        let seal = Self::salted(key, label.salt)?;
        Ok(Some(seal).filter(|seal| seal.label == *label))
    }

    fn salted(key: &StorageKey, salt: [u8; 32]) -> Result<Self, Unspecified> {
        let secret = Salt::new(HKDF_SHA256, &salt).extract(&key.0);
        let label = Label {
            salt,
            mark: mark(&secret)?,
        };
        let key = secret.expand(&[b"klamm/storage/values"], &AES_256_GCM_SIV)?;
        let key = LessSafeKey::new(UnboundKey::from(key));
        Ok(Self { key, label })
    }

    pub(crate) fn label(&self) -> &Label {
        &self.label
    }

    /// Seals a value in place: large ones are not copied.
    pub(crate) fn seal(&self, place: ValuePlace<'_>, value: &mut Vec<u8>) -> Result<(), Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce)?;
        let aad = Aad::from(place.bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, value)?;
        value.extend_from_slice(&nonce);
        Ok(())
    }

    /// Opens a value in place. An error: it was not sealed by this, or for another place.
    pub(crate) fn open(&self, place: ValuePlace<'_>, value: &mut Vec<u8>) -> Result<(), Unspecified> {
        let (_, nonce) = value.split_last_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        value.truncate(value.len() - NONCE_LEN);
        let aad = Aad::from(place.bytes());
        let opened = self.key.open_in_place(nonce, aad, value)?.len();
        value.truncate(opened);
        Ok(())
    }
}

struct MarkLength;

impl KeyType for MarkLength {
    fn len(&self) -> usize {
        MARK_BYTES
    }
}

fn mark(secret: &Prk) -> Result<[u8; MARK_BYTES], Unspecified> {
    let mut mark = [0; MARK_BYTES];
    secret
        .expand(&[b"klamm/storage/mark"], MarkLength)?
        .fill(&mut mark)?;
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StorageKey {
        StorageKey::new([byte; 32])
    }

    #[test]
    fn a_value_opens_in_its_place_under_its_key_and_unchanged() {
        let seal = Seal::fresh(&key(1)).unwrap();
        let sealed = |value: &[u8]| {
            let mut bytes = value.to_vec();
            seal.seal(ValuePlace::Log(7), &mut bytes).unwrap();
            bytes
        };
        let opened = |seal: &Seal, place, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            seal.open(place, &mut bytes).map(|()| bytes)
        };
        for value in [&b""[..], b"a", &[5; 5000]] {
            let bytes = sealed(value);
            assert_ne!(bytes, sealed(value), "the nonce is fresh");
            assert_eq!(opened(&seal, ValuePlace::Log(7), &bytes).unwrap(), value);
            for place in [
                ValuePlace::Log(8),
                ValuePlace::Single("7"),
                ValuePlace::Single("log"),
            ] {
                assert!(opened(&seal, place, &bytes).is_err(), "{place:?}");
            }
            // Another file under the same key.
            assert!(opened(&Seal::fresh(&key(1)).unwrap(), ValuePlace::Log(7), &bytes).is_err());
            for at in 0..bytes.len().min(60) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1;
                assert!(opened(&seal, ValuePlace::Log(7), &damaged).is_err(), "{at}");
                assert!(opened(&seal, ValuePlace::Log(7), &bytes[..at]).is_err(), "{at}");
            }
        }
    }

    #[test]
    fn a_label_tells_the_key_from_others_and_shows_nothing_of_it() {
        let seal = Seal::fresh(&key(1)).unwrap();
        let mut bytes = vec![1, 2, 3];
        seal.seal(ValuePlace::Single("vote"), &mut bytes).unwrap();
        let again = Seal::of(&key(1), seal.label()).unwrap().unwrap();
        again.open(ValuePlace::Single("vote"), &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3]);
        assert!(Seal::of(&key(2), seal.label()).unwrap().is_none());
        assert_eq!(format!("{:?} {seal:?}", key(1)), "StorageKey(..) Seal(..)");
    }

    /// Values that were sealed once open for ever: the constants are on people's disks.
    #[test]
    fn what_was_sealed_before_opens() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits = hex.as_bytes().chunks(2);
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            digits.map(byte).collect()
        };
        let seal = Seal::salted(&key(1), [2; 32]).unwrap();
        assert_eq!(
            seal.label.mark.to_vec(),
            bytes("c4ad5cf47cabc5dc5fa73692cd4745fc")
        );
        for (place, sealed) in [
            (
                ValuePlace::Log(7),
                "5fc62883f8e6875f3335e211ad66a1adba5895417607e9793f6ab9bcaa47ccf84b875c",
            ),
            (
                ValuePlace::Single("vote"),
                "f2dfdd059e7e3df26906b5837e63b327cd65932266573801c0aad0ede3e999a7072710",
            ),
        ] {
            let mut value = bytes(sealed);
            seal.open(place, &mut value).unwrap();
            assert_eq!(value, b"a value");
        }
    }
}
