//! Sets of operations, and what implies what.

use klamm_raft::model::{Operation, ResourceType};

use super::codes;

/// A set of operations: bit *n* stands for the operation with wire code *n*, as in Kafka's bitfields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OperationSet(u16);

impl OperationSet {
    pub(super) const EMPTY: Self = Self(0);
    /// ALL and every single operation.
    const EVERYTHING: Self = Self(!0b11);

    /// Just this operation.
    pub(super) const fn only(operation: Operation) -> Self {
        Self(1 << codes::operation_code(operation))
    }

    /// The operations that an entry with this operation refuses: ALL refuses everything, others just themselves.
    pub(super) const fn refused_by(operation: Operation) -> Self {
        match operation {
            Operation::All => Self::EVERYTHING,
            other => Self::only(other),
        }
    }

    /// The operations that an entry with this operation allows: as above, and what it implies.
    pub(super) const fn allowed_by(operation: Operation) -> Self {
        let implied = match operation {
            Operation::Read | Operation::Write | Operation::Delete | Operation::Alter => {
                Self::only(Operation::Describe)
            }
            Operation::AlterConfigs => Self::only(Operation::DescribeConfigs),
            _ => Self::EMPTY,
        };
        Self::refused_by(operation).or(implied)
    }

    /// The operations that can be asked of a resource of this type, as far as bitfields show them.
    pub(super) const fn of(resource_type: ResourceType) -> Self {
        use Operation::*;
        match resource_type {
            ResourceType::Topic => Self::list(&[
                Read,
                Write,
                Create,
                Describe,
                Delete,
                Alter,
                DescribeConfigs,
                AlterConfigs,
            ]),
            ResourceType::Group => Self::list(&[Read, Describe, Delete, DescribeConfigs, AlterConfigs]),
            ResourceType::Cluster => Self::list(&[
                Create,
                ClusterAction,
                DescribeConfigs,
                AlterConfigs,
                IdempotentWrite,
                Alter,
                Describe,
            ]),
            ResourceType::TransactionalId => Self::list(&[Describe, Write, TwoPhaseCommit]),
            ResourceType::DelegationToken => Self::list(&[Describe]),
            ResourceType::User => Self::list(&[CreateTokens, DescribeTokens]),
        }
    }

    const fn list(operations: &[Operation]) -> Self {
        let mut set = Self::EMPTY;
        let mut place = 0;
        while place < operations.len() {
            set = set.or(Self::only(operations[place]));
            place += 1;
        }
        set
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) const fn has(self, operation: Operation) -> bool {
        self.0 & Self::only(operation).0 != 0
    }

    /// Of a set of entries' operations that answer `asked`: the one that answers it most directly.
    pub(super) fn entry_for(self, asked: Operation) -> Operation {
        const IMPLYING: [Operation; 5] = [
            Operation::Read,
            Operation::Write,
            Operation::Delete,
            Operation::Alter,
            Operation::AlterConfigs,
        ];
        [asked, Operation::All]
            .into_iter()
            .chain(
                IMPLYING
                    .into_iter()
                    .filter(|implying| Self::allowed_by(*implying).has(asked)),
            )
            .find(|entry| self.has(*entry))
            .unwrap_or(asked)
    }

    /// As a bitfield of the protocol.
    pub(super) fn bits(self) -> i32 {
        i32::from(self.0)
    }
}

/// Whether an ACL of this operation says anything of resources of this type.
pub fn is_of_type(operation: Operation, resource_type: ResourceType) -> bool {
    operation == Operation::All || OperationSet::of(resource_type).has(operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitfields_of_somebody_who_may_do_everything() {
        assert_eq!(OperationSet::of(ResourceType::Topic).bits(), 3576);
        assert_eq!(OperationSet::of(ResourceType::Group).bits(), 3400);
        assert_eq!(OperationSet::of(ResourceType::Cluster).bits(), 8096);
    }
}
