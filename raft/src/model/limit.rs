//! How much of everything there may be, in one place: every node holds all of the state in memory, and writes all of it
//! into snapshots.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Level, ProducerMark};

/// A thing that is counted and limited. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Limit {
    /// Virtual clusters of the gateway.
    Vclusters,
    /// Alias topics of a virtual cluster.
    AliasTopics,
    /// Service accounts of a virtual cluster.
    ServiceAccounts,
    /// Tokens of the service accounts of a virtual cluster that have not expired.
    Tokens,
    /// SCRAM credentials of a virtual cluster.
    ScramCredentials,
    /// ACLs of a virtual cluster.
    Acls,
    /// The bytes of a virtual cluster's ACLs.
    AclBytes,
    /// The bytes of a virtual cluster's resource: its spec without ACLs, and its notes.
    SpecBytes,
    /// Names of a virtual cluster whose holder is on record, because two topics would have them.
    ContestedNames,
    /// Access tokens of the admin API that have not expired.
    AccessTokens,
    /// Nodes of the gateway that have not been removed.
    Nodes,
    /// Physical clusters that were ever seen.
    PhysicalClusters,
    /// The bytes of the whole state.
    StateBytes,
    /// Numbers that producer ids were ever marked with.
    ProducerMarks,
    /// Policies of a virtual cluster.
    Policies,
    /// Policies of all virtual clusters.
    GlobalPolicies,
    /// Groups of accounts.
    Groups,
    /// Members of groups, of all together.
    GroupMembers,
    /// Users, clients and addresses of a virtual cluster that have client quotas.
    Quotas,
    /// Bytes of requests of a virtual cluster's clients in a second.
    BytesIn,
    /// Bytes of answers to a virtual cluster's clients in a second.
    BytesOut,
    /// Requests of a virtual cluster's clients in a second.
    Requests,
    /// Connections of a virtual cluster that have logged in.
    Connections,
    /// Connections of a virtual cluster that log in, in a second.
    NewConnections,
    /// Topics of a virtual cluster's own.
    Topics,
    /// Partitions of a virtual cluster's own topics.
    Partitions,
}

/// The owner of the things that are counted. Virtual clusters can be given limits of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Vcluster,
    Gateway,
}

const MIB: u64 = 1 << 20;

/// As good as without a limit.
const UNBOUNDED: u64 = 1_000_000_000_000_000;

