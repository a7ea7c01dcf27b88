//! The rules of a policy that brings ACLs.

use klamm_raft::model::{AclName, AclRule, Operation, PatternType, Permission, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::acls::{OperationSpec, PatternTypeSpec, PermissionSpec, ResourceTypeSpec};
use super::object::objects;

/// Rights of the principals of the policy to some resources, or their denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct AclRuleSpec {
    #[serde(with = "PermissionSpec")]
    #[schemars(with = "PermissionSpec")]
    permission_type: Permission,
    #[serde(with = "ResourceTypeSpec")]
    #[schemars(with = "ResourceTypeSpec")]
    resource_type: ResourceType,
    #[schemars(length(min = 1))]
    operations: Vec<OneOperation>,
    /// The names of the resources; * for all.
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1))]
    names: Vec<AclNameSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
struct OneOperation(
    #[serde(with = "OperationSpec")]
    #[schemars(with = "OperationSpec")]
    Operation,
);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct AclNameSpec {
    #[serde(with = "PatternTypeSpec")]
    #[schemars(with = "PatternTypeSpec")]
    pattern_type: PatternType,
    #[schemars(length(min = 1))]
    name: String,
}

impl From<AclRuleSpec> for AclRule {
    fn from(spec: AclRuleSpec) -> Self {
        let name = |named: AclNameSpec| AclName {
            pattern_type: named.pattern_type,
            name: named.name,
        };
        Self {
            permission: spec.permission_type,
            resource_type: spec.resource_type,
            operations: spec.operations.into_iter().map(|one| one.0).collect(),
            names: spec.names.into_iter().map(name).collect(),
        }
    }
}

impl From<&AclRule> for AclRuleSpec {
    fn from(rule: &AclRule) -> Self {
        let name = |named: &AclName| AclNameSpec {
            pattern_type: named.pattern_type,
            name: named.name.clone(),
        };
        Self {
            permission_type: rule.permission,
            resource_type: rule.resource_type,
            operations: rule.operations.iter().copied().map(OneOperation).collect(),
            names: rule.names.iter().map(name).collect(),
        }
    }
}
