//! A physical cluster as it is written in the words of event gateways. It becomes the properties of a Kafka client, which are
//! checked where all such properties are.

use std::collections::BTreeMap;

use klamm_raft::model::{ClusterId, KafkaProperties, PhysicalCluster, Times};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::LOOKS_EVERY_S;
use crate::admin::resources::event_gateway::labels::{self, MAX_DESCRIPTION_CHARS};
use crate::admin::resources::event_gateway::method::Algorithm;
use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::object::{object, object_or_null};
use crate::admin::resources::schema::{CONFIGURED, LABELS};
use crate::config::{Module, is_reference};

/// The longest interval between two looks that can be written.
const MAX_INTERVAL_S: u64 = 43_200;

/// The TLS versions that the gateway offers, always both.
const TLS_VERSIONS: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

/// A physical cluster. What only the gateway fills may be there when it is put, and is not read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayBackendClusterToPut")]
#[serde(deny_unknown_fields)]
pub(crate) struct EventGatewayBackend {
    #[schemars(regex(pattern = CONFIGURED))]
    name: String,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
    #[schemars(length(min = 1))]
    bootstrap_servers: Vec<String>,
    #[serde(deserialize_with = "object")]
    authentication: BackendAuthentication,
    #[serde(deserialize_with = "object")]
    tls: BackendTls,
    /// How often a node looks at the cluster, at least. The gateway looks every 5 seconds.
    #[serde(default)]
    #[schemars(range(min = LOOKS_EVERY_S, max = MAX_INTERVAL_S))]
    metadata_update_interval_seconds: Option<u64>,
    /// Whether virtual clusters may let anybody who can connect reach this cluster. Without it, what holds for clusters of the
    /// configuration that do not say.
    #[serde(default)]
    insecure_allow_anonymous_virtual_cluster_auth: Option<bool>,
    #[serde(rename = "id", default)]
    #[schemars(with = "String", extend("format" = "uuid", "readOnly" = true))]
    _id: Option<IgnoredAny>,
    #[serde(rename = "created_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updated_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _updated_at: Option<IgnoredAny>,
    #[serde(rename = "sasl_mechanism", default)]
    #[schemars(with = "String", extend("readOnly" = true))]
    _sasl_mechanism: Option<IgnoredAny>,
}

/// The fields of a physical cluster that are to be others. Those that are left out stay.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayBackendClusterPatch")]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendPatch {
    /// It stays what it was.
    #[serde(default)]
    #[schemars(regex(pattern = CONFIGURED))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    #[schemars(length(min = 1))]
    bootstrap_servers: Option<Vec<String>>,
    #[serde(default, deserialize_with = "object_or_null")]
    authentication: Option<BackendAuthentication>,
    #[serde(default, deserialize_with = "object_or_null")]
    tls: Option<BackendTls>,
    #[serde(default)]
    #[schemars(range(min = LOOKS_EVERY_S, max = MAX_INTERVAL_S))]
    metadata_update_interval_seconds: Option<u64>,
    #[serde(default)]
    insecure_allow_anonymous_virtual_cluster_auth: Option<bool>,
}

/// How the gateway logs in. The password is a reference, as ${env['NAME']}.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum BackendAuthentication {
    Anonymous {},
    SaslPlain {
        username: String,
        password: String,
    },
    SaslScram {
        algorithm: Algorithm,
        username: String,
        password: String,
    },
}

/// The TLS of connections to the brokers.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct BackendTls {
    enabled: bool,
    /// Whether the certificate need not name the broker's host. The authority is always looked at.
    #[serde(default)]
    insecure_skip_verify: Option<bool>,
    /// PEM, or a reference.
    #[serde(default)]
    ca_bundle: Option<String>,
    /// Both, which is what the gateway offers.
    #[serde(default)]
    tls_versions: Option<Vec<TlsVersion>>,
    #[serde(default, deserialize_with = "object_or_null")]
    client_identity: Option<BackendIdentity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "snake_case")]
enum TlsVersion {
    Tls12,
    Tls13,
}

/// The certificate that the gateway shows. The key is a reference.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct BackendIdentity {
    certificate: String,
    key: String,
}

impl EventGatewayBackend {
    /// The physical cluster in the place of the one that is `there`: what there are no words for stays.
    pub(crate) fn translate(
        self,
        there: Option<&PhysicalCluster>,
        at_s: u64,
    ) -> Result<(ClusterId, PhysicalCluster), Invalid> {
        let id = required("name", &self.name)?;
        let patch = BackendPatch {
            name: None,
            description: Some(self.description.unwrap_or_default()),
            labels: Some(self.labels.unwrap_or_default()),
            bootstrap_servers: Some(self.bootstrap_servers),
            authentication: Some(self.authentication),
            tls: Some(self.tls),
            metadata_update_interval_seconds: self.metadata_update_interval_seconds,
            insecure_allow_anonymous_virtual_cluster_auth: self.insecure_allow_anonymous_virtual_cluster_auth,
        };
        let mut kept = there.cloned().unwrap_or_default();
        for optional in ["metadata.max.age.ms", "gateway.allow.anonymous"] {
            kept.properties.remove(optional);
        }
        Ok((id, patch.change(&kept, at_s)?.1))
    }
}

