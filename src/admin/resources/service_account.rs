//! `GatewayServiceAccount`.

use klamm_raft::model::{AccountKind, AccountName, VclusterName};
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::{InVcluster, Resource, vcluster_name};

const KIND: &str = "GatewayServiceAccount";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spec {
    #[serde(rename = "type")]
    kind: String,
}

pub(crate) type ServiceAccountResource = Resource<InVcluster, Spec>;

impl ServiceAccountResource {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(VclusterName, AccountName, AccountKind), Invalid> {
        self.check(KIND)?;
        let vcluster = vcluster_name("metadata.vCluster", self.metadata.v_cluster.as_deref())?;
        let name = required("metadata.name", &self.metadata.name)?;
        let kind = match self.spec.kind.to_ascii_uppercase().as_str() {
            "LOCAL" => AccountKind::Local,
            "EXTERNAL" => {
                return Err(Invalid::new(
                    "spec.type EXTERNAL is not available yet: only LOCAL is",
                ));
            }
            _ => {
                return Err(Invalid::new(format!(
                    "spec.type {:?} is not known: only LOCAL is available",
                    self.spec.kind
                )));
            }
        };
        Ok((vcluster, name, kind))
    }

    /// Whether `spec.type` is this one.
    pub(crate) fn has_kind(&self, kind: &str) -> bool {
        self.spec.kind.eq_ignore_ascii_case(kind)
    }
}

/// A service account as it is shown.
pub(crate) fn show(
    vcluster: &VclusterName,
    name: &AccountName,
    kind: &AccountKind,
) -> ServiceAccountResource {
    let kind = match kind {
        AccountKind::Local => "LOCAL",
    };
    Resource::of(
        KIND,
        InVcluster {
            name: name.to_string(),
            v_cluster: Some(vcluster.to_string()),
        },
        Spec {
            kind: kind.to_owned(),
        },
    )
}
