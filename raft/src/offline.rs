//! Work on a data directory while no node runs on it: a look at it, a new cluster of a backup, and a new cluster of
//! what a lost one has left.

mod founded;
mod inspect;
mod recover;
mod restore;

pub use founded::{FoundedCluster, OfflineError};
pub use inspect::{Inspection, inspect};
pub use recover::recover;
pub use restore::{RestoreChoices, restore};

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::NodeId;
use crate::store::Storage;

/// Where a node keeps what, and the nodes that it is configured with.
#[derive(Debug, Clone)]
pub struct NodeHome {
    pub id: NodeId,
    pub data_dir: PathBuf,
    pub storage: Storage,
    /// All nodes of the cluster, this one included.
    pub members: BTreeSet<NodeId>,
}
