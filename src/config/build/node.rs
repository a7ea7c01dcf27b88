//! This node, and the others of its cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use klamm_raft::model::NodeId;
use klamm_raft::{ClusterSecret, InvalidSecret, OwnId, Upgrade};

use super::super::problem::Problem;
use super::super::tree::TreeValue;
use super::super::{Inputs, NodeConfig, WhenIsolated, reference};
use super::{Builder, MAKE_SECRET, is_loopback};
use crate::address::{HostPort, InvalidAddress};

impl Builder {
    pub(super) fn node(&mut self, inputs: Inputs<'_>) -> NodeConfig {
        let number = self.node_id();
        let data_dir = PathBuf::from(
            self.text(reference::DATA_DIR)
                .unwrap_or_else(|| "./klamm-data".to_owned()),
        );
        let raft_peers = self.peers();
        let raft_join = self.seeds();
        let listen = self.address(reference::RAFT_LISTEN);
        let raft_address = self.raft_address(number, &raft_peers, listen.as_ref());
        let id = match number {
            Some(id) => OwnId::Fixed(id),
            None => OwnId::Given {
                founding: listed_at(&raft_peers, raft_address.as_ref()),
            },
        };
        self.check_number(id, &raft_peers, &raft_join);
        // A single node that no other one is to join opens nothing for others, whatever it is told.
        let for_others = [
            reference::RAFT_PEERS,
            reference::RAFT_JOIN,
            reference::RAFT_ADVERTISED,
        ];
        let has_others = for_others.into_iter().any(|key| self.is_set(key));
        let raft_listen = listen.or_else(|| raft_address.clone()).filter(|_| has_others);
        if raft_listen.is_some() && raft_address.is_none() {
            let message = "it must be known where the other nodes reach this one";
            self.problems.push(
                Problem::new(self.place(reference::RAFT_ADVERTISED), message)
                    .hint("set klamm.raft.advertised to the host:port of this node, as the others see it"),
            );
        }
        let cluster_secret = self.cluster_secret();
        let own = raft_listen
            .iter()
            .chain(raft_address.iter().filter(|_| has_others));
        let mut addresses = raft_peers.values().chain(&raft_join).chain(own);
        let exposed = addresses.find(|address| !is_loopback(&address.host));
        let raft_tls = self.raft_tls(inputs.read);
        let is_guarded = self.is_set(reference::RAFT_SECRET) || raft_tls.is_some();
        if let (Some(exposed), false) = (exposed, is_guarded) {
            let message = format!(
                "nodes are reached at {exposed}, so they must recognize each other by a secret or by certificates"
            );
            self.problems
                .push(Problem::new(self.place(reference::RAFT_SECRET), message).hint(MAKE_SECRET));
        }
        NodeConfig {
            id,
            data_dir,
            storage: self.storage(inputs.read_secret),
            backups: self.backups(inputs.read_secret),
            usage: self.usage(),
            raft_listen,
            raft_address,
            raft_peers,
            raft_join,
            cluster_secret,
            raft_tls,
            upgrade: self.upgrade(),
            isolated: self.isolated(),
        }
    }

    /// None where the cluster, or the data directory, says it.
    fn node_id(&mut self) -> Option<NodeId> {
        match self.text(reference::NODE_ID).as_deref().map(str::trim) {
            Some("auto") => None,
            _ => Some(NodeId(self.number(
                reference::NODE_ID,
                1..=u64::from(u32::MAX),
                1,
            ))),
        }
    }

    /// A `host:port`.
    fn address(&mut self, key: &'static str) -> Option<HostPort> {
        let text = self.text(key)?;
        text.parse::<HostPort>()
            .map_err(|invalid| self.refuse(self.place(key), invalid))
            .ok()
    }

    /// Where the other nodes reach this one. A wildcard is no place.
    fn raft_address(
        &mut self,
        number: Option<NodeId>,
        peers: &BTreeMap<NodeId, HostPort>,
        listen: Option<&HostPort>,
    ) -> Option<HostPort> {
        let is_place =
            |address: &&HostPort| !address.host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
        self.address(reference::RAFT_ADVERTISED)
            .or_else(|| peers.get(&number?).cloned())
            .or_else(|| listen.filter(is_place).cloned())
    }

