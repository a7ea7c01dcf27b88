//! Gateway nodes, as every node knows them.

use serde::{Deserialize, Serialize};

/// Whether clients are sent to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Liveness {
    /// Reachable and serving: advertised, and waited for before a change is acknowledged.
    Up,
    /// Silent: neither advertised nor waited for.
    Down,
    /// Shutting down on purpose: not advertised, still waited for.
    Draining,
}

/// One gateway node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The host name that clients are told.
    pub advertised_host: String,
    /// The port of slot 0.
    pub port_start: u16,
    /// How many slots this node can listen on.
    pub port_count: u16,
    pub liveness: Liveness,
}
