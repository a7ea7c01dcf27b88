//! The answer to one question. Denial is data: it is not an error.

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

use super::authorized::Authorized;

/// Yes or no, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allowed(Authorized),
    Denied(DenyRule),
}

impl Decision {
    /// The proof of a yes.
    pub fn authorized(self) -> Option<Authorized> {
        match self {
            Self::Allowed(authorized) => Some(authorized),
            Self::Denied(_) => None,
        }
    }

    /// Whether it is a yes, for filtering what a client may see.
    pub fn is_allowed(self) -> bool {
        self.authorized().is_some()
    }
}

/// Why something was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenyRule {
    /// A DENY entry matches.
    Acl(AclRef),
    /// Nothing that matches allows it.
    Default,
}

/// The ACL that decided, by its place in the index that decided. Only that index can name it
/// ([`super::AclIndex::matched`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclRef {
    pub(super) grant: u32,
    /// The operation that was asked for; the entry's own may be ALL or one that implies it.
    pub(super) asked: Operation,
    pub(super) permission: Permission,
}

/// The text of the ACL that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedAcl<'a> {
    pub resource_type: ResourceType,
    pub resource_name: &'a str,
    pub pattern_type: PatternType,
    pub principal: &'a str,
    pub host: &'a str,
    pub operation: Operation,
    pub permission: Permission,
}

impl MatchedAcl<'_> {
    /// The ACL as it was given to the index.
    pub fn binding(&self) -> AclBinding {
        AclBinding {
            pattern: ResourcePattern {
                resource_type: self.resource_type,
                name: self.resource_name.to_owned(),
                pattern_type: self.pattern_type,
            },
            entry: AclEntry {
                principal: self.principal.to_owned(),
                host: self.host.to_owned(),
                operation: self.operation,
                permission: self.permission,
            },
        }
    }
}
