//! The ports that this node opens: none may be two things, and none should be one that the system gives away.

use std::net::IpAddr;
use std::path::Path;

use super::super::problem::{Problem, SettingPlace};
use super::super::{HttpConfig, NodeConfig, ReadFile, reference};
use super::{Builder, is_loopback};
use crate::listener::config::ListenerConfig;

/// Where Linux says which ports it gives to outgoing connections, and which of them it does not.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

impl Builder {
    /// No port is two things.
    pub(super) fn check_ports(&mut self, listeners: &[ListenerConfig], http: &HttpConfig, node: &NodeConfig) {
        let raft_key = self.raft_key();
        for (index, listener) in listeners.iter().enumerate() {
            let first = u32::from(listener.bind_port);
            let ports = first..first + u32::from(listener.port_count());
            let range = match self.is_set(reference::LISTENERS) {
                true => format!(
                    "the ports of the listener {}, {first} to {}",
                    listener.name,
                    ports.end - 1
                ),
                false => format!("the Kafka ports, {first} to {}", ports.end - 1),
            };
            let within = |host: &str, port: u16| {
                ports.contains(&u32::from(port)) && may_overlap(host, &listener.bind_host)
            };
            if within(&http.bind.host, http.bind.port) {
                let place = self.place(reference::HTTP_PORT);
                self.refuse(place, format!("the port {} is one of {range}", http.bind.port));
            }
            if let Some(raft) = node
                .raft_listen
                .as_ref()
                .filter(|raft| within(&raft.host, raft.port))
            {
                let place = self.place(raft_key);
                self.refuse(place, format!("the port {} is one of {range}", raft.port));
            }
            for other in &listeners[index + 1..] {
                let begins = u32::from(other.bind_port);
                let overlap = begins < ports.end && first < begins + u32::from(other.port_count());
                if overlap && may_overlap(&other.bind_host, &listener.bind_host) {
                    let place = self.place(reference::LISTENERS);
                    let last = begins + u32::from(other.port_count()) - 1;
                    let message = format!(
                        "the ports of the listener {}, {begins} to {last}, overlap {range}",
                        other.name
                    );
                    self.refuse(place, message);
                }
            }
        }
        if let Some(raft) = &node.raft_listen
            && raft.port == http.bind.port
            && may_overlap(&raft.host, &http.bind.host)
        {
            let place = self.place(raft_key);
            self.refuse(
                place,
                format!("the port {} is the port of the admin API", raft.port),
            );
        }
    }

    fn raft_key(&self) -> &'static str {
        [reference::RAFT_LISTEN, reference::RAFT_ADVERTISED]
            .into_iter()
            .find(|key| self.is_set(key))
            .unwrap_or(reference::RAFT_PEERS)
    }

    /// Warns of ports that outgoing connections of this machine may hold at the moment at which they are opened.
    pub(super) fn ephemeral_ports(
        &self,
        (listeners, http, node): (&[ListenerConfig], &HttpConfig, &NodeConfig),
        read: ReadFile<'_>,
    ) -> Vec<Problem> {
        let Some(given) = Given::read(read) else {
            // Another system, or one that does not say.
            return Vec::new();
        };
        let client_key = match self.is_set(reference::LISTENERS) {
            true => reference::LISTENERS,
            false => reference::PORT_START,
        };
        let of_clients = listeners.iter().map(|listener| {
            let first = u32::from(listener.bind_port);
            (client_key, first, first + u32::from(listener.port_count()) - 1)
        });
        let raft = node.raft_listen.iter().map(|raft| (self.raft_key(), raft.port));
        let single = raft.chain([(reference::HTTP_PORT, http.bind.port)]);
        let single = single.map(|(key, port)| (key, u32::from(port), u32::from(port)));
        of_clients
            .chain(single)
            .filter_map(|(key, first, last)| given.warning(self.place(key), (first, last)))
            .collect()
    }
}

/// The ports that the system gives to outgoing connections.
struct Given {
    first: u32,
    last: u32,
    /// Ranges that it keeps out of it.
    reserved: Vec<(u32, u32)>,
}

impl Given {
    fn read(read: ReadFile<'_>) -> Option<Self> {
        let range = read(Path::new(RANGE)).ok()?;
        let mut ends = range.split_whitespace().map(str::parse::<u32>);
        let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
        let reserved = read(Path::new(RESERVED)).unwrap_or_default();
        let ranges = reserved.trim().split(',').filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Self {
            first,
            last,
            reserved: ranges.collect(),
        })
    }

    fn warning(&self, place: SettingPlace, (first, last): (u32, u32)) -> Option<Problem> {
        let is_given = |port: &u32| {
            let is_reserved = |(first, last): &(u32, u32)| (first..=last).contains(&port);
            (self.first..=self.last).contains(port) && !self.reserved.iter().any(is_reserved)
        };
        let low = (first..=last).find(is_given)?;
        let high = (low..=last).rev().find(is_given)?;
        let (ports, range) = match low == high {
            true => (format!("the port {low} is"), low.to_string()),
            false => (format!("the ports {low} to {high} are"), format!("{low}-{high}")),
        };
        let message = format!(
            "{ports} among those that this system uses for outgoing connections ({} to {}): one of them may be in use when the gateway opens it",
            self.first, self.last
        );
        Some(Problem::new(place, message).hint(format!(
            "choose others, or add {range} to net.ipv4.ip_local_reserved_ports"
        )))
    }
}

/// Whether two hosts of this machine may be, or contain, the same address.
fn may_overlap(a: &str, b: &str) -> bool {
    let any = |host: &str| host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
    a == b || any(a) || any(b) || (is_loopback(a) && is_loopback(b))
}
