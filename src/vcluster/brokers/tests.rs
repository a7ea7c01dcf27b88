//! Which brokers are shown, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use klamm_raft::model::{
    BrokerKey, BrokerSlot, ListenerName, ListenerRecord, Liveness, Method, NodeId, NodeRecord, PortSlot,
    Protocol, Routing, Speech, VclusterState,
};

use super::{Brokers, Front, VirtualBroker};
use crate::backend::topology::Topologies;
use crate::vcluster::samples;

fn state(brokers: &[(i32, i32, u16)]) -> VclusterState {
    VclusterState {
        brokers: brokers
            .iter()
            .map(|(physical_id, virtual_id, slot)| {
                let cluster = "main".parse().unwrap();
                let slot = BrokerSlot {
                    virtual_id: *virtual_id,
                    port: PortSlot(*slot),
                };
                (
                    BrokerKey {
                        cluster,
                        physical_id: *physical_id,
                    },
                    slot,
                )
            })
            .collect(),
        next_broker_id: 100,
        holders: Default::default(),

        notes: Default::default(),
        times: Default::default(),
        ..samples::partner(&[])
    }
}

fn nodes(of: &[(u64, Liveness, u16)]) -> BTreeMap<NodeId, NodeRecord> {
    of.iter()
        .map(|(id, liveness, port_count)| {
            let record = NodeRecord {
                liveness: *liveness,
                ..NodeRecord::with_ports(format!("gw{id}"), 7000, *port_count)
            };
            (NodeId(*id), record)
        })
        .collect()
}

fn compile(state: &VclusterState, nodes: &BTreeMap<NodeId, NodeRecord>) -> Arc<Brokers> {
    unless_unheard(state, nodes, &[])
}

/// Some of the nodes are not heard.
fn unless_unheard(
    state: &VclusterState,
    nodes: &BTreeMap<NodeId, NodeRecord>,
    unheard: &[u64],
) -> Arc<Brokers> {
    let unheard = unheard.iter().map(|id| NodeId(*id)).collect();
    let vcluster = "v".parse().unwrap();
    Brokers::compile(None, (&vcluster, state), (nodes, &unheard), &Topologies::new())
}

fn clients() -> impl Iterator<Item = IpAddr> {
    (0..=255).map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

/// A client that logs in by SASL.
fn front(listener: &ListenerName) -> Front {
    Front {
        listener: listener.clone(),
        protocol: match listener == &ListenerName::short_form() {
            true => Protocol::SaslPlaintext,
            false => Protocol::SaslSsl,
        },
    }
}

/// The node that each client is sent to for broker 1.
fn chosen(brokers: &Brokers) -> Vec<String> {
    let broker = brokers.by_virtual_id(1).unwrap();
    clients()
        .map(|client| {
            brokers
                .address(broker, &front(&ListenerName::short_form()), client)
                .unwrap()
                .host
                .into_owned()
        })
        .collect()
}

#[test]
fn ids_map_both_ways_and_the_port_is_the_slots() {
    let brokers = compile(
        &state(&[(101, 1, 5), (7, 2, 6)]),
        &nodes(&[(1, Liveness::Up, 10)]),
    );
    assert_eq!(brokers.by_virtual_id(2).unwrap().physical_id, 7);
    assert_eq!(
        brokers
            .by_physical_id(Some(&"main".parse().unwrap()), 101)
            .unwrap()
            .virtual_id,
        1
    );
    assert!(brokers.by_virtual_id(7).is_none());
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let broker = brokers.by_virtual_id(2).unwrap();
    assert_eq!(
        brokers
            .address(broker, &front(&ListenerName::short_form()), client)
            .unwrap()
            .port,
        7006
    );
    assert_eq!(
        brokers
            .bootstrap_address(&front(&ListenerName::short_form()), client)
            .unwrap()
            .port,
        7000
    );
}

#[test]
fn clients_spread_over_the_nodes_and_only_those_of_a_dead_one_move() {
    let state = state(&[(101, 1, 5)]);
    let up = |id| (id, Liveness::Up, 10);
    let three = chosen(&compile(&state, &nodes(&[up(1), up(2), up(3)])));
    for node in ["gw1", "gw2", "gw3"] {
        assert!(
            three.iter().filter(|host| *host == node).count() > 40,
            "{node} has too few of 256 clients"
        );
    }
    let two = chosen(&compile(&state, &nodes(&[up(1), (2, Liveness::Down, 10), up(3)])));
    for (before, after) in three.iter().zip(&two) {
        assert_ne!(after, "gw2");
        assert!(
            before == after || before == "gw2",
            "a client left {before} though it lives"
        );
    }
}

#[test]
fn the_brokers_of_a_client_are_at_different_nodes_and_only_those_of_a_dead_one_move() {
    let state = state(&[(101, 1, 5), (102, 2, 6), (103, 3, 7)]);
    let up = |id| (id, Liveness::Up, 10);
    let at = |brokers: &Brokers, client| -> Vec<String> {
        let of = |broker: &VirtualBroker| {
            let address = brokers.address(broker, &front(&ListenerName::short_form()), client);
            address.unwrap().host.into_owned()
        };
        brokers.all().iter().map(of).collect()
    };
    let all = compile(&state, &nodes(&[up(1), up(2), up(3)]));
    let two = compile(&state, &nodes(&[up(1), (2, Liveness::Down, 10), up(3)]));
    for client in clients() {
        let before = at(&all, client);
        assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 3, "{before:?}");
        for (before, after) in before.iter().zip(at(&two, client)) {
            assert!(
                *before == after || before == "gw2",
                "it left {before}, which lives"
            );
            assert_ne!(after, "gw2");
        }
    }
}