impl Limit {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Vclusters,
        Self::AliasTopics,
        Self::ServiceAccounts,
        Self::Tokens,
        Self::ScramCredentials,
        Self::Acls,
        Self::AclBytes,
        Self::SpecBytes,
        Self::ContestedNames,
        Self::AccessTokens,
        Self::Nodes,
        Self::PhysicalClusters,
        Self::StateBytes,
        Self::ProducerMarks,
        Self::Policies,
        Self::GlobalPolicies,
        Self::Groups,
        Self::GroupMembers,
        Self::Quotas,
        Self::BytesIn,
        Self::BytesOut,
        Self::Requests,
        Self::Connections,
        Self::NewConnections,
        Self::Topics,
        Self::Partitions,
    ];

    /// Those of what is in the replicated state, which the state machine holds to.
    pub fn of_state() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|limit| !limit.is_of_clients())
    }

    /// Those of what clients do, which whoever serves them holds to.
    pub fn of_clients() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|limit| limit.is_of_clients())
    }

    /// Whether it is of what clients do. There is none where nobody has set one.
    pub const fn is_of_clients(self) -> bool {
        matches!(
            self,
            Self::BytesIn
                | Self::BytesOut
                | Self::Requests
                | Self::Connections
                | Self::NewConnections
                | Self::Topics
                | Self::Partitions
        )
    }

    /// The most that there may be, where nobody says otherwise.
    pub const fn most(self) -> u64 {
        match self {
            Self::Vclusters => 5_000,
            Self::AliasTopics | Self::Acls | Self::GroupMembers => 50_000,
            Self::ServiceAccounts | Self::ContestedNames | Self::Quotas => 10_000,
            Self::Tokens | Self::ScramCredentials => 20_000,
            Self::AclBytes => 8 * MIB,
            Self::SpecBytes => MIB,
            Self::AccessTokens | Self::PhysicalClusters | Self::Groups => 1_000,
            Self::Nodes => 100,
            Self::Policies | Self::GlobalPolicies => 256,
            Self::StateBytes => 128 * MIB,
            Self::ProducerMarks => ProducerMark::HIGHEST as u64,
            Self::BytesIn
            | Self::BytesOut
            | Self::Requests
            | Self::Connections
            | Self::NewConnections
            | Self::Topics
            | Self::Partitions => UNBOUNDED,
        }
    }

    /// Its name for people: in `spec.limits`, and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vclusters => "virtualClusters",
            Self::AliasTopics => "aliasTopics",
            Self::ServiceAccounts => "serviceAccounts",
            Self::Tokens => "tokens",
            Self::ScramCredentials => "scramCredentials",
            Self::Acls => "acls",
            Self::AclBytes => "aclBytes",
            Self::SpecBytes => "specBytes",
            Self::ContestedNames => "contestedNames",
            Self::AccessTokens => "accessTokens",
            Self::Nodes => "nodes",
            Self::PhysicalClusters => "physicalClusters",
            Self::StateBytes => "stateBytes",
            Self::ProducerMarks => "producerMarks",
            Self::Policies => "policies",
            Self::GlobalPolicies => "globalPolicies",
            Self::Groups => "groups",
            Self::GroupMembers => "groupMembers",
            Self::Quotas => "quotas",
            Self::BytesIn => "bytesInPerSecond",
            Self::BytesOut => "bytesOutPerSecond",
            Self::Requests => "requestsPerSecond",
            Self::Connections => "connections",
            Self::NewConnections => "newConnectionsPerSecond",
            Self::Topics => "topics",
            Self::Partitions => "partitions",
        }
    }

    /// The feature level that has it.
    pub(crate) const fn level(self) -> Level {
        match self {
            Self::Vclusters
            | Self::AliasTopics
            | Self::ServiceAccounts
            | Self::Tokens
            | Self::ScramCredentials
            | Self::Acls
            | Self::AclBytes
            | Self::SpecBytes
            | Self::ContestedNames
            | Self::AccessTokens
            | Self::Nodes
            | Self::PhysicalClusters
            | Self::StateBytes
            | Self::ProducerMarks => Level::FIRST,
            Self::Policies | Self::GlobalPolicies | Self::Groups | Self::GroupMembers => Level::POLICIES,
            Self::Quotas
            | Self::BytesIn
            | Self::BytesOut
            | Self::Requests
            | Self::Connections
            | Self::NewConnections
            | Self::Topics
            | Self::Partitions => Level::QUOTAS,
        }
    }

    /// Whose it is.
    pub const fn of(self) -> Of {
        match self {
            Self::Vclusters
            | Self::AccessTokens
            | Self::Nodes
            | Self::PhysicalClusters
            | Self::StateBytes
            | Self::ProducerMarks
            | Self::GlobalPolicies
            | Self::Groups
            | Self::GroupMembers => Of::Gateway,
            Self::AliasTopics
            | Self::ServiceAccounts
            | Self::Tokens
            | Self::ScramCredentials
            | Self::Acls
            | Self::AclBytes
            | Self::SpecBytes
            | Self::ContestedNames
            | Self::Policies
            | Self::Quotas
            | Self::BytesIn
            | Self::BytesOut
            | Self::Requests
            | Self::Connections
            | Self::NewConnections
            | Self::Topics
            | Self::Partitions => Of::Vcluster,
        }
    }

    /// Whether a virtual cluster can be given another one in `spec.limits`.
    pub const fn is_given(self) -> bool {
        matches!(
            self,
            Self::AliasTopics
                | Self::ServiceAccounts
                | Self::Tokens
                | Self::ScramCredentials
                | Self::Acls
                | Self::AclBytes
        ) || self.is_of_clients()
    }

    /// The least that a virtual cluster can be given.
    pub const fn least(self) -> u64 {
        match self {
            // A rate of nothing would be waited for without an end.
            Self::BytesIn | Self::BytesOut | Self::Requests | Self::NewConnections => 1,
            _ => 0,
        }
    }

    /// The most that a virtual cluster can be given.
    pub const fn ceiling(self) -> u64 {
        match self {
            Self::AclBytes => 32 * MIB,
            _ if self.is_of_clients() => UNBOUNDED,
            _ => 10 * self.most(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vclusters => "virtual clusters",
            Self::AliasTopics => "alias topics",
            Self::ServiceAccounts => "service accounts",
            Self::Tokens => "tokens",
            Self::ScramCredentials => "SCRAM credentials",
            Self::Acls => "ACLs",
            Self::AclBytes => "bytes of ACLs",
            Self::SpecBytes => "bytes in its resource, not counting ACLs",
            Self::ContestedNames => "names that two topics would have",
            Self::AccessTokens => "access tokens",
            Self::Nodes => "nodes, including all that were ever seen",
            Self::PhysicalClusters => "physical clusters, including all that were ever seen",
            Self::StateBytes => "bytes of replicated state",
            Self::ProducerMarks => "marks of producer ids, including all that were ever given out",
            Self::Policies => "policies",
            Self::GlobalPolicies => "policies of all virtual clusters",
            Self::Groups => "groups of accounts",
            Self::GroupMembers => "members in all groups together",
            Self::Quotas => "users, clients and addresses with quotas",
            Self::BytesIn => "bytes of requests in a second",
            Self::BytesOut => "bytes of answers in a second",
            Self::Requests => "requests in a second",
            Self::Connections => "connections that have logged in",
            Self::NewConnections => "connections that log in, in a second",
            Self::Topics => "topics of its own",
            Self::Partitions => "partitions of its own topics",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Limit::ALL.into_iter().map(Limit::name).collect();
        assert_eq!(names.len(), Limit::ALL.len());
    }

    #[test]
    fn what_is_given_belongs_to_a_virtual_cluster() {
        for limit in Limit::ALL {
            assert!(!limit.is_given() || limit.of() == Of::Vcluster, "{limit:?}");
            assert!(limit.most() <= limit.ceiling(), "{limit:?}");
        }
    }
}
