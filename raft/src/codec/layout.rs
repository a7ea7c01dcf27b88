//! Our own structs for what openraft wants kept, and the conversions. Their field order is the disk format.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openraft::{BasicNode, EntryPayload};
use serde::{Deserialize, Serialize};

use super::{CodecError, Format};
use crate::command::Proposal;
use crate::model::{
    AccountGroup, ClientQuotas, ClusterId, ClusterReports, ClusterRoutes, GroupName, Level, NodeId,
    PhysicalCluster, Policy, PolicyId, Revision, Roster, Shared, State, VclusterName, VclusterState,
};
use crate::types::{LeaderId, LogEntry, LogId, Membership, SnapshotMeta, StoredMembership, Vote};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdV1 {
    term: u64,
    node: u64,
    index: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteV1 {
    term: u64,
    node: u64,
    committed: bool,
}

impl VoteV1 {
    pub(crate) fn term(self) -> u64 {
        self.term
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembershipV1 {
    configs: Vec<BTreeSet<u64>>,
    addresses: BTreeMap<u64, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryV1 {
    id: LogIdV1,
    payload: PayloadV1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum PayloadV1 {
    Blank,
    Proposal(Box<Proposal>),
    Membership(MembershipV1),
}

/// The state as of `last`, and the membership that holds there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotV1 {
    last: Option<LogIdV1>,
    membership_id: Option<LogIdV1>,
    membership: MembershipV1,
    pub(crate) state: Arc<State>,
}

impl Format for LogIdV1 {}

impl Format for VoteV1 {}

/// Whose a data directory is.
impl Format for NodeId {}

impl Format for EntryV1 {
    fn level(&self) -> Level {
        match &self.payload {
            PayloadV1::Proposal(proposal) => proposal.level(),
            PayloadV1::Blank | PayloadV1::Membership(_) => Level::FIRST,
        }
    }
}

/// Before a proposal has its place in the log.
impl Format for Proposal {
    fn level(&self) -> Level {
        self.command.level()
    }
}

/// A state is written as the level of its cluster has it.
impl Format for SnapshotV1 {
    fn level(&self) -> Level {
        self.state.level
    }

    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
        super::write(self, bytes)?;
        write_additions(&self.state, bytes)
    }

    fn read(level: Level, content: &[u8]) -> Result<(Self, usize), CodecError> {
        let (mut snapshot, read): (Self, usize) = super::read(content)?;
        let more = read_additions(Arc::make_mut(&mut snapshot.state), level, &content[read..])?;
        Ok((snapshot, read + more))
    }
}

/// The policies of a state, and the groups that they can be for, which level 2 has added.
#[derive(Serialize, Deserialize)]
struct PoliciesV2 {
    of_all: Shared<BTreeMap<PolicyId, Policy>>,
    /// Of virtual clusters that have some.
    of_vclusters: BTreeMap<VclusterName, Shared<BTreeMap<PolicyId, Policy>>>,
    groups: Shared<BTreeMap<GroupName, AccountGroup>>,
}

impl PoliciesV2 {
    fn of(state: &State) -> Self {
        let vclusters = state.vclusters.iter();
        let with_some = vclusters.filter(|(_, vcluster)| !vcluster.policies.is_empty());
        Self {
            of_all: state.policies.clone(),
            of_vclusters: with_some
                .map(|(name, vcluster)| (name.clone(), vcluster.policies.clone()))
                .collect(),
            groups: state.groups.clone(),
        }
    }

    fn put_into(self, state: &mut State) -> Result<(), CodecError> {
        state.policies = self.of_all;
        state.groups = self.groups;
        for (name, policies) in self.of_vclusters {
            vcluster(state, &name)?.policies = policies;
        }
        Ok(())
    }
}

/// The revisions at which rights to make changes were last taken away, which level 2 has added.
#[derive(Serialize, Deserialize)]
struct WithdrawalsV2 {
    from_token_holders: Revision,
    /// Of virtual clusters where there was one.
    from_clients: BTreeMap<VclusterName, Revision>,
}

impl WithdrawalsV2 {
    fn of(state: &State) -> Self {
        let vclusters = state.vclusters.iter();
        let with_one = vclusters.filter(|(_, vcluster)| vcluster.rights_withdrawn != Revision(0));
        Self {
            from_token_holders: state.tokens_withdrawn,
            from_clients: with_one
                .map(|(name, vcluster)| (name.clone(), vcluster.rights_withdrawn))
                .collect(),
        }
    }

    fn put_into(self, state: &mut State) -> Result<(), CodecError> {
        state.tokens_withdrawn = self.from_token_holders;
        for (name, withdrawn) in self.from_clients {
            vcluster(state, &name)?.rights_withdrawn = withdrawn;
        }
        Ok(())
    }
}

/// The physical clusters that are resources, what nodes say of those that they know, and where requests for them go, which level 2 has added.
#[derive(Serialize, Deserialize)]
struct PhysicalClustersV2 {
    clusters: Shared<BTreeMap<ClusterId, PhysicalCluster>>,
    reports: Shared<BTreeMap<NodeId, ClusterReports>>,
    routes: Shared<ClusterRoutes>,
}

impl PhysicalClustersV2 {
    fn of(state: &State) -> Self {
        Self {
            clusters: state.physical_clusters.clone(),
            reports: state.cluster_reports.clone(),
            routes: state.routes.clone(),
        }
    }

    fn put_into(self, state: &mut State) {
        state.physical_clusters = self.clusters;
        state.cluster_reports = self.reports;
        state.routes = self.routes;
    }
}

/// The client quotas of virtual clusters that have some, which level 2 has added.
#[derive(Serialize, Deserialize)]
struct QuotasV2(BTreeMap<VclusterName, Shared<ClientQuotas>>);

impl QuotasV2 {
    fn of(state: &State) -> Self {
        let vclusters = state.vclusters.iter();
        let with_some = vclusters.filter(|(_, vcluster)| !vcluster.quotas.is_empty());
        Self(
            with_some
                .map(|(name, vcluster)| (name.clone(), vcluster.quotas.clone()))
                .collect(),
        )
    }

    fn put_into(self, state: &mut State) -> Result<(), CodecError> {
        for (name, quotas) in self.0 {
            vcluster(state, &name)?.quotas = quotas;
        }
        Ok(())
    }
}

/// The virtual cluster that an addition belongs to.
fn vcluster<'a>(state: &'a mut State, name: &VclusterName) -> Result<&'a mut VclusterState, CodecError> {
    let vcluster = state.vclusters.get_mut(name);
    vcluster
        .map(Arc::make_mut)
        .ok_or_else(|| CodecError::AdditionToNobody(name.clone()))
}

/// Appends what levels after the first have added to the state, up to its own.
pub(super) fn write_additions(state: &State, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    if state.level >= Level::POLICIES {
        super::write(&PoliciesV2::of(state), bytes)?;
        super::write(&WithdrawalsV2::of(state), bytes)?;
        super::write(&state.roster, bytes)?;
        super::write(&PhysicalClustersV2::of(state), bytes)?;
        super::write(&QuotasV2::of(state), bytes)?;
    }
    #[cfg(feature = "next-level")]
    if state.level >= Level::NEXT {
        super::write(&state.next, bytes)?;
    }
    Ok(())
}

/// Reads into the state what levels after the first have added, up to that one. Says how many bytes it takes.
pub(super) fn read_additions(state: &mut State, level: Level, content: &[u8]) -> Result<usize, CodecError> {
    let mut all = 0;
    if level >= Level::POLICIES {
        let (policies, read): (PoliciesV2, usize) = super::read(content)?;
        policies.put_into(state)?;
        all += read;
        let (withdrawals, read): (WithdrawalsV2, usize) = super::read(&content[all..])?;
        withdrawals.put_into(state)?;
        all += read;
        let roster: (Shared<Roster>, usize) = super::read(&content[all..])?;
        state.roster = roster.0;
        all += roster.1;
        let (physical, read): (PhysicalClustersV2, usize) = super::read(&content[all..])?;
        physical.put_into(state);
        all += read;
        let (quotas, read): (QuotasV2, usize) = super::read(&content[all..])?;
        quotas.put_into(state)?;
        all += read;
    }
    #[cfg(feature = "next-level")]
    if level >= Level::NEXT {
        let (next, read) = super::read(&content[all..])?;
        state.next = next;
        all += read;
    }
    Ok(all)
}

impl From<LogId> for LogIdV1 {
    fn from(id: LogId) -> Self {
        Self {
            term: id.leader_id.term,
            node: id.leader_id.node_id,
            index: id.index,
        }
    }
}

impl From<LogIdV1> for LogId {
    fn from(id: LogIdV1) -> Self {
        Self {
            leader_id: LeaderId {
                term: id.term,
                node_id: id.node,
            },
            index: id.index,
        }
    }
}

impl From<Vote> for VoteV1 {
    fn from(vote: Vote) -> Self {
        Self {
            term: vote.leader_id.term,
            node: vote.leader_id.node_id,
            committed: vote.committed,
        }
    }
}

impl From<VoteV1> for Vote {
    fn from(vote: VoteV1) -> Self {
        Self {
            leader_id: LeaderId {
                term: vote.term,
                node_id: vote.node,
            },
            committed: vote.committed,
        }
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().clone(),
            addresses: membership
                .nodes()
                .map(|(id, node)| (*id, node.addr.clone()))
                .collect(),
        }
    }
}

