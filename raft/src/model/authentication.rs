//! How clients of a virtual cluster say who they are: an ordered list of methods. It decides nothing about a login.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountName, ProviderName};

/// The methods of a virtual cluster, in the order in which they are offered. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication(pub Vec<Method>);

impl Default for Authentication {
    /// Tokens and SCRAM credentials of service accounts.
    fn default() -> Self {
        let scram = |hash| Method::SaslScram {
            hash,
            mediation: Mediation::Terminate,
        };
        Self(vec![
            Method::SaslPlain {
                mediation: Mediation::Terminate,
                users: BTreeMap::new(),
            },
            scram(ScramHash::Sha256),
            scram(ScramHash::Sha512),
        ])
    }
}

impl Authentication {
    /// Whether a physical cluster judges any of the logins.
    pub fn relays(&self) -> bool {
        let mut mediations = self.0.iter().filter_map(Method::mediation);
        mediations.any(|mediation| mediation != Mediation::Terminate)
    }
}

/// One way to say who one is. Append-only: the order is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Nobody says: the principal is `User:ANONYMOUS`. On listeners without SASL.
    Anonymous,
    /// RFC 4616: a token of a service account, or a password of this list.
    SaslPlain {
        mediation: Mediation,
        users: BTreeMap<AccountName, PasswordHash>,
    },
    /// RFC 5802 and 7677, with credentials of service accounts.
    SaslScram { hash: ScramHash, mediation: Mediation },
    /// RFC 7628: a signed token of an identity provider.
    OauthBearer(OauthBearer),
    /// The certificate of the client's side of TLS. On listeners without SASL.
    ClientCertificate {
        demand: Demand,
        /// In the grammar of Kafka's `ssl.principal.mapping.rules`.
        principal_mapping_rules: String,
    },
}

impl Method {
    /// Whether clients say it by SASL.
    pub fn is_sasl(&self) -> bool {
        self.mediation().is_some()
    }

    /// Who checks what a client shows by SASL; none for listeners without.
    pub fn mediation(&self) -> Option<Mediation> {
        match self {
            Self::SaslPlain { mediation, .. } | Self::SaslScram { mediation, .. } => Some(*mediation),
            Self::OauthBearer(oauth) => Some(oauth.mediation),
            Self::Anonymous | Self::ClientCertificate { .. } => None,
        }
    }
}

/// Who checks a credential. Append-only: the order is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mediation {
    /// The gateway; it logs in upstream with credentials of its own.
    Terminate,
    /// The physical cluster: the exchange is relayed to it.
    Passthrough,
    /// The gateway, and then the physical cluster, which gets the client's own token.
    ValidateForward,
}

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Demand {
    Required,
    /// Who has none is nobody, or what the next method says.
    Optional,
}

/// The hash function of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ScramHash {
    Sha256,
    Sha512,
}

/// The conditions that a token of an identity provider must meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthBearer {
    pub mediation: Mediation,
    /// An entry of the operator's configuration: where the keys are, who issues.
    pub provider: ProviderName,
    /// One of them must be in `aud`; empty: any.
    pub audiences: Vec<String>,
    pub required_scopes: Vec<String>,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claim that lists scopes.
    pub scope_claim: String,
    pub rules: Vec<ClaimRule>,
}

/// A further rule about the claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRule {
    /// A CEL expression over `claims` that must be true.
    pub expression: String,
    /// For the log, when it is not.
    pub message: String,
}

/// A password, hashed so that it cannot be read back. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    pub salt: Vec<u8>,
    pub iterations: u32,
    /// PBKDF2 with HMAC-SHA-256.
    pub hash: Vec<u8>,
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Whose credential, and for which mechanism.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScramUser {
    pub account: AccountName,
    pub hash: ScramHash,
}

/// The record that a SCRAM proof is checked with (RFC 5802 section 3). The password cannot be read back, nor can one
/// log in elsewhere with it. Its `Debug` shows no key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramCredential {
    pub salt: Vec<u8>,
    pub iterations: u32,
    pub stored_key: Vec<u8>,
    pub server_key: Vec<u8>,
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramCredential(iterations={}, ..)", self.iterations)
    }
}
