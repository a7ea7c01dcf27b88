//! A policy as it is shown.

use std::collections::BTreeMap;

use klamm_raft::model::{
    FailureMode, Policy, PolicyAction, PolicyKey, PolicyPhase, PolicyScope, TopicPattern,
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::acls::AclsConfig;
use super::cipher::{DecryptConfig, EncryptConfig};
use super::headers::HeadersConfig;
use super::validation::ValidationConfig;
use crate::admin::resources::policy;
use crate::unix_time::utc;

/// A policy that is in effect in a virtual cluster.
#[derive(Debug, Serialize)]
pub(crate) struct ShownVclusterPolicy {
    #[serde(rename = "type")]
    kind: &'static str,
    pub(crate) name: String,
    description: String,
    enabled: bool,
    labels: BTreeMap<String, String>,
    condition: String,
    /// There are no policies yet that others can belong to.
    parent_policy_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<ShownConfig>,
    pub(crate) id: String,
    created_at: String,
    updated_at: String,
    /// The topics that it concerns; all, if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_mode: Option<&'static str>,
    /// Whom it concerns, where that is not everybody in this virtual cluster alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ShownConfig {
    Headers(HeadersConfig),
    Require {
        description: String,
    },
    Acls(AclsConfig),
    Encrypt(EncryptConfig),
    Decrypt(DecryptConfig),
    Validation(ValidationConfig),
    /// There are no other words for it than our own.
    Own(Value),
}

/// The type of policies with this action.
pub(super) fn word(action: &PolicyAction) -> &'static str {
    match action {
        PolicyAction::ModifyHeaders { .. } => "modify_headers",
        PolicyAction::SkipRecord => "skip_record",
        PolicyAction::Require { .. } => "require",
        PolicyAction::Acls { .. } => "acls",
        PolicyAction::RequestRules { .. } => "request_rules",
        PolicyAction::ReadOnly => "read_only",
        PolicyAction::Encrypt { .. } => "encrypt",
        PolicyAction::Decrypt { .. } => "decrypt",
        PolicyAction::LimitRate { .. } => "limit_rate",
        PolicyAction::ValidateSchema { .. } => "schema_validation",
    }
}

/// The action without its type, in our own words.
fn in_our_words(key: &PolicyKey, policy: &Policy) -> Value {
    let shown = serde_json::to_value(policy::show(key, policy)).unwrap_or_default();
    let mut action = shown["spec"]["action"].clone();
    if let Some(action) = action.as_object_mut() {
        action.remove("type");
    }
    action
}

/// A policy as it is shown.
pub(crate) fn show(id: Uuid, key: &PolicyKey, policy: &Policy) -> ShownVclusterPolicy {
    let topic = |topic: &TopicPattern| match topic {
        TopicPattern::Literal(name) => name.to_string(),
        TopicPattern::Prefixed(name) => format!("{name}*"),
        TopicPattern::Regex(pattern) => format!("regex:{pattern}"),
    };
    let scope = match (key.vcluster(), key.scope()) {
        (None, PolicyScope::All) => Some("all virtual clusters".to_owned()),
        (None, PolicyScope::Group(group)) => Some(format!("group {group} of all virtual clusters")),
        (None, PolicyScope::Account(account)) => Some(format!("User:{account} of all virtual clusters")),
        (Some(_), PolicyScope::Group(group)) => Some(format!("group {group}")),
        (Some(_), PolicyScope::Account(account)) => Some(format!("User:{account}")),
        (Some(_), PolicyScope::All) => None,
    };
    ShownVclusterPolicy {
        kind: word(&policy.action),
        name: key.name().to_string(),
        description: policy.description.clone(),
        enabled: policy.enabled,
        labels: policy.labels.clone(),
        condition: policy.condition.clone().unwrap_or_default(),
        parent_policy_id: None,
        config: match &policy.action {
            PolicyAction::ModifyHeaders { actions } => {
                Some(ShownConfig::Headers(HeadersConfig::show(actions)))
            }
            PolicyAction::SkipRecord | PolicyAction::ReadOnly => None,
            PolicyAction::RequestRules { .. } | PolicyAction::LimitRate { .. } => {
                Some(ShownConfig::Own(in_our_words(key, policy)))
            }
            PolicyAction::Require { description } => Some(ShownConfig::Require {
                description: description.clone(),
            }),
            PolicyAction::Acls { rules, .. } => Some(ShownConfig::Acls(AclsConfig::show(rules))),
            PolicyAction::Encrypt { key, parts } => {
                let config = EncryptConfig::show(key, parts, policy.failure_mode);
                Some(ShownConfig::Encrypt(config))
            }
            PolicyAction::Decrypt { parts, .. } => {
                let config = DecryptConfig::show(*parts, policy.failure_mode);
                Some(ShownConfig::Decrypt(config))
            }
            PolicyAction::ValidateSchema { parts, check } => {
                let config = ValidationConfig::show((*parts, check), policy.failure_mode, policy.phase);
                Some(ShownConfig::Validation(config))
            }
        },
        id: id.to_string(),
        created_at: utc(policy.times.created_s),
        updated_at: utc(policy.times.updated_s),
        topics: policy.topics.iter().map(topic).collect(),
        failure_mode: policy.failure_mode.map(|mode| match (mode, policy.phase) {
            (FailureMode::Refuse, PolicyPhase::Consume) => "error",
            (FailureMode::Refuse, _) => "reject",
            (FailureMode::Skip, _) => "skip",
            (FailureMode::Mark, _) => "mark",
            (FailureMode::Passthrough, _) => "passthrough",
        }),
        scope,
    }
}
