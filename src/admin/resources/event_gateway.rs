//! A virtual cluster in the words of `/v1/event-gateways`: another spelling of the same resource. It is translated, never
//! checked here.

mod namespace;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use klamm_raft::model::{MAIN_CLUSTER, State, VclusterKind, VclusterName, VclusterState};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::authentication::{ClaimsSpec, MediationSpec, MethodSpec, RuleSpec};
use super::client_properties::Spelling;
use super::invalid::Invalid;
use super::principals::PrincipalSpec;
use super::standard::Selectors;
use super::virtual_cluster::{self, PutSpec, VirtualClusterResource};
use namespace::Namespace;

/// Whether ACLs decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AclMode {
    EnforceOnGateway,
    Passthrough,
}

/// A physical cluster. Its name is its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// Which hash function SCRAM takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Algorithm {
    Sha256,
    Sha512,
}

/// One way for clients to say who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Authentication {
    Anonymous {},
    SaslPlain {
        mediation: MediationSpec,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        principals: Vec<PrincipalSpec>,
    },
    /// Without an algorithm: both.
    SaslScram {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        algorithm: Option<Algorithm>,
        #[serde(default = "passthrough")]
        mediation: MediationSpec,
    },
    OauthBearer {
        mediation: MediationSpec,
        provider: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claims_mapping: Option<ClaimsMapping>,
        #[serde(default)]
        validate: Validate,
    },
    ClientCertificate {
        #[serde(default)]
        required: bool,
        #[serde(default = "default_rules")]
        principal_mapping_rules: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimsMapping {
    #[serde(default = "sub")]
    sub: String,
    #[serde(default = "scope")]
    scope: String,
}

/// What a token must say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Validate {
    audiences: Vec<Audience>,
    required_scopes: Vec<String>,
    rules: Vec<RuleSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audience {
    name: String,
}

fn passthrough() -> MediationSpec {
    MediationSpec::Passthrough
}

fn default_rules() -> String {
    "DEFAULT".to_owned()
}

fn sub() -> String {
    "sub".to_owned()
}

fn scope() -> String {
    "scope".to_owned()
}

/// A virtual cluster as it is put. What only the gateway fills may be there, and is not read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventGatewayVcluster {
    name: String,
    #[serde(default)]
    dns_label: Option<String>,
    #[serde(default)]
    destination: Destination,
    authentication: Vec<Authentication>,
    #[serde(default)]
    acl_mode: Option<AclMode>,
    #[serde(default)]
    super_users: Vec<String>,
    #[serde(default)]
    namespace: Option<Namespace>,
    #[serde(rename = "id", default)]
    _id: Option<IgnoredAny>,
    #[serde(rename = "bootstrap_servers", default)]
    _bootstrap_servers: Option<IgnoredAny>,
}

/// A virtual cluster as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownVcluster {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_label: Option<String>,
    destination: Destination,
    authentication: Vec<Authentication>,
    acl_mode: AclMode,
    super_users: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Namespace>,
    bootstrap_servers: String,
}

impl EventGatewayVcluster {
    /// Its name, as it was given.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The same resource in the gateway's own words.
    pub(crate) fn translate(self) -> Result<VirtualClusterResource, Invalid> {
        let backend = match (self.destination.id, self.destination.name) {
            (Some(id), Some(name)) if id != name => {
                return Err(Invalid::new(format!(
                    "destination.id {id:?} and destination.name {name:?} differ: a physical cluster's name is its id"
                )));
            }
            (Some(either), _) | (None, Some(either)) => either,
            (None, None) => MAIN_CLUSTER.to_owned(),
        };
        // Without a namespace everything is shown as it is called.
        let all = || vec!["*".to_owned()];
        let selectors = match self.namespace {
            Some(_) => Selectors::default(),
            None => Selectors {
                topics: all(),
                consumer_groups: all(),
            },
        };
        let mut spec = PutSpec::default();
        spec.acl_enabled = self.acl_mode == Some(AclMode::EnforceOnGateway);
        spec.super_users = self.super_users;
        spec.backend = Some(backend);
        spec.namespace = self.namespace.map(Into::into);
        spec.topics = selectors.topics;
        spec.consumer_groups = selectors.consumer_groups;
        spec.authentication = Some(self.authentication.into_iter().flat_map(method).collect());
        spec.dns_label = self.dns_label;
        Ok(virtual_cluster::standard(self.name, spec))
    }
}

