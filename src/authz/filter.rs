//! The filters of DescribeAcls and DeleteAcls, over stored ACLs (KIP-140, KIP-290).
//!
//! Filters compare plain text and plain values. What an entry *means* (implications, the wildcard principal) is not
//! their business.

use std::collections::BTreeSet;
use std::ops::Bound;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

use super::codes::{self, Coded};

/// The most ACLs that one DeleteAcls request may remove.
pub const REMOVALS_MAX: usize = 10_000;
/// The most ACLs that the answer to one DeleteAcls request may list: filters that overlap list the same ones again.
const LISTED_MAX: usize = 5 * REMOVALS_MAX;
/// The most ACLs that one DeleteAcls request may have compared with its filters.
const COMPARED_MAX: usize = 10_000_000;

/// A filter as it stands in a request.
#[derive(Debug, Clone, Copy)]
pub struct RawFilter<'a> {
    pub resource_type: i8,
    pub resource_name: Option<&'a str>,
    pub pattern_type: i8,
    pub principal: Option<&'a str>,
    pub host: Option<&'a str>,
    pub operation: i8,
    pub permission: i8,
}

/// The request holds a 0 where a value must stand: a broker closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ACL enumeration is 0, which is not allowed in a request")]
pub struct UnknownCode;

/// A filter that can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclFilter<'a> {
    resource_type: Select<ResourceType>,
    resource_name: Option<&'a str>,
    pattern_type: SelectPattern,
    principal: Option<&'a str>,
    host: Option<&'a str>,
    operation: Select<Operation>,
    permission: Select<Permission>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Select<T> {
    Any,
    Only(T),
    /// A value that nothing stored can have.
    OutOfRange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SelectPattern {
    /// Whatever covers a resource of the given name.
    Match,
    Plain(Select<PatternType>),
}

/// Why a filter of DeleteAcls was not evaluated; each is INVALID_REQUEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("Unknown patternFilter.")]
    Pattern,
    #[error("Unknown entryFilter.")]
    Entry,
    #[error("Cannot remove more than {REMOVALS_MAX} acls in a single delete operation.")]
    TooManyRemovals,
    /// Kafka knows no such bound; here requests of other connections would wait.
    #[error("The filters of this delete operation overlap too much.")]
    TooMuchWork,
}

/// The plan for a DeleteAcls request.
#[derive(Debug, PartialEq, Eq)]
pub struct Deletion<'a> {
    /// For each filter, in the order of the request, the ACLs that it matches.
    pub results: Vec<Result<Vec<&'a AclBinding>, FilterError>>,
    /// All that is to be removed, each once.
    pub removed: BTreeSet<&'a AclBinding>,
}

impl<'a> AclFilter<'a> {
    /// Reads a filter.
    ///
    /// # Errors
    /// An enumeration holds 0.
    pub fn read(raw: RawFilter<'a>) -> Result<Self, UnknownCode> {
        Ok(Self {
            resource_type: Select::read(codes::resource_type(raw.resource_type))?,
            resource_name: raw.resource_name,
            pattern_type: match codes::pattern_type(raw.pattern_type) {
                Coded::Match => SelectPattern::Match,
                plain => SelectPattern::Plain(Select::read(plain)?),
            },
            principal: raw.principal,
            host: raw.host,
            operation: Select::read(codes::operation(raw.operation))?,
            permission: Select::read(codes::permission(raw.permission))?,
        })
    }

