//! Where clients reach a virtual cluster: its bootstrap addresses, by listener.

use std::collections::BTreeMap;

use klamm_raft::model::{
    Authentication, DnsLabel, Entry, ListenerName, ListenerRecord, Liveness, NodeId, NodeRecord, PortSlot,
    Protocol, Routing, Speech,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::address::HostPort;
use crate::vcluster::brokers::bootstrap_name;

/// The addresses of a virtual cluster on one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(crate) struct ListenerAddresses {
    #[schemars(with = "String")]
    name: ListenerName,
    #[serde(serialize_with = "protocol_name")]
    #[schemars(with = "String", extend("enum" = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))]
    pub(super) security_protocol: Protocol,
    pub(super) bootstrap_servers: String,
}

fn protocol_name<S: serde::Serializer>(protocol: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(protocol.name())
}

/// Whose addresses are wanted.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// Of nodes that are up and could open it.
    Open,
    Up,
    Known,
}

impl Wanted {
    fn holds(self, node: &NodeRecord, listener: &ListenerName, slot: PortSlot) -> bool {
        let is_up = node.liveness == Liveness::Up;
        match self {
            Self::Open => is_up && !node.is_closed(listener, slot),
            Self::Up => is_up,
            Self::Known => true,
        }
    }
}

/// Where an address stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    /// Nobody can log in there.
    is_vain: bool,
    /// It is not the listener of the short form.
    is_other: bool,
    name: &'a ListenerName,
    /// A listener may speak two protocols: the methods say which comes first.
    rank: Option<usize>,
    protocol: Protocol,
}

/// The parts of a virtual cluster that its addresses depend on.
#[derive(Debug, Clone)]
pub(super) struct Addressed<'a> {
    pub(super) bootstrap: PortSlot,
    pub(super) label: Option<DnsLabel>,
    pub(super) methods: &'a Authentication,
}

