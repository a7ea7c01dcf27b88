//! The rules of a policy on requests.

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{RequestKind, RequestRule, RequestSetting, RuleEffect};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::event_gateway::labels::MAX_DESCRIPTION_CHARS;
use super::super::invalid::Invalid;
use super::super::object::object_or_null;
use crate::expression::MAX_TEXT_BYTES;

/// The most rules of one policy.
pub(super) const MAX_RULES: usize = 64;
/// The most kinds of requests that one rule names.
const MAX_REQUESTS: usize = 14;
/// The most configurations that one rule sets.
const MAX_CONFIGS: usize = 64;

/// A demand on requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct RequestRuleSpec {
    /// The kinds of requests that it is about.
    #[schemars(length(min = 1, max = MAX_REQUESTS))]
    requests: Vec<RequestKindSpec>,
    /// The expression that must hold for each item of such a request.
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    rule: String,
    /// Tells the client what is demanded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: String,
    /// The effect on an item for which it does not hold. Without it, the item is refused.
    #[serde(
        default,
        deserialize_with = "object_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    otherwise: Option<OtherwiseSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum RequestKindSpec {
    CreateTopics,
    CreatePartitions,
    AlterConfigs,
    IncrementalAlterConfigs,
    Produce,
    Fetch,
    JoinGroup,
    ConsumerGroupHeartbeat,
    OffsetCommit,
    OffsetFetch,
    TxnOffsetCommit,
    CreateAcls,
    DeleteAcls,
    /// Whatever a client asks once it is logged in.
    Any,
    /// Of a member of a classic group.
    Heartbeat,
}

/// One of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct OtherwiseSpec {
    /// The settings that the item gets instead.
    #[serde(
        rename = "override",
        default,
        deserialize_with = "object_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    settings: Option<SettingsSpec>,
    /// Whether the item is only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observe: Option<bool>,
}

/// Settings of requests. Their values may hold expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct SettingsSpec {
    /// Of topics that are created, or that get more partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    partitions: Option<String>,
    /// Of topics that are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    replication_factor: Option<String>,
    /// Of topics that are created, or resources that are configured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = { "type": "string", "maxLength": MAX_TEXT_BYTES }))]
    configs: BTreeMap<String, String>,
    /// Of fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    isolation_level: Option<String>,
    /// Of fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    max_bytes: Option<String>,
    /// Of fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    min_bytes: Option<String>,
    /// Of fetches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    max_wait_ms: Option<String>,
    /// Of what is produced. It is not for others to say.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    acks: Option<String>,
}

/// Reads the rules of a policy.
pub(super) fn read(specs: Vec<RequestRuleSpec>) -> Result<Vec<RequestRule>, Invalid> {
    if !(1..=MAX_RULES).contains(&specs.len()) {
        return Err(Invalid::new(format!(
            "spec.action.rules must list 1 to {MAX_RULES} rules"
        )));
    }
    let rules = specs.into_iter().enumerate();
    rules.map(|(number, spec)| rule(number, spec)).collect()
}

fn rule(number: usize, spec: RequestRuleSpec) -> Result<RequestRule, Invalid> {
    let at = |field: &str| format!("spec.action.rules[{number}].{field}");
    if !(1..=MAX_REQUESTS).contains(&spec.requests.len()) {
        return Err(Invalid::new(format!(
            "{} must list 1 to {MAX_REQUESTS} kinds of requests",
            at("requests")
        )));
    }
    if spec.description.chars().count() > MAX_DESCRIPTION_CHARS {
        return Err(Invalid::new(format!(
            "{} has more than {MAX_DESCRIPTION_CHARS} characters",
            at("description")
        )));
    }
    let requests: BTreeSet<RequestKind> = spec.requests.iter().map(|kind| kind.kind()).collect();
    let otherwise = match spec.otherwise {
        None => RuleEffect::Refuse,
        Some(OtherwiseSpec {
            settings: Some(settings),
            observe: None | Some(false),
        }) => RuleEffect::Override {
            settings: settings.read(&at("otherwise.override"))?,
        },
        Some(OtherwiseSpec {
            settings: None,
            observe: Some(true),
        }) => RuleEffect::Observe,
        Some(_) => {
            return Err(Invalid::new(format!(
                "{} is either override, with the settings that the request gets, or observe: true, which only counts; \
                 without it the request is refused",
                at("otherwise")
            )));
        }
    };
    Ok(RequestRule {
        requests,
        rule: spec.rule,
        description: spec.description,
        otherwise,
    })
}

