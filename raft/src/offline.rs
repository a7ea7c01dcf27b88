//! Work on a data directory while no node runs on it: a look at it, a new cluster of a backup, and a new cluster of
//! what a lost one has left.

mod fingerprint;
mod founded;
mod inspect;
mod recover;
mod restore;

pub use fingerprint::fingerprint;
pub use founded::{FoundedCluster, OfflineError};
pub use inspect::{Inspection, inspect};
pub use recover::recover;
pub use restore::{RestoreChoices, restore};

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::OwnId;
use crate::model::NodeId;
use crate::store::{self, Storage};

/// Where a node keeps what, and the nodes that it is configured with.
#[derive(Debug, Clone)]
pub struct NodeHome {
    pub id: NodeId,
    pub data_dir: PathBuf,
    pub storage: Storage,
    /// All nodes of the cluster, this one included.
    pub members: BTreeSet<NodeId>,
}

impl NodeHome {
    /// That of the node `id`, where `listed` found a cluster; a node that is not among them founds one alone.
    ///
    /// # Errors
    /// When the number of the node is in its data directory only, and that cannot be read or says none.
    pub fn of(
        id: OwnId,
        data_dir: PathBuf,
        storage: Storage,
        listed: BTreeSet<NodeId>,
    ) -> Result<Self, OfflineError> {
        let id = match id {
            OwnId::Fixed(id) => id,
            OwnId::Given { founding } => store::owner(&data_dir, &storage)?
                .or(founding)
                .ok_or(OfflineError::NoNumber)?,
        };
        let members = match listed.contains(&id) {
            true => listed,
            false => BTreeSet::from([id]),
        };
        Ok(Self {
            id,
            data_dir,
            storage,
            members,
        })
    }
}
