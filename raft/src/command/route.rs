//! Switches of routes between a physical cluster and the one that stands in for it.

use serde::{Deserialize, Serialize};

use crate::model::{ClusterId, FirstTopicIds, NodeId, RouteKey};

/// A step of a switch. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteChange {
    /// From now on no request goes anywhere by this route, which is on its way to another target.
    Fence {
        key: RouteKey,
        target: ClusterId,
        /// The number of the last switch of this route; refused if there was another since.
        expected: Option<u32>,
        /// Whether it is to stay fenced until somebody says where requests go.
        stays: bool,
        at_s: u64,
    },
    /// Says that no request is under way by this route on a node any more.
    Drained {
        key: RouteKey,
        generation: u32,
        node: NodeId,
    },
    /// From now on requests go to the target of this switch.
    Open {
        key: RouteKey,
        generation: u32,
        at_s: u64,
    },
    /// The topics of a physical cluster that is about to take over are known to clients by other ids. They come in parts, of at most
    /// [`RouteChange::MOST_TOPICS`].
    Topics {
        cluster: ClusterId,
        first_ids: FirstTopicIds,
        /// Whether those that were known before are forgotten.
        is_first_part: bool,
    },
}

impl RouteChange {
    /// So many topics at most are in one part.
    pub const MOST_TOPICS: usize = 1000;

    /// The command's name, for logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fence { .. } => "FenceRoute",
            Self::Drained { .. } => "DrainedRoute",
            Self::Open { .. } => "OpenRoute",
            Self::Topics { .. } => "KeepTopicIds",
        }
    }
}
