//! Service accounts: the principals of one virtual cluster.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::CredentialsName;

/// Who holds the credentials of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    /// The gateway issues and checks them.
    Local,
    /// Somebody else: an identity provider, a certificate authority, the physical cluster. Who is called one of these
    /// there is this account here. A name belongs to one account of its virtual cluster.
    External { names: BTreeSet<String> },
}

/// An account as people describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSpec {
    pub kind: AccountKind,
    /// As whom its requests reach physical clusters: an entry of their configuration. None: as the gateway.
    pub upstream_credentials: Option<CredentialsName>,
}

impl AccountSpec {
    /// An account whose credentials the gateway holds.
    pub fn local() -> Self {
        Self {
            kind: AccountKind::Local,
            upstream_credentials: None,
        }
    }
}

/// A principal of one virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub spec: AccountSpec,
    /// The revision that created this account. Tokens name it, so that those of a deleted account stay dead when an
    /// account of the same name is created again.
    pub created: super::Revision,
}
