//! Nodes that run but cannot reach each other. Every connection between two nodes goes through a relay that can be cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use klamm_raft::model::{Liveness, NodeId};
use klamm_raft::outcome::Outcome;
use klamm_raft::{ConfirmError, Node, ProposeError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{Cluster, LIMIT, eventually, liveness, propose};

/// One direction of one pair of nodes.
struct Relay {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Relay {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(relay(near, target, state.clone()));
            }
        });
        Self { address, open }
    }
}

/// A cut relay is silent: it closes nothing and takes everything.
async fn relay(mut near: TcpStream, target: SocketAddr, mut open: watch::Receiver<bool>) {
    while *open.borrow_and_update() {
        let Ok(mut far) = TcpStream::connect(target).await else {
            return;
        };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
            _ = open.wait_for(|open| !open) => {}
        }
    }
    // What was lost in between cannot be made up for: once open again, the connection goes.
    open.wait_for(|open| *open).await.ok();
}

/// Three nodes and the relays between them, by (from, to).
pub(crate) struct Net {
    pub(crate) cluster: Cluster,
    relays: BTreeMap<(u64, u64), Relay>,
}

impl Net {
    pub(crate) async fn start() -> Self {
        let cluster = Cluster::configured();
        let mut net = Self {
            relays: BTreeMap::new(),
            cluster,
        };
        for from in 1..=3 {
            for to in (1..=3).filter(|to| *to != from) {
                net.relays
                    .insert((from, to), Relay::to(net.cluster.address(to)).await);
            }
        }
        for id in 1..=3 {
            let mut config = net.cluster.config(id);
            for ((_, to), relay) in net.relays.iter().filter(|((from, _), _)| *from == id) {
                config.peers.insert(NodeId(*to), relay.address.to_string());
            }
            net.cluster.nodes.insert(id, Node::start(config).unwrap());
        }
        for node in net.cluster.nodes.values() {
            node.wait_ready(LIMIT).await.unwrap();
        }
        net
    }

    /// Lets traffic between `id` and the others through, or not.
    pub(crate) fn set(&self, id: u64, open: bool) {
        for (_, relay) in self
            .relays
            .iter()
            .filter(|((from, to), _)| *from == id || *to == id)
        {
            relay.open.send_replace(open);
        }
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_acknowledges_nothing_and_comes_back() {
    let net = Net::start().await;
    let nodes = &net.cluster.nodes;
    let old = net.cluster.leader().await;
    propose(&nodes[&old], "before").await.unwrap();
    net.set(old, false);
    let alone = {
        let node = nodes[&old].clone();
        tokio::spawn(async move { propose(&node, "alone").await })
    };
    let other = (1..=3).find(|id| *id != old).unwrap();
    let applied = propose(&nodes[&other], "majority").await.unwrap();
    assert_eq!(applied.outcome, Outcome::Created);
    eventually("it counts as down", || {
        liveness(&nodes[&other], old) == Some(Liveness::Down)
    })
    .await;
    assert!(!nodes[&old].states().borrow().vclusters.contains_key("majority"));
    match alone.await.unwrap() {
        Err(ProposeError::NoLeader { .. }) => {}
        other => panic!("acknowledged by a minority: {other:?}"),
    }
    net.set(old, true);
    eventually("it is live again", || {
        liveness(&nodes[&other], old) == Some(Liveness::Up)
    })
    .await;
    let state = net.cluster.agreed().await;
    assert!(state.vclusters.contains_key("before") && state.vclusters.contains_key("majority"));
}

/// Whoever is told that a state is the newest sees what was acknowledged before, or is told that nobody can say.
#[tokio::test]
async fn a_node_that_is_cut_off_confirms_nothing_and_catches_up_before_it_does() {
    let net = Net::start().await;
    let nodes = &net.cluster.nodes;
    let leader = net.cluster.leader().await;
    let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    for node in nodes.values() {
        let at = node.confirm().await.unwrap();
        assert!(node.states().borrow().revision >= at);
    }
    // First one that follows, then the leader itself, which takes itself for the leader still.
    for cut in [others[0], leader] {
        net.set(cut, false);
        let name = format!("without-{cut}");
        let asked = if cut == leader { others[1] } else { leader };
        let applied = propose(&nodes[&asked], &name).await.unwrap();
        let many = (0..100).map(|_| nodes[&cut].confirm());
        for confirmed in futures::future::join_all(many).await {
            assert!(
                matches!(confirmed, Err(ConfirmError::NoLeader { .. })),
                "{cut} says that it is up to date: {confirmed:?}"
            );
        }
        assert!(
            !nodes[&cut]
                .states()
                .borrow()
                .vclusters
                .contains_key(name.as_str())
        );
        assert!(nodes[&asked].confirm().await.unwrap() >= applied.revision);
        net.set(cut, true);
        let confirmed = loop {
            // As soon as it says so, it is so.
            if let Ok(at) = nodes[&cut].confirm().await {
                break at;
            }
        };
        assert!(confirmed >= applied.revision);
        assert!(
            nodes[&cut]
                .states()
                .borrow()
                .vclusters
                .contains_key(name.as_str())
        );
        net.cluster.leader().await;
    }
}

/// The application's decisions count, not the state that was merely stored.
#[tokio::test]
async fn a_node_confirms_only_what_its_application_shows() {
    let cluster = Cluster::started().await;
    let leader = cluster.leader().await;
    let node = &cluster.nodes[&leader];
    let slow = node.report_visibility();
    slow.report(node.confirm().await.unwrap());
    let change = {
        let node = node.clone();
        tokio::spawn(async move { propose(&node, "stored").await })
    };
    eventually("it is stored", || {
        node.states().borrow().vclusters.contains_key("stored")
    })
    .await;
    assert!(matches!(node.confirm().await, Err(ConfirmError::Behind { .. })));
    slow.report(node.states().borrow().revision);
    assert!(node.confirm().await.is_ok());
    change.await.unwrap().unwrap();
}

/// Cuts nodes off one after the other, while changes are proposed on all of them.
#[tokio::test]
async fn nothing_acknowledged_is_lost_while_nodes_come_and_go() {
    let net = Arc::new(Net::start().await);
    let (stop, stopped) = watch::channel(false);
    let mut proposers = Vec::new();
    for (id, node) in net.cluster.nodes.clone() {
        let stopped = stopped.clone();
        proposers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if *stopped.borrow() {
                    break;
                }
                let name = format!("vc-{id}-{number}");
                match propose(&node, &name).await {
                    Ok(applied) => {
                        assert_eq!(applied.outcome, Outcome::Created, "{name} was done twice");
                        acknowledged.push(name);
                    }
                    // Made, and so not to be lost either.
                    Err(ProposeError::NotEverywhere { applied, .. }) => {
                        assert_eq!(applied.outcome, Outcome::Created, "{name} was done twice");
                        acknowledged.push(name);
                    }
                    Err(_) => {}
                }
            }
            acknowledged
        }));
    }
    for victim in [1, 2, 3, 1] {
        net.set(victim, false);
        tokio::time::sleep(Duration::from_millis(2500)).await;
        net.set(victim, true);
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    stop.send_replace(true);
    let mut acknowledged = Vec::new();
    for proposer in proposers {
        acknowledged.extend(proposer.await.unwrap());
    }
    let state = net.cluster.agreed().await;
    for name in &acknowledged {
        assert!(
            state.vclusters.contains_key(name.as_str()),
            "{name} was acknowledged and is lost"
        );
    }
    assert!(
        acknowledged.len() > 20,
        "too little happened: {}",
        acknowledged.len()
    );
}
