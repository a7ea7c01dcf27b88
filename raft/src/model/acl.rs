//! Kafka's ACL vocabulary, as stored: concrete values only, filters live in `authz`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of thing that an ACL protects. Wire codes: Kafka's `ResourceType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceType {
    Topic,
    Group,
    Cluster,
    TransactionalId,
    DelegationToken,
    User,
}

/// How a resource pattern's name is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PatternType {
    Literal,
    Prefixed,
}

/// An action that an ACL allows or denies. Wire codes: Kafka's `AclOperation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operation {
    All,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
    CreateTokens,
    DescribeTokens,
    TwoPhaseCommit,
}

/// Whether an entry grants or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    Deny,
    Allow,
}

/// The resources that an ACL covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourcePattern {
    pub resource_type: ResourceType,
    pub name: String,
    pub pattern_type: PatternType,
}

/// Whom an ACL concerns, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AclEntry {
    /// `Type:name` as it was given, for instance `User:alice` or `User:*`.
    pub principal: String,
    /// `*` or the text of one IP address.
    pub host: String,
    pub operation: Operation,
    pub permission: Permission,
}

/// One ACL. Its identity is the whole 7-tuple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AclBinding {
    pub pattern: ResourcePattern,
    pub entry: AclEntry,
}

/// A text of an ACL that is longer than what it names can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the {part} of an ACL can have at most {most} bytes")]
pub struct TooLong {
    pub part: AclPart,
    pub most: u16,
}

/// A text of an ACL. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AclPart {
    ResourceName,
    Principal,
    Host,
}

impl fmt::Display for AclPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResourceName => "resource name",
            Self::Principal => "principal",
            Self::Host => "host",
        })
    }
}

/// The longest principal, in bytes.
const MAX_PRINCIPAL_BYTES: u16 = 512;
/// The longest host, in bytes: longer than any IP address.
const MAX_HOST_BYTES: u16 = 64;

impl ResourceType {
    /// The longest name that such a resource can have, in bytes. Topics have Kafka's own limit.
    pub const fn longest_name(self) -> u16 {
        match self {
            Self::Topic => 249,
            Self::Group | Self::TransactionalId => 1024,
            Self::Cluster | Self::DelegationToken | Self::User => MAX_PRINCIPAL_BYTES,
        }
    }
}

impl AclBinding {
    /// Checks that no text is longer than what it names can be.
    ///
    /// # Errors
    /// The first that is.
    pub fn check_lengths(&self) -> Result<(), TooLong> {
        let parts = [
            (
                AclPart::ResourceName,
                &self.pattern.name,
                self.pattern.resource_type.longest_name(),
            ),
            (AclPart::Principal, &self.entry.principal, MAX_PRINCIPAL_BYTES),
            (AclPart::Host, &self.entry.host, MAX_HOST_BYTES),
        ];
        match parts
            .into_iter()
            .find(|(_, text, most)| text.len() > usize::from(*most))
        {
            Some((part, _, most)) => Err(TooLong { part, most }),
            None => Ok(()),
        }
    }
}
