//! Builds an index from the stored ACLs.

use std::collections::BTreeSet;

use klamm_raft::model::{AclBinding, AclEntry, Permission, ResourcePattern};

use super::patterns::{Name, Owner, PatternTable, Row, WILDCARD};
use super::{ANYONE, AclIndex, EVERY_HOST, Enforcement, FastMap, Grant, IfNoAcl, Interner, Span, narrow};
use crate::authz::operations::OperationSet;
use crate::authz::principal::Principal;

/// The principal that stands for all.
const WILDCARD_PRINCIPAL: &str = "User:*";

/// One ACL, with numbers for its parts, and in the order of the index.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    owner: Owner,
    /// Counts the distinct patterns in their own order.
    pattern: u32,
    host: u32,
    acl: &'a AclBinding,
    name: Name,
}

impl AclIndex {
    /// Compiles the ACLs of one virtual cluster.
    pub fn compile(
        acls: &BTreeSet<AclBinding>,
        super_users: &BTreeSet<Principal>,
        if_no_acl: IfNoAcl,
    ) -> Self {
        let mut index = Self {
            principals: Vec::new(),
            shelves: FastMap::default(),
            everyone: Span::EMPTY,
            anyone: Span::EMPTY,
            hosts: Interner::default(),
            super_users: super_users.iter().cloned().collect(),
            if_no_acl,
            enforcement: Enforcement::ByAcls,
            patterns: PatternTable::default(),
            grants: Vec::with_capacity(acls.len()),
        };
        let every_host = index.hosts.intern(WILDCARD);
        debug_assert_eq!(every_host, EVERY_HOST);
        let mut principals = Interner::default();
        let mut numbered = index.number(acls, &mut principals);
        numbered.sort_unstable_by_key(|acl| (acl.owner, acl.pattern, acl.host));
        for of_owner in numbered.chunk_by(|a, b| a.owner == b.owner) {
            let shelves = index.add_owner(of_owner[0].owner, of_owner);
            index
                .shelves
                .insert(of_owner[0].acl.entry.principal.as_str().into(), shelves);
        }
        index.principals = principals.texts;
        index.everyone = index
            .shelves
            .get(WILDCARD_PRINCIPAL)
            .copied()
            .unwrap_or(Span::EMPTY);
        if if_no_acl == IfNoAcl::Allow {
            numbered.sort_unstable_by_key(|acl| acl.pattern);
            numbered.dedup_by_key(|acl| acl.pattern);
            index.anyone = index.add_owner(ANYONE, &numbered);
        }
        index
    }

    /// Numbers principals, hosts and patterns. The set is ordered by pattern first.
    fn number<'a>(&mut self, acls: &'a BTreeSet<AclBinding>, principals: &mut Interner) -> Vec<Numbered<'a>> {
        let mut numbered = Vec::with_capacity(acls.len());
        let mut last: Option<(&ResourcePattern, u32, Name)> = None;
        for acl in acls {
            let (pattern, name) = match last {
                Some((same, pattern, name)) if *same == acl.pattern => (pattern, name),
                Some((_, pattern, _)) => (pattern + 1, self.patterns.add_name(&acl.pattern.name)),
                None => (0, self.patterns.add_name(&acl.pattern.name)),
            };
            last = Some((&acl.pattern, pattern, name));
            numbered.push(Numbered {
                owner: principals.intern(&acl.entry.principal),
                pattern,
                host: self.hosts.intern(&acl.entry.host),
                acl,
                name,
            });
        }
        numbered
    }

    /// Adds the rows and shelves of one owner, ordered by pattern and host. [`ANYONE`] gets no grants: it is asked
    /// only whether a pattern exists.
    fn add_owner(&mut self, owner: Owner, acls: &[Numbered<'_>]) -> Span {
        let first_shelf = self.patterns.shelf_count();
        for of_type in acls.chunk_by(|a, b| a.acl.pattern.resource_type == b.acl.pattern.resource_type) {
            let first_row = self.patterns.row_count();
            for of_pattern in of_type.chunk_by(|a, b| a.pattern == b.pattern) {
                let grants = match owner {
                    ANYONE => self.add_grants(&[]),
                    _ => self.add_grants(of_pattern),
                };
                let Numbered { acl, name, .. } = of_pattern[0];
                self.patterns.add_row(Row {
                    owner,
                    resource_type: acl.pattern.resource_type,
                    pattern_type: acl.pattern.pattern_type,
                    name,
                    grants,
                    parent: None,
                });
            }
            self.patterns.close_shelf(first_row);
        }
        Span {
            start: first_shelf,
            end: self.patterns.shelf_count(),
        }
    }

    /// Adds the entries of one owner and pattern, a grant for each host.
    fn add_grants(&mut self, acls: &[Numbered<'_>]) -> Span {
        let start = narrow(self.grants.len());
        for of_host in acls.chunk_by(|a, b| a.host == b.host) {
            let mut grant = Grant::empty(of_host[0].host);
            for numbered in of_host {
                grant.add(&numbered.acl.entry);
            }
            self.grants.push(grant);
        }
        Span {
            start,
            end: narrow(self.grants.len()),
        }
    }
}

impl Grant {
    fn empty(host: u32) -> Self {
        Self {
            host,
            allows: OperationSet::EMPTY,
            denies: OperationSet::EMPTY,
            allow_entries: OperationSet::EMPTY,
            deny_entries: OperationSet::EMPTY,
        }
    }

    fn add(&mut self, entry: &AclEntry) {
        let only = OperationSet::only(entry.operation);
        match entry.permission {
            Permission::Allow => {
                self.allow_entries = self.allow_entries.or(only);
                self.allows = self.allows.or(OperationSet::allowed_by(entry.operation));
            }
            Permission::Deny => {
                self.deny_entries = self.deny_entries.or(only);
                self.denies = self.denies.or(OperationSet::refused_by(entry.operation));
            }
        }
    }
}

impl Interner {
    fn intern(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = narrow(self.texts.len());
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }
}
