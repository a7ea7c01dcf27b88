//! Gateway nodes, as every node knows them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Ability, ListenerName, ListenerRecord, PortSlot, Routing, Speech};

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
    /// Its listeners, as clients may be told of them. A client on one listener is told addresses of the listener of
    /// that name only.
    pub listeners: BTreeMap<ListenerName, ListenerRecord>,
    pub liveness: Liveness,
    /// The levels and features that it can work with.
    pub ability: Ability,
    /// Addresses that the node cannot open now, by listener: no client is sent there while another node has them.
    pub unopened: Unopened,
}

/// Slots whose addresses a node cannot open, by listener.
pub type Unopened = BTreeMap<ListenerName, BTreeSet<PortSlot>>;

impl NodeRecord {
    /// A node that is up and has the one listener of the configuration's short form.
    pub fn with_ports(host: impl Into<String>, start: u16, count: u16) -> Self {
        let record = ListenerRecord {
            speech: Speech::by_methods(),
            routing: Routing::Port {
                host: host.into(),
                start,
                count,
            },
        };
        Self {
            listeners: BTreeMap::from([(ListenerName::short_form(), record)]),
            liveness: Liveness::Up,
            ability: Ability::default(),
            unopened: Unopened::new(),
        }
    }

    /// Whether a listener's address of a slot is known to be closed.
    pub fn is_closed(&self, listener: &ListenerName, slot: PortSlot) -> bool {
        let closed = self.unopened.get(listener);
        closed.is_some_and(|slots| slots.contains(&slot))
    }

    /// How many slots every listener of this node can serve; none when no listener gives slots ports.
    pub fn slot_count(&self) -> Option<u16> {
        let counts = self
            .listeners
            .values()
            .filter_map(|listener| match listener.routing {
                Routing::Port { count, .. } => Some(count),
                Routing::Sni { .. } => None,
            });
        counts.min()
    }
}