#[test]
fn nobody_is_sent_to_a_node_that_is_not_heard_unless_there_is_no_other() {
    let state = state(&[(101, 1, 5)]);
    let nodes = nodes(&[
        (1, Liveness::Up, 10),
        (2, Liveness::Up, 10),
        (3, Liveness::Draining, 10),
    ]);
    let told = |unheard: &[u64]| {
        let told = chosen(&unless_unheard(&state, &nodes, unheard));
        told.into_iter().collect::<BTreeSet<_>>()
    };
    let expected = |hosts: &[&str]| hosts.iter().map(ToString::to_string).collect();
    assert_eq!(told(&[1]), expected(&["gw2"]));
    assert_eq!(told(&[1, 2]), expected(&["gw3"]));
    assert_eq!(told(&[1, 2, 3]), expected(&["gw1", "gw2"]));
}

#[test]
fn draining_nodes_are_told_only_when_none_is_up_and_short_port_ranges_never() {
    let state = state(&[(101, 1, 5)]);
    let draining = [(1, Liveness::Draining, 10), (2, Liveness::Down, 10)];
    assert!(
        chosen(&compile(&state, &nodes(&draining)))
            .iter()
            .all(|host| host == "gw1")
    );
    let short = compile(&state, &nodes(&[(1, Liveness::Up, 5)]));
    let broker = short.by_virtual_id(1).unwrap();
    assert_eq!(
        short.address(
            broker,
            &front(&ListenerName::short_form()),
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        ),
        None
    );
}

