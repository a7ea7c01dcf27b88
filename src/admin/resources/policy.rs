//! `Policy`.

mod cipher;
mod failure_mode;
mod rates;
mod rules;
mod schemas;

use std::collections::{BTreeMap, BTreeSet};

use klamm_raft::model::{
    AccountName, AclRule, FailureMode, GroupName, HeaderAction, HeaderKey, Policy, PolicyAction, PolicyKey,
    PolicyPhase, PolicyScope, Times, TopicPattern,
};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use self::cipher::{OpenedPartSpec, SealedPartSpec};
use self::failure_mode::FailureModeSpec;
use self::rates::RateSpec;
use self::rules::RequestRuleSpec;
use self::schemas::{SchemaCheckSpec, SchemaFormatSpec, ValidatedPartSpec};
use super::Resource;
use super::acl_rules::AclRuleSpec;
use super::event_gateway::labels::{self, MAX_DESCRIPTION_CHARS};
use super::invalid::{Invalid, required};
use super::object::{object, objects};
use super::policy_scope::WrittenScope;
use super::schema::{ACCOUNTS, GROUPS, LABELS, OfKind, POLICIES, VCLUSTERS};
use crate::expression::MAX_TEXT_BYTES;
use crate::policy;

/// The `kind` of these resources.
pub(crate) const KIND: &str = "Policy";

/// The most changes of headers that one policy makes.
pub(in crate::admin::resources) const MAX_HEADER_ACTIONS: usize = 64;
/// The longest key of a header.
pub(super) const MAX_KEY_BYTES: usize = 255;
/// The longest regular expression for topics.
const MAX_PATTERN_BYTES: usize = 1000;
/// The most topics that one policy names.
const MAX_TOPICS: usize = 256;

/// The name of a policy and its scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NameOfPolicy")]
pub(crate) struct PolicyMetadata {
    name: String,
    /// Its virtual cluster; all of them, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    /// The group whose members it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = GROUPS))]
    group: Option<String>,
    /// The only account that it concerns; everybody, if neither a group nor an account is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = ACCOUNTS))]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: BTreeMap<String, String>,
}

/// The body of a DELETE of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PolicyToDelete {
    #[schemars(regex(pattern = POLICIES))]
    name: String,
    /// Its virtual cluster; without one, the policy of all of them is meant.
    #[serde(default)]
    #[schemars(regex(pattern = VCLUSTERS))]
    v_cluster: Option<String>,
    /// The group whose members it concerns.
    #[serde(default)]
    #[schemars(regex(pattern = GROUPS))]
    group: Option<String>,
    /// The only account that it concerns.
    #[serde(default)]
    #[schemars(regex(pattern = ACCOUNTS))]
    username: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    /// Records that clients send, records that they are sent, or requests.
    phase: PhaseSpec,
    /// Policies of a phase take effect by priority, the lowest first, then by name.
    #[serde(default = "default_priority")]
    #[schemars(range(min = i32::MIN, max = i32::MAX))]
    priority: i32,
    /// Whether it does anything. One that does not still takes the place of a wider one of its name.
    #[serde(default = "default_enabled")]
    enabled: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: String,
    /// The topics, as clients of the virtual cluster call them; all, if none is named.
    #[serde(default, deserialize_with = "objects", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TOPICS))]
    topics: Vec<TopicPatternSpec>,
    /// The expression that says for which records or requests it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = MAX_TEXT_BYTES))]
    condition: Option<String>,
    #[serde(deserialize_with = "object")]
    action: ActionSpec,
    /// The treatment of a record that the policy cannot judge. Without it, one that shows nothing that should be hidden:
    /// reject when it is produced, error when it is consumed, skip for skip_record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure_mode: Option<FailureModeSpec>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum PhaseSpec {
    Produce,
    Consume,
    Cluster,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
