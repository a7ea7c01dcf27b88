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
pub use recover::{RecoveryOutcome, recover};
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
    /// The nodes that a new cluster begins with.
    pub members: BTreeSet<NodeId>,
}

impl NodeHome {
    /// That of the node `id`, where `listed` found a cluster; where none are listed, it founds one alone.
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
        let members = match listed.is_empty() {
            false => listed,
            true => BTreeSet::from([id]),
        };
        Ok(Self {
            id,
            data_dir,
            storage,
            members,
        })
    }

    /// Gives the file of the data directory the name `klamm.redb.before-recover`, so that the node begins with nothing.
    ///
    /// # Errors
    /// When there is a file of that name already, or the file cannot be renamed.
    pub fn put_aside(&self) -> Result<(), OfflineError> {
        store::put_aside(&self.data_dir).map_err(OfflineError::Aside)
    }

    /// Whether a new cluster begins with this node, among others.
    fn is_founder(&self) -> bool {
        self.members.contains(&self.id)
    }
}
