//! The compiled ACLs of one virtual cluster. A decision takes a few hash lookups and allocates nothing.
//!
//! A question comes from one principal, so the entries are kept by principal: its own patterns and those of `User:*`
//! are searched ([`patterns`]), whatever others have. Entries that differ in operation and permission only are one
//! [`Grant`] with bit sets. So neither a pattern that many principals share nor a principal with many patterns is
//! scanned. Whether *anybody* has an entry for a resource matters only when the default is to allow: then the
//! patterns of all are kept once more, for the pseudo principal [`ANYONE`].
//!
//! The names in the index come from whoever may change this virtual cluster's ACLs, those that are looked up from any
//! client. Lookups insert nothing, and the hash is keyed with a seed of the process, so that neither can prepare
//! names that collide.

mod any_topic;
mod compile;
mod patterns;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::{ControlFlow, Range};

use klamm_raft::model::{Operation, Permission, ResourceType};

use self::patterns::{PatternTable, Shelf};
use super::authorized::{Authorized, Rule};
use super::decision::{AclRef, Decision, DenyRule, MatchedAcl};
use super::operations::OperationSet;
use super::principal::Principal;
use super::resource::Resource;

type FastState = foldhash::fast::RandomState;
type FastMap<K, V> = HashMap<K, V, FastState>;

/// The decision about a resource that no ACL covers (`allow.everyone.if.no.acl.found`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfNoAcl {
    Deny,
    Allow,
}

/// Whether ACLs decide at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Enforcement {
    ByAcls,
    /// Everybody may do everything, as on a broker without an authorizer.
    Disabled,
}

/// The compiled ACLs. Immutable: a change of the ACLs compiles a new index.
#[derive(Debug)]
pub struct AclIndex {
    /// By number.
    principals: Vec<Box<str>>,
    /// The shelves that each principal has in the table of patterns.
    shelves: FastMap<Box<str>, Span>,
    /// The shelves of `User:*`.
    everyone: Span,
    /// The shelves of [`ANYONE`]; none unless the default is to allow.
    anyone: Span,
    hosts: Interner,
    /// Sorted.
    super_users: Vec<Principal>,
    if_no_acl: IfNoAcl,
    /// Whether ACLs decide at all.
    enforcement: Enforcement,
    patterns: PatternTable,
    /// All entries, by principal, pattern and host.
    grants: Vec<Grant>,
}

/// A range of rows, shelves or grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

/// All entries of one principal, pattern and host.
#[derive(Debug, Clone, Copy)]
struct Grant {
    host: u32,
    /// The operations that the entries answer for, implications included.
    allows: OperationSet,
    denies: OperationSet,
    /// The operations as the entries have them.
    allow_entries: OperationSet,
    deny_entries: OperationSet,
}

/// Texts as numbers.
#[derive(Debug, Default)]
struct Interner {
    numbers: FastMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

/// The number of `*` among hosts.
const EVERY_HOST: u32 = 0;
/// The owner of the patterns of all principals.
const ANYONE: u32 = u32::MAX;
/// Up to this many grants (of one principal and pattern: hosts) are scanned; above, they are searched.
const SCAN_MAX: usize = 8;

/// Somebody who asks, resolved once; worth keeping for all items of a request.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    index: &'a AclIndex,
    standing: Standing<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Standing<'a> {
    SuperUser,
    /// ACLs are disabled.
    Anybody,
    Ordinary(Ordinary<'a>),
}

/// A principal's own shelves, and its host.
#[derive(Debug, Clone, Copy)]
struct Ordinary<'a> {
    own: Span,
    host: &'a str,
}

impl AclIndex {
    /// The index of a virtual cluster whose ACLs are disabled: it allows everything.
    pub fn disabled() -> Self {
        Self {
            enforcement: Enforcement::Disabled,
            ..Self::compile(&BTreeSet::new(), &BTreeSet::new(), IfNoAcl::Deny)
        }
    }

    /// Whether ACLs decide. Without them there are none to list or change.
    pub fn is_enforced(&self) -> bool {
        self.enforcement == Enforcement::ByAcls
    }

