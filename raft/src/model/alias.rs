//! Alias topics: the name of a virtual topic, and the physical topic that it stands for.

use serde::{Deserialize, Serialize};

use super::{ClusterId, TopicName, is_kafkas_own};

/// The topic that an alias topic stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AliasTopic {
    pub physical_cluster: ClusterId,
    pub physical_name: TopicName,
}

impl AliasTopic {
    /// Whether it stands for a topic that Kafka keeps for itself: such an alias is not made, and one that is there shows
    /// nothing.
    pub fn is_of_kafka(&self) -> bool {
        is_kafkas_own(self.physical_name.as_str())
    }
}
