//! The resource that is asked about: one concrete resource, by the name that the client sees.

use klamm_raft::model::ResourceType;

/// The one name that the cluster resource has.
pub const CLUSTER_NAME: &str = "kafka-cluster";

/// A concrete resource. It is compared with patterns and is never one itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    pub resource_type: ResourceType,
    pub name: &'a str,
}

impl Resource<'static> {
    /// The cluster as a whole.
    pub const CLUSTER: Self = Self {
        resource_type: ResourceType::Cluster,
        name: CLUSTER_NAME,
    };
}

impl<'a> Resource<'a> {
    /// A topic.
    pub const fn topic(name: &'a str) -> Self {
        Self {
            resource_type: ResourceType::Topic,
            name,
        }
    }

    /// A group of any protocol.
    pub const fn group(name: &'a str) -> Self {
        Self {
            resource_type: ResourceType::Group,
            name,
        }
    }

    /// A transactional id.
    pub const fn transactional_id(name: &'a str) -> Self {
        Self {
            resource_type: ResourceType::TransactionalId,
            name,
        }
    }
}
