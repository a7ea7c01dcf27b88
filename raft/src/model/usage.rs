//! How much of its limits is used. It says what there is, and what would be too much.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AclBinding, Level, Limit, Shared, State, VclusterName, VclusterState, VirtualCluster};
use crate::codec;

/// There would be more than there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverLimit {
    pub limit: Limit,
    /// Whose limit it is; none for the gateway's.
    pub vcluster: Option<VclusterName>,
    pub most: u64,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            limit,
            vcluster,
            most,
        } = self;
        match vcluster {
            Some(vcluster) => write!(f, "virtual cluster {vcluster}")?,
            None => f.write_str("the gateway")?,
        }
        write!(f, " cannot have more than {most} {limit}: ")?;
        match (limit, limit.is_given()) {
            (_, true) => write!(f, "delete some, or raise spec.limits.{}", limit.name()),
            (Limit::StateBytes, _) => {
                f.write_str("delete ACLs, alias topics or service accounts that nobody needs")
            }
            (Limit::ProducerMarks, _) => f.write_str("none is ever used again"),
            (Limit::SpecBytes, _) => f.write_str("make its lists shorter"),
            _ => f.write_str("delete some first"),
        }
    }
}

impl std::error::Error for OverLimit {}

impl Limit {
    /// Checks that there are no more than `most`; `vcluster` is whose limit it is.
    fn check(self, vcluster: Option<&VclusterName>, all: u64, most: u64) -> Result<(), OverLimit> {
        match all > most {
            true => Err(OverLimit {
                limit: self,
                vcluster: vcluster.cloned(),
                most,
            }),
            false => Ok(()),
        }
    }

    /// Checks that the gateway has no more than it may have.
    ///
    /// # Errors
    /// It has more.
    pub(crate) fn check_gateway(self, all: u64) -> Result<(), OverLimit> {
        self.check(None, all, self.most())
    }
}

/// The most that there may be of what belongs to a virtual cluster, where that is another number than everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits(pub BTreeMap<Limit, u64>);

impl Limits {
    /// The most that there may be.
    pub fn most(&self, limit: Limit) -> u64 {
        self.0.get(&limit).copied().unwrap_or_else(|| limit.most())
    }

    /// Those of what clients do.
    pub fn of_clients(&self) -> Self {
        let those = self.0.iter().filter(|(limit, _)| limit.is_of_clients());
        Self(those.map(|(limit, most)| (*limit, *most)).collect())
    }

    /// The feature level that has all of them.
    pub(crate) fn level(&self) -> Level {
        let levels = self.0.keys().map(|limit| limit.level());
        levels.max().unwrap_or(Level::FIRST)
    }

    /// Checks that there are no more than there may be.
    ///
    /// # Errors
    /// There are more in the virtual cluster `name`.
    pub(crate) fn check(&self, name: &VclusterName, limit: Limit, all: u64) -> Result<(), OverLimit> {
        limit.check(Some(name), all, self.most(limit))
    }

    /// Checks that the virtual cluster `name` can have ACLs beside those that it has.
    ///
    /// # Errors
    /// They would be too many, or too large.
    pub fn check_new_acls<'a>(
        &self,
        name: &VclusterName,
        stored: &Shared<BTreeSet<AclBinding>>,
        new: impl Iterator<Item = &'a AclBinding>,
    ) -> Result<(), OverLimit> {
        let (entries, bytes) = new.fold((0, 0), |(entries, bytes), acl| {
            (entries + 1, bytes + codec::size(acl))
        });
        if entries == 0 {
            return Ok(());
        }
        self.check(name, Limit::Acls, count(stored.len()) + entries)?;
        self.check(name, Limit::AclBytes, stored.bytes() + bytes)
    }
}

impl VirtualCluster {
    /// The bytes of what is written in it. ACLs that are declared in it have a limit of their own.
    pub(crate) fn bytes_without_acls(&self) -> u64 {
        let Self {
            kind,
            acl_enabled: _,
            acl_mode: _,
            super_users,
            authentication,
            dns_label,
            limits,
        } = self;
        codec::size(&(kind, super_users, authentication, dns_label, limits))
    }
}

impl VclusterState {
    /// The most that it may have.
    pub fn most(&self, limit: Limit) -> u64 {
        self.spec.limits.most(limit)
    }

