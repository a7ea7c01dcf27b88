//! Alias topics: the name of a virtual topic, and the physical topic that it stands for.

use serde::{Deserialize, Serialize};

use super::{ClusterId, TopicName};

/// What an alias topic stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AliasTopic {
    pub physical_cluster: ClusterId,
    pub physical_name: TopicName,
}
