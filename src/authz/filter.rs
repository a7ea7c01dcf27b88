//! The filters of DescribeAcls and DeleteAcls, over stored ACLs (KIP-140, KIP-290).
//!
//! Filters compare plain text and plain values. What an entry *means* (implications, the wildcard principal) is not
//! their business.

use std::collections::BTreeSet;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType,
};

use super::codes::{self, Coded};

/// The most ACLs that one DeleteAcls request may remove.
pub const REMOVALS_MAX: usize = 10_000;

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
#[error("an ACL enumeration holds 0, which no request may")]
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
}

/// What a DeleteAcls request comes to.
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

    /// What DeleteAcls refuses and DescribeAcls lets match nothing.
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

/// The ACLs that DescribeAcls lists: sorted, so that those of one pattern come together.
pub fn describe<'a>(acls: &'a BTreeSet<AclBinding>, filter: &AclFilter<'_>) -> Vec<&'a AclBinding> {
    acls.iter().filter(|acl| filter.matches(acl)).collect()
}

/// Evaluates the filters of DeleteAcls, all against the same ACLs.
pub fn delete<'a>(acls: &'a BTreeSet<AclBinding>, filters: &[AclFilter<'_>]) -> Deletion<'a> {
    let mut deletion = Deletion {
        results: Vec::with_capacity(filters.len()),
        removed: BTreeSet::new(),
    };
    for filter in filters {
        let result = filter.check().map(|()| describe(acls, filter));
        if let Ok(matching) = &result {
            deletion.removed.extend(matching);
        }
        deletion.results.push(result);
        if deletion.removed.len() > REMOVALS_MAX {
            return Deletion {
                results: vec![Err(FilterError::TooManyRemovals); filters.len()],
                removed: BTreeSet::new(),
            };
        }
    }
    deletion
}

#[cfg(test)]
mod tests;
