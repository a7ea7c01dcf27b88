//! Access tokens: what a person or a program shows the admin API in place of a name and a password. The token itself is
//! never stored.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::AccessTokenName;

/// How coarse the last use of an access token is, in seconds: it is written at most once in this time.
pub const USE_GRAIN_S: u64 = 3600;

/// Names an access token. It is part of the token, and no secret: random bytes of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccessTokenId(pub [u8; 16]);

/// The most that whoever shows the token may do. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessRole {
    Admin,
    ReadOnly,
}

/// That an access token was issued. Its `Debug` shows nothing of the digest.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Its purpose, in the words of who asked for it.
    pub name: AccessTokenName,
    /// The user of the admin API who asked for it, and as whom it acts.
    pub username: String,
    pub role: AccessRole,
    /// SHA-256 of its secret: random bytes, which nobody finds by trying.
    pub digest: [u8; 32],
    /// Seconds since the Unix epoch.
    pub issued_at_s: u64,
    /// Seconds since the Unix epoch.
    pub expires_at_s: u64,
    /// Seconds since the Unix epoch, as coarse as [`USE_GRAIN_S`]; none before its first use.
    pub last_used_s: Option<u64>,
}

impl AccessToken {
    /// Whether a use at this time is to be written down.
    pub fn is_news(&self, at_s: u64) -> bool {
        self.last_used_s
            .is_none_or(|last| at_s >= last.saturating_add(USE_GRAIN_S))
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("name", &self.name)
            .field("username", &self.username)
            .field("role", &self.role)
            .field("expires_at_s", &self.expires_at_s)
            .finish_non_exhaustive()
    }
}
