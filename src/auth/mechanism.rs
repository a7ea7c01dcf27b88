//! The SASL mechanisms that clients may choose.

use klamm_raft::model::{Mediation, Method, ScramHash};

/// An offered mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616; the password is a service-account token.
    Plain,
    /// RFC 5802 and 7677.
    Scram(ScramHash),
}

impl Mechanism {
    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of a method, if it is one that the gateway carries out.
    pub fn of(method: &Method) -> Option<Self> {
        match method {
            Method::SaslPlain {
                mediation: Mediation::Terminate,
                ..
            } => Some(Self::Plain),
            Method::SaslScram {
                hash,
                mediation: Mediation::Terminate,
            } => Some(Self::Scram(*hash)),
            _ => None,
        }
    }
}
