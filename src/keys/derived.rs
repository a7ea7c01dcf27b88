//! Keys that are derived from another one, each for one purpose: the same bytes under another name are another key.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use klamm_raft::model::KeyName;
use zeroize::Zeroizing;

use super::service::KeyBytes;
use crate::envelope::DATA_KEY_BYTES;

/// The purposes that keys are derived for.
pub(super) const RECORD_KEYS: &[u8] = b"klamm/record-keys";
pub(super) const DATA_KEYS: &[u8] = b"klamm/data-keys";

/// A key for one purpose. None: the library does not derive it.
pub(super) fn derived(key: &[u8; DATA_KEY_BYTES], purpose: &[u8], name: &KeyName) -> Option<KeyBytes> {
    let mut derived = Zeroizing::new([0; DATA_KEY_BYTES]);
    let salted = Salt::new(HKDF_SHA256, &[]).extract(key);
    let info = [purpose, b"\0", name.as_str().as_bytes()];
    let expanded = salted.expand(&info, DerivedKey).ok()?;
    expanded.fill(&mut *derived).ok()?;
    Some(derived)
}

/// The length of a derived key.
struct DerivedKey;

impl KeyType for DerivedKey {
    fn len(&self) -> usize {
        DATA_KEY_BYTES
    }
}