    /// How much there is in this virtual cluster of what `limit` bounds; 0 where it bounds the gateway as a whole, or what clients
    /// do.
    pub fn used(&self, limit: Limit) -> u64 {
        match limit {
            Limit::AliasTopics => count(self.aliases.len()),
            Limit::ServiceAccounts => count(self.accounts.len()),
            Limit::Tokens => count(self.tokens.len()),
            Limit::ScramCredentials => count(self.scram.len()),
            Limit::Acls => count(self.acls().len()),
            Limit::AclBytes => self.acls().bytes(),
            Limit::SpecBytes => self.spec.bytes_without_acls() + self.notes.bytes(),
            Limit::ContestedNames => count(self.holders.len()),
            Limit::Policies => count(self.policies.len()),
            Limit::Quotas => count(self.quotas.len()),
            Limit::Vclusters
            | Limit::AccessTokens
            | Limit::Nodes
            | Limit::PhysicalClusters
            | Limit::StateBytes
            | Limit::ProducerMarks
            | Limit::GlobalPolicies
            | Limit::Groups
            | Limit::GroupMembers
            | Limit::BytesIn
            | Limit::BytesOut
            | Limit::Requests
            | Limit::Connections
            | Limit::NewConnections
            | Limit::Topics
            | Limit::Partitions => 0,
        }
    }

    /// Checks that there may be `more` of it.
    pub(crate) fn check(&self, name: &VclusterName, limit: Limit, more: u64) -> Result<(), OverLimit> {
        match more {
            0 => Ok(()),
            more => self.spec.limits.check(name, limit, self.used(limit) + more),
        }
    }

    /// The bytes of all of it.
    fn bytes(&self) -> u64 {
        let Self {
            spec,
            kafka_cluster_id: _,
            aliases,
            accounts,
            tokens,
            scram,
            acls,
            home: _,
            mark: _,
            bootstrap: _,
            brokers,
            next_broker_id: _,
            holders,
            notes,
            times: _,
            policies,
            rights_withdrawn: _,
            quotas,
        } = self;
        let shared = [
            spec.bytes(),
            aliases.bytes(),
            accounts.bytes(),
            tokens.bytes(),
            scram.bytes(),
            acls.bytes(),
            holders.bytes(),
            notes.bytes(),
            policies.bytes(),
            quotas.bytes(),
        ];
        SMALL_PARTS_BYTES + BROKER_BYTES * count(brokers.len()) + shared.iter().sum::<u64>()
    }
}

/// More than the rest of a virtual cluster takes, with its name and those of its homes.
const SMALL_PARTS_BYTES: u64 = 1024;
/// More than a broker takes, with its physical cluster's name.
const BROKER_BYTES: u64 = 256;
/// More than a node or a physical cluster takes, a proposal that is remembered, or a slot.
const NODE_BYTES: u64 = 16 * 1024;
const SLOT_BYTES: u64 = 8;

impl State {
    /// How much of it there is; of what belongs to a virtual cluster, in all of them.
    pub fn used(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Vclusters => count(self.vclusters.len()),
            Limit::AccessTokens => count(self.access_tokens.len()),
            Limit::Nodes => count(self.nodes.len()),
            Limit::PhysicalClusters => {
                let put = self.physical_clusters.keys();
                let unseen = put.filter(|id| !self.pinned_clusters.contains_key(*id));
                count(self.pinned_clusters.len() + unseen.count())
            }
            Limit::StateBytes => self.bytes(),
            Limit::ProducerMarks => self.last_mark.into(),
            Limit::GlobalPolicies => count(self.policies.len()),
            Limit::Groups => count(self.groups.len()),
            Limit::GroupMembers => self.groups.values().map(|group| count(group.members.len())).sum(),
            of_vcluster => self.vclusters.values().map(|one| one.used(of_vcluster)).sum(),
        }
    }

    /// Checks that there may be `more` of what the gateway has.
    pub(crate) fn check(&self, limit: Limit, more: u64) -> Result<(), OverLimit> {
        match more {
            0 => Ok(()),
            more => limit.check_gateway(self.used(limit) + more),
        }
    }

    /// The bytes of all of it; rather more than less.
    fn bytes(&self) -> u64 {
        let vclusters: u64 = self.vclusters.values().map(|vcluster| vcluster.bytes()).sum();
        let slots = count(self.slots.len() + self.free_slots.len());
        let nodes = count(self.nodes.len() + self.pinned_clusters.len() + self.proposals.len());
        let shared = [
            self.access_tokens.bytes(),
            self.policies.bytes(),
            self.groups.bytes(),
            self.physical_clusters.bytes(),
            self.cluster_reports.bytes(),
            self.routes.bytes(),
        ];
        vclusters + shared.iter().sum::<u64>() + SLOT_BYTES * slots + NODE_BYTES * nodes
    }
}

fn count(items: usize) -> u64 {
    items as u64
}
