//! Virtual brokers: how the brokers of physical clusters appear to clients, and at which address of the gateway.
//! It never tells a broker's own address.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use klamm_raft::model::{
    Authentication, BrokerKey, ClusterId, DnsLabel, ListenerName, Liveness, NodeId, NodeRecord, PortSlot,
    Protocol, Routing, VclusterName, VclusterState,
};

use super::plan::Front;
use crate::backend::topology::Topologies;

/// The virtual id of the one broker that is shown while a virtual cluster has no home cluster: its bootstrap address.
pub const BOOTSTRAP_BROKER: i32 = 0;

/// A broker as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualBroker {
    pub virtual_id: i32,
    pub cluster: ClusterId,
    pub physical_id: i32,
    pub slot: PortSlot,
    /// Where clients may prefer to read from (KIP-392). None while the broker is not in the topology.
    pub rack: Option<Arc<str>>,
}

/// Where clients reach a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    pub host: Cow<'a, str>,
    pub port: u16,
}

/// The brokers of one virtual cluster.
#[derive(Debug, PartialEq, Eq)]
pub struct Brokers {
    vcluster: VclusterName,
    bootstrap: PortSlot,
    /// By virtual id. Empty while there is no home cluster.
    brokers: Vec<VirtualBroker>,
    /// The name of the virtual cluster in host names.
    label: Option<DnsLabel>,
    /// The gateway nodes that clients are sent to, by the listener that they came in on and what they speak there.
    nodes: BTreeMap<ListenerName, BTreeMap<Protocol, Vec<Node>>>,
    /// All nodes on record, whether clients are sent there or not.
    recorded: Vec<NodeId>,
    /// The virtual id of the controller.
    controller: Option<i32>,
}

#[derive(Debug, PartialEq, Eq)]
struct Node {
    id: NodeId,
    routing: Routing,
    /// The slots that it cannot open on that listener.
    unopened: BTreeSet<PortSlot>,
}

impl Brokers {
    /// Compiles the brokers that have a slot. Clients are not sent to nodes that are `unheard`. `previous` is given back when nothing changed.
    pub fn compile(
        previous: Option<&Arc<Self>>,
        (vcluster, state): (&VclusterName, &VclusterState),
        (nodes, unheard): (&BTreeMap<NodeId, NodeRecord>, &BTreeSet<NodeId>),
        topologies: &Topologies,
    ) -> Arc<Self> {
        let brokers = virtual_brokers(state, topologies);
        let home = state.home.as_ref();
        let controller = home.and_then(|home| topologies.get(home)?.controller);
        let compiled = Self {
            vcluster: vcluster.clone(),
            bootstrap: state.bootstrap,
            controller: brokers
                .iter()
                .find(|broker| Some(broker.physical_id) == controller && Some(&broker.cluster) == home)
                .map(|broker| broker.virtual_id),
            brokers,
            label: state.spec.label(vcluster),
            recorded: nodes.keys().copied().collect(),
            nodes: advertised_nodes(nodes, unheard, &state.spec.authentication),
        };
        match previous {
            Some(previous) if **previous == compiled => Arc::clone(previous),
            _ => Arc::new(compiled),
        }
    }

    /// All brokers that have a slot, by virtual id.
    pub fn all(&self) -> &[VirtualBroker] {
        &self.brokers
    }

    /// The broker that clients know by this id.
    pub fn by_virtual_id(&self, id: i32) -> Option<&VirtualBroker> {
        let place = self.brokers.binary_search_by_key(&id, |broker| broker.virtual_id);
        place.ok().map(|place| &self.brokers[place])
    }

    /// The broker with this id on a physical cluster, if it has a slot.
    pub fn by_physical_id(&self, cluster: Option<&ClusterId>, id: i32) -> Option<&VirtualBroker> {
        let mut there = self.brokers.iter().filter(|broker| broker.physical_id == id);
        there.find(|broker| Some(&broker.cluster) == cluster)
    }