    /// A node has a number of its own, or gets one.
    fn check_number(&mut self, id: OwnId, peers: &BTreeMap<NodeId, HostPort>, seeds: &[HostPort]) {
        if !seeds.is_empty() {
            return;
        }
        let place = self.place(reference::RAFT_PEERS);
        match id {
            OwnId::Fixed(id) if !peers.is_empty() && !peers.contains_key(&id) => {
                self.refuse(place, format!("this node, {id}, is not among the peers"));
            }
            OwnId::Given { founding: None } => {
                let message = "the number of this node is to be given by a cluster (klamm.node.id: auto), and it has none to join";
                self.problems.push(
                    Problem::new(self.place(reference::NODE_ID), message)
                        .hint("set klamm.raft.join, or have klamm.raft.peers name this node's own address (klamm.raft.advertised)"),
                );
            }
            OwnId::Fixed(_) | OwnId::Given { .. } => {}
        }
    }

    fn upgrade(&mut self) -> Upgrade {
        match self.text(reference::UPGRADE).as_deref().map(str::trim) {
            None | Some("auto") => Upgrade::default(),
            Some("manual") => Upgrade::Manual,
            Some(other) => {
                let message = format!("{other:?} is neither auto nor manual");
                self.refuse(self.place(reference::UPGRADE), message);
                Upgrade::default()
            }
        }
    }

    fn isolated(&mut self) -> WhenIsolated {
        match self.text(reference::ISOLATED).as_deref().map(str::trim) {
            None | Some("refuse") => WhenIsolated::Refuse,
            Some("decide") => WhenIsolated::Decide,
            Some(other) => {
                let message = format!("{other:?} is neither refuse nor decide");
                self.refuse(self.place(reference::ISOLATED), message);
                WhenIsolated::Refuse
            }
        }
    }

    fn cluster_secret(&mut self) -> Option<ClusterSecret> {
        let text = self.text(reference::RAFT_SECRET)?;
        match text.parse() {
            Ok(secret) => Some(secret),
            Err(invalid) => {
                let invalid: InvalidSecret = invalid;
                let problem = Problem::new(self.place(reference::RAFT_SECRET), invalid.to_string());
                self.problems.push(problem.hint(MAKE_SECRET));
                None
            }
        }
    }

    /// Addresses of nodes of a cluster to join.
    fn seeds(&mut self) -> Vec<HostPort> {
        let mut seeds = Vec::new();
        for text in self.texts(reference::RAFT_JOIN) {
            match text.parse() {
                Ok(address) => seeds.push(address),
                Err(invalid) => {
                    let invalid: InvalidAddress = invalid;
                    self.refuse(self.place(reference::RAFT_JOIN), invalid);
                }
            }
        }
        seeds
    }

    fn peers(&mut self) -> BTreeMap<NodeId, HostPort> {
        let place = self.place(reference::RAFT_PEERS);
        let given = self.settings.keys.get(reference::RAFT_PEERS);
        let texts = match given.map(|setting| setting.value.clone()) {
            Some(TreeValue::List(nodes)) => nodes
                .into_iter()
                .map(|node| match node.value {
                    TreeValue::Text(text) => text,
                    other => other.kind().to_owned(),
                })
                .collect(),
            _ => match self.text(reference::RAFT_PEERS) {
                Some(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
                None => Vec::new(),
            },
        };
        let mut peers = BTreeMap::new();
        for text in texts {
            let peer = text.split_once('=').and_then(|(id, address)| {
                let id: u64 = id
                    .trim()
                    .parse()
                    .ok()
                    .filter(|id| (1..=u64::from(u32::MAX)).contains(id))?;
                Some((NodeId(id), address.trim().parse::<HostPort>()))
            });
            match peer {
                Some((_, Err(invalid))) => self.refuse(place.clone(), invalid),
                Some((_, Ok(address))) if peers.values().any(|known| *known == address) => {
                    self.refuse(place.clone(), format!("two nodes have the address {address}"));
                }
                Some((id, Ok(_))) if peers.contains_key(&id) => {
                    self.refuse(place.clone(), format!("the node {id} is given twice"));
                }
                Some((id, Ok(address))) => {
                    peers.insert(id, address);
                }
                None => self.problems.push(
                    Problem::new(place.clone(), format!("{text:?} is not a node and its address"))
                        .hint("the form is 1=host:port,2=host:port,3=host:port"),
                ),
            }
        }
        peers
    }
}

/// The number of the node that founds the cluster at an address.
fn listed_at(peers: &BTreeMap<NodeId, HostPort>, address: Option<&HostPort>) -> Option<NodeId> {
    let own = peers.iter().find(|(_, listed)| Some(*listed) == address);
    own.map(|(id, _)| *id)
}
