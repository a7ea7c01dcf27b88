//! Listeners: what a node opens for Kafka clients, as every node knows it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Authentication, Method};

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
    pub speech: Speech,
    pub routing: Routing,
}

/// The protocols that a listener speaks with clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speech {
    pub sasl: Sasl,
    pub encryption: Encryption,
}

/// Whether clients of a listener log in by SASL. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sasl {
    Never,
    Always,
    /// As the methods of their virtual cluster say. Where these are of both kinds, as the client likes.
    ByMethods,
}

/// Whether connections are encrypted. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    Plain,
    Tls,
    /// And clients are asked for certificates.
    TlsWithCertificates,
}

/// How clients of one virtual cluster come in on one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Without SASL: by a certificate, or as nobody.
    Bare,
    BySasl,
    /// The client decides: SASL is what begins with it.
    Either,
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

impl Speech {
    /// A listener whose protocol the configuration fixes.
    pub fn fixed(protocol: Protocol) -> Self {
        Self {
            sasl: match protocol.has_sasl() {
                true => Sasl::Always,
                false => Sasl::Never,
            },
            encryption: match protocol.has_tls() {
                true => Encryption::Tls,
                false => Encryption::Plain,
            },
        }
    }

    /// A listener without TLS that speaks what the methods of each virtual cluster ask for.
    pub fn by_methods() -> Self {
        Self {
            sasl: Sasl::ByMethods,
            encryption: Encryption::Plain,
        }
    }

    /// Whether connections are encrypted.
    pub fn has_tls(self) -> bool {
        self.encryption != Encryption::Plain
    }

    /// Whether clients can log in by this method.
    pub fn serves(self, method: &Method) -> bool {
        match method {
            Method::Anonymous => self.sasl != Sasl::Always,
            Method::ClientCertificate { .. } => {
                self.sasl != Sasl::Always && self.encryption == Encryption::TlsWithCertificates
            }
            Method::SaslPlain { .. } | Method::SaslScram { .. } | Method::OauthBearer(_) => {
                self.sasl != Sasl::Never
            }
        }
    }

    /// How clients of a virtual cluster with these methods come in.
    pub fn entry(self, methods: &Authentication) -> Entry {
        let is_served = |by_sasl| {
            let mut served = methods.0.iter().filter(|method| self.serves(method));
            served.any(|method| method.is_sasl() == by_sasl)
        };
        match self.sasl {
            Sasl::Never => Entry::Bare,
            Sasl::Always => Entry::BySasl,
            Sasl::ByMethods if is_served(true) && is_served(false) => Entry::Either,
            Sasl::ByMethods if is_served(false) => Entry::Bare,
            Sasl::ByMethods => Entry::BySasl,
        }
    }

    /// The protocols that clients of a virtual cluster with these methods speak, in the order of the methods. None when
    /// the listener serves none of them.
    pub fn protocols_for(self, methods: &Authentication) -> Vec<Protocol> {
        let mut protocols = Vec::new();
        for method in methods.0.iter().filter(|method| self.serves(method)) {
            let protocol = match method.is_sasl() {
                true => self.by_sasl(),
                false => self.bare(),
            };
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
        }
        protocols
    }

    /// All that clients may speak.
    pub fn protocols(self) -> Vec<Protocol> {
        match self.sasl {
            Sasl::Never => vec![self.bare()],
            Sasl::Always => vec![self.by_sasl()],
            Sasl::ByMethods => vec![self.bare(), self.by_sasl()],
        }
    }

    /// The protocol of clients that do not log in by SASL.
    pub fn bare(self) -> Protocol {
        match self.has_tls() {
            true => Protocol::Ssl,
            false => Protocol::Plaintext,
        }
    }

    /// The protocol of clients that log in by SASL.
    pub fn by_sasl(self) -> Protocol {
        match self.has_tls() {
            true => Protocol::SaslSsl,
            false => Protocol::SaslPlaintext,
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.protocols().into_iter().map(Protocol::name).collect();
        f.write_str(&names.join(" or "))
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Demand;

    fn methods(words: &[&str]) -> Authentication {
        let method = |word: &&str| match *word {
            "anonymous" => Method::Anonymous,
            "certificate" => Method::ClientCertificate {
                demand: Demand::Optional,
                principal_mapping_rules: "DEFAULT".to_owned(),
            },
            _ => Authentication::default().0.remove(0),
        };
        Authentication(words.iter().map(method).collect())
    }

    #[track_caller]
    fn check(speech: Speech, words: &[&str], entry: Entry, protocols: &[Protocol]) {
        let methods = methods(words);
        assert_eq!(speech.entry(&methods), entry, "{speech} {words:?}");
        assert_eq!(speech.protocols_for(&methods), protocols, "{speech} {words:?}");
    }

    #[test]
    fn a_listener_that_fixes_nothing_speaks_what_the_methods_ask_for() {
        use Protocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};
        let plain = Speech::by_methods();
        check(plain, &["anonymous"], Entry::Bare, &[Plaintext]);
        check(plain, &["sasl"], Entry::BySasl, &[SaslPlaintext]);
        check(
            plain,
            &["anonymous", "sasl"],
            Entry::Either,
            &[Plaintext, SaslPlaintext],
        );
        check(
            plain,
            &["sasl", "anonymous"],
            Entry::Either,
            &[SaslPlaintext, Plaintext],
        );
        check(plain, &["certificate", "sasl"], Entry::BySasl, &[SaslPlaintext]);
        check(plain, &["certificate"], Entry::BySasl, &[]);
        let mut tls = plain;
        tls.encryption = Encryption::Tls;
        check(tls, &["certificate", "anonymous"], Entry::Bare, &[Ssl]);
        tls.encryption = Encryption::TlsWithCertificates;
        check(tls, &["certificate", "sasl"], Entry::Either, &[Ssl, SaslSsl]);
    }

    #[test]
    fn a_listener_that_fixes_a_protocol_speaks_nothing_else() {
        let sasl = Speech::fixed(Protocol::SaslSsl);
        check(sasl, &["anonymous", "sasl"], Entry::BySasl, &[Protocol::SaslSsl]);
        check(sasl, &["anonymous"], Entry::BySasl, &[]);
        let bare = Speech::fixed(Protocol::Plaintext);
        check(bare, &["anonymous", "sasl"], Entry::Bare, &[Protocol::Plaintext]);
        check(bare, &["sasl"], Entry::Bare, &[]);
        for protocol in [
            Protocol::Plaintext,
            Protocol::Ssl,
            Protocol::SaslPlaintext,
            Protocol::SaslSsl,
        ] {
            assert_eq!(Speech::fixed(protocol).protocols(), [protocol]);
        }
    }
}
