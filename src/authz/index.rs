//! The compiled ACLs of one virtual cluster. A decision takes a few hash lookups and allocates nothing.
//!
//! Patterns are found by name: literal ones in a hash map, prefixed ones through [`prefixes`]. The entries of one
//! pattern lie side by side, sorted by principal and host, and entries that differ in operation and permission only
//! are one [`Grant`] with bit sets. So neither a pattern with many principals nor a principal with many patterns is
//! scanned.
//!
//! The names in the index come from whoever may change this virtual cluster's ACLs, those that are looked up from any
//! client. Lookups insert nothing, and the hash is keyed with a seed of the process, so that neither can prepare
//! names that collide.

mod any_topic;
mod compile;
mod prefixes;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;

use klamm_raft::model::{Operation, PatternType, Permission, ResourceType};

use self::prefixes::PrefixTable;
use super::decision::{AclRef, Decision, DenyRule, MatchedAcl};
use super::operations::OperationSet;
use super::permit::{Authorized, Rule};
use super::principal::Principal;
use super::resource::Resource;

type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What is decided about a resource that no ACL covers (`allow.everyone.if.no.acl.found`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoAcl {
    Deny,
    Allow,
}

/// The compiled ACLs. Immutable: a change of the ACLs compiles a new index.
#[derive(Debug)]
pub struct AclIndex {
    principals: Interner,
    hosts: Interner,
    super_users: Vec<Principal>,
    if_no_acl: IfNoAcl,
    /// By resource type, in the order of the enum.
    types: [TypeIndex; RESOURCE_TYPES],
    /// All entries, pattern by pattern.
    grants: Vec<Grant>,
    /// All patterns, in the order of their grants.
    patterns: Vec<Pattern>,
    /// The grants that allow WRITE on topics, by principal.
    topic_writes: Vec<any_topic::TopicWrite>,
}

const RESOURCE_TYPES: usize = 6;

/// The patterns of one resource type.
#[derive(Debug, Default)]
struct TypeIndex {
    literals: FastMap<Box<str>, Span>,
    /// The literal `*`, which is among the literals too.
    wildcard: Option<Span>,
    prefixes: PrefixTable,
}

/// A range of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

/// All entries of one pattern, principal and host.
#[derive(Debug, Clone, Copy)]
struct Grant {
    holder: Holder,
    /// What the entries answer, implications included.
    allows: OperationSet,
    denies: OperationSet,
    /// The operations as the entries have them.
    allow_entries: OperationSet,
    deny_entries: OperationSet,
}

/// A principal and a host, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    principal: u32,
    host: u32,
}

/// A pattern as text, for audit lines.
#[derive(Debug)]
struct Pattern {
    resource_type: ResourceType,
    pattern_type: PatternType,
    name: Box<str>,
    grants: Span,
}

/// Texts as numbers. Number 0 is the text that matches everybody.
#[derive(Debug)]
struct Interner {
    numbers: FastMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

/// The number of `User:*` among principals and of `*` among hosts.
const EVERYONE: u32 = 0;
/// The number of what no entry names. No grant has it.
const NOBODY: u32 = u32::MAX;
/// Up to this many grants of a pattern are scanned; above, they are searched.
const SCAN_MAX: usize = 8;

impl Interner {
    fn number(&self, text: &str) -> u32 {
        self.numbers.get(text).copied().unwrap_or(NOBODY)
    }

    fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }
}

/// Somebody who asks, resolved once; worth keeping for all items of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    index: &'a AclIndex,
    standing: Standing,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    SuperUser,
    Ordinary(Holder),
}

