//! A new cluster of what a lost one has left on one disk.

use std::sync::Arc;

use super::NodeHome;
use super::founded::{FoundedCluster, OfflineError, found};
use crate::backup::Backup;
use crate::founding::FoundingId;
use crate::store;

/// The place of what a lost cluster has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecoveryOutcome {
    /// The data directory is that of a member of a new cluster.
    Founded(FoundedCluster),
    /// The node is none of those that a cluster begins with: the data directory is as it was, and what it holds is in the backup alone.
    BackupOnly,
}

/// Makes a new cluster of all that this data directory holds, when the majority of its cluster is lost for good. What it holds
/// is used to its end, since the last entries may have been acknowledged; what only the lost nodes held is gone. The file as
/// it was stays beside the new one. No node of the old cluster can come into the new one.
///
/// A node that is none of those that a cluster begins with makes none: the others would begin one of their own, and there would be
/// two. They are restored from the backup instead, and this node joins them once its data directory is
/// [put aside](NodeHome::put_aside()).
///
/// `cluster` is the id of the cluster as [`inspect`](super::inspect()) shows it. Returns what came of it, and the state as a backup by
/// which the other members are restored; `made` is the version of klamm and the time, in seconds since the Unix epoch.
///
/// # Errors
/// When the directory belongs to another cluster, cannot be read, or cannot be written.
pub fn recover(
    home: &NodeHome,
    cluster: &str,
    made: (&str, u64),
) -> Result<(RecoveryOutcome, Backup), OfflineError> {
    let left = store::read_left(&home.data_dir, home.id, &home.storage)?;
    let was = left.standing.cluster().ok_or(OfflineError::NoCluster)?;
    if was.to_string() != cluster {
        return Err(OfflineError::OtherCluster {
            found: was.to_string(),
            named: cluster.to_owned(),
        });
    }
    let (state, _) = left.whole();
    let becomes = FoundingId::random().map_err(|_| OfflineError::Random)?;
    let backup = Backup::new(Arc::new(state.clone()), becomes, made);
    if !home.is_founder() {
        return Ok((RecoveryOutcome::BackupOnly, backup));
    }
    home.put_aside()?;
    let founded = match found(home, state, becomes, super::restore::TERM) {
        Ok(founded) => founded,
        Err(error) => {
            // It is as it was: the node may be tried again.
            store::put_back(&home.data_dir).map_err(OfflineError::Aside)?;
            return Err(error);
        }
    };
    Ok((RecoveryOutcome::Founded(founded), backup))
}
