//! `GatewayServiceAccount`.

use std::collections::BTreeSet;

use klamm_raft::model::{AccountKind, AccountName, AccountSpec, VclusterName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::schema::{ACCOUNTS, CONFIGURED, OfKind};
use super::{InVcluster, Resource, or_null, vcluster_name};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "GatewayServiceAccount";

/// The most names that an account has elsewhere.
const MAX_EXTERNAL_NAMES: usize = 100;
/// The longest of them: a distinguished name may be long.
const MAX_EXTERNAL_NAME_BYTES: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["LOCAL", "EXTERNAL"]))]
    kind: String,
    /// Of an EXTERNAL: what identity providers, certificates or the physical cluster call it.
    #[serde(
        rename = "externalNames",
        default,
        deserialize_with = "or_null",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        with = "Option<Vec<String>>",
        length(max = MAX_EXTERNAL_NAMES),
        inner(length(min = 1, max = MAX_EXTERNAL_NAME_BYTES))
    )]
    external_names: Vec<String>,
    /// The credentials, by their name in the backend configuration, with which requests of this account reach physical
    /// clusters.
    #[serde(
        rename = "upstreamCredentials",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(regex(pattern = CONFIGURED))]
    upstream_credentials: Option<String>,
}

impl OfKind for Spec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = ACCOUNTS;
}

/// That a new account has a name as the contract of this API has it. Other names, as Kafka takes them, are those of
/// accounts that are made with their credentials.
pub(crate) fn check_new(name: &AccountName) -> Result<(), Invalid> {
    let name = name.as_str();
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (3..=64).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "metadata.name {name:?} must have 3 to 64 of the characters a-z A-Z 0-9 _ -. An account with any other name is created through its SCRAM credential, with kafka-configs or klamm run setScramCredential, and can then be changed here"
    )))
}

pub(crate) type ServiceAccountResource = Resource<InVcluster, Spec>;

impl ServiceAccountResource {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(VclusterName, AccountName, AccountSpec), Invalid> {
        self.check()?;
        let vcluster = vcluster_name("metadata.vCluster", self.metadata.v_cluster.as_deref())?;
        let name = required("metadata.name", &self.metadata.name)?;
        let kind = match self.spec.kind.to_ascii_uppercase().as_str() {
            "LOCAL" if self.spec.external_names.is_empty() => AccountKind::Local,
            "LOCAL" => {
                return Err(Invalid::new(
                    "spec.externalNames is for the type EXTERNAL: a LOCAL account has the name that it has here",
                ));
            }
            "EXTERNAL" => AccountKind::External {
                names: external_names(self.spec.external_names)?,
            },
            _ => {
                return Err(Invalid::new(format!(
                    "spec.type {:?} is unknown; use LOCAL or EXTERNAL",
                    self.spec.kind
                )));
            }
        };
        let upstream_credentials = match self.spec.upstream_credentials {
            Some(credentials) => Some(required("spec.upstreamCredentials", &credentials)?),
            None => None,
        };
        let spec = AccountSpec {
            kind,
            upstream_credentials,
        };
        Ok((vcluster, name, spec))
    }

    /// Whether `spec.type` is this one.
    pub(crate) fn has_kind(&self, kind: &str) -> bool {
        self.spec.kind.eq_ignore_ascii_case(kind)
    }
}

fn external_names(names: Vec<String>) -> Result<BTreeSet<String>, Invalid> {
    let is_bad = |name: &String| {
        name.is_empty() || name.len() > MAX_EXTERNAL_NAME_BYTES || name.chars().any(char::is_control)
    };
    if names.is_empty() || names.len() > MAX_EXTERNAL_NAMES || names.iter().any(is_bad) {
        return Err(Invalid::new(format!(
            "spec.externalNames must list 1 to {MAX_EXTERNAL_NAMES} names of 1 to {MAX_EXTERNAL_NAME_BYTES} bytes \
             without control characters"
        )));
    }
    Ok(names.into_iter().collect())
}

/// A service account as it is shown.
pub(crate) fn show(
    vcluster: &VclusterName,
    name: &AccountName,
    spec: &AccountSpec,
) -> ServiceAccountResource {
    let (kind, external_names) = match &spec.kind {
        AccountKind::Local => ("LOCAL", Vec::new()),
        AccountKind::External { names } => ("EXTERNAL", names.iter().cloned().collect()),
    };
    Resource::of(
        InVcluster {
            name: name.to_string(),
            v_cluster: Some(vcluster.to_string()),
        },
        Spec {
            kind: kind.to_owned(),
            external_names,
            upstream_credentials: spec.upstream_credentials.as_ref().map(ToString::to_string),
        },
    )
}
