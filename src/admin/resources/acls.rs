//! `spec.aclMode` and `spec.acls`: who says what the ACLs are, and those that are declared with the virtual cluster.

use std::collections::BTreeSet;
use std::net::IpAddr;

use klamm_raft::model::{
    AclBinding, AclEntry, AclMode, Operation, PatternType, Permission, ResourcePattern, ResourceType,
    VirtualCluster,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid::Invalid;
use super::object::object;
use crate::authz::CLUSTER_NAME;

/// The form of principals.
pub(super) const PRINCIPALS: &str = "^[^:]+:.";

/// The address that stands for all.
const ANY_HOST: &str = "*";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(super) enum ModeSpec {
    KafkaApi,
    RestApi,
}

/// One ACL, in the words of Kafka's own classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct AclSpec {
    #[serde(deserialize_with = "object")]
    pub(super) resource_pattern: PatternSpec,
    /// As User:name, or User:* for everybody.
    #[schemars(regex(pattern = PRINCIPALS))]
    pub(super) principal: String,
    /// An IP address, or * for all.
    pub(super) host: String,
    #[serde(with = "OperationSpec")]
    #[schemars(with = "OperationSpec")]
    pub(super) operation: Operation,
    #[serde(with = "PermissionSpec")]
    #[schemars(with = "PermissionSpec")]
    pub(super) permission_type: Permission,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct PatternSpec {
    #[serde(with = "ResourceTypeSpec")]
    #[schemars(with = "ResourceTypeSpec")]
    resource_type: ResourceType,
    /// * for all.
    #[schemars(length(min = 1))]
    name: String,
    #[serde(with = "PatternTypeSpec")]
    #[schemars(with = "PatternTypeSpec")]
    pattern_type: PatternType,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "ResourceType", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ResourceTypeSpec {
    Topic,
    Group,
    Cluster,
    TransactionalId,
    DelegationToken,
    User,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "PatternType", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PatternTypeSpec {
    Literal,
    Prefixed,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "Operation", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum OperationSpec {
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

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "Permission", rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum PermissionSpec {
    Deny,
    Allow,
}

/// The mode that was said, with the ACLs if they are declared.
pub(super) fn read(mode: Option<ModeSpec>, acls: Option<Vec<AclSpec>>) -> Result<Option<AclMode>, Invalid> {
    match (mode, acls) {
        (Some(ModeSpec::RestApi), acls) => {
            let acls = acls.unwrap_or_default().into_iter().enumerate();
            let acls: BTreeSet<_> = acls
                .map(|(index, acl)| acl.read(&format!("spec.acls[{index}].")))
                .collect::<Result<_, _>>()?;
            Ok(Some(AclMode::RestApi(acls.into())))
        }
        (_, Some(_)) => Err(Invalid::new(
            "spec.acls is for spec.aclMode REST_API: with KAFKA_API, the default, clients create the ACLs, for instance with kafka-acls",
        )),
        (mode, None) => Ok(mode.map(|_| AclMode::KafkaApi)),
    }
}

/// The ACLs as they are shown of a virtual cluster: the mode as it was said, and the ACLs that are declared.
pub(super) fn show(spec: &VirtualCluster) -> (Option<ModeSpec>, Option<Vec<AclSpec>>) {
    let mode = spec.acl_mode.as_ref().map(|mode| match mode {
        AclMode::KafkaApi => ModeSpec::KafkaApi,
        AclMode::RestApi(_) => ModeSpec::RestApi,
    });
    let acls = spec.declared_acls();
    (
        mode,
        acls.map(|acls| acls.iter().cloned().map(AclSpec::from).collect()),
    )
}

impl AclSpec {
    /// Checks what is put; `at` is said before the field that is wrong. A broker takes from clients what holds nowhere; here
    /// that is a mistake.
    pub(super) fn read(self, at: &str) -> Result<AclBinding, Invalid> {
        let Self {
            resource_pattern: pattern,
            principal,
            host,
            operation,
            permission_type: permission,
        } = self;
        let wrong = |field: &str, why: String| Err(Invalid::new(format!("{at}{field}: {why}")));
        if pattern.name.is_empty() {
            return wrong("resourcePattern.name", "it is empty".to_owned());
        }
        if pattern.resource_type == ResourceType::Cluster && pattern.name != CLUSTER_NAME {
            return wrong(
                "resourcePattern.name",
                format!(
                    "the only CLUSTER resource is {CLUSTER_NAME}, not {:?}",
                    pattern.name
                ),
            );
        }
        let is_principal = |(kind, name): (&str, &str)| !kind.is_empty() && !name.is_empty();
        if !principal.split_once(':').is_some_and(is_principal) {
            return wrong(
                "principal",
                format!("{principal:?} has no type: write User:{principal}"),
            );
        }
        if host != ANY_HOST && host.parse::<IpAddr>().is_err() {
            return wrong(
                "host",
                format!("{host:?} is neither * nor an IP address, so the ACL would apply to nobody"),
            );
        }
        Ok(AclBinding {
            pattern: ResourcePattern {
                resource_type: pattern.resource_type,
                name: pattern.name,
                pattern_type: pattern.pattern_type,
            },
            entry: AclEntry {
                principal,
                host,
                operation,
                permission,
            },
        })
    }
}

impl From<AclBinding> for AclSpec {
    fn from(AclBinding { pattern, entry }: AclBinding) -> Self {
        Self {
            resource_pattern: PatternSpec {
                resource_type: pattern.resource_type,
                name: pattern.name,
                pattern_type: pattern.pattern_type,
            },
            principal: entry.principal,
            host: entry.host,
            operation: entry.operation,
            permission_type: entry.permission,
        }
    }
}
