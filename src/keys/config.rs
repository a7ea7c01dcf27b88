//! A key as the operator configured it.

use std::path::PathBuf;

use ureq::http::Uri;

use super::aws::AwsCredentialPlaces;
use crate::tls::Trust;

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyConfig {
    /// In a file, which is followed as it changes.
    File { path: PathBuf },
    /// In the transit engine of HashiCorp Vault.
    Vault(VaultConfig),
    /// In AWS KMS.
    Aws(AwsConfig),
}

/// A key of HashiCorp Vault's transit engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultConfig {
    /// The server: https, or http on this machine.
    pub url: Uri,
    /// Where the engine is mounted.
    pub mount: String,
    /// The name that the key has there.
    pub key: String,
    pub namespace: Option<String>,
    /// The file with the token, read for each call.
    pub token: PathBuf,
    /// Whose certificates the server may have.
    pub trust: Trust,
    /// The data key that keys of records are encrypted with, as this key has wrapped it.
    pub record_key: Option<Box<[u8]>>,
}

/// A key of AWS KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsConfig {
    /// Its id, its ARN, or the name or ARN of an alias.
    pub key: String,
    pub region: String,
    /// The server: https, or http on this machine.
    pub endpoint: Uri,
    /// Whose certificates the server may have.
    pub trust: Trust,
    pub credentials: AwsCredentialPlaces,
    /// The data key that keys of records are encrypted with, as this key has wrapped it.
    pub record_key: Option<Box<[u8]>>,
}

impl KeyConfig {
    /// The data key that keys of records are encrypted with, as a key service has wrapped it.
    pub(super) fn record_key(&self) -> Option<&[u8]> {
        match self {
            Self::File { .. } => None,
            Self::Vault(config) => config.record_key.as_deref(),
            Self::Aws(config) => config.record_key.as_deref(),
        }
    }

    /// The word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Vault(_) => "vault",
            Self::Aws(_) => "aws_kms",
        }
    }
}
