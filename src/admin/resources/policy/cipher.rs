//! `encrypt` and `decrypt`: the parts of records, and the keys.

use std::collections::BTreeSet;

use klamm_raft::model::{HeaderKey, KeyName, OpenedParts, PolicyAction, SealedParts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MAX_KEY_BYTES;
use crate::admin::resources::invalid::{Invalid, required};

/// The most headers whose values one policy encrypts.
pub(super) const MAX_SEALED_HEADERS: usize = 64;
/// The most keys that one policy names.
pub(super) const MAX_KEYS: usize = 64;

/// It stands for all keys that nodes have.
const ALL_KEYS: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::admin::resources) enum SealedPartSpec {
    Value,
    /// Keys that are alike become alike, which everybody sees.
    Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::admin::resources) enum OpenedPartSpec {
    Value,
    Key,
    Headers,
}

/// The parts that are encrypted, if a policy does not say.
pub(super) fn default_sealed() -> Vec<SealedPartSpec> {
    vec![SealedPartSpec::Value]
}

/// The parts that are decrypted, if a policy does not say.
pub(super) fn default_opened() -> Vec<OpenedPartSpec> {
    vec![
        OpenedPartSpec::Value,
        OpenedPartSpec::Key,
        OpenedPartSpec::Headers,
    ]
}

/// Checks an encryption.
pub(super) fn encrypt(
    key: &str,
    (parts, headers): (&[SealedPartSpec], &[String]),
    is_deterministic: bool,
) -> Result<PolicyAction, Invalid> {
    let key_too = parts.contains(&SealedPartSpec::Key);
    match (key_too, is_deterministic) {
        (true, false) => {
            return Err(Invalid::new(
                "spec.action.deterministicKey must be true to encrypt keys: the same keys become the same, or compaction and partitions would not work, so that whoever sees them sees which are alike",
            ));
        }
        (false, true) => {
            return Err(Invalid::new(
                "spec.action.deterministicKey is for policies that encrypt keys: spec.action.parts does not name key",
            ));
        }
        (true, true) | (false, false) => {}
    }
    let header = |name: &String| {
        const AT: &str = "spec.action.headers";
        match name.len() > MAX_KEY_BYTES {
            true => Err(Invalid::new(format!("{AT}: longer than {MAX_KEY_BYTES} bytes"))),
            false => required::<HeaderKey>(AT, name),
        }
    };
    Ok(PolicyAction::Encrypt {
        key: required("spec.action.key", key)?,
        parts: SealedParts {
            value: parts.contains(&SealedPartSpec::Value),
            key: key_too,
            headers: headers.iter().map(header).collect::<Result<_, _>>()?,
        },
    })
}

/// Checks a decryption.
pub(super) fn decrypt(keys: &[String], parts: &[OpenedPartSpec]) -> Result<PolicyAction, Invalid> {
    const AT: &str = "spec.action.keys";
    let keys: BTreeSet<KeyName> = match keys {
        [] => {
            return Err(Invalid::new(format!(
                "{AT} is empty: name the keys with which records may be encrypted, or * for all that nodes have"
            )));
        }
        [all] if all == ALL_KEYS => BTreeSet::new(),
        keys if keys.len() > MAX_KEYS => {
            return Err(Invalid::new(format!("{AT} has more than {MAX_KEYS} items")));
        }
        keys => {
            let named = keys.iter().map(|name| required(AT, name));
            named.collect::<Result<_, _>>()?
        }
    };
    let parts = OpenedParts {
        value: parts.contains(&OpenedPartSpec::Value),
        key: parts.contains(&OpenedPartSpec::Key),
        headers: parts.contains(&OpenedPartSpec::Headers),
    };
    Ok(PolicyAction::Decrypt { keys, parts })
}

/// The parts that are encrypted, as they are shown.
pub(super) fn sealed(parts: &SealedParts) -> Vec<SealedPartSpec> {
    let all = [
        (parts.value, SealedPartSpec::Value),
        (parts.key, SealedPartSpec::Key),
    ];
    all.into_iter()
        .filter_map(|(is_sealed, part)| is_sealed.then_some(part))
        .collect()
}

/// The parts that are decrypted, as they are shown.
pub(super) fn opened(parts: OpenedParts) -> Vec<OpenedPartSpec> {
    let all = [
        (parts.value, OpenedPartSpec::Value),
        (parts.key, OpenedPartSpec::Key),
        (parts.headers, OpenedPartSpec::Headers),
    ];
    all.into_iter()
        .filter_map(|(is_opened, part)| is_opened.then_some(part))
        .collect()
}

/// The keys of a decryption, as they are shown.
pub(super) fn keys(keys: &BTreeSet<KeyName>) -> Vec<String> {
    match keys.is_empty() {
        true => vec![ALL_KEYS.to_owned()],
        false => keys.iter().map(KeyName::to_string).collect(),
    }
}
