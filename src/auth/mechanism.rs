//! The SASL mechanisms that a virtual cluster can offer.

use klamm_raft::model::{Method, ScramHash};

/// A mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 5802 and 7677.
    Scram(ScramHash),
    /// RFC 7628.
    OauthBearer,
}

impl Mechanism {
    /// The registered name. Names compare exactly, as Kafka compares them.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    /// The mechanism of a method; none of those for listeners without SASL.
    pub fn of(method: &Method) -> Option<Self> {
        match method {
            Method::SaslPlain { .. } => Some(Self::Plain),
            Method::SaslScram { hash, .. } => Some(Self::Scram(*hash)),
            Method::OauthBearer(_) => Some(Self::OauthBearer),
            Method::Anonymous | Method::ClientCertificate { .. } => None,
        }
    }
}