    /// The ACLs that may pass: those of one resource name where the filter gives it, as `kafka-acls --remove` does.
    fn candidates<'s>(
        &self,
        acls: &'s BTreeSet<AclBinding>,
    ) -> impl Iterator<Item = &'s AclBinding> + use<'s, 'a> {
        let exact = match (self.resource_type, self.resource_name, self.pattern_type) {
            (Select::Only(resource_type), Some(name), SelectPattern::Plain(_)) => Some((resource_type, name)),
            _ => None,
        };
        let from = exact.map_or(Bound::Unbounded, |(resource_type, name)| {
            Bound::Included(first_binding(resource_type, name))
        });
        acls.range((from, Bound::Unbounded)).take_while(move |acl| {
            exact.is_none_or(|(resource_type, name)| {
                acl.pattern.resource_type == resource_type && acl.pattern.name == name
            })
        })
    }

    /// Whether an ACL passes.
    pub fn matches(&self, acl: &AclBinding) -> bool {
        self.matches_pattern(&acl.pattern) && self.matches_entry(&acl.entry)
    }

    fn matches_pattern(&self, pattern: &ResourcePattern) -> bool {
        let Some(name) = self.resource_name else {
            return self.resource_type.takes(pattern.resource_type)
                && match self.pattern_type {
                    SelectPattern::Match => true,
                    SelectPattern::Plain(select) => select.takes(pattern.pattern_type),
                };
        };
        self.resource_type.takes(pattern.resource_type)
            && match (self.pattern_type, pattern.pattern_type) {
                (SelectPattern::Plain(select), pattern_type) => {
                    select.takes(pattern_type) && pattern.name == name
                }
                (SelectPattern::Match, PatternType::Literal) => pattern.name == name || pattern.name == "*",
                (SelectPattern::Match, PatternType::Prefixed) => name.starts_with(&pattern.name),
            }
    }

    fn matches_entry(&self, entry: &AclEntry) -> bool {
        self.principal
            .is_none_or(|principal| entry.principal == principal)
            && self.host.is_none_or(|host| entry.host == host)
            && self.operation.takes(entry.operation)
            && self.permission.takes(entry.permission)
    }

    /// Checks for filters that DeleteAcls refuses and DescribeAcls lets match nothing.
    fn check(&self) -> Result<(), FilterError> {
        if self.resource_type == Select::OutOfRange
            || self.pattern_type == SelectPattern::Plain(Select::OutOfRange)
        {
            return Err(FilterError::Pattern);
        }
        if self.operation == Select::OutOfRange || self.permission == Select::OutOfRange {
            return Err(FilterError::Entry);
        }
        Ok(())
    }
}

impl<T: PartialEq + Copy> Select<T> {
    fn read(code: Coded<T>) -> Result<Self, UnknownCode> {
        match code {
            Coded::Unknown => Err(UnknownCode),
            Coded::Any => Ok(Self::Any),
            Coded::Is(value) => Ok(Self::Only(value)),
            Coded::Match | Coded::OutOfRange => Ok(Self::OutOfRange),
        }
    }

    fn takes(self, value: T) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == value,
            Self::OutOfRange => false,
        }
    }
}

/// A binding that sorts before all other ACLs of a resource name.
fn first_binding(resource_type: ResourceType, name: &str) -> AclBinding {
    AclBinding {
        pattern: ResourcePattern {
            resource_type,
            name: name.to_owned(),
            pattern_type: PatternType::Literal,
        },
        entry: AclEntry {
            principal: String::new(),
            host: String::new(),
            operation: Operation::All,
            permission: Permission::Deny,
        },
    }
}

/// The ACLs that DescribeAcls lists: sorted, so that those of one pattern come together.
pub fn describe<'a>(acls: &'a BTreeSet<AclBinding>, filter: &AclFilter<'_>) -> Vec<&'a AclBinding> {
    filter
        .candidates(acls)
        .filter(|acl| filter.matches(acl))
        .collect()
}

/// Evaluates the filters of DeleteAcls, all against the same ACLs.
pub fn delete<'a>(acls: &'a BTreeSet<AclBinding>, filters: &[AclFilter<'_>]) -> Deletion<'a> {
    evaluate(acls, filters).unwrap_or_else(|error| Deletion {
        results: vec![Err(error); filters.len()],
        removed: BTreeSet::new(),
    })
}

/// As [`delete`]; an error is that of the whole request.
fn evaluate<'a>(
    acls: &'a BTreeSet<AclBinding>,
    filters: &[AclFilter<'_>],
) -> Result<Deletion<'a>, FilterError> {
    let mut results = Vec::with_capacity(filters.len());
    let mut removed = BTreeSet::new();
    let (mut compared, mut listed) = (0, 0);
    for filter in filters {
        if let Err(error) = filter.check() {
            results.push(Err(error));
            continue;
        }
        let mut matching = Vec::new();
        for acl in filter.candidates(acls) {
            compared += 1;
            if filter.matches(acl) {
                matching.push(acl);
                removed.insert(acl);
                listed += 1;
            }
            if removed.len() > REMOVALS_MAX {
                return Err(FilterError::TooManyRemovals);
            }
            if compared > COMPARED_MAX || listed > LISTED_MAX {
                return Err(FilterError::TooMuchWork);
            }
        }
        results.push(Ok(matching));
    }
    Ok(Deletion { results, removed })
}

#[cfg(test)]
mod tests;
