//! That something is allowed, as a value: only this module can make one, and it names its rule.

use super::decision::AclRef;

/// Why something was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    SuperUser,
    /// An ALLOW entry matches and no DENY entry does.
    Acl(AclRef),
    /// No ACL covers the resource, and the cluster is configured to allow then.
    DefaultAllow,
    /// The virtual cluster's ACLs are disabled: whoever is logged in may do everything.
    AclsDisabled,
}

/// That one question was answered with yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authorized {
    rule: Rule,
}

impl Authorized {
    pub(super) fn by(rule: Rule) -> Self {
        Self { rule }
    }

    /// The rule that allowed it.
    pub fn rule(self) -> Rule {
        self.rule
    }
}
