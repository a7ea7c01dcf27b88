//! A new cluster of a backup.

use super::NodeHome;
use super::founded::{FoundedCluster, OfflineError, found};
use crate::backup::Backup;
use crate::founding::FoundingId;
use crate::model::State;

/// The term of the entry that a restored cluster begins with.
pub(super) const TERM: u64 = 1;

/// The choices that whoever restores has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoreChoices {
    /// The id that restoring another node into the same new cluster has printed; a new one if there is none.
    pub cluster_id: Option<String>,
    /// The key that signs tokens is forgotten: all tokens become invalid, also those that were revoked after the backup.
    pub new_signing_key: bool,
    /// The Kafka clusters behind the physical clusters are forgotten: others may take their places.
    pub unpin: bool,
}

/// Writes the data directory of a member of a new cluster that begins with the state of a backup. There must be none yet.
/// Where more members are configured than this one, at least a majority of them must be restored, all from one file and into
/// one cluster, before they are started.
///
/// # Errors
/// When the node is none of those that a cluster begins with, when there is data already, or it cannot be written.
pub fn restore(
    home: &NodeHome,
    backup: &Backup,
    choices: &RestoreChoices,
) -> Result<FoundedCluster, OfflineError> {
    if !home.is_founder() {
        return Err(OfflineError::NoFounder {
            id: home.id,
            founders: home.members.clone(),
        });
    }
    let cluster = match &choices.cluster_id {
        Some(id) => id.parse().map_err(|_| OfflineError::NotAnId(id.clone()))?,
        None => FoundingId::random().map_err(|_| OfflineError::Random)?,
    };
    let mut state = State::clone(backup.state());
    if choices.new_signing_key {
        state.signing_keys = None;
    }
    if choices.unpin {
        state.pinned_clusters.clear();
    }
    found(home, state, cluster, TERM)
}
