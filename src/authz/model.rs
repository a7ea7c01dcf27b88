//! The rules of authorization said as plainly as possible, over a plain set of ACLs: what the index is held against.

use std::collections::BTreeSet;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

use super::{IfNoAcl, Principal, Resource};

/// The answer of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    SuperUser,
    AclAllows,
    DefaultAllows,
    AclDenies,
    DefaultDenies,
}

impl Verdict {
    pub(super) fn is_allowed(self) -> bool {
        matches!(self, Self::SuperUser | Self::AclAllows | Self::DefaultAllows)
    }
}

/// A set of ACLs and who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model<'a> {
    pub(super) acls: &'a BTreeSet<AclBinding>,
    pub(super) super_users: &'a BTreeSet<Principal>,
    pub(super) if_no_acl: IfNoAcl,
    pub(super) principal: &'a Principal,
    pub(super) host: &'a str,
}

impl Model<'_> {
    pub(super) fn decide(&self, operation: Operation, resource: Resource<'_>) -> Verdict {
        if self.super_users.contains(self.principal) {
            return Verdict::SuperUser;
        }
        let covering: Vec<_> = self
            .acls
            .iter()
            .filter(|acl| covers(&acl.pattern, resource))
            .collect();
        let matching: Vec<_> = covering
            .iter()
            .filter(|acl| self.is_for_me(&acl.entry) && answers(&acl.entry, operation))
            .collect();
        if matching
            .iter()
            .any(|acl| acl.entry.permission == Permission::Deny)
        {
            Verdict::AclDenies
        } else if !matching.is_empty() {
            Verdict::AclAllows
        } else if covering.is_empty() && self.if_no_acl == IfNoAcl::Allow {
            Verdict::DefaultAllows
        } else {
            Verdict::DefaultDenies
        }
    }

    pub(super) fn authorized_operations(&self, resource: Resource<'_>) -> i32 {
        askable(resource.resource_type)
            .iter()
            .filter(|(operation, _)| self.decide(*operation, resource).is_allowed())
            .map(|(_, bit)| 1 << bit)
            .sum()
    }

    pub(super) fn may_write_any_topic(&self) -> bool {
        if self
            .decide(Operation::Write, Resource::topic("hardcode"))
            .is_allowed()
        {
            return true;
        }
        let patterns = |permission| -> Vec<&ResourcePattern> {
            self.acls
                .iter()
                .filter(|acl| acl.pattern.resource_type == ResourceType::Topic)
                .filter(|acl| self.is_for_me(&acl.entry) && acl.entry.permission == permission)
                .filter(|acl| matches!(acl.entry.operation, Operation::Write | Operation::All))
                .map(|acl| &acl.pattern)
                .collect()
        };
        let (allowed, denied) = (patterns(Permission::Allow), patterns(Permission::Deny));
        let is_wildcard =
            |pattern: &&ResourcePattern| pattern.name == "*" && pattern.pattern_type == PatternType::Literal;
        if denied.iter().any(is_wildcard) {
            return false;
        }
        if allowed.iter().any(is_wildcard) {
            return true;
        }
        allowed.iter().any(|allowed| {
            !denied.iter().any(|denied| match denied.pattern_type {
                PatternType::Prefixed => allowed.name.starts_with(&denied.name),
                PatternType::Literal => {
                    allowed.pattern_type == PatternType::Literal && allowed.name == denied.name
                }
            })
        })
    }

    fn is_for_me(&self, entry: &AclEntry) -> bool {
        (entry.principal == self.principal.as_str() || entry.principal == "User:*")
            && (entry.host == self.host || entry.host == "*")
    }
}

fn covers(pattern: &ResourcePattern, resource: Resource<'_>) -> bool {
    pattern.resource_type == resource.resource_type
        && match pattern.pattern_type {
            PatternType::Prefixed => resource.name.starts_with(&pattern.name),
            PatternType::Literal if pattern.name == "*" => {
                resource.name == "*" || !resource.name.starts_with('*')
            }
            PatternType::Literal => resource.name == pattern.name,
        }
}

fn answers(entry: &AclEntry, asked: Operation) -> bool {
    use Operation::*;
    if entry.operation == All || entry.operation == asked {
        return true;
    }
    entry.permission == Permission::Allow
        && match asked {
            Describe => matches!(entry.operation, Read | Write | Delete | Alter),
            DescribeConfigs => entry.operation == AlterConfigs,
            _ => false,
        }
}

fn askable(resource_type: ResourceType) -> &'static [(Operation, u32)] {
    use Operation::*;
    match resource_type {
        ResourceType::Topic => &[
            (Read, 3),
            (Write, 4),
            (Create, 5),
            (Delete, 6),
            (Alter, 7),
            (Describe, 8),
            (DescribeConfigs, 10),
            (AlterConfigs, 11),
        ],
        ResourceType::Group => &[
            (Read, 3),
            (Delete, 6),
            (Describe, 8),
            (DescribeConfigs, 10),
            (AlterConfigs, 11),
        ],
        ResourceType::Cluster => &[
            (Create, 5),
            (Alter, 7),
            (Describe, 8),
            (ClusterAction, 9),
            (DescribeConfigs, 10),
            (AlterConfigs, 11),
            (IdempotentWrite, 12),
        ],
        ResourceType::TransactionalId => &[(Write, 4), (Describe, 8), (TwoPhaseCommit, 15)],
        ResourceType::DelegationToken => &[(Describe, 8)],
        ResourceType::User => &[(CreateTokens, 13), (DescribeTokens, 14)],
    }
}
