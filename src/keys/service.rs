//! A key service: makes data keys, wraps them and opens them for nodes, which never have the key itself. Blocks: call it on a
//! thread for that.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::aws::{Aws, AwsError};
use super::vault::{Vault, VaultError};
use crate::envelope::DATA_KEY_BYTES;
use crate::https;
use crate::tls::{Trust, TrustError};

/// How long one call may take, from the name to the last byte.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 256 << 10;

/// The bytes of a data key, overwritten when they are dropped.
pub(super) type KeyBytes = Zeroizing<[u8; DATA_KEY_BYTES]>;

/// Data keys, opened or not, in the order in which they were asked for. None: it was not wrapped by this key, or by a version that
/// may not be used any more.
pub(super) type OpenedBytes = Vec<Option<KeyBytes>>;

/// A client of one key.
#[derive(Debug)]
pub(super) enum KeyService {
    Vault(Vault),
    Aws(Aws),
}

/// Why a call failed. Holds nothing of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("record.key, with which keys of records are encrypted, was not wrapped by this key")]
    RecordKey,
}

impl KeyService {
    /// Has a data key made, and wrapped.
    pub(super) fn data_key(&self) -> Result<(KeyBytes, Box<[u8]>), ServiceError> {
        match self {
            Self::Vault(vault) => Ok(vault.data_key()?),
            Self::Aws(aws) => Ok(aws.data_key()?),
        }
    }

    /// Has data keys opened, as many as there is time for. Those that were come back also where the others cannot be.
    pub(super) fn open(&self, wrapped: &[&[u8]], opened: &mut OpenedBytes) -> Result<(), ServiceError> {
        match self {
            Self::Vault(vault) => Ok(vault.open(wrapped, opened)?),
            Self::Aws(aws) => Ok(aws.open(wrapped, opened)?),
        }
    }
}

/// A client that keeps one connection.
pub(super) fn agent(url: &Uri, trust: &Trust) -> Result<Agent, TrustError> {
    let roots = match url.scheme_str() {
        Some("https") => Some(https::roots(trust)?),
        _ => None,
    };
    Ok(https::agent(roots, TIMEOUT, 1))
}

/// Reads an answer.
pub(super) fn body(mut response: Response<Body>) -> Result<Zeroizing<Vec<u8>>, Box<ureq::Error>> {
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
    Ok(Zeroizing::new(body.read_to_vec().map_err(Box::new)?))
}

/// The data key that an answer has in base64.
pub(super) fn key_bytes(text: String) -> Option<KeyBytes> {
    let text = Zeroizing::new(text);
    let bytes = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

/// A wrapped data key as records can carry it.
pub(super) fn carried(wrapped: Vec<u8>) -> Option<Box<[u8]>> {
    let is_carried = !wrapped.is_empty() && u16::try_from(wrapped.len()).is_ok();
    is_carried.then(|| wrapped.into())
}