struct TopicPatternSpec {
    pattern_type: PatternTypeSpec,
    /// The topic, what topics begin with, or a regular expression for their whole names. A policy has one expression at
    /// most.
    #[schemars(length(min = 1, max = MAX_PATTERN_BYTES))]
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum PatternTypeSpec {
    Literal,
    Prefixed,
    Regex,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
enum ActionSpec {
    /// Sets and removes headers, one after the other.
    ModifyHeaders {
        #[serde(deserialize_with = "objects")]
        #[schemars(length(min = 1, max = MAX_HEADER_ACTIONS))]
        actions: Vec<HeaderActionSpec>,
    },
    /// Withholds the records for which the condition holds.
    SkipRecord {},
    /// Refuses batches with a record for which the condition does not hold.
    Require {
        /// Tells the producer what is required.
        #[schemars(length(min = 1, max = MAX_DESCRIPTION_CHARS))]
        description: String,
    },
    /// Demands something of requests, one rule after the other.
    RequestRules {
        #[serde(deserialize_with = "objects")]
        #[schemars(length(min = 1, max = rules::MAX_RULES))]
        rules: Vec<RequestRuleSpec>,
    },
    /// Refuses whatever changes the topics.
    ReadOnly {},
    /// Stands for ACLs, beside all others that the virtual cluster has. The condition says for which principals.
    Acls {
        #[serde(deserialize_with = "objects")]
        #[schemars(length(min = 1))]
        rules: Vec<AclRuleSpec>,
    },
    /// Has clients wait where all of them whom the policy is for would use more than so much in a second, on all nodes together.
    LimitRate {
        of: RateSpec,
        #[serde(rename = "perSecond")]
        #[schemars(range(min = 1))]
        per_second: u64,
    },
    /// Encrypts parts of the records for which the condition holds.
    Encrypt {
        /// A key that the nodes have in their configuration.
        key: String,
        #[serde(default = "cipher::default_sealed")]
        #[schemars(length(max = 2))]
        parts: Vec<SealedPartSpec>,
        /// The headers whose values are encrypted.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = cipher::MAX_SEALED_HEADERS))]
        headers: Vec<String>,
        /// Must be true where keys are encrypted: the same keys become the same.
        #[serde(
            rename = "deterministicKey",
            default,
            skip_serializing_if = "std::ops::Not::not"
        )]
        deterministic_key: bool,
    },
    /// Decrypts parts of the records for which the condition holds, as far as they are encrypted.
    Decrypt {
        /// The keys with which they may be encrypted; `*` stands for all that the nodes have.
        #[schemars(length(min = 1, max = cipher::MAX_KEYS))]
        keys: Vec<String>,
        #[serde(default = "cipher::default_opened")]
        #[schemars(length(max = 3))]
        parts: Vec<OpenedPartSpec>,
    },
    /// Looks whether parts of the records for which the condition holds are what they are to be. Of one that is not,
    /// `failureMode` says the fate.
    SchemaValidation {
        validate: SchemaCheckSpec,
        /// A schema registry that the nodes have in their configuration.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registry: Option<String>,
        /// The formats that schemas may have; all that there are, if none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(length(max = 3))]
        formats: Vec<SchemaFormatSpec>,
        #[serde(default = "schemas::default_parts")]
        #[schemars(length(max = 2))]
        parts: Vec<ValidatedPartSpec>,
    },
    /// Of a type that is not there yet.
    #[serde(
        rename = "encrypt_fields",
        alias = "decrypt_fields",
        alias = "mask_fields",
        alias = "rate_limit",
        skip_serializing
    )]
    #[schemars(skip)]
    Later(IgnoredAny),
}

/// A change of a header. It is no enum: inside another one, a number would be read as a variant of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::admin::resources) struct HeaderActionSpec {
    op: HeaderOpSpec,
    /// The header; of remove_matching, a regular expression for whole keys.
    #[schemars(length(min = 1, max = MAX_KEY_BYTES))]
    key: String,
    /// The only value that the header has then, if it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = MAX_TEXT_BYTES))]
    value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum HeaderOpSpec {
    Set,
    /// Of records that do not have the header.
    SetIfAbsent,
    Remove,
    RemoveMatching,
}

fn default_priority() -> i32 {
    Policy::DEFAULT_PRIORITY
}

fn default_enabled() -> bool {
    true
}

