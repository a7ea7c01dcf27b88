//! Groups of accounts. They give no rights: policies can be for the members of one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AccountName, VclusterName};

/// A group as an operator writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountGroup {
    pub members: BTreeSet<GroupMember>,
}

/// An account that is in a group. It goes with the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupMember {
    pub vcluster: VclusterName,
    pub account: AccountName,
}

impl AccountGroup {
    /// The accounts of a virtual cluster that are in it.
    pub fn members_in(&self, vcluster: &VclusterName) -> impl Iterator<Item = &AccountName> {
        let of_vcluster = self
            .members
            .iter()
            .filter(move |member| member.vcluster == *vcluster);
        of_vcluster.map(|member| &member.account)
    }
}
