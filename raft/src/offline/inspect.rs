//! A look at a data directory.

use super::NodeHome;
use super::fingerprint::fingerprint;
use crate::model::{Level, NodeId, Revision};
use crate::store::{self, Left, Standing, StoreError};

/// The part of a data directory that decides which of several is the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub id: NodeId,
    /// None: the node has never been a member.
    pub cluster_id: Option<String>,
    /// Whether it lost its disk before and has not caught up since.
    pub is_catching_up: bool,
    /// The highest term that the node has voted in.
    pub term: u64,
    /// The term and the index of the last entry of its log. The directory with the highest, in this order, has most.
    pub last: Option<(u64, u64)>,
    /// The last entry of which it is known that a majority has it.
    pub committed: Option<u64>,
    /// The revision of its snapshot.
    pub snapshot: Option<Revision>,
    pub voters: Vec<NodeId>,
    pub level: Level,
    /// How many virtual clusters there are, after the whole log.
    pub vclusters: usize,
    /// The [`fingerprint`] of the state after the whole log.
    pub fingerprint: Option<String>,
}

/// Looks at a data directory. It must exist, and nothing in it is changed.
///
/// # Errors
/// When it cannot be read, or a node runs on it.
pub fn inspect(home: &NodeHome) -> Result<Inspection, StoreError> {
    let left = store::read_left(&home.data_dir, home.id, &home.storage)?;
    let snapshot = left.snapshot_revision();
    let Left {
        standing,
        vote,
        last,
        committed,
        ..
    } = left;
    let (state, voters) = left.whole();
    Ok(Inspection {
        id: home.id,
        cluster_id: standing.cluster().map(|cluster| cluster.to_string()),
        is_catching_up: matches!(standing, Standing::Rejoining { .. }),
        term: vote.map_or(0, |vote| vote.leader_id.term),
        last: last.map(|last| (last.leader_id.term, last.index)),
        committed: committed.map(|committed| committed.index),
        snapshot,
        voters,
        level: state.level,
        vclusters: state.vclusters.len(),
        fingerprint: fingerprint(&state),
    })
}
