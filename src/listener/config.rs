//! The addresses that this node opens for Kafka clients: the typed form of `gateway.listeners`. Pure data, made by
//! `config`.

use klamm_raft::model::{ListenerName, ListenerRecord, Routing, Speech};

use super::networks::Networks;
use crate::tls::TlsFiles;

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    pub name: ListenerName,
    pub speech: Speech,
    /// The IP address, or host name, that its ports are opened on.
    pub bind_host: String,
    /// The port of slot 0, or the only one.
    pub bind_port: u16,
    /// The addresses that clients are told. With [`Routing::Port`], `bind_port + count - 1` is a port.
    pub routing: Routing,
    /// Given when there is TLS.
    pub tls: Option<TlsFiles>,
    /// Load balancers that say, by the PROXY protocol, who the client is. Everybody else is turned away then.
    pub proxies: Option<Networks>,
}

impl ListenerConfig {
    /// How many ports it opens at most, from `bind_port` on.
    pub fn port_count(&self) -> u16 {
        match self.routing {
            Routing::Port { count, .. } => count,
            Routing::Sni { .. } => 1,
        }
    }

    /// The record that the other nodes are told of it.
    pub fn record(&self) -> ListenerRecord {
        ListenerRecord {
            speech: self.speech,
            routing: self.routing.clone(),
        }
    }
}
