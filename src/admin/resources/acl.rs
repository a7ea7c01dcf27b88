//! ACLs by themselves: one that is put or shown, and the criteria by which they are found.

use std::fmt;

use klamm_raft::model::{AclBinding, Operation, Permission, PolicyKey, VclusterName};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::acls::{AclSpec, OperationSpec, PRINCIPALS, PatternSpec, PermissionSpec};
use super::invalid::Invalid;
use super::object::{object, object_or_null};
use super::schema::VCLUSTERS;
use super::vcluster_name;
use crate::authz::filter::{AclFilter, RawFilter};
use crate::authz::is_of_type;

/// The body of `PUT /gateway/v2/acl`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "AclToPut")]
pub(crate) struct AclToPut {
    /// passthrough, if none is named.
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[serde(deserialize_with = "object")]
    resource_pattern: PatternSpec,
    /// As User:name, or User:* for everybody.
    #[schemars(regex(pattern = PRINCIPALS))]
    principal: String,
    /// An IP address, or * for all.
    host: String,
    #[serde(with = "OperationSpec")]
    #[schemars(with = "OperationSpec")]
    operation: Operation,
    #[serde(with = "PermissionSpec")]
    #[schemars(with = "PermissionSpec")]
    permission_type: Permission,
    /// Taken and ignored: the policy that the ACL was shown to come from.
    #[serde(default, rename = "policy")]
    #[schemars(with = "String", extend("readOnly" = true))]
    _policy: Option<IgnoredAny>,
}

impl AclToPut {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(VclusterName, AclBinding), Invalid> {
        let vcluster = vcluster_name("vCluster", self.v_cluster.as_deref())?;
        let acl = AclSpec {
            resource_pattern: self.resource_pattern,
            principal: self.principal,
            host: self.host,
            operation: self.operation,
            permission_type: self.permission_type,
        };
        let acl = acl.read("")?;
        let (operation, resource_type) = (acl.entry.operation, acl.pattern.resource_type);
        if !is_of_type(operation, resource_type) {
            return Err(Invalid::new(format!(
                "operation: nobody asks for {operation:?} on a resource of the type {resource_type:?}, so the ACL would do nothing"
            )));
        }
        Ok((vcluster, acl))
    }
}

/// An ACL as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Acl")]
pub(crate) struct ShownAcl {
    v_cluster: String,
    resource_pattern: PatternSpec,
    principal: String,
    host: String,
    #[serde(with = "OperationSpec")]
    #[schemars(with = "OperationSpec")]
    operation: Operation,
    #[serde(with = "PermissionSpec")]
    #[schemars(with = "PermissionSpec")]
    permission_type: Permission,
    /// The policy that it comes from: it is changed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

impl ShownAcl {
    /// An ACL of a virtual cluster, perhaps of a policy.
    pub(crate) fn of(vcluster: &VclusterName, acl: &AclBinding, policy: Option<&PolicyKey>) -> Self {
        let AclSpec {
            resource_pattern,
            principal,
            host,
            operation,
            permission_type,
        } = acl.clone().into();
        Self {
            v_cluster: vcluster.to_string(),
            resource_pattern,
            principal,
            host,
            operation,
            permission_type,
            policy: policy.map(ToString::to_string),
        }
    }
}

/// A resource type of a filter. The numbers are Kafka's, here as below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum TypeFilter {
    #[default]
    Any = 1,
    Topic,
    Group,
    Cluster,
    TransactionalId,
    DelegationToken,
    User,
}

/// A pattern type of a filter. MATCH is whatever covers a resource of the name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum PatternTypeFilter {
    #[default]
    Any = 1,
    Match,
    Literal,
    Prefixed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum OperationFilter {
    #[default]
    Any = 1,
    All,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    ClusterAction,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
    CreateTokens,
    DescribeTokens,
    TwoPhaseCommit,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum PermissionFilter {
    #[default]
    Any = 1,
    Deny,
    Allow,
}

/// The query of `GET /gateway/v2/acl`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AclQuery {
    pub(crate) vcluster: Option<String>,
    resource_type: TypeFilter,
    resource_name: Option<String>,
    pattern_type: PatternTypeFilter,
    principal: Option<String>,
    host: Option<String>,
    operation: OperationFilter,
    permission_type: PermissionFilter,
}