impl BackendPatch {
    /// The name, if one is said, and the physical cluster that comes of the one that is there.
    pub(crate) fn change(
        self,
        there: &PhysicalCluster,
        at_s: u64,
    ) -> Result<(Option<ClusterId>, PhysicalCluster), Invalid> {
        let name = self.name.map(|name| required("name", &name)).transpose()?;
        let mut cluster = there.clone();
        let properties = &mut cluster.properties;
        if let Some(servers) = self.bootstrap_servers {
            if servers.is_empty() {
                return Err(Invalid::new("bootstrap_servers: at least one is needed"));
            }
            set(properties, "bootstrap.servers", servers.join(","));
        }
        let protocol = properties.get("security.protocol").cloned().unwrap_or_default();
        let (mut has_sasl, mut has_tls) = (protocol.starts_with("SASL"), protocol.ends_with("SSL"));
        if let Some(authentication) = self.authentication {
            properties.retain(|name, _| !name.starts_with("sasl."));
            has_sasl = authentication.write(properties)?;
        }
        if let Some(tls) = self.tls {
            properties.retain(|name, _| !name.starts_with("ssl."));
            has_tls = tls.write(properties)?;
        }
        let protocol = match (has_sasl, has_tls) {
            (false, false) => "PLAINTEXT",
            (false, true) => "SSL",
            (true, false) => "SASL_PLAINTEXT",
            (true, true) => "SASL_SSL",
        };
        set(properties, "security.protocol", protocol.to_owned());
        if let Some(seconds) = self.metadata_update_interval_seconds {
            if !(LOOKS_EVERY_S..=MAX_INTERVAL_S).contains(&seconds) {
                return Err(Invalid::new(format!(
                    "metadata_update_interval_seconds: a number from {LOOKS_EVERY_S} to {MAX_INTERVAL_S} is expected; the gateway looks every {LOOKS_EVERY_S} seconds"
                )));
            }
            set(properties, "metadata.max.age.ms", (seconds * 1000).to_string());
        }
        if let Some(is_allowed) = self.insecure_allow_anonymous_virtual_cluster_auth {
            set(properties, "gateway.allow.anonymous", is_allowed.to_string());
        }
        if let Some(description) = self.description {
            cluster.description = labels::description(description)?;
        }
        if let Some(labels) = self.labels {
            cluster.labels = labels::labels(labels)?;
        }
        cluster.times = Times {
            created_s: at_s,
            updated_s: at_s,
        };
        Ok((name, cluster))
    }
}

impl BackendAuthentication {
    /// Whether there is a login.
    fn write(self, properties: &mut KafkaProperties) -> Result<bool, Invalid> {
        let (mechanism, module, username, password) = match self {
            Self::Anonymous {} => return Ok(false),
            Self::SaslPlain { username, password } => ("PLAIN", Module::Plain, username, password),
            Self::SaslScram {
                algorithm,
                username,
                password,
            } => {
                let mechanism = match algorithm {
                    Algorithm::Sha256 => "SCRAM-SHA-256",
                    Algorithm::Sha512 => "SCRAM-SHA-512",
                };
                (mechanism, Module::Scram, username, password)
            }
        };
        check_secret("authentication.password", &password)?;
        set(properties, "sasl.mechanism", mechanism.to_owned());
        set(properties, "sasl.jaas.config", module.login(&username, &password));
        Ok(true)
    }
}

impl BackendTls {
    /// Whether there is TLS.
    fn write(self, properties: &mut KafkaProperties) -> Result<bool, Invalid> {
        let Self {
            enabled,
            insecure_skip_verify,
            ca_bundle,
            tls_versions,
            client_identity,
        } = self;
        if !enabled {
            if ca_bundle.is_some() || client_identity.is_some() {
                return Err(Invalid::new(
                    "tls.enabled: it must be true where there is a ca_bundle or a client_identity",
                ));
            }
            return Ok(false);
        }
        if let Some(versions) = tls_versions
            && !TLS_VERSIONS.iter().all(|version| versions.contains(version))
        {
            return Err(Invalid::new(
                "tls.tls_versions: the gateway always offers tls12 and tls13, and the broker chooses: list both, or leave it out",
            ));
        }
        if insecure_skip_verify == Some(true) {
            set(properties, "ssl.endpoint.identification.algorithm", String::new());
        }
        if let Some(ca_bundle) = ca_bundle {
            set(properties, "ssl.truststore.type", "PEM".to_owned());
            set(properties, "ssl.truststore.certificates", ca_bundle);
        }
        if let Some(BackendIdentity { certificate, key }) = client_identity {
            check_secret("tls.client_identity.key", &key)?;
            set(properties, "ssl.keystore.type", "PEM".to_owned());
            set(properties, "ssl.keystore.certificate.chain", certificate);
            set(properties, "ssl.keystore.key", key);
        }
        Ok(true)
    }
}

