//! A new cluster that begins with a state that there was before.

use std::collections::BTreeSet;
use std::sync::Arc;

use openraft::BasicNode;

use super::NodeHome;
use super::fingerprint::carried;
use crate::backup::BackupError;
use crate::codec::{self, layout::SnapshotV1};
use crate::founding::FoundingId;
use crate::model::{NodeId, Revision, State};
use crate::store::{self, Beginning, Standing, StoreError};
use crate::types::{LeaderId, LogId, Membership, SnapshotMeta, StoredMembership, Vote};

/// Revisions tell what was made when, and tokens of one account from those of a later one of that name: they are never
/// used twice. More than this is not lost with a cluster.
const REVISIONS_LEFT_OUT: u64 = 1_000_000;

/// Why a data directory could not be made, or read.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    #[error("the data directory cannot be used")]
    Store(#[from] StoreError),
    #[error("the backup cannot be used")]
    Backup(#[from] BackupError),
    #[error(
        "this data directory belongs to the cluster {found}, not to {named}: the id proves that you mean this directory"
    )]
    OtherCluster { found: String, named: String },
    #[error("this data directory belongs to no cluster yet: there is nothing to recover from it")]
    NoCluster,
    #[error(
        "the number of this node is not known: klamm.node.id is auto, and the data directory is empty. Set klamm.node.id for this command, and leave it set"
    )]
    NoNumber,
    #[error(
        "node {id} is none of those that a cluster begins with, by klamm.raft.peers: restore the nodes {}, and this one joins them with an empty data directory. If those nodes are no more, take klamm.raft.peers out of the configuration: then this node begins alone, and others join it",
        listed(founders)
    )]
    NoFounder { id: NodeId, founders: BTreeSet<NodeId> },
    #[error("{0:?} is no id of a cluster: 32 digits of 0-9 and a-f")]
    NotAnId(String),
    #[error("the operating system provides no random bytes")]
    Random,
    #[error("the state cannot be written: {0}")]
    Unwritable(String),
    #[error("the file cannot be put aside")]
    Aside(#[source] std::io::Error),
}

fn listed(ids: &BTreeSet<NodeId>) -> String {
    let ids: Vec<String> = ids.iter().map(NodeId::to_string).collect();
    ids.join(", ")
}

/// A cluster that was founded offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundedCluster {
    /// Other nodes are restored into it by this id.
    pub cluster_id: String,
    /// The revision that it begins with.
    pub revision: Revision,
    pub members: Vec<NodeId>,
}

/// Writes the data directory of a member of a cluster that begins with `state`. Everybody who does so with one state and one
/// id gets a member of one cluster: they begin with the same entry of the log.
pub(super) fn found(
    home: &NodeHome,
    state: State,
    cluster: FoundingId,
    term: u64,
) -> Result<FoundedCluster, OfflineError> {
    let unwritable = |error: &dyn std::fmt::Display| OfflineError::Unwritable(error.to_string());
    let mut state = carried(state);
    state.revision = Revision(state.revision.0.saturating_add(REVISIONS_LEFT_OUT));
    let first = home.members.first().copied().unwrap_or(home.id);
    let last = LogId {
        leader_id: LeaderId {
            term,
            node_id: first.0,
        },
        index: state.revision.0,
    };
    let voters = home.members.iter().map(|id| id.0).collect();
    let nodes: std::collections::BTreeMap<u64, BasicNode> = home
        .members
        .iter()
        .map(|id| (id.0, BasicNode::default()))
        .collect();
    let membership = Membership::new(vec![voters], nodes).map_err(|error| unwritable(&error))?;
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(Some(last), membership),
    };
    let revision = state.revision;
    let snapshot = SnapshotV1::new(&meta, Arc::new(state));
    let beginning = Beginning {
        snapshot: codec::encode(&snapshot).map_err(|error| unwritable(&error))?,
        last,
        vote: Vote::new(term, first.0),
        standing: Standing::Member { cluster },
    };
    store::begin(&home.data_dir, home.id, &home.storage, beginning)?;
    Ok(FoundedCluster {
        cluster_id: cluster.to_string(),
        revision,
        members: home.members.iter().copied().collect(),
    })
}
