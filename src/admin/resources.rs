//! The resources of the admin API as JSON, and how they map to the replicated model. No HTTP, no I/O.

mod access_token;
pub(super) mod acl;
mod acl_rules;
mod acls;
pub(super) mod alias_topic;
mod authentication;
mod client_properties;
mod addresses;
pub(super) mod event_gateway;
pub(super) mod group;
pub(super) mod interceptor;
mod invalid;
mod limits;
pub(super) mod object;
pub(super) mod physical_cluster;
pub(super) mod policy;
mod policy_scope;
mod principals;
mod scram;
pub(super) mod schema;
pub(super) mod service_account;
mod standard;
mod token;
pub(super) mod virtual_cluster;

use klamm_raft::model::PASSTHROUGH;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

pub(super) use access_token::{AccessTokenRequest, ShownAccessToken};
pub(super) use alias_topic::{AliasTopicResource, DeleteByName};
pub use authentication::from_json as authentication_from;
pub(super) use authentication::word as method_word;
pub(super) use client_properties::Spelling;
pub(super) use group::GroupResource;
pub(super) use interceptor::{InterceptorResource, InterceptorScope};
pub(super) use invalid::Invalid;
pub(super) use physical_cluster::PhysicalClusterResource;
pub(super) use policy::{PolicyResource, PolicyToDelete};
pub(super) use principals::Principals;
pub(super) use scram::{CredentialToPut, CredentialsToDelete, ShownCredential};
pub(super) use service_account::ServiceAccountResource;
pub(super) use token::{AccountFilter, RevokeRequest, ShownToken, TokenRequest};
pub(super) use virtual_cluster::VirtualClusterResource;

pub(super) use invalid::required;
use schema::OfKind;

/// The version of all resources.
pub(super) const API_VERSION: &str = "gateway/v2";

/// The envelope of every resource that is put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    bound(deserialize = "M: Deserialize<'de>, S: Deserialize<'de>")
)]
pub(super) struct Resource<M, S> {
    pub(super) kind: String,
    pub(super) api_version: String,
    #[serde(deserialize_with = "object::object")]
    pub(super) metadata: M,
    #[serde(deserialize_with = "object::object")]
    pub(super) spec: S,
}

impl<M, S: OfKind> Resource<M, S> {
    fn of(metadata: M, spec: S) -> Self {
        Self {
            kind: S::KIND.to_owned(),
            api_version: API_VERSION.to_owned(),
            metadata,
            spec,
        }
    }

    fn check(&self) -> Result<(), Invalid> {
        check_envelope(S::KIND, &self.kind, &self.api_version)
    }
}

/// That a resource is what its path takes.
fn check_envelope(wanted: &str, kind: &str, api_version: &str) -> Result<(), Invalid> {
    if kind != wanted {
        return Err(Invalid::new(format!(
            "kind is {kind:?}, but this path takes {wanted}"
        )));
    }
    if api_version != API_VERSION {
        return Err(Invalid::new(format!(
            "apiVersion is {api_version:?}, but must be {API_VERSION}"
        )));
    }
    Ok(())
}

/// The name of what belongs to a virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NameInVirtualCluster")]
pub(super) struct InVcluster {
    #[schemars(regex(pattern = schema::ACCOUNTS))]
    pub(super) name: String,
    /// Its virtual cluster; passthrough, if none is named.
    #[serde(default)]
    #[schemars(regex(pattern = schema::VCLUSTERS))]
    pub(super) v_cluster: Option<String>,
}

/// A value that is left out, or null as some clients write what is empty.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The name of a virtual cluster, wherever one is named; where none is, the one that is built in is meant.
pub(super) fn vcluster_name(
    field: &'static str,
    text: Option<&str>,
) -> Result<klamm_raft::model::VclusterName, Invalid> {
    required(field, text.unwrap_or(PASSTHROUGH))
}