/// The body of `DELETE /gateway/v2/acl`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(
    rename = "AclsToDelete",
    description = "A filter: an ACL is deleted if it has all that is said. Something must be said beside the virtual cluster."
)]
pub(crate) struct AclsToDelete {
    /// passthrough, if none is named.
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    #[serde(deserialize_with = "object_or_null")]
    resource_pattern: Option<NamedPattern>,
    principal: Option<String>,
    host: Option<String>,
    operation: Option<OperationFilter>,
    permission_type: Option<PermissionFilter>,
    /// Taken and ignored: the policy that the ACL was shown to come from.
    #[serde(rename = "policy")]
    #[schemars(with = "String", extend("readOnly" = true))]
    _policy: Option<IgnoredAny>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
struct NamedPattern {
    resource_type: Option<TypeFilter>,
    name: Option<String>,
    pattern_type: Option<PatternTypeFilter>,
}

/// The criteria by which ACLs are found, as Kafka filters them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AclCriteria {
    resource_type: TypeFilter,
    resource_name: Option<String>,
    pattern_type: PatternTypeFilter,
    principal: Option<String>,
    host: Option<String>,
    operation: OperationFilter,
    permission: PermissionFilter,
}

impl From<AclQuery> for AclCriteria {
    fn from(query: AclQuery) -> Self {
        Self {
            resource_type: query.resource_type,
            resource_name: query.resource_name,
            pattern_type: query.pattern_type,
            principal: query.principal,
            host: query.host,
            operation: query.operation,
            permission: query.permission_type,
        }
    }
}

impl AclsToDelete {
    /// Checks what is asked for.
    pub(crate) fn read(self) -> Result<(VclusterName, AclCriteria), Invalid> {
        let vcluster = vcluster_name("vCluster", self.v_cluster.as_deref())?;
        let pattern = self.resource_pattern.unwrap_or_default();
        let is_anything_said = pattern != NamedPattern::default()
            || self.principal.is_some()
            || self.host.is_some()
            || self.operation.is_some()
            || self.permission_type.is_some();
        if !is_anything_said {
            return Err(Invalid::new(
                "give at least one of resourcePattern, principal, host, operation and permissionType: all ACLs of the virtual cluster are meant by {\"resourcePattern\": {\"resourceType\": \"ANY\"}}",
            ));
        }
        let criteria = AclCriteria {
            resource_type: pattern.resource_type.unwrap_or_default(),
            resource_name: pattern.name,
            pattern_type: pattern.pattern_type.unwrap_or_default(),
            principal: self.principal,
            host: self.host,
            operation: self.operation.unwrap_or_default(),
            permission: self.permission_type.unwrap_or_default(),
        };
        Ok((vcluster, criteria))
    }
}

impl AclCriteria {
    /// As a filter of ACLs.
    pub(crate) fn filter(&self) -> Result<AclFilter<'_>, Invalid> {
        AclFilter::read(RawFilter {
            resource_type: self.resource_type as i8,
            resource_name: self.resource_name.as_deref(),
            pattern_type: self.pattern_type as i8,
            principal: self.principal.as_deref(),
            host: self.host.as_deref(),
            operation: self.operation as i8,
            permission: self.permission as i8,
        })
        .map_err(|unknown| Invalid::new(unknown.to_string()))
    }
}

/// As the audit log has it.
impl fmt::Display for AclCriteria {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "any".to_owned());
        write!(
            f,
            "{} {:?} {:?} on {:?} {:?} {} from {}",
            text(&self.principal),
            self.permission,
            self.operation,
            self.pattern_type,
            self.resource_type,
            text(&self.resource_name),
            text(&self.host)
        )
    }
}

/// One ACL in the same words.
pub(crate) fn in_words(AclBinding { pattern, entry }: &AclBinding) -> String {
    format!(
        "{} {:?} {:?} on {:?} {:?} {} from {}",
        entry.principal,
        entry.permission,
        entry.operation,
        pattern.pattern_type,
        pattern.resource_type,
        pattern.name,
        entry.host
    )
}

/// The answer to a DELETE.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedAcls")]
pub(crate) struct DeletedAcls {
    pub(crate) deleted: Vec<ShownAcl>,
    /// Those that match, too, and come from policies: they are changed there.
    pub(crate) kept: Vec<ShownAcl>,
}
