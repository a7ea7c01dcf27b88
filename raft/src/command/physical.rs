//! Changes of physical clusters that are resources, and reports on all that nodes know.

use serde::{Deserialize, Serialize};

use super::RouteChange;
use crate::model::{ClusterId, ClusterReports, NodeId, PhysicalCluster};

/// A change of physical clusters. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterChange {
    /// Creates one or changes it. The proposer has checked its properties.
    Put {
        id: ClusterId,
        cluster: PhysicalCluster,
    },
    /// Creates one; refused if there is one of this id.
    Create {
        id: ClusterId,
        cluster: PhysicalCluster,
    },
    Delete {
        id: ClusterId,
    },
    /// Says which physical clusters a gateway node knows, and how it reaches them.
    Report {
        node: NodeId,
        reports: ClusterReports,
    },
    /// Creates or changes one that is part of nodes' configuration. These go on by that, for as long as they have it.
    Adopt {
        id: ClusterId,
        cluster: PhysicalCluster,
    },
    /// A step of a switch between a physical cluster and the one that stands in for it.
    Route(RouteChange),
}

impl ClusterChange {
    /// The command's name, for logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "PutPhysicalCluster",
            Self::Create { .. } => "CreatePhysicalCluster",
            Self::Delete { .. } => "DeletePhysicalCluster",
            Self::Report { .. } => "ReportPhysicalClusters",
            Self::Adopt { .. } => "AdoptPhysicalCluster",
            Self::Route(change) => change.name(),
        }
    }
}
