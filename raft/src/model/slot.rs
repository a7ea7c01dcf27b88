//! Port slots: the port of slot `s` on node `n` is `n`'s first port + `s`, so any node can name any node's address.

use serde::{Deserialize, Serialize};

use super::ClusterId;

/// A number below every node's port count; unique over all virtual clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortSlot(pub u16);

/// A broker of a physical cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BrokerKey {
    pub cluster: ClusterId,
    pub physical_id: i32,
}

/// How a physical broker appears in one virtual cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSlot {
    pub virtual_id: i32,
    pub port: PortSlot,
}
