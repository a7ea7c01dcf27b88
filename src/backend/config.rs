//! How to reach one physical cluster: the typed form of its Kafka client properties. Pure data, made by `config`.

use std::collections::BTreeMap;

use klamm_raft::model::{ClusterId, CredentialsName, ScramHash};

use crate::address::HostPort;
use crate::oauth::OauthClient;
use crate::secret::Secret;
use crate::tls::Trust;

/// One physical cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendConfig {
    /// Spelled as in the configuration.
    pub id: ClusterId,
    /// `bootstrap.servers`; at least one.
    pub bootstrap: Vec<HostPort>,
    pub security: Security,
    /// The gateway's own credentials; `None` when `security.protocol` has no SASL.
    pub login: Option<UpstreamLogin>,
    /// Further credentials, which service accounts name.
    pub credentials: BTreeMap<CredentialsName, UpstreamLogin>,
    pub anonymous: AnonymousClients,
    /// The physical cluster that it stands in for, if it does not serve by itself.
    pub stands_in_for: Option<ClusterId>,
}

impl BackendConfig {
    /// The properties by which another one would be reached in another way.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            ("bootstrap.servers", self.bootstrap == other.bootstrap),
            ("security.protocol or ssl.*", self.security == other.security),
            ("sasl.*", self.login == other.login),
            ("credentials", self.credentials == other.credentials),
            ("gateway.allow.anonymous", self.anonymous == other.anonymous),
        ];
        let differing = parts.into_iter().filter(|(_, is_same)| !is_same);
        differing.map(|(name, _)| name).collect()
    }
}

/// Whether virtual clusters may let clients reach a physical cluster that do not log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymousClients {
    Allowed,
    Refused,
}

/// The transport of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    Plaintext,
    Tls(TlsConfig),
}

/// The TLS side of `security.protocol` SSL and SASL_SSL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Which authorities a broker's certificate may come from.
    pub trust: Trust,
    /// The certificate that the gateway shows, for brokers with `ssl.client.auth`.
    pub identity: Option<ClientIdentity>,
    pub host_check: HostCheck,
}

/// `ssl.endpoint.identification.algorithm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCheck {
    /// `https`: the certificate must name the host that was dialled.
    Https,
    /// Empty: any certificate from a trusted authority will do.
    Off,
}

/// A client certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// PEM text with the certificate chain, leaf first.
    pub chain_pem: String,
    /// PEM text with the unencrypted private key.
    pub key_pem: Secret,
}

/// SASL credentials for the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamLogin {
    Plain(PlainLogin),
    Scram(ScramLogin),
    Bearer(BearerLogin),
}

/// SCRAM credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramLogin {
    pub hash: ScramHash,
    pub username: String,
    pub password: Secret,
}

/// OAUTHBEARER with tokens of the client credentials grant (RFC 6749 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerLogin {
    pub client: OauthClient,
    /// SASL extensions (KIP-342), for brokers that route by them.
    pub extensions: BTreeMap<String, String>,
}

/// SASL/PLAIN credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainLogin {
    pub username: String,
    pub password: Secret,
}
