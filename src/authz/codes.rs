//! Kafka's wire codes of the ACL vocabulary, both ways. What a code means besides a concrete value differs by API,
//! so every kind of it is told apart here.

use klamm_raft::model::{Operation, PatternType, Permission, ResourceType};

/// The meaning of a wire code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coded<T> {
    /// 0: a request that holds it does not parse.
    Unknown,
    /// ANY: filters only.
    Any,
    /// MATCH: filters only, and pattern types only.
    Match,
    /// A concrete value.
    Is(T),
    /// Outside of the range that is known.
    OutOfRange,
}

impl<T> Coded<T> {
    /// The concrete value, if it is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unknown | Self::Any | Self::Match | Self::OutOfRange => None,
        }
    }
}

/// Reads a resource type.
pub const fn resource_type(code: i8) -> Coded<ResourceType> {
    Coded::Is(match code {
        0 => return Coded::Unknown,
        1 => return Coded::Any,
        2 => ResourceType::Topic,
        3 => ResourceType::Group,
        4 => ResourceType::Cluster,
        5 => ResourceType::TransactionalId,
        6 => ResourceType::DelegationToken,
        7 => ResourceType::User,
        _ => return Coded::OutOfRange,
    })
}

/// Writes a resource type.
pub const fn resource_type_code(resource_type: ResourceType) -> i8 {
    match resource_type {
        ResourceType::Topic => 2,
        ResourceType::Group => 3,
        ResourceType::Cluster => 4,
        ResourceType::TransactionalId => 5,
        ResourceType::DelegationToken => 6,
        ResourceType::User => 7,
    }
}

/// Reads a pattern type.
pub const fn pattern_type(code: i8) -> Coded<PatternType> {
    Coded::Is(match code {
        0 => return Coded::Unknown,
        1 => return Coded::Any,
        2 => return Coded::Match,
        3 => PatternType::Literal,
        4 => PatternType::Prefixed,
        _ => return Coded::OutOfRange,
    })
}

/// Writes a pattern type.
pub const fn pattern_type_code(pattern_type: PatternType) -> i8 {
    match pattern_type {
        PatternType::Literal => 3,
        PatternType::Prefixed => 4,
    }
}

/// Reads a permission.
pub const fn permission(code: i8) -> Coded<Permission> {
    Coded::Is(match code {
        0 => return Coded::Unknown,
        1 => return Coded::Any,
        2 => Permission::Deny,
        3 => Permission::Allow,
        _ => return Coded::OutOfRange,
    })
}

/// Writes a permission.
pub const fn permission_code(permission: Permission) -> i8 {
    match permission {
        Permission::Deny => 2,
        Permission::Allow => 3,
    }
}

/// Reads an operation.
pub const fn operation(code: i8) -> Coded<Operation> {
    Coded::Is(match code {
        0 => return Coded::Unknown,
        1 => return Coded::Any,
        2 => Operation::All,
        3 => Operation::Read,
        4 => Operation::Write,
        5 => Operation::Create,
        6 => Operation::Delete,
        7 => Operation::Alter,
        8 => Operation::Describe,
        9 => Operation::ClusterAction,
        10 => Operation::DescribeConfigs,
        11 => Operation::AlterConfigs,
        12 => Operation::IdempotentWrite,
        13 => Operation::CreateTokens,
        14 => Operation::DescribeTokens,
        15 => Operation::TwoPhaseCommit,
        _ => return Coded::OutOfRange,
    })
}

/// Writes an operation. Also its bit in the protocol's bitfields.
pub const fn operation_code(operation: Operation) -> i8 {
    match operation {
        Operation::All => 2,
        Operation::Read => 3,
        Operation::Write => 4,
        Operation::Create => 5,
        Operation::Delete => 6,
        Operation::Alter => 7,
        Operation::Describe => 8,
        Operation::ClusterAction => 9,
        Operation::DescribeConfigs => 10,
        Operation::AlterConfigs => 11,
        Operation::IdempotentWrite => 12,
        Operation::CreateTokens => 13,
        Operation::DescribeTokens => 14,
        Operation::TwoPhaseCommit => 15,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_and_writes_back() {
        let (mut types, mut patterns, mut permissions, mut operations) = (0, 0, 0, 0);
        for code in i8::MIN..=i8::MAX {
            if let Coded::Is(value) = resource_type(code) {
                assert_eq!(resource_type_code(value), code);
                types += 1;
            }
            if let Coded::Is(value) = pattern_type(code) {
                assert_eq!(pattern_type_code(value), code);
                patterns += 1;
            }
            if let Coded::Is(value) = permission(code) {
                assert_eq!(permission_code(value), code);
                permissions += 1;
            }
            if let Coded::Is(value) = operation(code) {
                assert_eq!(operation_code(value), code);
                operations += 1;
            }
        }
        assert_eq!((types, patterns, permissions, operations), (6, 2, 2, 14));
    }

    #[test]
    fn codes_below_zero_and_above_the_last_are_out_of_range() {
        for code in [-1, i8::MIN, i8::MAX, 99] {
            assert_eq!(resource_type(code), Coded::OutOfRange);
            assert_eq!(pattern_type(code), Coded::OutOfRange);
            assert_eq!(permission(code), Coded::OutOfRange);
            assert_eq!(operation(code), Coded::OutOfRange);
        }
    }
}
