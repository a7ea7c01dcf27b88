//! Service accounts: the principals of one virtual cluster.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Who holds the credentials of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// The gateway issues and checks them.
    Local,
    /// Somebody else: an identity provider, a certificate authority, the physical cluster. Who is called one of these
    /// there is this account here. A name belongs to one account of its virtual cluster.
    External { names: BTreeSet<String> },
}

/// A principal of one virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub kind: AccountKind,
    /// The revision that created this account. Tokens name it, so that those of a deleted account stay dead when an
    /// account of the same name is created again.
    pub created: super::Revision,
}
