//! Service accounts: the principals of one virtual cluster.

use serde::{Deserialize, Serialize};

/// Who holds the credentials of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// The gateway issues and checks them.
    Local,
}

/// A principal of one virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub kind: AccountKind,
    /// The revision that created this account. Tokens name it, so that those of a deleted account stay dead when an
    /// account of the same name is created again.
    pub created: super::Revision,
}