#[test]
fn a_client_is_told_addresses_of_its_own_listener_only() {
    let mut record = NodeRecord::with_ports("gw1", 7000, 10);
    let public: ListenerName = "public".parse().unwrap();
    let routing = Routing::Sni {
        domain: "kafka.example.com".into(),
        port: 443,
    };
    let speech = Speech::fixed(Protocol::SaslSsl);
    record
        .listeners
        .insert(public.clone(), ListenerRecord { speech, routing });
    let nodes = BTreeMap::from([(NodeId(1), record)]);
    let mut state = state(&[(101, 12, 5)]);
    let shown = |state: &VclusterState, listener: &ListenerName| {
        let brokers = compile(state, &nodes);
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let bootstrap = brokers.bootstrap_address(&front(listener), client);
        let broker = brokers.address(brokers.by_virtual_id(12).unwrap(), &front(listener), client);
        [bootstrap, broker].map(|address| address.map(|a| format!("{}:{}", a.host, a.port)))
    };
    let told = |bootstrap: &str, broker: &str| [Some(bootstrap.to_owned()), Some(broker.to_owned())];
    assert_eq!(
        shown(&state, &ListenerName::short_form()),
        told("gw1:7000", "gw1:7005")
    );
    assert_eq!(
        shown(&state, &public),
        told("v.kafka.example.com:443", "b12-v.kafka.example.com:443")
    );
    state.spec.dns_label = Some("team-a".parse().unwrap());
    assert_eq!(
        shown(&state, &public),
        told("team-a.kafka.example.com:443", "b12-team-a.kafka.example.com:443")
    );
    assert_eq!(shown(&state, &"other".parse().unwrap()), [None, None]);
}

#[test]
fn a_client_is_told_addresses_of_nodes_only_where_its_listener_speaks_the_same() {
    let mut state = state(&[(101, 1, 5)]);
    let mut nodes = nodes(&[(1, Liveness::Up, 10), (2, Liveness::Up, 10)]);
    for listener in nodes.get_mut(&NodeId(2)).unwrap().listeners.values_mut() {
        listener.speech = Speech::fixed(Protocol::SaslPlaintext);
    }
    let hosts = |state: &VclusterState, protocol: Protocol| {
        let brokers = compile(state, &nodes);
        let broker = brokers.by_virtual_id(1).unwrap();
        let front = Front {
            listener: ListenerName::short_form(),
            protocol,
        };
        let told = clients().filter_map(|client| brokers.address(broker, &front, client));
        let mut hosts: Vec<String> = told.map(|address| address.host.into_owned()).collect();
        hosts.sort();
        hosts.dedup();
        hosts
    };
    assert_eq!(hosts(&state, Protocol::SaslPlaintext), ["gw1", "gw2"]);
    state.spec.authentication.0.insert(0, Method::Anonymous);
    assert_eq!(hosts(&state, Protocol::Plaintext), ["gw1"]);
    assert_eq!(hosts(&state, Protocol::SaslPlaintext), ["gw1", "gw2"]);
    state.spec.authentication.0.truncate(1);
    assert_eq!(hosts(&state, Protocol::Plaintext), ["gw1"]);
    assert!(hosts(&state, Protocol::SaslPlaintext).is_empty());
}

#[test]
fn clients_are_sent_to_no_address_that_a_node_could_not_open_while_another_has_it() {
    let state = state(&[(101, 1, 5), (7, 2, 6)]);
    let listener = ListenerName::short_form();
    let mut all = nodes(&[(1, Liveness::Up, 10), (2, Liveness::Up, 10)]);
    let closed = |all: &mut BTreeMap<NodeId, NodeRecord>, node: u64, slots: &[u16]| {
        let slots = slots.iter().map(|slot| PortSlot(*slot)).collect();
        let record = all.get_mut(&NodeId(node)).unwrap();
        record.unopened = [(listener.clone(), slots)].into();
    };
    let before = chosen(&compile(&state, &all));
    assert!(before.contains(&"gw1".to_owned()) && before.contains(&"gw2".to_owned()));
    closed(&mut all, 2, &[6]);
    assert_eq!(chosen(&compile(&state, &all)), before, "it is another broker's");
    closed(&mut all, 2, &[5]);
    assert!(chosen(&compile(&state, &all)).iter().all(|host| host == "gw1"));
    closed(&mut all, 1, &[5]);
    assert_eq!(chosen(&compile(&state, &all)), before, "it is open nowhere");
    all.get_mut(&NodeId(2)).unwrap().unopened = [("other".parse().unwrap(), [PortSlot(5)].into())].into();
    assert!(chosen(&compile(&state, &all)).iter().all(|host| host == "gw2"));
}
