//! Physical clusters in the words of event gateways. Secrets are never shown.

mod written;

use std::collections::BTreeMap;

use klamm_raft::model::{PhysicalCluster, ScramHash};
use serde::Serialize;

use super::ids::Ids;
use crate::backend::config::{AnonymousClients, BackendConfig, HostCheck, Security, UpstreamLogin};
use crate::tls::Trust;
use crate::unix_time::utc;
pub(crate) use written::{BackendPatch, EventGatewayBackend};

/// How often a node looks at a physical cluster.
const LOOKS_EVERY_S: u64 = 5;

/// A physical cluster as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownBackend {
    id: String,
    pub(crate) name: String,
    description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    bootstrap_servers: Vec<String>,
    authentication: Authentication,
    insecure_allow_anonymous_virtual_cluster_auth: bool,
    tls: Tls,
    metadata_update_interval_seconds: u64,
    created_at: String,
    updated_at: String,
    /// The mechanism, where the words above have none for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sasl_mechanism: Option<&'static str>,
}

/// How the gateway logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Authentication {
    Anonymous {},
    SaslPlain {
        username: String,
    },
    SaslScram {
        algorithm: &'static str,
        username: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Tls {
    enabled: bool,
    /// Whether the name in the certificate is not looked at. The authority always is.
    insecure_skip_verify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_bundle: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tls_versions: Vec<&'static str>,
}

impl ShownBackend {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// With what is kept beside it, when it is a resource.
    pub(crate) fn of_resource(self, cluster: &PhysicalCluster) -> Self {
        let interval_ms = cluster.properties.get("metadata.max.age.ms");
        let interval_ms = interval_ms.and_then(|text| text.parse::<u64>().ok());
        Self {
            description: cluster.description.clone(),
            labels: cluster.labels.clone(),
            metadata_update_interval_seconds: interval_ms.map_or(LOOKS_EVERY_S, |ms| ms / 1000),
            created_at: utc(cluster.times.created_s),
            updated_at: utc(cluster.times.updated_s),
            ..self
        }
    }
}

/// A physical cluster; `since` is when the gateway was made: when somebody wrote the configuration is not known.
pub(crate) fn show(backend: &BackendConfig, ids: &Ids, since: &str) -> ShownBackend {
    ShownBackend {
        id: ids.backend_cluster(&backend.id).to_string(),
        name: backend.id.to_string(),
        description: String::new(),
        labels: BTreeMap::new(),
        bootstrap_servers: backend.bootstrap.iter().map(ToString::to_string).collect(),
        authentication: authentication(backend.login.as_ref()),
        insecure_allow_anonymous_virtual_cluster_auth: backend.anonymous == AnonymousClients::Allowed,
        tls: tls(&backend.security),
        metadata_update_interval_seconds: LOOKS_EVERY_S,
        created_at: since.to_owned(),
        updated_at: since.to_owned(),
        sasl_mechanism: matches!(backend.login, Some(UpstreamLogin::Bearer(_))).then_some("OAUTHBEARER"),
    }
}

fn authentication(login: Option<&UpstreamLogin>) -> Authentication {
    match login {
        None | Some(UpstreamLogin::Bearer(_)) => Authentication::Anonymous {},
        Some(UpstreamLogin::Plain(plain)) => Authentication::SaslPlain {
            username: plain.username.clone(),
        },
        Some(UpstreamLogin::Scram(scram)) => Authentication::SaslScram {
            algorithm: match scram.hash {
                ScramHash::Sha256 => "sha256",
                ScramHash::Sha512 => "sha512",
            },
            username: scram.username.clone(),
        },
    }
}

fn tls(security: &Security) -> Tls {
    match security {
        Security::Plaintext => Tls {
            enabled: false,
            insecure_skip_verify: false,
            ca_bundle: None,
            tls_versions: Vec::new(),
        },
        Security::Tls(tls) => Tls {
            enabled: true,
            insecure_skip_verify: tls.host_check == HostCheck::Off,
            ca_bundle: match &tls.trust {
                Trust::System => None,
                Trust::Pem(pem) => Some(pem.clone()),
            },
            tls_versions: vec!["tls12", "tls13"],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::config::PlainLogin;
    use crate::secret::Secret;

    #[test]
    fn logins_are_shown_without_their_secrets() {
        let login = UpstreamLogin::Plain(PlainLogin {
            username: "gateway".to_owned(),
            password: Secret::new("s3cret"),
        });
        let shown = serde_json::to_string(&authentication(Some(&login))).unwrap();
        assert_eq!(shown, r#"{"type":"sasl_plain","username":"gateway"}"#);
        assert_eq!(
            serde_json::to_string(&authentication(None)).unwrap(),
            r#"{"type":"anonymous"}"#
        );
    }
}