impl OfKind for Spec {
    const KIND: &'static str = KIND;
    const NAMES: &'static str = POLICIES;
}

pub(crate) type PolicyResource = Resource<PolicyMetadata, Spec>;

impl PolicyResource {
    /// Checks what is put.
    pub(crate) fn read(self) -> Result<(PolicyKey, Policy), Invalid> {
        self.check()?;
        let PolicyMetadata {
            name,
            v_cluster,
            group,
            username,
            labels,
        } = self.metadata;
        let scope = WrittenScope {
            vcluster: v_cluster.as_deref(),
            group: group.as_deref(),
            username: username.as_deref(),
        };
        let key = scope.key("metadata.", &name)?;
        let policy = read_spec(self.spec, labels, key.scope())?;
        Ok((key, policy))
    }
}

/// Checks a policy without its name.
pub(super) fn read_spec(
    spec: Spec,
    labels: BTreeMap<String, String>,
    scope: &PolicyScope,
) -> Result<Policy, Invalid> {
    let phase = match spec.phase {
        PhaseSpec::Produce => PolicyPhase::Produce,
        PhaseSpec::Consume => PolicyPhase::Consume,
        PhaseSpec::Cluster => PolicyPhase::Cluster,
    };
    let policy = Policy {
        phase,
        priority: spec.priority,
        enabled: spec.enabled,
        description: labels::description(spec.description)?,
        labels: labels::labels(labels)?,
        topics: topics(spec.topics)?,
        action: action(spec.action, spec.condition.as_deref())?,
        condition: spec.condition,
        times: Times::default(),
        failure_mode: match spec.failure_mode {
            Some(mode) => Some(mode.read(phase)?),
            None => None,
        },
        spelling: None,
    };
    check(&policy)?;
    if matches!(policy.action, PolicyAction::Acls { .. }) && *scope != PolicyScope::All {
        return Err(Invalid::new(
            "metadata.username and metadata.group are not for acls: spec.condition says whose they are, for instance context.auth.principal.name == 'alice'",
        ));
    }
    Ok(policy)
}

impl PolicyToDelete {
    /// Checks what is meant.
    pub(crate) fn read(self) -> Result<PolicyKey, Invalid> {
        let scope = WrittenScope {
            vcluster: self.v_cluster.as_deref(),
            group: self.group.as_deref(),
            username: self.username.as_deref(),
        };
        scope.key("", &self.name)
    }
}

fn topics(specs: Vec<TopicPatternSpec>) -> Result<BTreeSet<TopicPattern>, Invalid> {
    if specs.len() > MAX_TOPICS {
        return Err(Invalid::new(format!(
            "spec.topics has more than {MAX_TOPICS} items"
        )));
    }
    let read = |spec: TopicPatternSpec| {
        let at = "spec.topics.name";
        Ok(match spec.pattern_type {
            PatternTypeSpec::Literal => TopicPattern::Literal(required(at, &spec.name)?),
            PatternTypeSpec::Prefixed => TopicPattern::Prefixed(required(at, &spec.name)?),
            PatternTypeSpec::Regex => TopicPattern::Regex(required(at, &spec.name)?),
        })
    };
    specs.into_iter().map(read).collect()
}

