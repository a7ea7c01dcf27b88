//! Permission as a value: what goes upstream carries a [`Permit`], and only this module can make one.

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

/// Requests that Kafka serves to every authenticated client without asking its authorizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCheck {
    /// DescribeCluster: only its bitfield depends on rights.
    DescribeCluster,
    /// Whatever the answer holds is filtered by rights before a client sees it.
    FilteredAnswer,
}

/// That a request may go upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    basis: Basis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    Checked(Authorized),
    NoCheck(NoCheck),
}

impl From<Authorized> for Permit {
    fn from(authorized: Authorized) -> Self {
        Self {
            basis: Basis::Checked(authorized),
        }
    }
}

impl From<NoCheck> for Permit {
    fn from(reason: NoCheck) -> Self {
        Self {
            basis: Basis::NoCheck(reason),
        }
    }
}
