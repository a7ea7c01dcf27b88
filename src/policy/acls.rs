//! ACLs that policies bring to a virtual cluster, beside those that it has of its own.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    AclBinding, AclEntry, AclRule, PatternType, Policy, PolicyAction, PolicyId, PolicyKey, ResourcePattern,
    ResourceType, TooLong, VclusterName,
};

use super::fault::PolicyFault;
use super::scope::keyed_in;
use crate::authz::CLUSTER_NAME;
use crate::expression::{Condition, VariableShape, Vocabulary};

/// The most ACLs that one policy stands for.
const MAX_ACLS: usize = 1_000;
/// The name of the principal: the only thing that conditions of ACLs speak of.
const PRINCIPAL: usize = 0;
const EVERYBODY: &str = "User:*";
const ALL_NAMES: &str = "*";
/// From every host.
const EVERY_HOST: &str = "*";

static CONDITIONS: Vocabulary = Vocabulary {
    variables: &[("context.auth.principal.name", VariableShape::Single)],
    advice: Some("the condition of acls can only say whose they are, by context.auth.principal.name"),
};

/// Why the rules of a policy are no ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AclRuleFault {
    #[error("operations must list at least one")]
    NoOperations,
    #[error("it must name at least one resource")]
    NoNames,
    #[error("the name of a resource is empty")]
    EmptyName,
    #[error("the only resource of the type cluster is {CLUSTER_NAME}")]
    ClusterName,
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// The ACLs that policies bring to a virtual cluster, each with a policy that it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BroughtAcls(BTreeMap<AclBinding, PolicyKey>);

impl BroughtAcls {
    /// Those of the policies that are in effect in a virtual cluster.
    pub fn of(
        vcluster: &VclusterName,
        everywhere: &BTreeMap<PolicyId, Policy>,
        own: &BTreeMap<PolicyId, Policy>,
    ) -> Self {
        let mut brought = BTreeMap::new();
        for (key, policy) in keyed_in(vcluster, everywhere, own) {
            let PolicyAction::Acls { principals, rules } = &policy.action else {
                continue;
            };
            if !policy.enabled {
                continue;
            }
            for rule in rules {
                brought.extend(acls(principals, rule).map(|acl| (acl, key.clone())));
            }
        }
        Self(brought)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The policy that an ACL comes from, if it comes from one.
    pub fn by(&self, acl: &AclBinding) -> Option<&PolicyKey> {
        self.0.get(acl)
    }

    pub fn iter(&self) -> impl Iterator<Item = &AclBinding> {
        self.0.keys()
    }
}

/// The ACLs of a rule.
fn acls<'a>(principals: &'a BTreeSet<String>, rule: &'a AclRule) -> impl Iterator<Item = AclBinding> + 'a {
    principals.iter().flat_map(move |principal| {
        rule.names.iter().flat_map(move |named| {
            rule.operations.iter().map(move |operation| AclBinding {
                pattern: ResourcePattern {
                    resource_type: rule.resource_type,
                    name: match (rule.resource_type, named.name.as_str()) {
                        // There is one, which has this name.
                        (ResourceType::Cluster, ALL_NAMES) => CLUSTER_NAME.to_owned(),
                        (_, name) => name.to_owned(),
                    },
                    pattern_type: named.pattern_type,
                },
                entry: AclEntry {
                    principal: principal.clone(),
                    host: EVERY_HOST.to_owned(),
                    operation: *operation,
                    permission: rule.permission,
                },
            })
        })
    })
}

/// The principals that the condition of a policy with ACLs names; everybody, if it has none.
///
/// # Errors
/// It is no expression, or speaks of anything else.
pub fn principals(condition: Option<&str>) -> Result<BTreeSet<String>, PolicyFault> {
    let everybody = || BTreeSet::from([EVERYBODY.to_owned()]);
    let Some(condition) = condition.filter(|condition| condition.trim() != "true") else {
        return Ok(everybody());
    };
    let condition = Condition::compile(condition, &CONDITIONS).map_err(PolicyFault::Condition)?;
    let names = condition.choices(PRINCIPAL).ok_or(PolicyFault::AclCondition)?;
    // As the name of a principal in an ACL, the asterisk stands for everybody.
    if names.is_empty() || names.contains("") || names.contains(ALL_NAMES) {
        return Err(PolicyFault::AclPrincipal);
    }
    Ok(names.into_iter().map(|name| format!("User:{name}")).collect())
}

/// Whether a policy of this condition can bring the ACLs of these rules.
pub(super) fn check(policy: &Policy, rules: &[AclRule]) -> Result<(), PolicyFault> {
    let principals = principals(policy.condition.as_deref())?;
    if !policy.topics.is_empty() {
        return Err(PolicyFault::AclTopics);
    }
    if policy.failure_mode.is_some() {
        return Err(PolicyFault::AclFailureMode);
    }
    if rules.is_empty() {
        return Err(PolicyFault::NoAclRules);
    }
    let of_rule = |rule: &AclRule| rule.names.len().saturating_mul(rule.operations.len());
    let entries = rules.iter().map(of_rule).fold(0, usize::saturating_add);
    if entries.saturating_mul(principals.len()) > MAX_ACLS {
        return Err(PolicyFault::TooManyAcls { most: MAX_ACLS });
    }
    for (index, rule) in rules.iter().enumerate() {
        check_rule(&principals, rule).map_err(|fault| PolicyFault::AclRule { index, fault })?;
    }
    Ok(())
}

fn check_rule(principals: &BTreeSet<String>, rule: &AclRule) -> Result<(), AclRuleFault> {
    if rule.operations.is_empty() {
        return Err(AclRuleFault::NoOperations);
    }
    if rule.names.is_empty() {
        return Err(AclRuleFault::NoNames);
    }
    if rule.names.iter().any(|named| named.name.is_empty()) {
        return Err(AclRuleFault::EmptyName);
    }
    let is_cluster = |name: &str| [CLUSTER_NAME, ALL_NAMES].contains(&name);
    let is_right =
        |(pattern_type, name): (PatternType, &str)| pattern_type == PatternType::Literal && is_cluster(name);
    let mut names = rule
        .names
        .iter()
        .map(|named| (named.pattern_type, named.name.as_str()));
    if rule.resource_type == ResourceType::Cluster && !names.all(is_right) {
        return Err(AclRuleFault::ClusterName);
    }
    acls(principals, rule).try_for_each(|acl| Ok(acl.check_lengths()?))
}
