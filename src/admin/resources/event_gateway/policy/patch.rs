//! The change of single fields of a policy. What it does is not among them, so that policies of every type have it: also of
//! those types that this API has no words for.

use std::collections::BTreeMap;

use klamm_raft::model::{Policy, PolicyAction, PolicyName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{MAX_CONDITION_CHARS, checked_condition};
use crate::admin::resources::event_gateway::labels::{self, MAX_DESCRIPTION_CHARS};
use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::policy::check;
use crate::admin::resources::schema::{LABELS, POLICIES};
use crate::policy;

/// The fields that are to be others. Those that are left out stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayPolicyPatch")]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyPatch {
    /// It stays what it was.
    #[serde(default)]
    #[schemars(regex(pattern = POLICIES))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
    /// All of them, in the place of those that there are.
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
    /// The expression that says for what it acts; empty stands for all.
    #[serde(default)]
    #[schemars(length(max = MAX_CONDITION_CHARS))]
    condition: Option<String>,
}

impl PolicyPatch {
    /// The change, with good values.
    pub(crate) fn read(self) -> Result<CheckedPatch, Invalid> {
        Ok(CheckedPatch {
            name: self.name.map(|name| required("name", &name)).transpose()?,
            description: self.description.map(labels::description).transpose()?,
            enabled: self.enabled,
            labels: self.labels.map(labels::labels).transpose()?,
            condition: self
                .condition
                .map(|condition| checked_condition(Some(condition)))
                .transpose()?,
        })
    }
}

/// A change of single fields, whose values are good.
#[derive(Debug)]
pub(crate) struct CheckedPatch {
    name: Option<PolicyName>,
    description: Option<String>,
    enabled: Option<bool>,
    labels: Option<BTreeMap<String, String>>,
    condition: Option<Option<String>>,
}

impl CheckedPatch {
    /// The policy that comes of the one that is there, and the name that it is to have, if one is said.
    pub(crate) fn change(self, there: &Policy) -> Result<(Option<PolicyName>, Policy), Invalid> {
        let mut policy = there.clone();
        // The words of somebody else said something else.
        policy.spelling = None;
        if let Some(description) = self.description {
            policy.description = description;
        }
        if let Some(enabled) = self.enabled {
            policy.enabled = enabled;
        }
        if let Some(labels) = self.labels {
            policy.labels = labels;
        }
        if let Some(condition) = self.condition {
            policy.condition = condition;
            if let PolicyAction::Acls { principals, .. } = &mut policy.action {
                let named = policy::principals(policy.condition.as_deref());
                *principals = named.map_err(|fault| Invalid::new(fault.to_string()))?;
            }
        }
        check(&policy)?;
        Ok((self.name, policy))
    }
}