impl TryFrom<MembershipV1> for Membership {
    type Error = CodecError;

    fn try_from(membership: MembershipV1) -> Result<Self, CodecError> {
        let nodes: BTreeMap<u64, BasicNode> = membership
            .addresses
            .into_iter()
            .map(|(id, addr)| (id, BasicNode { addr }))
            .collect();
        if membership.configs.is_empty() && nodes.is_empty() {
            return Ok(Self::default());
        }
        Self::new(membership.configs, nodes).map_err(|error| CodecError::Membership(error.to_string()))
    }
}

impl From<&LogEntry> for EntryV1 {
    fn from(entry: &LogEntry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(proposal) => PayloadV1::Proposal(Box::new(proposal.clone())),
            EntryPayload::Membership(membership) => PayloadV1::Membership(membership.into()),
        };
        Self {
            id: entry.log_id.into(),
            payload,
        }
    }
}

impl EntryV1 {
    pub(crate) fn id(&self) -> LogIdV1 {
        self.id
    }

    /// The entry as openraft has it.
    pub(crate) fn into_entry(self) -> Result<LogEntry, CodecError> {
        let payload = match self.payload {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Proposal(proposal) => EntryPayload::Normal(*proposal),
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.try_into()?),
        };
        Ok(LogEntry {
            log_id: self.id.into(),
            payload,
        })
    }
}

impl SnapshotV1 {
    /// A snapshot of `state`.
    pub(crate) fn new(meta: &SnapshotMeta, state: Arc<State>) -> Self {
        Self {
            last: meta.last_log_id.map(Into::into),
            membership_id: meta.last_membership.log_id().map(Into::into),
            membership: meta.last_membership.membership().into(),
            state,
        }
    }

    /// The description of the snapshot for openraft.
    pub(crate) fn meta(&self) -> Result<SnapshotMeta, CodecError> {
        let membership = self.membership.clone().try_into()?;
        Ok(SnapshotMeta {
            last_log_id: self.last.map(Into::into),
            last_membership: StoredMembership::new(self.membership_id.map(Into::into), membership),
        })
    }
}
