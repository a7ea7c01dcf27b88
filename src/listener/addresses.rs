//! Which addresses of virtual clusters are open on this node, and why others are not: for readiness, status and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use klamm_raft::model::VclusterName;

use super::{BindError, Spot};

/// All addresses that this node should serve.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// How many are open.
    pub open: usize,
    pub unopened: BTreeMap<Spot, UnopenedAddress>,
}

/// An address that cannot be opened now. It is tried again.
#[derive(Debug, Clone)]
pub struct UnopenedAddress {
    pub vcluster: VclusterName,
    pub error: Arc<BindError>,
}

impl Addresses {
    /// Why nothing can be served: not one address could be opened, and this is what keeps the first of them.
    pub fn none_open(&self) -> Option<&UnopenedAddress> {
        self.unopened.values().next().filter(|_| self.open == 0)
    }

    /// Whether the same addresses are open.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.open == other.open && self.unopened.keys().eq(other.unopened.keys())
    }
}