fn action(spec: ActionSpec, condition: Option<&str>) -> Result<PolicyAction, Invalid> {
    match spec {
        ActionSpec::ModifyHeaders { actions } => Ok(PolicyAction::ModifyHeaders {
            actions: header_actions(actions)?,
        }),
        ActionSpec::SkipRecord {} => Ok(PolicyAction::SkipRecord),
        ActionSpec::Require { description } => {
            if !(1..=MAX_DESCRIPTION_CHARS).contains(&description.chars().count()) {
                return Err(Invalid::new(format!(
                    "spec.action.description tells producers what is required, in 1 to {MAX_DESCRIPTION_CHARS} characters"
                )));
            }
            Ok(PolicyAction::Require { description })
        }
        ActionSpec::RequestRules { rules } => Ok(PolicyAction::RequestRules {
            rules: rules::read(rules)?,
        }),
        ActionSpec::ReadOnly {} => Ok(PolicyAction::ReadOnly),
        ActionSpec::LimitRate { of, per_second } => Ok(PolicyAction::LimitRate {
            of: of.into(),
            per_second,
        }),
        ActionSpec::Acls { rules } => Ok(PolicyAction::Acls {
            principals: policy::principals(condition).map_err(|fault| Invalid::new(fault.to_string()))?,
            rules: rules.into_iter().map(AclRule::from).collect(),
        }),
        ActionSpec::Encrypt {
            key,
            parts,
            headers,
            deterministic_key,
        } => cipher::encrypt(&key, (&parts, &headers), deterministic_key),
        ActionSpec::Decrypt { keys, parts } => cipher::decrypt(&keys, &parts),
        ActionSpec::SchemaValidation {
            validate,
            registry,
            formats,
            parts,
        } => schemas::validate(validate, (registry.as_deref(), &formats), &parts),
        ActionSpec::Later(_) => Err(Invalid::new(
            "spec.action.type is not supported yet: there are modify_headers, skip_record, require, encrypt, decrypt, schema_validation, request_rules, read_only, acls",
        )),
    }
}

/// Checks changes of headers.
pub(in crate::admin::resources) fn header_actions(
    specs: Vec<HeaderActionSpec>,
) -> Result<Vec<HeaderAction>, Invalid> {
    if !(1..=MAX_HEADER_ACTIONS).contains(&specs.len()) {
        return Err(Invalid::new(format!(
            "spec.action.actions must list 1 to {MAX_HEADER_ACTIONS} changes of headers"
        )));
    }
    specs.into_iter().map(header_action).collect()
}

impl HeaderActionSpec {
    /// A change as it is shown.
    pub(in crate::admin::resources) fn of(action: &HeaderAction) -> Self {
        let (op, key, value) = match action {
            HeaderAction::Set { key, value } => (HeaderOpSpec::Set, key.to_string(), Some(value.clone())),
            HeaderAction::SetIfAbsent { key, value } => {
                (HeaderOpSpec::SetIfAbsent, key.to_string(), Some(value.clone()))
            }
            HeaderAction::Remove { key } => (HeaderOpSpec::Remove, key.to_string(), None),
            HeaderAction::RemoveMatching { pattern } => {
                (HeaderOpSpec::RemoveMatching, pattern.to_string(), None)
            }
        };
        Self { op, key, value }
    }

    /// A copy with another value, if there is one.
    pub(in crate::admin::resources) fn with_value(self, value: Option<String>) -> Self {
        Self {
            value: value.or(self.value),
            ..self
        }
    }
}

fn header_action(spec: HeaderActionSpec) -> Result<HeaderAction, Invalid> {
    const KEY: &str = "spec.action.actions.key";
    if spec.key.len() > MAX_KEY_BYTES {
        return Err(Invalid::new(format!(
            "{KEY} is longer than {MAX_KEY_BYTES} bytes"
        )));
    }
    match (spec.op, spec.value) {
        (HeaderOpSpec::Set, Some(value)) => Ok(HeaderAction::Set {
            key: required(KEY, &spec.key)?,
            value,
        }),
        (HeaderOpSpec::SetIfAbsent, Some(value)) => Ok(HeaderAction::SetIfAbsent {
            key: required(KEY, &spec.key)?,
            value,
        }),
        (HeaderOpSpec::Remove, None) => Ok(HeaderAction::Remove {
            key: required(KEY, &spec.key)?,
        }),
        (HeaderOpSpec::RemoveMatching, None) => Ok(HeaderAction::RemoveMatching {
            pattern: required(KEY, &spec.key)?,
        }),
        (HeaderOpSpec::Set | HeaderOpSpec::SetIfAbsent, None) => Err(Invalid::new(
            "spec.action.actions.value is missing: set and set_if_absent need one",
        )),
        (HeaderOpSpec::Remove | HeaderOpSpec::RemoveMatching, Some(_)) => Err(Invalid::new(
            "spec.action.actions.value is for set and set_if_absent: remove and remove_matching remove headers, whatever \
             their values",
        )),
    }
}

