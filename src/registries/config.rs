//! A registry as the operator configured it.

use std::path::PathBuf;
use std::time::Duration;

use ureq::http::Uri;

use crate::tls::Trust;

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The beginning of its API: https, or http on this machine.
    pub url: Uri,
    pub access: RegistryAccess,
    /// How long a call may take, from the name to the last byte.
    pub timeout: Duration,
    /// Whose certificates the server may have.
    pub trust: Trust,
}

/// How a node says who it is. Files are read for each call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryAccess {
    /// It does not.
    Anonymous,
    /// By HTTP Basic.
    Password { username: String, file: PathBuf },
    /// By a bearer token.
    Token { file: PathBuf },
}
