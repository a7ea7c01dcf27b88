//! The scope of a policy, as it is written.

use klamm_raft::model::{PolicyId, PolicyKey, PolicyName, PolicyScope};

use super::invalid::{Invalid, required};

/// A virtual cluster, or all of them; in it a group, an account, or everybody.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WrittenScope<'a> {
    pub(super) vcluster: Option<&'a str>,
    pub(super) group: Option<&'a str>,
    pub(super) username: Option<&'a str>,
}

impl WrittenScope<'_> {
    /// Reads the scope of the policy of this name; `at` is where both stand.
    pub(super) fn key(self, at: &str, name: &str) -> Result<PolicyKey, Invalid> {
        let name = required(&format!("{at}name"), name)?;
        self.key_of(at, name)
    }

    /// The policy of this name in the scope that stands there.
    pub(super) fn key_of(self, at: &str, name: PolicyName) -> Result<PolicyKey, Invalid> {
        let scope = match (self.group, self.username) {
            (None, None) => PolicyScope::All,
            (Some(group), None) => PolicyScope::Group(required(&format!("{at}group"), group)?),
            (None, Some(username)) => PolicyScope::Account(required(&format!("{at}username"), username)?),
            (Some(_), Some(_)) => {
                return Err(Invalid::new(format!(
                    "{at}group and {at}username exclude each other: a policy is for the members of a group or for one account"
                )));
            }
        };
        let id = PolicyId { name, scope };
        Ok(match self.vcluster {
            Some(vcluster) => PolicyKey::In(required(&format!("{at}vCluster"), vcluster)?, id),
            None => PolicyKey::Everywhere(id),
        })
    }
}