impl SettingsSpec {
    fn read(self, at: &str) -> Result<BTreeMap<RequestSetting, String>, Invalid> {
        if self.acks.is_some() {
            return Err(Invalid::new(format!(
                "{at}.acks cannot be set by others: the producer waits for the acknowledgement that it asks for, and would \
                 take none for one. Refuse requests with other acks instead"
            )));
        }
        if self.configs.len() > MAX_CONFIGS {
            return Err(Invalid::new(format!(
                "{at}.configs has more than {MAX_CONFIGS} members"
            )));
        }
        if self.configs.keys().any(String::is_empty) {
            return Err(Invalid::new(format!(
                "{at}.configs names a configuration without a name"
            )));
        }
        let single = [
            (RequestSetting::Partitions, self.partitions),
            (RequestSetting::ReplicationFactor, self.replication_factor),
            (RequestSetting::IsolationLevel, self.isolation_level),
            (RequestSetting::MaxBytes, self.max_bytes),
            (RequestSetting::MinBytes, self.min_bytes),
            (RequestSetting::MaxWaitMs, self.max_wait_ms),
        ];
        let single = single
            .into_iter()
            .filter_map(|(setting, value)| Some((setting, value?)));
        let configs = self.configs.into_iter();
        let configs = configs.map(|(name, value)| (RequestSetting::Config(name), value));
        Ok(single.chain(configs).collect())
    }

    fn show(settings: &BTreeMap<RequestSetting, String>) -> Self {
        let mut spec = Self::default();
        for (setting, value) in settings {
            let value = value.clone();
            match setting {
                RequestSetting::Partitions => spec.partitions = Some(value),
                RequestSetting::ReplicationFactor => spec.replication_factor = Some(value),
                RequestSetting::IsolationLevel => spec.isolation_level = Some(value),
                RequestSetting::MaxBytes => spec.max_bytes = Some(value),
                RequestSetting::MinBytes => spec.min_bytes = Some(value),
                RequestSetting::MaxWaitMs => spec.max_wait_ms = Some(value),
                RequestSetting::Config(name) => {
                    spec.configs.insert(name.clone(), value);
                }
            }
        }
        spec
    }
}

/// A rule as it is shown.
pub(super) fn show(rule: &RequestRule) -> RequestRuleSpec {
    let otherwise = match &rule.otherwise {
        RuleEffect::Refuse => None,
        RuleEffect::Override { settings } => Some(OtherwiseSpec {
            settings: Some(SettingsSpec::show(settings)),
            observe: None,
        }),
        RuleEffect::Observe => Some(OtherwiseSpec {
            settings: None,
            observe: Some(true),
        }),
    };
    RequestRuleSpec {
        requests: rule
            .requests
            .iter()
            .map(|kind| RequestKindSpec::of(*kind))
            .collect(),
        rule: rule.rule.clone(),
        description: rule.description.clone(),
        otherwise,
    }
}

/// Writes both ways between a kind and its spelling.
macro_rules! kinds {
    ($($kind:ident)*) => {
        impl RequestKindSpec {
            fn kind(self) -> RequestKind {
                match self {
                    $(Self::$kind => RequestKind::$kind,)*
                }
            }

            fn of(kind: RequestKind) -> Self {
                match kind {
                    $(RequestKind::$kind => Self::$kind,)*
                }
            }
        }
    };
}

kinds! {
    CreateTopics CreatePartitions AlterConfigs IncrementalAlterConfigs Produce Fetch JoinGroup ConsumerGroupHeartbeat
    OffsetCommit OffsetFetch TxnOffsetCommit CreateAcls DeleteAcls Any Heartbeat
}
