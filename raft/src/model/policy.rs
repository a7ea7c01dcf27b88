//! Policies: what a virtual cluster does with records on their way, beside what rights allow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountName, HeaderKey, PolicyName, TopicName, VclusterName};

/// The name of a policy with its scope. Where a client is in the scope of several of one name, the narrowest holds: that
/// of its account, that of its virtual cluster, that of all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PolicyKey {
    /// In all virtual clusters.
    Everywhere(PolicyName),
    /// In one virtual cluster.
    In(VclusterName, PolicyId),
}

/// The name of a policy in its virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyId {
    pub name: PolicyName,
    /// The only account that it concerns; none stands for all of them.
    pub account: Option<AccountName>,
}

/// A policy as an operator writes it. Policies of one phase take effect by priority, the lowest first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub phase: PolicyPhase,
    pub priority: i32,
    pub enabled: bool,
    pub description: String,
    pub labels: BTreeMap<String, String>,
    /// The topics that it concerns, as clients of the virtual cluster call them; empty stands for all.
    pub topics: BTreeSet<TopicPattern>,
    /// The expression that says for which records it acts; none stands for all.
    pub condition: Option<String>,
    pub action: PolicyAction,
    /// Its treatment of a record that it cannot judge; none stands for what is safest.
    pub failure_mode: Option<FailureMode>,
}

/// The way that records go. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PolicyPhase {
    /// From clients.
    Produce,
    /// To clients.
    Consume,
}

/// One topic, or those whose names begin alike. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TopicPattern {
    Literal(TopicName),
    Prefixed(TopicName),
}

/// The effect of a policy on records. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyAction {
    /// Changes headers, one action after the other.
    ModifyHeaders { actions: Vec<HeaderAction> },
    /// Withholds the record.
    SkipRecord,
    /// Refuses a batch with a record for which the condition does not hold. The description tells the client why.
    Require { description: String },
}

/// A change of a header. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderAction {
    /// The header has this value then, and only this.
    Set {
        key: HeaderKey,
        value: String,
    },
    Remove {
        key: HeaderKey,
    },
}

/// The treatment of a record that a policy cannot judge. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureMode {
    /// The producer's batch is refused; the consumer gets an error in the record's place.
    Refuse,
    /// The record is withheld.
    Skip,
    /// It goes through, with a header that says so.
    Mark,
    /// It goes through as it is.
    Passthrough,
}

impl Policy {
    /// The most bytes that one takes.
    pub const MAX_BYTES: u64 = 64 * 1024;
}

impl PolicyKey {
    /// The name without its scope.
    pub fn name(&self) -> &PolicyName {
        match self {
            Self::Everywhere(name) => name,
            Self::In(_, id) => &id.name,
        }
    }

    /// The virtual cluster that it is in, if it is in one.
    pub fn vcluster(&self) -> Option<&VclusterName> {
        match self {
            Self::Everywhere(_) => None,
            Self::In(vcluster, _) => Some(vcluster),
        }
    }

    /// The account that it is for, if it is for one.
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Everywhere(_) => None,
            Self::In(_, id) => id.account.as_ref(),
        }
    }
}

impl fmt::Display for PolicyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match (self.vcluster(), self.account()) {
            (None, _) => write!(f, "policy {name} of all virtual clusters"),
            (Some(vcluster), None) => write!(f, "policy {name} of virtual cluster {vcluster}"),
            (Some(vcluster), Some(account)) => {
                write!(f, "policy {name} for {account} of virtual cluster {vcluster}")
            }
        }
    }
}
