//! Keys that records are encrypted with, by the names that a node's configuration gives them: a file, or a key service. Data
//! keys are made, wrapped and opened with them, for records that are judged ([`crate::envelope`]). Nothing here runs on a
//! thread that carries requests, but what takes no longer than the encryption of a record.
//!
//! Whatever a service refuses or does not answer is never remembered. While it is away, data keys that are there go on until they
//! have to be followed by others.

mod aws;
mod config;
mod derived;
mod file;
mod opened;
mod record_keys;
mod service;
mod source;
mod vault;

pub use aws::{AwsCredentialPlaces, CredentialPlace};
pub use config::{AwsConfig, KeyConfig, VaultConfig};
pub use record_keys::{ObtainedKeys, RecordKeys};

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