    /// The virtual id of the home cluster's controller.
    pub fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// Where `client`, who came in there, is sent for this broker: always the same node while that one lives, another
    /// client's may differ. None when no node serves the broker on that listener.
    pub fn address(&self, broker: &VirtualBroker, front: &Front, client: IpAddr) -> Option<Address<'_>> {
        self.address_of((broker.slot, broker.virtual_id), front, client)
    }

    /// Where `client`, who came in there, is sent for the bootstrap address.
    pub fn bootstrap_address(&self, front: &Front, client: IpAddr) -> Option<Address<'_>> {
        self.address_of((self.bootstrap, BOOTSTRAP_BROKER), front, client)
    }

    fn address_of(
        &self,
        (slot, virtual_id): (PortSlot, i32),
        front: &Front,
        client: IpAddr,
    ) -> Option<Address<'_>> {
        let nodes = self.nodes.get(&front.listener)?.get(&front.protocol)?;
        let turn = self.turn(virtual_id, client);
        let rank = |node: &&Node| {
            let weight = self.weight(virtual_id, client, node.id);
            (Some(node.id) == turn, weight, node.id)
        };
        let having = || nodes.iter().filter(|node| node.has(slot));
        let open = having().filter(|node| !node.unopened.contains(&slot));
        // A client must be told something: where no node could open it, it may be open by the time that the client comes.
        let chosen = open.max_by_key(rank).or_else(|| having().max_by_key(rank))?;
        match &chosen.routing {
            Routing::Port { host, start, .. } => Some(Address {
                host: Cow::Borrowed(host),
                port: start.checked_add(slot.0)?,
            }),
            Routing::Sni { domain, port } => Some(Address {
                host: Cow::Owned(match virtual_id {
                    BOOTSTRAP_BROKER => bootstrap_name(self.label.as_ref()?, domain),
                    broker => broker_name(self.label.as_ref()?, broker, domain),
                }),
                port: *port,
            }),
        }
    }

    /// The node whose turn it is: each client has an order of all nodes, and its brokers are dealt out to them one by one. A
    /// client whose brokers were all at one node would have nobody to ask when that dies; and nodes that come and go
    /// leave the turns as they are.
    fn turn(&self, virtual_id: i32, client: IpAddr) -> Option<NodeId> {
        let count = i32::try_from(self.recorded.len())
            .ok()
            .filter(|count| *count > 0)?;
        let turn = usize::try_from(virtual_id.rem_euclid(count)).ok()?;
        let place = |node: NodeId| (self.weight(BOOTSTRAP_BROKER, client, node), node);
        let before = |node: NodeId| {
            self.recorded
                .iter()
                .filter(|other| place(**other) > place(node))
                .count()
        };
        self.recorded.iter().copied().find(|node| before(*node) == turn)
    }

    /// Rendezvous hashing: the node with the highest weight wins, so a node that goes away moves only its own clients.
    fn weight(&self, virtual_id: i32, client: IpAddr, node: NodeId) -> u64 {
        let hash = fnv1a(FNV_OFFSET, self.vcluster.as_str().as_bytes());
        let hash = fnv1a(hash, &virtual_id.to_be_bytes());
        let hash = match client {
            IpAddr::V4(address) => fnv1a(hash, &address.octets()),
            IpAddr::V6(address) => fnv1a(hash, &address.octets()),
        };
        mix(fnv1a(hash, &node.0.to_be_bytes()))
    }
}

impl Node {
    fn has(&self, slot: PortSlot) -> bool {
        match self.routing {
            Routing::Port { count, .. } => slot.0 < count,
            Routing::Sni { .. } => true,
        }
    }
}

/// The host name of a virtual cluster's bootstrap address where names tell addresses apart.
pub fn bootstrap_name(label: &DnsLabel, domain: &str) -> String {
    format!("{label}.{domain}")
}

/// The host name of a virtual broker where names tell addresses apart.
pub fn broker_name(label: &DnsLabel, virtual_id: i32, domain: &str) -> String {
    format!("b{virtual_id}-{label}.{domain}")
}

fn virtual_brokers(state: &VclusterState, topologies: &Topologies) -> Vec<VirtualBroker> {
    let rack = |key: &BrokerKey| {
        let broker = topologies.get(&key.cluster)?.brokers.get(&key.physical_id)?;
        broker.rack.as_deref().map(Arc::from)
    };
    let all = state.brokers.iter();
    let mut brokers: Vec<VirtualBroker> = all
        .map(|(key, slot)| VirtualBroker {
            virtual_id: slot.virtual_id,
            cluster: key.cluster.clone(),
            physical_id: key.physical_id,
            slot: slot.port,
            rack: rack(key),
        })
        .collect();
    brokers.sort_by_key(|broker| broker.virtual_id);
    brokers
}

/// For each listener, and each protocol there, the nodes that are up, are heard and have it; when there is none, those that
/// are draining, and then those that are not heard, because a client must be told something. A listener may speak something else on a node whose configuration
/// is about to be changed.
fn advertised_nodes(
    nodes: &BTreeMap<NodeId, NodeRecord>,
    unheard: &BTreeSet<NodeId>,
    methods: &Authentication,
) -> BTreeMap<ListenerName, BTreeMap<Protocol, Vec<Node>>> {
    let mut advertised: BTreeMap<ListenerName, BTreeMap<Protocol, Vec<Node>>> = BTreeMap::new();
    let classes = [
        (Liveness::Up, true),
        (Liveness::Draining, true),
        (Liveness::Up, false),
        (Liveness::Draining, false),
    ];
    for class in classes {
        let mut found: BTreeMap<(&ListenerName, Protocol), Vec<Node>> = BTreeMap::new();
        for (id, record) in nodes
            .iter()
            .filter(|(id, record)| (record.liveness, !unheard.contains(id)) == class)
        {
            for (name, listener) in &record.listeners {
                for protocol in listener.speech.protocols_for(methods) {
                    found.entry((name, protocol)).or_default().push(Node {
                        id: *id,
                        routing: listener.routing.clone(),
                        unopened: record.unopened.get(name).cloned().unwrap_or_default(),
                    });
                }
            }
        }
        for ((name, protocol), nodes) in found {
            let of_listener = advertised.entry(name.clone()).or_default();
            of_listener.entry(protocol).or_insert(nodes);
        }
    }
    advertised
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a: every node must compute the same, in every release.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
    })
}

/// The finalizer of SplitMix64, because FNV's high bits hardly depend on the last bytes.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests;
