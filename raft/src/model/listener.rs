//! Listeners: what a node opens for Kafka clients, as every node knows it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `security.protocol` of the clients of a listener. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// A text that names no protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL")]
pub struct UnknownProtocol;

/// One listener of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerRecord {
    pub protocol: Protocol,
    pub routing: Routing,
}

/// How a listener tells virtual clusters and their brokers apart, and what clients are told. Append-only: the order is
/// on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Routing {
    /// By the port: each slot has one.
    Port {
        /// The host name that clients are told.
        host: String,
        /// The port of slot 0, as clients are told it.
        start: u16,
        /// How many slots the listener can listen on.
        count: u16,
    },
    /// By the server name of the TLS handshake (RFC 6066 §3): one port for all.
    Sni {
        /// `<label>.<domain>` is the bootstrap name, `b<id>-<label>.<domain>` that of a virtual broker.
        domain: String,
        /// As clients are told it.
        port: u16,
    },
}

impl Protocol {
    /// Whether connections are encrypted.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether clients log in by SASL.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// As Kafka spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, UnknownProtocol> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(text))
            .ok_or(UnknownProtocol)
    }
}