    /// Resolves who asks. `host` is the client's address as [`super::host_text`] gives it.
    pub fn asker<'a>(&'a self, principal: &Principal, host: &'a str) -> Asker<'a> {
        let standing = if self.enforcement == Enforcement::Disabled {
            Standing::Anybody
        } else if self.super_users.binary_search(principal).is_ok() {
            Standing::SuperUser
        } else {
            Standing::Ordinary(Ordinary {
                own: self
                    .shelves
                    .get(principal.as_str())
                    .copied()
                    .unwrap_or(Span::EMPTY),
                host,
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
        let row = self.patterns.row_of(acl.grant);
        let entries = match acl.permission {
            Permission::Allow => grant.allow_entries,
            Permission::Deny => grant.deny_entries,
        };
        MatchedAcl {
            resource_type: row.resource_type,
            resource_name: self.patterns.name(row.name),
            pattern_type: row.pattern_type,
            principal: &self.principals[row.owner as usize],
            host: &self.hosts.texts[grant.host as usize],
            operation: entries.entry_for(acl.asked),
            permission: acl.permission,
        }
    }

    /// The principal's own shelf and that of everyone, as far as there are any.
    fn shelves_for(&self, who: Ordinary<'_>, resource_type: ResourceType) -> impl Iterator<Item = &Shelf> {
        [who.own, self.everyone]
            .into_iter()
            .filter_map(move |shelves| self.patterns.shelf(shelves, resource_type))
    }

    /// Whether any entry covers the resource, whoever has it.
    fn is_covered(&self, resource: Resource<'_>) -> bool {
        self.patterns
            .shelf(self.anyone, resource.resource_type)
            .is_some_and(|shelf| self.patterns.covering(shelf, resource.name).next().is_some())
    }

    /// Calls `visit` for each grant in the range that is for the host or for every host.
    fn visit_host<B>(
        &self,
        span: Span,
        host: &str,
        mut visit: impl FnMut(u32, &Grant) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let grants = &self.grants[span.range()];
        if grants.len() <= SCAN_MAX {
            for (place, grant) in (span.start..).zip(grants) {
                if grant.host == EVERY_HOST || *self.hosts.texts[grant.host as usize] == *host {
                    visit(place, grant)?;
                }
            }
            return ControlFlow::Continue(());
        }
        for wanted in [Some(EVERY_HOST), self.hosts.numbers.get(host).copied()]
            .into_iter()
            .flatten()
        {
            if let Ok(place) = grants.binary_search_by_key(&wanted, |grant| grant.host) {
                visit(span.start + narrow(place), &grants[place])?;
            }
        }
        ControlFlow::Continue(())
    }
}

impl Asker<'_> {
    /// Whether everything is allowed, whatever the ACLs are.
    pub fn is_unbound(&self) -> bool {
        matches!(self.standing, Standing::SuperUser | Standing::Anybody)
    }

    /// Decides one question.
    pub fn decide(&self, operation: Operation, resource: Resource<'_>) -> Decision {
        let who = match self.standing {
            Standing::SuperUser => return allowed(Rule::SuperUser),
            Standing::Anybody => return allowed(Rule::AclsDisabled),
            Standing::Ordinary(who) => who,
        };
        let mut allow = None;
        for shelf in self.index.shelves_for(who, resource.resource_type) {
            for span in self.index.patterns.covering(shelf, resource.name) {
                let denied = self.index.visit_host(span, who.host, |place, grant| {
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
        }
        if let Some(grant) = allow {
            return allowed_by(grant, operation);
        }
        match self.index.if_no_acl {
            IfNoAcl::Allow if !self.index.is_covered(resource) => allowed(Rule::DefaultAllow),
            IfNoAcl::Allow | IfNoAcl::Deny => Decision::Denied(DenyRule::Default),
        }
    }

    /// The bitfield of all operations that may be done on the resource.
    pub fn authorized_operations(&self, resource: Resource<'_>) -> i32 {
        let askable = OperationSet::of(resource.resource_type);
        let who = match self.standing {
            Standing::SuperUser | Standing::Anybody => return askable.bits(),
            Standing::Ordinary(who) => who,
        };
        if self.index.if_no_acl == IfNoAcl::Allow && !self.index.is_covered(resource) {
            return askable.bits();
        }
        let (mut allows, mut denies) = (OperationSet::EMPTY, OperationSet::EMPTY);
        for shelf in self.index.shelves_for(who, resource.resource_type) {
            for span in self.index.patterns.covering(shelf, resource.name) {
                let _: ControlFlow<()> = self.index.visit_host(span, who.host, |_, grant| {
                    allows = allows.or(grant.allows);
                    denies = denies.or(grant.denies);
                    ControlFlow::Continue(())
                });
            }
        }
        allows.without(denies).and(askable).bits()
    }
}

impl Span {
    const EMPTY: Self = Self { start: 0, end: 0 };

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Places are kept in 32 bits.
fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("the ACLs of one virtual cluster are less than 4 GiB")
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
