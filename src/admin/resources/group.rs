//! `GatewayGroup`.

use klamm_raft::model::{AccountGroup, GroupMember, GroupName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::{Invalid, required};
use super::object::objects_or_null;
use super::schema::{GROUPS, OfKind};
use super::{InVcluster, Resource, or_null, vcluster_name};

/// The `kind` of these resources.
pub(crate) const KIND: &str = "GatewayGroup";

/// The name of a group, which is that of no other in any virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NameOfGroup")]
pub(crate) struct GroupMetadata {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// The accounts that are in it. They must be there already, and leave it when they are deleted.
    #[serde(default, deserialize_with = "objects_or_null")]
    members: Option<Vec<InVcluster>>,
    /// Groups of a login provider, which cannot be members yet.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Option<Vec<String>>", length(max = 0))]
    external_groups: Vec<String>,
}

impl OfKind for Spec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = GROUPS;
}

pub(crate) type GroupResource = Resource<GroupMetadata, Spec>;

impl GroupResource {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(GroupName, AccountGroup), Invalid> {
        self.check()?;
        let name = required("metadata.name", &self.metadata.name)?;
        if !self.spec.external_groups.is_empty() {
            return Err(Invalid::new(
                "spec.externalGroups is not supported: list the accounts in spec.members",
            ));
        }
        let member = |member: InVcluster| {
            Ok(GroupMember {
                vcluster: vcluster_name("spec.members.vCluster", member.v_cluster.as_deref())?,
                account: required("spec.members.name", &member.name)?,
            })
        };
        let members = self.spec.members.unwrap_or_default().into_iter().map(member);
        let members = members.collect::<Result<_, _>>()?;
        Ok((name, AccountGroup { members }))
    }
}

/// A group as it is shown.
pub(crate) fn show(name: &GroupName, group: &AccountGroup) -> GroupResource {
    let member = |member: &GroupMember| InVcluster {
        name: member.account.to_string(),
        v_cluster: Some(member.vcluster.to_string()),
    };
    let metadata = GroupMetadata {
        name: name.to_string(),
    };
    let spec = Spec {
        members: Some(group.members.iter().map(member).collect()),
        external_groups: Vec::new(),
    };
    Resource::of(metadata, spec)
}