/// Checks what the parts of a policy mean together, and that it can be carried out.
pub(in crate::admin::resources) fn check(policy: &Policy) -> Result<(), Invalid> {
    policy::check(policy).map_err(|fault| Invalid::new(fault.to_string()))?;
    if policy.action != PolicyAction::SkipRecord {
        return Ok(());
    }
    if policy.condition.is_none() {
        return Err(Invalid::new(
            "spec.condition is missing: without it skip_record would withhold all records. \"true\" is such a condition, \
             if that is meant",
        ));
    }
    match policy.failure_mode {
        Some(FailureMode::Mark | FailureMode::Passthrough) => Err(Invalid::new(
            "spec.failureMode of skip_record is error or skip: a record that cannot be judged is never shown",
        )),
        Some(FailureMode::Refuse | FailureMode::Skip) | None => Ok(()),
    }
}

/// A policy as it is shown.
pub(crate) fn show(key: &PolicyKey, policy: &Policy) -> PolicyResource {
    let topic = |topic: &TopicPattern| {
        let (pattern_type, name) = match topic {
            TopicPattern::Literal(name) => (PatternTypeSpec::Literal, name.to_string()),
            TopicPattern::Prefixed(name) => (PatternTypeSpec::Prefixed, name.to_string()),
            TopicPattern::Regex(text) => (PatternTypeSpec::Regex, text.to_string()),
        };
        TopicPatternSpec { pattern_type, name }
    };
    let spec = Spec {
        phase: match policy.phase {
            PolicyPhase::Produce => PhaseSpec::Produce,
            PolicyPhase::Consume => PhaseSpec::Consume,
            PolicyPhase::Cluster => PhaseSpec::Cluster,
        },
        priority: policy.priority,
        enabled: policy.enabled,
        description: policy.description.clone(),
        topics: policy.topics.iter().map(topic).collect(),
        condition: policy.condition.clone(),
        action: show_action(&policy.action),
        failure_mode: policy
            .failure_mode
            .map(|mode| FailureModeSpec::of(mode, policy.phase)),
    };
    let metadata = PolicyMetadata {
        name: key.name().to_string(),
        v_cluster: key.vcluster().map(ToString::to_string),
        group: key.scope().group().map(GroupName::to_string),
        username: key.scope().account().map(AccountName::to_string),
        labels: policy.labels.clone(),
    };
    Resource::of(metadata, spec)
}

fn show_action(action: &PolicyAction) -> ActionSpec {
    match action {
        PolicyAction::ModifyHeaders { actions } => ActionSpec::ModifyHeaders {
            actions: actions.iter().map(HeaderActionSpec::of).collect(),
        },
        PolicyAction::SkipRecord => ActionSpec::SkipRecord {},
        PolicyAction::Require { description } => ActionSpec::Require {
            description: description.clone(),
        },
        PolicyAction::RequestRules { rules } => ActionSpec::RequestRules {
            rules: rules.iter().map(rules::show).collect(),
        },
        PolicyAction::ReadOnly => ActionSpec::ReadOnly {},
        PolicyAction::LimitRate { of, per_second } => ActionSpec::LimitRate {
            of: (*of).into(),
            per_second: *per_second,
        },
        PolicyAction::Acls { rules, .. } => ActionSpec::Acls {
            rules: rules.iter().map(AclRuleSpec::from).collect(),
        },
        PolicyAction::Encrypt { key, parts } => ActionSpec::Encrypt {
            key: key.to_string(),
            parts: cipher::sealed(parts),
            headers: parts.headers.iter().map(HeaderKey::to_string).collect(),
            deterministic_key: parts.key,
        },
        PolicyAction::Decrypt { keys, parts } => ActionSpec::Decrypt {
            keys: cipher::keys(keys),
            parts: cipher::opened(*parts),
        },
        PolicyAction::ValidateSchema { parts, check } => ActionSpec::SchemaValidation {
            validate: check.into(),
            registry: action.registry().map(ToString::to_string),
            formats: schemas::formats(check),
            parts: schemas::parts(*parts),
        },
    }
}
