//! Whether a right holds for every name that begins so, whether there is something of that name or not. Decisions are
//! made by name; this is for those who must know before there are names.

use std::collections::BTreeSet;

use klamm_raft::model::{AclBinding, AclEntry, Operation, PatternType, Permission, ResourceType};

use super::operations::OperationSet;
use super::principal::Principal;

/// Whom entries without a name or an address are for.
const EVERYONE: &str = "User:*";
const EVERY: &str = "*";

/// Who may do something, as far as ACLs say.
#[derive(Debug, Clone, Copy)]
pub struct Breadth<'a> {
    pub acls: &'a BTreeSet<AclBinding>,
    pub principal: &'a Principal,
    pub host: &'a str,
}

impl Breadth<'_> {
    /// Whether this may be done to all topics whose names begin with `beginning`, and to none of them it is denied.
    pub fn may_do_to_all_topics(self, operation: Operation, beginning: &str) -> bool {
        let mut is_allowed = false;
        for AclBinding { pattern, entry } in self.acls {
            if pattern.resource_type != ResourceType::Topic || !self.is_concerned(entry) {
                continue;
            }
            let name = pattern.name.as_str();
            let (covers, touches) = match pattern.pattern_type {
                PatternType::Literal if name == EVERY => (true, true),
                PatternType::Literal => (false, name.starts_with(beginning)),
                PatternType::Prefixed => {
                    let covers = beginning.starts_with(name);
                    (covers, covers || name.starts_with(beginning))
                }
            };
            match entry.permission {
                Permission::Allow => {
                    is_allowed |= covers && OperationSet::allowed_by(entry.operation).has(operation);
                }
                Permission::Deny if touches && OperationSet::refused_by(entry.operation).has(operation) => {
                    return false;
                }
                Permission::Deny => {}
            }
        }
        is_allowed
    }

    fn is_concerned(self, entry: &AclEntry) -> bool {
        (entry.principal == EVERYONE || entry.principal == self.principal.as_str())
            && (entry.host == EVERY || entry.host == self.host)
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::Operation::{All, Describe, Read};
    use klamm_raft::model::PatternType::{Literal, Prefixed};
    use klamm_raft::model::Permission::{Allow, Deny};
    use klamm_raft::model::ResourcePattern;

    use super::*;

    type Acl<'a> = (Permission, Operation, (&'a str, PatternType), (&'a str, &'a str));

    /// Whether alice may describe everything that begins with `order`.
    fn check(acls: &[Acl<'_>], expected: bool) {
        let binding =
            |(permission, operation, (name, pattern_type), (principal, host)): &Acl<'_>| AclBinding {
                pattern: ResourcePattern {
                    resource_type: ResourceType::Topic,
                    name: (*name).to_owned(),
                    pattern_type: *pattern_type,
                },
                entry: AclEntry {
                    principal: (*principal).to_owned(),
                    host: (*host).to_owned(),
                    operation: *operation,
                    permission: *permission,
                },
            };
        let breadth = Breadth {
            acls: &acls.iter().map(binding).collect(),
            principal: &Principal::user("alice"),
            host: "10.0.0.1",
        };
        assert_eq!(
            breadth.may_do_to_all_topics(Describe, "order"),
            expected,
            "{acls:?}"
        );
    }

    #[test]
    fn a_right_holds_for_all_names_or_it_does_not() {
        let alice = ("User:alice", "*");
        let all = (Allow, Read, ("*", Literal), alice);
        check(&[], false);
        check(&[all], true);
        for (allow, expected) in [
            ((Allow, Describe, ("ord", Prefixed), alice), true),
            ((Allow, All, ("order", Prefixed), ("User:*", "10.0.0.1")), true),
            ((Allow, Describe, ("orders", Prefixed), alice), false),
            ((Allow, Describe, ("order", Literal), alice), false),
            ((Allow, Describe, ("*", Literal), ("User:bob", "*")), false),
            (
                (Allow, Describe, ("*", Literal), ("User:alice", "10.0.0.2")),
                false,
            ),
            ((Allow, Operation::Create, ("*", Literal), alice), false),
        ] {
            check(&[allow], expected);
        }
        for (deny, expected) in [
            ((Deny, Describe, ("*", Literal), alice), false),
            ((Deny, All, ("orders-secret", Literal), ("User:*", "*")), false),
            ((Deny, Describe, ("orders-", Prefixed), alice), false),
            ((Deny, Describe, ("o", Prefixed), alice), false),
            ((Deny, Describe, ("bills", Prefixed), alice), true),
            ((Deny, Describe, ("ord", Literal), alice), true),
            ((Deny, Read, ("*", Literal), alice), true),
            ((Deny, Describe, ("*", Literal), ("User:bob", "*")), true),
        ] {
            check(&[all, deny], expected);
        }
    }
}
