//! Builds an index from the stored ACLs.

use std::collections::BTreeSet;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

use super::any_topic::TopicWrite;
use super::prefixes::PrefixTable;
use super::{AclIndex, EVERYONE, FastMap, Grant, Holder, IfNoAcl, Interner, Pattern, RESOURCE_TYPES, Span};
use crate::authz::operations::OperationSet;
use crate::authz::principal::Principal;

/// The literal name that covers every name, and the host that stands for all.
const WILDCARD: &str = "*";
/// The principal that stands for all.
const WILDCARD_PRINCIPAL: &str = "User:*";

impl AclIndex {
    /// Compiles the ACLs of one virtual cluster.
    pub fn compile(
        acls: &BTreeSet<AclBinding>,
        super_users: &BTreeSet<Principal>,
        if_no_acl: IfNoAcl,
    ) -> Self {
        let mut index = Self {
            principals: Interner::new(WILDCARD_PRINCIPAL),
            hosts: Interner::new(WILDCARD),
            super_users: super_users.iter().cloned().collect(),
            if_no_acl,
            types: Default::default(),
            grants: Vec::with_capacity(acls.len()),
            patterns: Vec::new(),
            topic_writes: Vec::new(),
        };
        // The set is ordered by pattern, then principal, then host: what belongs together comes together.
        let mut rest = acls.iter().peekable();
        while let Some(first) = rest.next() {
            let start = index.grants.len();
            index.add_entry(start, &first.entry);
            while let Some(next) = rest.next_if(|next| next.pattern == first.pattern) {
                index.add_entry(start, &next.entry);
            }
            index.close_pattern(&first.pattern, start);
        }
        index.topic_writes.sort_unstable();
        index.build_prefixes();
        index
    }

    /// Adds an entry to the pattern whose grants begin at `start`.
    fn add_entry(&mut self, start: usize, entry: &AclEntry) {
        let holder = Holder {
            principal: self.principals.intern(&entry.principal),
            host: self.hosts.intern(&entry.host),
        };
        if self.grants[start..]
            .last()
            .is_none_or(|last| last.holder != holder)
        {
            self.grants.push(Grant::empty(holder));
        }
        let grant = self.grants.last_mut().expect("one was pushed if there was none");
        grant.add(entry);
    }

    fn close_pattern(&mut self, pattern: &ResourcePattern, start: usize) {
        self.grants[start..].sort_unstable_by_key(|grant| grant.holder);
        let grants = Span {
            start: start as u32,
            end: self.grants.len() as u32,
        };
        if pattern.resource_type == ResourceType::Topic {
            self.note_topic_writes(grants);
        }
        if pattern.pattern_type == PatternType::Literal {
            let resources = &mut self.types[pattern.resource_type as usize];
            resources.literals.insert(pattern.name.as_str().into(), grants);
            if pattern.name == WILDCARD {
                resources.wildcard = Some(grants);
            }
        }
        self.patterns.push(Pattern {
            resource_type: pattern.resource_type,
            pattern_type: pattern.pattern_type,
            name: pattern.name.as_str().into(),
            grants,
        });
    }

    fn note_topic_writes(&mut self, span: Span) {
        let pattern = self.patterns.len() as u32;
        for place in span.start..span.end {
            let grant = &self.grants[place as usize];
            if grant.allows.has(Operation::Write) {
                self.topic_writes.push(TopicWrite {
                    principal: grant.holder.principal,
                    grant: place,
                    pattern,
                });
            }
        }
    }

    fn build_prefixes(&mut self) {
        let mut sorted: [Vec<(&str, Span)>; RESOURCE_TYPES] = Default::default();
        for pattern in &self.patterns {
            if pattern.pattern_type == PatternType::Prefixed {
                sorted[pattern.resource_type as usize].push((&pattern.name, pattern.grants));
            }
        }
        for (resources, sorted) in self.types.iter_mut().zip(&sorted) {
            resources.prefixes = PrefixTable::build(sorted);
        }
    }
}

impl Grant {
    fn empty(holder: Holder) -> Self {
        Self {
            holder,
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
    fn new(everyone: &str) -> Self {
        let mut interner = Self {
            numbers: FastMap::default(),
            texts: Vec::new(),
        };
        let number = interner.intern(everyone);
        debug_assert_eq!(number, EVERYONE);
        interner
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }
}
