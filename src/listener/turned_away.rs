//! Why a connection is closed before it is a session: a closed set for the log and a metric.

use std::io;

use super::proxy::BadHeader;
use crate::chain::Chain;
use crate::metrics::TurnedAwayFor;
use crate::wire::Lookalike;

/// Why a connection did not become a session.
#[derive(Debug, thiserror::Error)]
pub enum TurnedAway {
    /// It was closed before anything was sent, as health checks do.
    #[error("the other side closed the connection before sending anything")]
    Silent,
    #[error("the source is not one of the trusted load balancers (proxy.protocol.from)")]
    UntrustedSource,
    #[error("{0}")]
    ProxyHeader(#[from] BadHeader),
    #[error("this is not TLS: it looks like {0}")]
    NotTls(Lookalike),
    #[error(
        "this is not TLS: it looks like Kafka without encryption (security.protocol PLAINTEXT or SASL_PLAINTEXT)"
    )]
    PlainKafka,
    #[error("this is not TLS")]
    Unknown,
    #[error("the TLS handshake names no server (SNI), which is how virtual clusters are told apart here")]
    NoServerName,
    #[error(
        "the TLS handshake asks for the server {0:?}, which is not the name of a virtual cluster or broker here"
    )]
    UnknownServerName(String),
    #[error("the client presented no certificate")]
    NoCertificate,
    #[error("the client's certificate was rejected: {0}")]
    BadCertificate(String),
    #[error("the client rejected the handshake: {0}")]
    ClientRefused(String),
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    #[error("the connection was lost: {0}")]
    Broken(io::Error),
    #[error("the TLS handshake or the PROXY header took too long")]
    TooSlow,
    #[error("the connection had to make room for a client with fewer connections")]
    SeatGivenAway,
}

impl TurnedAway {
    /// The label of a metric.
    pub fn label(&self) -> TurnedAwayFor {
        match self {
            Self::Silent => TurnedAwayFor::Silent,
            Self::UntrustedSource => TurnedAwayFor::UntrustedSource,
            Self::ProxyHeader(BadHeader::Missing) => TurnedAwayFor::ProxyHeaderMissing,
            Self::ProxyHeader(BadHeader::VersionOne) => TurnedAwayFor::ProxyHeaderVersionOne,
            Self::ProxyHeader(BadHeader::Malformed) => TurnedAwayFor::ProxyHeaderMalformed,
            Self::NotTls(Lookalike::Tls) => TurnedAwayFor::NotKafkaTls,
            Self::NotTls(Lookalike::Http) => TurnedAwayFor::NotKafkaHttp,
            Self::NotTls(Lookalike::Ssh) => TurnedAwayFor::NotKafkaSsh,
            Self::NotTls(Lookalike::ProxyHeader) => TurnedAwayFor::NotKafkaProxyHeader,
            Self::PlainKafka => TurnedAwayFor::NotTlsKafka,
            Self::Unknown => TurnedAwayFor::NotTls,
            Self::NoServerName => TurnedAwayFor::NoServerName,
            Self::UnknownServerName(_) => TurnedAwayFor::UnknownServerName,
            Self::NoCertificate => TurnedAwayFor::NoCertificate,
            Self::BadCertificate(_) => TurnedAwayFor::BadCertificate,
            Self::ClientRefused(_) => TurnedAwayFor::ClientRefused,
            Self::Tls(_) => TurnedAwayFor::TlsFailed,
            Self::Broken(_) => TurnedAwayFor::Broken,
            Self::TooSlow => TurnedAwayFor::TooSlow,
            Self::SeatGivenAway => TurnedAwayFor::SeatGivenAway,
        }
    }

    /// Whether nobody needs to hear of it: health checks and clients that went away.
    pub fn is_ordinary(&self) -> bool {
        matches!(self, Self::Silent | Self::Broken(_))
    }

    /// The reason for the first bytes of a connection that is not TLS.
    pub(super) fn not_tls(start: &[u8]) -> Self {
        match start.first_chunk().and_then(|start| Lookalike::of(*start)) {
            Some(lookalike) => Self::NotTls(lookalike),
            // The length of a request: nobody's first request has 16 MiB.
            None if start.first() == Some(&0) => Self::PlainKafka,
            None => Self::Unknown,
        }
    }

    /// The reason for a handshake that failed.
    pub(super) fn handshake(error: io::Error) -> Self {
        let Some(inner) = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        else {
            return Self::Broken(error);
        };
        let text = Chain(inner).to_string();
        match inner {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(_) => Self::BadCertificate(text),
            rustls::Error::AlertReceived(_) => Self::ClientRefused(text),
            _ => Self::Tls(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_tls_is_named() {
        let label = |start: &[u8]| TurnedAway::not_tls(start).label().name();
        assert_eq!(label(b"\0\0\0\x33\0\x12"), "not_tls_kafka");
        assert_eq!(label(b"GET / HTTP/1.1"), "not_kafka_http");
        assert_eq!(label(b"PROXY TCP4"), "not_kafka_proxy_header");
        assert_eq!(label(b"SSH-2.0"), "not_kafka_ssh");
        assert_eq!(label(b"xy"), "not_tls");
    }
}