fn method(authentication: Authentication) -> Vec<MethodSpec> {
    vec![match authentication {
        Authentication::Anonymous {} => MethodSpec::Anonymous {},
        Authentication::SaslPlain {
            mediation,
            principals,
        } => MethodSpec::SaslPlain {
            mediation,
            principals,
        },
        Authentication::SaslScram {
            algorithm: Some(Algorithm::Sha256),
            mediation,
        } => MethodSpec::SaslScramSha256 { mediation },
        Authentication::SaslScram {
            algorithm: Some(Algorithm::Sha512),
            mediation,
        } => MethodSpec::SaslScramSha512 { mediation },
        Authentication::SaslScram {
            algorithm: None,
            mediation,
        } => {
            return vec![
                MethodSpec::SaslScramSha256 { mediation },
                MethodSpec::SaslScramSha512 { mediation },
            ];
        }
        Authentication::OauthBearer {
            mediation,
            provider,
            claims_mapping,
            validate,
        } => MethodSpec::OauthBearer {
            mediation,
            provider,
            audiences: validate.audiences.into_iter().map(|one| one.name).collect(),
            required_scopes: validate.required_scopes,
            claims: claims_mapping.map_or_else(ClaimsSpec::default, |mapping| ClaimsSpec {
                principal: mapping.sub,
                scope: mapping.scope,
            }),
            rules: validate.rules,
        },
        Authentication::ClientCertificate {
            required,
            principal_mapping_rules,
        } => MethodSpec::ClientCertificate {
            required,
            principal_mapping_rules,
        },
    }]
}

fn show_method(method: MethodSpec) -> Authentication {
    let scram = |algorithm, mediation| Authentication::SaslScram {
        algorithm: Some(algorithm),
        mediation,
    };
    match method {
        MethodSpec::Anonymous {} => Authentication::Anonymous {},
        MethodSpec::SaslPlain {
            mediation,
            principals,
        } => Authentication::SaslPlain {
            mediation,
            principals,
        },
        MethodSpec::SaslScramSha256 { mediation } => scram(Algorithm::Sha256, mediation),
        MethodSpec::SaslScramSha512 { mediation } => scram(Algorithm::Sha512, mediation),
        MethodSpec::OauthBearer {
            mediation,
            provider,
            audiences,
            required_scopes,
            claims,
            rules,
        } => Authentication::OauthBearer {
            mediation,
            provider,
            claims_mapping: Some(ClaimsMapping {
                sub: claims.principal,
                scope: claims.scope,
            }),
            validate: Validate {
                audiences: audiences.into_iter().map(|name| Audience { name }).collect(),
                required_scopes,
                rules,
            },
        },
        MethodSpec::ClientCertificate {
            required,
            principal_mapping_rules,
        } => Authentication::ClientCertificate {
            required,
            principal_mapping_rules,
        },
    }
}

/// The id of a virtual cluster: the random bytes of the cluster id that Kafka clients see.
pub(crate) fn id(vcluster: &VclusterState) -> Option<Uuid> {
    let bytes = URL_SAFE_NO_PAD.decode(&vcluster.kafka_cluster_id).ok()?;
    Uuid::from_slice(&bytes).ok()
}

/// The virtual cluster with this id or name, if it is one of those that are shown here.
pub(crate) fn find<'a>(state: &'a State, which: &str) -> Option<(&'a VclusterName, &'a VclusterState)> {
    let wanted = Uuid::parse_str(which).ok();
    let is_it = |name: &VclusterName, vcluster: &VclusterState| {
        name.as_str() == which || (wanted.is_some() && id(vcluster) == wanted)
    };
    state
        .vclusters
        .iter()
        .map(|(name, vcluster)| (name, &**vcluster))
        .find(|(name, vcluster)| is_shown(vcluster) && is_it(name, vcluster))
}

/// Whether a virtual cluster is of a kind that these words can describe.
pub(crate) fn is_shown(vcluster: &VclusterState) -> bool {
    matches!(vcluster.spec.kind, VclusterKind::Standard(_))
}

/// A virtual cluster as it is shown.
pub(crate) fn show(name: &VclusterName, vcluster: &VclusterState, state: &State) -> ShownVcluster {
    let spec = virtual_cluster::show(name, vcluster, (state, Spelling::Flat)).spec;
    ShownVcluster {
        id: id(vcluster).map(|id| id.to_string()).unwrap_or_default(),
        name: name.to_string(),
        dns_label: vcluster.spec.label(name).map(|label| label.to_string()),
        destination: Destination {
            id: spec.standard.backend.clone(),
            name: spec.standard.backend,
        },
        authentication: spec.authentication.into_iter().map(show_method).collect(),
        acl_mode: match vcluster.spec.acl_enabled {
            true => AclMode::EnforceOnGateway,
            false => AclMode::Passthrough,
        },
        super_users: spec.super_users,
        namespace: spec.standard.namespace.map(Into::into),
        bootstrap_servers: spec.bootstrap_servers,
    }
}
