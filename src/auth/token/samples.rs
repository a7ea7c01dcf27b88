//! A virtual cluster with one account and one token, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klamm_raft::model::{
    AccountName, AccountSpec, PortSlot, Revision, ServiceAccount, SigningKey, SigningKeys, TokenId,
    TokenRecord, VclusterKind, VclusterName, VclusterState, VirtualCluster,
};

use crate::auth::{Directory, UnixMillis};

pub(crate) const ISSUED_S: u64 = 1_800_000_000;
pub(crate) const EXPIRES_S: u64 = ISSUED_S + 3600;
pub(crate) const NOW: UnixMillis = UnixMillis(ISSUED_S * 1000 + 500);
pub(crate) const TOKEN_ID: TokenId = TokenId([7; 16]);

pub(crate) fn key() -> SigningKey {
    SigningKey(vec![42; 32])
}

/// [`key`] signs, none was before it.
pub(crate) fn keys() -> SigningKeys {
    SigningKeys::new(key(), SigningKey(vec![41; 32]))
}

pub(crate) fn vcluster() -> VclusterName {
    "partner1".parse().unwrap()
}

pub(crate) fn account() -> AccountName {
    "alice".parse().unwrap()
}

pub(crate) fn record() -> TokenRecord {
    TokenRecord {
        account: account(),
        account_created: Revision(5),
        issued_at_s: ISSUED_S,
        expires_at_s: EXPIRES_S,
        key: key().id(),
    }
}

/// The account `alice`, created at revision 5, with the token [`TOKEN_ID`]; and `bob`.
pub(crate) fn state() -> VclusterState {
    let account_at = |revision| ServiceAccount {
        spec: AccountSpec::local(),
        created: Revision(revision),
    };
    VclusterState {
        accounts: BTreeMap::from([
            (account(), account_at(5)),
            ("bob".parse().unwrap(), account_at(6)),
        ])
        .into(),
        tokens: BTreeMap::from([(TOKEN_ID, record())]).into(),
        brokers: BTreeMap::new(),
        ..VclusterState::new(
            VirtualCluster {
                super_users: BTreeSet::from([account()]),
                ..VirtualCluster::new(VclusterKind::Partner)
            },
            "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            PortSlot(0),
        )
    }
}

pub(crate) fn directory(state: &VclusterState) -> Arc<Directory> {
    Directory::compile(None, &vcluster(), state, Some(&keys()))
}

/// A token that logs `alice` in until [`EXPIRES_S`].
pub(crate) fn token() -> String {
    super::issue(&key(), &vcluster(), TOKEN_ID, &record()).unwrap()
}
