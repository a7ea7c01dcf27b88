//! For which names a right holds by how they begin, whether there is something of that name or not. Decisions are made by
//! name; this is for those who must know before there are names.

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

impl<'a> Breadth<'a> {
    /// Of the topics whose names begin with `beginning`, all those to which this may be done begin with one of these, but
    /// for topics that are allowed by their whole name. None where it is denied to one of them, which no beginning says.
    pub fn beginnings(self, operation: Operation, beginning: &'a str) -> Option<BTreeSet<&'a str>> {
        let mut allowed = BTreeSet::new();
        for AclBinding { pattern, entry } in self.acls {
            if pattern.resource_type != ResourceType::Topic || !self.is_concerned(entry) {
                continue;
            }
            let name = pattern.name.as_str();
            // What of these topics the entry is about, as a beginning, and whether it is about any.
            let (about, touches) = match pattern.pattern_type {
                PatternType::Literal if name == EVERY => (Some(beginning), true),
                PatternType::Literal => (None, name.starts_with(beginning)),
                PatternType::Prefixed if beginning.starts_with(name) => (Some(beginning), true),
                PatternType::Prefixed if name.starts_with(beginning) => (Some(name), true),
                PatternType::Prefixed => (None, false),
            };
            match entry.permission {
                Permission::Allow if OperationSet::allowed_by(entry.operation).has(operation) => {
                    allowed.extend(about);
                }
                Permission::Deny if touches && OperationSet::refused_by(entry.operation).has(operation) => {
                    return None;
                }
                Permission::Allow | Permission::Deny => {}
            }
        }
        // One that begins with another adds nothing. In order, that other is the last one that was kept.
        let mut kept: Option<&str> = None;
        allowed.retain(|name| {
            let is_new = kept.is_none_or(|kept| !name.starts_with(kept));
            if is_new {
                kept = Some(name);
            }
            is_new
        });
        Some(allowed)
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

    /// The beginnings of what alice may describe of everything that begins with `order`.
    fn check(acls: &[Acl<'_>], expected: Option<&[&str]>) {
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
        let expected = expected.map(|names| names.iter().copied().collect());
        assert_eq!(breadth.beginnings(Describe, "order"), expected, "{acls:?}");
    }

    #[test]
    fn a_right_holds_for_all_names_for_those_that_begin_so_or_for_none() {
        let alice = ("User:alice", "*");
        let all = (Allow, Read, ("*", Literal), alice);
        let (whole, nothing): (Option<&[&str]>, Option<&[&str]>) = (Some(&["order"]), Some(&[]));
        check(&[], nothing);
        check(&[all], whole);
        for (allow, expected) in [
            ((Allow, Describe, ("ord", Prefixed), alice), whole),
            ((Allow, All, ("order", Prefixed), ("User:*", "10.0.0.1")), whole),
            (
                (Allow, Describe, ("orders", Prefixed), alice),
                Some(&["orders"][..]),
            ),
            ((Allow, Describe, ("bills", Prefixed), alice), nothing),
            ((Allow, Describe, ("order", Literal), alice), nothing),
            ((Allow, Describe, ("*", Literal), ("User:bob", "*")), nothing),
            (
                (Allow, Describe, ("*", Literal), ("User:alice", "10.0.0.2")),
                nothing,
            ),
            ((Allow, Operation::Create, ("*", Literal), alice), nothing),
        ] {
            check(&[allow], expected);
        }
        let several = ["orders-a", "orders-ab", "orders", "order-", "orders0"]
            .map(|name| (Allow, Read, (name, Prefixed), alice));
        check(&several, Some(&["order-", "orders"]));
        check(&[&several[..], &[all]].concat(), whole);
        for (deny, expected) in [
            ((Deny, Describe, ("*", Literal), alice), None),
            ((Deny, All, ("orders-secret", Literal), ("User:*", "*")), None),
            ((Deny, Describe, ("orders-", Prefixed), alice), None),
            ((Deny, Describe, ("o", Prefixed), alice), None),
            ((Deny, Describe, ("bills", Prefixed), alice), whole),
            ((Deny, Describe, ("ord", Literal), alice), whole),
            ((Deny, Read, ("*", Literal), alice), whole),
            ((Deny, Describe, ("*", Literal), ("User:bob", "*")), whole),
        ] {
            check(&[all, deny], expected);
        }
    }
}
