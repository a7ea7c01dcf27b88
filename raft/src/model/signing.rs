//! The keys that sign the tokens of service accounts: one that signs, and the one before it, which still verifies.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// How many keys that are gone are remembered by their ids.
const REMEMBERED: usize = 16;

/// Keeps ids of keys apart from any other digest of the same bytes.
const ID_LABEL: &[u8] = b"klamm/signing-key/id\0";

/// A secret key. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey(pub Vec<u8>);

impl SigningKey {
    /// Its id. It follows from the key, so that a key which is configured names itself.
    pub fn id(&self) -> KeyId {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(ID_LABEL);
        context.update(&self.0);
        let mut id = [0; 8];
        id.copy_from_slice(&context.finish().as_ref()[..8]);
        KeyId(id)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The name of a signing key: the `kid` of the tokens that it signs. Says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// The text is not the name of a signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a signing key must be 16 hexadecimal digits in lower case")]
pub struct InvalidKeyId;

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let is_one = text.len() == 16 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_one);
        number
            .map(|number| Self(number.to_be_bytes()))
            .ok_or(InvalidKeyId)
    }
}

/// The signing keys of a cluster of gateways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeys {
    /// It signs, and verifies.
    pub current: SigningKey,
    /// It signed before, and verifies until it is retired.
    pub previous: Option<SigningKey>,
    /// The latest of those that are gone, oldest first: a node that is still configured with one is known to be merely
    /// behind.
    pub retired: Vec<KeyId>,
    /// The key that makes the salts of SCRAM users who do not exist. It is never rotated: salts that change would tell
    /// those users from the others.
    pub decoy: SigningKey,
}

impl SigningKeys {
    /// The first key of a cluster.
    pub fn new(current: SigningKey, decoy: SigningKey) -> Self {
        Self {
            current,
            previous: None,
            retired: Vec::new(),
            decoy,
        }
    }

    /// Those that verify, the one that signs first.
    pub fn verifying(&self) -> impl Iterator<Item = &SigningKey> {
        [&self.current].into_iter().chain(&self.previous)
    }

    /// Remembers that a key is gone.
    pub(crate) fn forget(&mut self, key: KeyId) {
        self.retired.push(key);
        let excess = self.retired.len().saturating_sub(REMEMBERED);
        self.retired.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_id_and_an_id_one_text() {
        let (one, other) = (SigningKey(vec![1; 32]), SigningKey(vec![2; 32]));
        assert_eq!(one.id(), SigningKey(vec![1; 32]).id());
        assert_ne!(one.id(), other.id());
        let text = one.id().to_string();
        assert_eq!(text.parse(), Ok(one.id()));
        assert_eq!(KeyId([0, 0, 0, 0, 0, 0, 0, 9]).to_string(), "0000000000000009");
        for wrong in [
            "",
            "9",
            "+000000000000009",
            &text.to_uppercase().replace('0', "G"),
            "00000000000000009",
        ] {
            assert_eq!(wrong.parse::<KeyId>(), Err(InvalidKeyId), "{wrong}");
        }
    }

    #[test]
    fn only_the_latest_keys_that_are_gone_are_remembered() {
        let mut keys = SigningKeys::new(SigningKey(vec![1]), SigningKey(vec![2]));
        for last in 0..40 {
            keys.forget(KeyId([last; 8]));
        }
        assert_eq!(keys.retired.len(), REMEMBERED);
        assert_eq!(keys.retired.last(), Some(&KeyId([39; 8])));
    }
}
