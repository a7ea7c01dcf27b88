//! `acls` in the words of event gateways. Their names are globs, of which those are taken that ACLs of Kafka can say.

use klamm_raft::model::{AclName, AclRule, Operation, PatternType, Permission, PolicyAction, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::Invalid;
use crate::admin::resources::object::objects;
use crate::policy;

/// The most names of one rule.
const MAX_NAMES: usize = 50;
const WILDCARD: char = '*';

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct AclsConfig {
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1))]
    rules: Vec<EventGatewayAclRule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct EventGatewayAclRule {
    #[serde(with = "ResourceTypeWord")]
    #[schemars(with = "ResourceTypeWord")]
    resource_type: ResourceType,
    #[serde(with = "PermissionWord")]
    #[schemars(with = "PermissionWord")]
    action: Permission,
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1))]
    operations: Vec<NamedOperation>,
    #[serde(deserialize_with = "objects")]
    #[schemars(length(min = 1, max = MAX_NAMES))]
    resource_names: Vec<NameGlob>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct NamedOperation {
    #[serde(with = "OperationWord")]
    #[schemars(with = "OperationWord")]
    name: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
struct NameGlob {
    /// A name, the beginning of names with * behind it, or * for all.
    #[serde(rename = "match")]
    #[schemars(length(min = 1))]
    text: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "ResourceType", rename_all = "snake_case")]
enum ResourceTypeWord {
    Topic,
    Group,
    Cluster,
    TransactionalId,
    DelegationToken,
    User,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "Permission", rename_all = "snake_case")]
enum PermissionWord {
    Deny,
    Allow,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(remote = "Operation", rename_all = "snake_case")]
enum OperationWord {
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

impl AclsConfig {
    /// The condition of the policy says whose they are.
    pub(super) fn read(self, condition: Option<&str>) -> Result<PolicyAction, Invalid> {
        let rules = self.rules.into_iter().enumerate();
        Ok(PolicyAction::Acls {
            principals: policy::principals(condition).map_err(|fault| Invalid::new(fault.to_string()))?,
            rules: rules.map(rule).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn show(rules: &[AclRule]) -> Self {
        let rule = |rule: &AclRule| EventGatewayAclRule {
            resource_type: rule.resource_type,
            action: rule.permission,
            operations: rule
                .operations
                .iter()
                .map(|name| NamedOperation { name: *name })
                .collect(),
            resource_names: rule.names.iter().map(NameGlob::of).collect(),
        };
        Self {
            rules: rules.iter().map(rule).collect(),
        }
    }
}

fn rule((index, rule): (usize, EventGatewayAclRule)) -> Result<AclRule, Invalid> {
    let at = format!("config.rules[{index}].resource_names");
    if rule.resource_names.len() > MAX_NAMES {
        return Err(Invalid::new(format!("{at}: more than {MAX_NAMES}")));
    }
    let names = rule.resource_names.into_iter().enumerate();
    let named = |(index, glob): (usize, NameGlob)| glob.read(&format!("{at}[{index}].match"));
    Ok(AclRule {
        permission: rule.action,
        resource_type: rule.resource_type,
        operations: rule.operations.into_iter().map(|one| one.name).collect(),
        names: names.map(named).collect::<Result<_, _>>()?,
    })
}

impl NameGlob {
    fn read(self, at: &str) -> Result<AclName, Invalid> {
        let beginning = self.text.strip_suffix(WILDCARD).filter(|rest| !rest.is_empty());
        let is_all = self.text.len() == 1;
        let (pattern_type, name) = match beginning {
            Some(beginning) => (PatternType::Prefixed, beginning),
            None => (PatternType::Literal, self.text.as_str()),
        };
        if name.contains(WILDCARD) && !is_all {
            return Err(Invalid::new(format!(
                "{at}: an ACL of Kafka names one resource, all that begin alike (x*), or all (*), which is not what {:?} says",
                self.text
            )));
        }
        Ok(AclName {
            pattern_type,
            name: name.to_owned(),
        })
    }

    fn of(name: &AclName) -> Self {
        let mut text = name.name.clone();
        if name.pattern_type == PatternType::Prefixed {
            text.push(WILDCARD);
        }
        Self { text }
    }
}

/// Those that are wanted in the place of some. A literal name with an asterisk looks as a glob does.
pub(super) fn changed(wanted: Vec<AclRule>, there: &[AclRule]) -> Vec<AclRule> {
    match AclsConfig::show(&wanted) == AclsConfig::show(there) {
        true => there.to_vec(),
        false => wanted,
    }
}