fn set(properties: &mut KafkaProperties, name: &str, value: String) {
    properties.insert(name.to_owned(), value);
}

/// A secret is not in the resource, only a reference to it.
fn check_secret(field: &str, text: &str) -> Result<(), Invalid> {
    match is_reference(text) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Invalid::new(format!(
            "{field}: secrets are not kept here, since every reader of this API would see them: write a reference to a variable or file of each node, as ${{env['NAME']}} or ${{file['PATH']}}"
        ))),
        Err(why) => Err(Invalid::new(format!("{field}: {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(body: Value) -> Result<PhysicalCluster, String> {
        let body: EventGatewayBackend = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let translated = body.translate(None, 7);
        translated
            .map(|(_, cluster)| cluster)
            .map_err(|error| error.to_string())
    }

    fn property<'a>(cluster: &'a PhysicalCluster, name: &str) -> Option<&'a str> {
        cluster.properties.get(name).map(String::as_str)
    }

    #[test]
    fn the_words_are_those_of_kafkas_clients() {
        let cluster = written(json!({
            "name": "east", "bootstrap_servers": ["a:1", "b:2"], "labels": { "env": "test" },
            "authentication": { "type": "sasl_scram", "algorithm": "sha256", "username": "a\"b",
                                "password": "${env['EAST']}" },
            "tls": { "enabled": true, "insecure_skip_verify": true, "ca_bundle": "${file['ca.pem']}",
                     "tls_versions": ["tls13", "tls12"],
                     "client_identity": { "certificate": "PEM", "key": "${file['key.pem']}" } },
            "metadata_update_interval_seconds": 60, "insecure_allow_anonymous_virtual_cluster_auth": false,
        }))
        .unwrap();
        for (name, value) in [
            ("bootstrap.servers", "a:1,b:2"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            (
                "sasl.jaas.config",
                r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="a\"b" password="${env['EAST']}";"#,
            ),
            ("ssl.endpoint.identification.algorithm", ""),
            ("ssl.truststore.certificates", "${file['ca.pem']}"),
            ("ssl.keystore.key", "${file['key.pem']}"),
            ("metadata.max.age.ms", "60000"),
            ("gateway.allow.anonymous", "false"),
        ] {
            assert_eq!(property(&cluster, name), Some(value), "{name}");
        }
        assert_eq!(cluster.labels["env"], "test");
    }

    #[test]
    fn what_there_is_nothing_for_is_refused() {
        let with = |authentication: Value, tls: Value| {
            let name = "east";
            written(
                json!({ "name": name, "bootstrap_servers": ["a:1"], "authentication": authentication, "tls": tls }),
            )
        };
        let (nobody, off) = (json!({ "type": "anonymous" }), json!({ "enabled": false }));
        let cluster = with(nobody.clone(), off.clone()).unwrap();
        assert_eq!(property(&cluster, "security.protocol"), Some("PLAINTEXT"));
        let literal = json!({ "type": "sasl_plain", "username": "a", "password": "s3cret" });
        for (authentication, tls, why) in [
            (
                literal,
                &off,
                "authentication.password: secrets are not kept here",
            ),
            (
                json!({ "type": "sasl_plain", "username": "a" }),
                &off,
                "missing field `password`",
            ),
            (json!({ "type": "oauth" }), &off, "unknown variant `oauth`"),
            (
                nobody.clone(),
                &json!({ "enabled": false, "ca_bundle": "x" }),
                "tls.enabled",
            ),
            (
                nobody,
                &json!({ "enabled": true, "tls_versions": ["tls13"] }),
                "tls.tls_versions",
            ),
        ] {
            let refused = with(authentication, tls.clone()).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let there = written(json!({
            "name": "east", "bootstrap_servers": ["a:1"], "description": "old",
            "authentication": { "type": "sasl_plain", "username": "a", "password": "${env[A]}" },
            "tls": { "enabled": false },
        }))
        .unwrap();
        let patch = |body: Value| serde_json::from_value::<BackendPatch>(body).unwrap();
        let same = patch(json!({})).change(&there, 9).unwrap().1;
        assert!(same.is_as(&there));
        let tls = patch(json!({ "tls": { "enabled": true }, "description": "new" }));
        let changed = tls.change(&there, 9).unwrap().1;
        assert_eq!(property(&changed, "security.protocol"), Some("SASL_SSL"));
        assert_eq!(
            property(&changed, "sasl.jaas.config"),
            property(&there, "sasl.jaas.config")
        );
        assert_eq!(changed.description, "new");
        let open = patch(json!({ "authentication": { "type": "anonymous" } }));
        let open = open.change(&changed, 9).unwrap().1;
        assert_eq!(property(&open, "security.protocol"), Some("SSL"));
        assert_eq!(property(&open, "sasl.mechanism"), None);
        let seldom = patch(json!({ "metadata_update_interval_seconds": 1 }));
        assert!(seldom.change(&there, 9).is_err());
    }
}