impl Addressed<'_> {
    /// By listener, and what is spoken there: the bootstrap address on each node that is up and could open it, by node
    /// id; on every node that is up when none could, and on every known node when none is up. The listener of the short
    /// form comes first. Where methods of both kinds are served, that of the first method comes first. Listeners that
    /// serve none of the methods come last, and those without a name for the virtual cluster are left out.
    pub(super) fn on(&self, nodes: &BTreeMap<NodeId, NodeRecord>) -> Vec<ListenerAddresses> {
        let mut shown: BTreeMap<Place<'_>, ListenerAddresses> = BTreeMap::new();
        for wanted in [Wanted::Open, Wanted::Up, Wanted::Known] {
            let mut found: BTreeMap<Place<'_>, Vec<String>> = BTreeMap::new();
            let all = nodes.values().flat_map(|node| {
                node.listeners
                    .iter()
                    .map(move |(name, listener)| (node, name, listener))
            });
            for (_, name, listener) in all.filter(|(node, name, _)| wanted.holds(node, name, self.bootstrap))
            {
                let Some(address) = self.address(listener) else {
                    continue;
                };
                let address = address.to_string();
                let is_other = *name != ListenerName::short_form();
                for (rank, protocol) in self.spoken(listener.speech) {
                    let place = Place {
                        is_vain: rank.is_none(),
                        is_other,
                        name,
                        rank,
                        protocol,
                    };
                    let addresses = found.entry(place).or_default();
                    // Nodes behind one balancer have one name.
                    if !addresses.contains(&address) {
                        addresses.push(address.clone());
                    }
                }
            }
            for (place, addresses) in found {
                shown.entry(place).or_insert_with(|| ListenerAddresses {
                    name: place.name.clone(),
                    security_protocol: place.protocol,
                    bootstrap_servers: addresses.join(","),
                });
            }
        }
        shown.into_values().collect()
    }

    /// The protocols that are spoken on a listener, each with its rank; none where no method is served.
    fn spoken(&self, speech: Speech) -> Vec<(Option<usize>, Protocol)> {
        let served = speech.protocols_for(self.methods);
        if served.is_empty() {
            let spoken = match speech.entry(self.methods) {
                Entry::Bare => speech.bare(),
                Entry::BySasl | Entry::Either => speech.by_sasl(),
            };
            return vec![(None, spoken)];
        }
        let ranks = (0..).map(Some);
        ranks.zip(served).collect()
    }

    fn address(&self, listener: &ListenerRecord) -> Option<HostPort> {
        let slot = self.bootstrap.0;
        match &listener.routing {
            Routing::Port { host, start, count } if slot < *count => Some(HostPort {
                host: host.clone(),
                port: start.checked_add(slot)?,
            }),
            Routing::Port { .. } => None,
            Routing::Sni { domain, port } => Some(HostPort {
                host: bootstrap_name(self.label.as_ref()?, domain),
                port: *port,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_raft::model::Method;

    use super::*;

    fn shown(addressed: &Addressed<'_>, nodes: &BTreeMap<NodeId, NodeRecord>) -> Vec<String> {
        let shown = |addresses: &ListenerAddresses| {
            let ListenerAddresses {
                name,
                security_protocol,
                bootstrap_servers,
            } = addresses;
            format!("{name} {security_protocol} {bootstrap_servers}")
        };
        addressed.on(nodes).iter().map(shown).collect()
    }

    #[test]
    fn an_address_that_a_node_could_not_open_is_shown_only_where_no_other_has_it() {
        let slot = PortSlot(3);
        let methods = Authentication::default();
        let addressed = Addressed {
            bootstrap: slot,
            label: None,
            methods: &methods,
        };
        let mut nodes: BTreeMap<NodeId, NodeRecord> = [1, 2]
            .map(|id| (NodeId(id), NodeRecord::with_ports(format!("gw{id}"), 7000, 10)))
            .into();
        let servers = |nodes: &BTreeMap<NodeId, NodeRecord>| addressed.on(nodes)[0].bootstrap_servers.clone();
        assert_eq!(servers(&nodes), "gw1:7003,gw2:7003");
        let closed: klamm_raft::model::Unopened = [(ListenerName::short_form(), [slot].into())].into();
        nodes.get_mut(&NodeId(2)).unwrap().unopened = closed.clone();
        assert_eq!(servers(&nodes), "gw1:7003");
        nodes.get_mut(&NodeId(1)).unwrap().unopened = closed;
        assert_eq!(servers(&nodes), "gw1:7003,gw2:7003");
    }

    #[test]
    fn every_live_node_is_a_bootstrap_server_of_each_of_its_listeners() {
        let node = |host: &str, liveness| {
            let mut record = NodeRecord::with_ports(host, 7000, 10);
            let routing = Routing::Sni {
                domain: "kafka.example.com".to_owned(),
                port: 443,
            };
            let speech = Speech::fixed(Protocol::SaslSsl);
            let public = ListenerRecord { speech, routing };
            record.listeners.insert("a-public".parse().unwrap(), public);
            record.liveness = liveness;
            record
        };
        let mut nodes = BTreeMap::from([
            (NodeId(2), node("b", Liveness::Up)),
            (NodeId(1), node("::1", Liveness::Up)),
            (NodeId(3), node("c", Liveness::Down)),
        ]);
        let methods = Authentication::default();
        let mut addressed = Addressed {
            bootstrap: PortSlot(3),
            label: Some("team-a".parse().unwrap()),
            methods: &methods,
        };
        let public = "a-public SASL_SSL team-a.kafka.example.com:443";
        assert_eq!(
            shown(&addressed, &nodes),
            ["default SASL_PLAINTEXT [::1]:7003,b:7003", public]
        );
        for node in nodes.values_mut() {
            node.liveness = Liveness::Down;
        }
        assert_eq!(
            shown(&addressed, &nodes),
            ["default SASL_PLAINTEXT [::1]:7003,b:7003,c:7003", public]
        );
        addressed.label = None;
        addressed.bootstrap = PortSlot(10);
        assert!(shown(&addressed, &nodes).is_empty());
    }

    #[test]
    fn a_listener_is_shown_with_what_the_methods_make_of_it() {
        let node = |host: &str, speech| {
            let mut record = NodeRecord::with_ports(host, 7000, 10);
            record
                .listeners
                .get_mut(&ListenerName::short_form())
                .unwrap()
                .speech = speech;
            record
        };
        let mut nodes = BTreeMap::from([(NodeId(1), node("a", Speech::by_methods()))]);
        let mut methods = Authentication(vec![Method::Anonymous]);
        let check = |methods: &Authentication, nodes: &_, expected: &[&str]| {
            let addressed = Addressed {
                bootstrap: PortSlot(3),
                label: None,
                methods,
            };
            assert_eq!(shown(&addressed, nodes), expected);
        };
        check(&methods, &nodes, &["default PLAINTEXT a:7003"]);
        methods.0.extend(Authentication::default().0);
        let both = ["default PLAINTEXT a:7003", "default SASL_PLAINTEXT a:7003"];
        check(&methods, &nodes, &both);
        methods.0.reverse();
        check(&methods, &nodes, &[both[1], both[0]]);
        // The other node's listener of this name fixes a protocol.
        let fixed = node("b", Speech::fixed(Protocol::SaslPlaintext));
        nodes.insert(NodeId(2), fixed);
        check(
            &methods,
            &nodes,
            &["default SASL_PLAINTEXT a:7003,b:7003", both[0]],
        );
        check(
            &Authentication(vec![Method::Anonymous]),
            &nodes,
            &[both[0], "default SASL_PLAINTEXT b:7003"],
        );
    }
}
