//! Records of issued service-account tokens. The token itself is never stored.

use serde::{Deserialize, Serialize};

use super::{AccountName, KeyId, Revision};

/// The `jti` of a token: a random UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(pub [u8; 16]);

/// That a token was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub account: AccountName,
    /// [`super::ServiceAccount::created`] of the account that the token was issued for.
    pub account_created: Revision,
    /// Seconds since the Unix epoch.
    pub issued_at_s: u64,
    /// Seconds since the Unix epoch.
    pub expires_at_s: u64,
    /// The key that signed it.
    pub key: KeyId,
}
