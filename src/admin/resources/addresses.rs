//! Where clients reach a virtual cluster: its bootstrap addresses, by listener.

use std::collections::BTreeMap;

use klamm_raft::model::{
    DnsLabel, ListenerName, ListenerRecord, Liveness, NodeId, NodeRecord, PortSlot, Protocol, Routing,
};
use serde::Serialize;

use crate::address::HostPort;
use crate::vcluster::brokers::bootstrap_name;

/// The addresses of a virtual cluster on one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerAddresses {
    name: ListenerName,
    #[serde(serialize_with = "protocol_name")]
    pub(super) security_protocol: Protocol,
    pub(super) bootstrap_servers: String,
}

fn protocol_name<S: serde::Serializer>(protocol: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(protocol.name())
}

/// What of a virtual cluster its addresses depend on.
#[derive(Debug, Clone)]
pub(super) struct Addressed {
    pub(super) bootstrap: PortSlot,
    pub(super) label: Option<DnsLabel>,
}

impl Addressed {
    /// By listener: the bootstrap address on each node that is up, by node id; on every known node when none is up. The
    /// listener of the short form comes first, then those without a name for the virtual cluster are left out.
    pub(super) fn on(&self, nodes: &BTreeMap<NodeId, NodeRecord>) -> Vec<ListenerAddresses> {
        let mut shown: BTreeMap<(bool, &ListenerName), ListenerAddresses> = BTreeMap::new();
        for liveness in [Some(Liveness::Up), None] {
            let mut found: BTreeMap<&ListenerName, (Protocol, Vec<String>)> = BTreeMap::new();
            let wanted = nodes
                .values()
                .filter(|node| liveness.is_none_or(|liveness| node.liveness == liveness));
            for (name, listener) in wanted.flat_map(|node| &node.listeners) {
                let Some(address) = self.address(listener) else {
                    continue;
                };
                let (_, addresses) = found.entry(name).or_insert((listener.protocol, Vec::new()));
                let address = address.to_string();
                // Nodes behind one balancer have one name.
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            for (name, (protocol, addresses)) in found {
                let is_other = *name != ListenerName::short_form();
                shown
                    .entry((is_other, name))
                    .or_insert_with(|| ListenerAddresses {
                        name: name.clone(),
                        security_protocol: protocol,
                        bootstrap_servers: addresses.join(","),
                    });
            }
        }
        shown.into_values().collect()
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
    use super::*;

    fn shown(addressed: &Addressed, nodes: &BTreeMap<NodeId, NodeRecord>) -> Vec<String> {
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
    fn every_live_node_is_a_bootstrap_server_of_each_of_its_listeners() {
        let node = |host: &str, liveness| {
            let mut record = NodeRecord::with_ports(host, 7000, 10);
            let routing = Routing::Sni {
                domain: "kafka.example.com".to_owned(),
                port: 443,
            };
            let protocol = Protocol::SaslSsl;
            let public = ListenerRecord { protocol, routing };
            record.listeners.insert("a-public".parse().unwrap(), public);
            record.liveness = liveness;
            record
        };
        let mut nodes = BTreeMap::from([
            (NodeId(2), node("b", Liveness::Up)),
            (NodeId(1), node("::1", Liveness::Up)),
            (NodeId(3), node("c", Liveness::Down)),
        ]);
        let mut addressed = Addressed {
            bootstrap: PortSlot(3),
            label: Some("team-a".parse().unwrap()),
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
}
