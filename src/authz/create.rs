//! The ACLs that CreateAcls accepts, and what it says about the rest (KIP-140).

use std::collections::BTreeSet;

use klamm_raft::model::{
    AclBinding, AclEntry, Operation, PatternType, Permission, ResourcePattern, ResourceType, TooLong,
};

use super::codes::{self, Coded};
use super::filter::UnknownCode;
use super::resource::CLUSTER_NAME;

/// The most new ACLs that one CreateAcls request may bring.
pub const CREATIONS_MAX: usize = 10_000;

/// A creation as it stands in a request.
#[derive(Debug, Clone, Copy)]
pub struct RawCreation<'a> {
    pub resource_type: i8,
    pub resource_name: &'a str,
    pub pattern_type: i8,
    pub principal: &'a str,
    pub host: &'a str,
    pub operation: i8,
    pub permission: i8,
}

/// Why one creation is refused; each is INVALID_REQUEST, but for what is too long, which is POLICY_VIOLATION.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreationError {
    #[error("The only valid name for the CLUSTER resource is {CLUSTER_NAME}")]
    ClusterName,
    #[error("Invalid empty resource name")]
    EmptyName,
    #[error("Invalid resourceType UNKNOWN")]
    ResourceType,
    #[error("Invalid patternType UNKNOWN")]
    PatternType,
    #[error("Invalid operation UNKNOWN")]
    Operation,
    #[error("Invalid permissionType UNKNOWN")]
    PermissionType,
    #[error(
        "Could not parse principal from `{0}` (no colon is present separating the principal type from the principal name)"
    )]
    Principal(String),
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// The plan for a CreateAcls request.
#[derive(Debug, PartialEq, Eq)]
pub enum Creation {
    /// A result for each creation, in the order of the request, and the ACLs that are not stored yet, each once.
    Entries {
        results: Vec<Result<(), CreationError>>,
        new: BTreeSet<AclBinding>,
    },
    /// A value that only filters may have: every result is UNKNOWN_SERVER_ERROR without a message.
    FilterValue,
    /// More than [`CREATIONS_MAX`] new ACLs: every result is POLICY_VIOLATION.
    TooMany,
}

/// The message of [`Creation::TooMany`].
pub const TOO_MANY_CREATIONS: &str = "Unable to perform excessively large batch operation.";

/// The codes of one creation, read.
#[derive(Debug, Clone, Copy)]
struct Codes {
    resource_type: Coded<ResourceType>,
    pattern_type: Coded<PatternType>,
    operation: Coded<Operation>,
    permission: Coded<Permission>,
}

/// Whether any creation holds a 0 where a value must stand. A request that does is not a request: this is asked
/// before anything else about it, rights included.
///
/// # Errors
/// One does.
pub fn check_codes(creations: &[RawCreation<'_>]) -> Result<(), UnknownCode> {
    if creations.iter().map(Codes::read).any(Codes::has_unknown) {
        return Err(UnknownCode);
    }
    Ok(())
}

/// Judges the creations of a request. Neither sense nor existence of what they name is checked: Kafka does not.
pub fn create(acls: &BTreeSet<AclBinding>, creations: &[RawCreation<'_>]) -> Creation {
    if creations.iter().map(Codes::read).any(Codes::has_filter_value) {
        return Creation::FilterValue;
    }
    let mut results = Vec::with_capacity(creations.len());
    let mut new = BTreeSet::new();
    for creation in creations {
        results.push(binding(creation).map(|acl| {
            if !acls.contains(&acl) {
                new.insert(acl);
            }
        }));
        if new.len() > CREATIONS_MAX {
            return Creation::TooMany;
        }
    }
    Creation::Entries { results, new }
}

fn binding(raw: &RawCreation<'_>) -> Result<AclBinding, CreationError> {
    let codes = Codes::read(raw);
    if codes.resource_type == Coded::Is(ResourceType::Cluster) && raw.resource_name != CLUSTER_NAME {
        return Err(CreationError::ClusterName);
    }
    if raw.resource_name.is_empty() {
        return Err(CreationError::EmptyName);
    }
    let resource_type = codes.resource_type.value().ok_or(CreationError::ResourceType)?;
    let pattern_type = codes.pattern_type.value().ok_or(CreationError::PatternType)?;
    let operation = codes.operation.value().ok_or(CreationError::Operation)?;
    let permission = codes.permission.value().ok_or(CreationError::PermissionType)?;
    if !raw.principal.contains(':') {
        return Err(CreationError::Principal(raw.principal.to_owned()));
    }
    let acl = AclBinding {
        pattern: ResourcePattern {
            resource_type,
            name: raw.resource_name.to_owned(),
            pattern_type,
        },
        entry: AclEntry {
            principal: raw.principal.to_owned(),
            host: raw.host.to_owned(),
            operation,
            permission,
        },
    };
    acl.check_lengths()?;
    Ok(acl)
}

impl Codes {
    fn read(raw: &RawCreation<'_>) -> Self {
        Self {
            resource_type: codes::resource_type(raw.resource_type),
            pattern_type: codes::pattern_type(raw.pattern_type),
            operation: codes::operation(raw.operation),
            permission: codes::permission(raw.permission),
        }
    }

    fn has_unknown(self) -> bool {
        self.resource_type == Coded::Unknown
            || self.pattern_type == Coded::Unknown
            || self.operation == Coded::Unknown
            || self.permission == Coded::Unknown
    }

    fn has_filter_value(self) -> bool {
        self.resource_type == Coded::Any
            || matches!(self.pattern_type, Coded::Any | Coded::Match)
            || self.operation == Coded::Any
            || self.permission == Coded::Any
    }
}

#[cfg(test)]
mod tests;