impl AclIndex {
    /// Resolves who asks. `host` is the client's address as [`super::host_text`] gives it.
    pub fn asker(&self, principal: &Principal, host: &str) -> Asker<'_> {
        let standing = if self.super_users.binary_search(principal).is_ok() {
            Standing::SuperUser
        } else {
            Standing::Ordinary(Holder {
                principal: self.principals.number(principal.as_str()),
                host: self.hosts.number(host),
            })
        };
        Asker {
            index: self,
            standing,
        }
    }

    /// Decides one question.
    pub fn decide(
        &self,
        principal: &Principal,
        host: &str,
        operation: Operation,
        resource: Resource<'_>,
    ) -> Decision {
        self.asker(principal, host).decide(operation, resource)
    }

    /// Whether the principal may WRITE to at least one topic, whichever: what idempotent producers need (KIP-679).
    pub fn decide_any_topic_write(&self, principal: &Principal, host: &str) -> Decision {
        self.asker(principal, host).decide_any_topic_write()
    }

    /// The bitfield of all operations that the principal may do on the resource (KIP-430).
    pub fn authorized_operations(&self, principal: &Principal, host: &str, resource: Resource<'_>) -> i32 {
        self.asker(principal, host).authorized_operations(resource)
    }

    /// The text of an ACL that a decision of this index names.
    pub fn matched(&self, acl: AclRef) -> MatchedAcl<'_> {
        let grant = &self.grants[acl.grant as usize];
        let after = self
            .patterns
            .partition_point(|pattern| pattern.grants.start <= acl.grant);
        let pattern = &self.patterns[after - 1];
        let entries = match acl.permission {
            Permission::Allow => grant.allow_entries,
            Permission::Deny => grant.deny_entries,
        };
        MatchedAcl {
            resource_type: pattern.resource_type,
            resource_name: &pattern.name,
            pattern_type: pattern.pattern_type,
            principal: self.principals.text(grant.holder.principal),
            host: self.hosts.text(grant.holder.host),
            operation: entries.entry_for(acl.asked),
            permission: acl.permission,
        }
    }

    fn resources(&self, resource_type: ResourceType) -> &TypeIndex {
        &self.types[resource_type as usize]
    }

    /// Calls `visit` for each grant in the range that is the holder's or everyone's.
    fn visit_held<B>(
        &self,
        span: Span,
        holder: Holder,
        mut visit: impl FnMut(u32, &Grant) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let grants = &self.grants[span.start as usize..span.end as usize];
        if grants.len() <= SCAN_MAX {
            for (place, grant) in (span.start..).zip(grants) {
                if grant.holder.answers(holder) {
                    visit(place, grant)?;
                }
            }
            return ControlFlow::Continue(());
        }
        for principal in [EVERYONE, holder.principal] {
            for host in [EVERYONE, holder.host] {
                let wanted = Holder { principal, host };
                if let Ok(place) = grants.binary_search_by_key(&wanted, |grant| grant.holder) {
                    visit(span.start + place as u32, &grants[place])?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl TypeIndex {
    /// The literal pattern of just this name.
    fn literal(&self, name: &str) -> Option<Span> {
        self.literals.get(name).copied()
    }

    /// The grants of all patterns that cover a name. One pattern may come twice.
    fn covering(&self, name: &str) -> impl Iterator<Item = Span> {
        // As a broker does: the wildcard leaves out longer names that begin with an asterisk themselves.
        let wildcard = self
            .wildcard
            .filter(|_| name.len() <= 1 || !name.starts_with('*'));
        wildcard
            .into_iter()
            .chain(self.literal(name))
            .chain(self.prefixes.covering(name))
    }
}

impl Holder {
    /// Whether an entry for `self` is one for `asker`.
    fn answers(self, asker: Self) -> bool {
        (self.principal == EVERYONE || self.principal == asker.principal)
            && (self.host == EVERYONE || self.host == asker.host)
    }
}

impl Asker<'_> {
    /// Decides one question.
    pub fn decide(&self, operation: Operation, resource: Resource<'_>) -> Decision {
        let holder = match self.standing {
            Standing::SuperUser => return allowed(Rule::SuperUser),
            Standing::Ordinary(holder) => holder,
        };
        let mut covered = false;
        let mut allow = None;
        for span in self
            .index
            .resources(resource.resource_type)
            .covering(resource.name)
        {
            covered = true;
            let denied = self.index.visit_held(span, holder, |place, grant| {
                if grant.denies.has(operation) {
                    return ControlFlow::Break(place);
                }
                if allow.is_none() && grant.allows.has(operation) {
                    allow = Some(place);
                }
                ControlFlow::Continue(())
            });
            if let ControlFlow::Break(grant) = denied {
                return denied_by(grant, operation);
            }
        }
        match (allow, covered, self.index.if_no_acl) {
            (Some(grant), _, _) => allowed_by(grant, operation),
            (None, false, IfNoAcl::Allow) => allowed(Rule::DefaultAllow),
            (None, _, _) => Decision::Denied(DenyRule::Default),
        }
    }

    /// The bitfield of all operations that may be done on the resource.
    pub fn authorized_operations(&self, resource: Resource<'_>) -> i32 {
        let askable = OperationSet::of(resource.resource_type);
        let holder = match self.standing {
            Standing::SuperUser => return askable.bits(),
            Standing::Ordinary(holder) => holder,
        };
        let mut covered = false;
        let (mut allows, mut denies) = (OperationSet::EMPTY, OperationSet::EMPTY);
        for span in self
            .index
            .resources(resource.resource_type)
            .covering(resource.name)
        {
            covered = true;
            let _: ControlFlow<()> = self.index.visit_held(span, holder, |_, grant| {
                allows = allows.or(grant.allows);
                denies = denies.or(grant.denies);
                ControlFlow::Continue(())
            });
        }
        match (covered, self.index.if_no_acl) {
            (false, IfNoAcl::Allow) => askable.bits(),
            _ => allows.without(denies).and(askable).bits(),
        }
    }
}

fn allowed(rule: Rule) -> Decision {
    Decision::Allowed(Authorized::by(rule))
}

fn allowed_by(grant: u32, asked: Operation) -> Decision {
    allowed(Rule::Acl(AclRef {
        grant,
        asked,
        permission: Permission::Allow,
    }))
}

fn denied_by(grant: u32, asked: Operation) -> Decision {
    Decision::Denied(DenyRule::Acl(AclRef {
        grant,
        asked,
        permission: Permission::Deny,
    }))
}
