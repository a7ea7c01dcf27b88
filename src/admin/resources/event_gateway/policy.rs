//! Policies of a virtual cluster in the words of event gateways: another spelling of the same resource. It is translated,
//! and checked where all policies are. What the words have no place for is shown in fields that are filled by the gateway,
//! and stays as it is.

mod acls;
mod cipher;
mod headers;
mod patch;
mod shown;
mod validation;

use std::collections::BTreeMap;

use klamm_raft::model::{FailureMode, KeyName, Policy, PolicyAction, PolicyName, PolicyPhase, RegistryName};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use uuid::Uuid;

use super::labels::{self, MAX_DESCRIPTION_CHARS};
use crate::admin::resources::invalid::{Invalid, required};
use crate::admin::resources::object::AnObject;
use crate::admin::resources::policy::check;
use crate::admin::resources::schema::{LABELS, POLICIES, UUIDS};
use acls::AclsConfig;
use cipher::{DecryptConfig, EncryptConfig};
use headers::HeadersConfig;
use validation::ValidationConfig;

pub(crate) use patch::PolicyPatch;
pub(crate) use shown::show;

/// The longest condition, in characters.
const MAX_CONDITION_CHARS: usize = 1000;

/// The policies of one phase, as they are put.
pub(crate) trait PolicyOfPhase: DeserializeOwned + JsonSchema + 'static {
    const PHASE: PolicyPhase;

    /// Checks what is put, where these are the names in the configuration.
    fn read(self, names: &ConfiguredNames) -> Result<WantedPolicy, Invalid>;
}

/// The names in the configuration of the nodes that policies may use, with their ids.
#[derive(Debug)]
pub(crate) struct ConfiguredNames {
    pub(crate) keys: Vec<(KeyName, Uuid)>,
    pub(crate) registries: Vec<(RegistryName, Uuid)>,
}

/// The parts of a policy of any type. Those that only the gateway fills may be there when it is put, and are not read.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyBody<C> {
    /// Without one, it is made up of the type.
    #[serde(default)]
    #[schemars(regex(pattern = POLICIES))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION_CHARS))]
    description: Option<String>,
    /// Whether it does anything; true, if nothing is said.
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "string", "pattern": LABELS }))]
    labels: Option<BTreeMap<String, String>>,
    /// The expression that says for what it acts; empty stands for all.
    #[serde(default)]
    #[schemars(length(max = MAX_CONDITION_CHARS))]
    condition: Option<String>,
    /// Null: there are no policies yet that others can belong to.
    #[serde(default)]
    parent_policy_id: Option<String>,
    config: C,
    #[serde(rename = "id", default)]
    #[schemars(with = "String", extend("format" = "uuid", "readOnly" = true))]
    _id: Option<IgnoredAny>,
    #[serde(rename = "created_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _created_at: Option<IgnoredAny>,
    #[serde(rename = "updated_at", default)]
    #[schemars(with = "String", extend("format" = "date-time", "readOnly" = true))]
    _updated_at: Option<IgnoredAny>,
    #[serde(rename = "topics", default)]
    #[schemars(with = "Vec<String>", extend("readOnly" = true))]
    _topics: Option<IgnoredAny>,
    #[serde(rename = "failure_mode", default)]
    #[schemars(with = "String", extend("readOnly" = true))]
    _failure_mode: Option<IgnoredAny>,
    #[serde(rename = "scope", default)]
    #[schemars(with = "String", extend("readOnly" = true))]
    _scope: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoConfig {}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequireConfig {
    description: String,
}

/// A policy on records from clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayProducePolicy")]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ProducePolicy {
    ModifyHeaders(PolicyBody<AnObject<HeadersConfig>>),
    /// Is made in `/gateway/v2/policy`, and its config changed there.
    Require(PolicyBody<AnObject<RequireConfig>>),
    Encrypt(PolicyBody<AnObject<EncryptConfig>>),
    SchemaValidation(PolicyBody<AnObject<ValidationConfig>>),
    /// Of a type that is not there yet.
    #[serde(rename = "encrypt_fields", alias = "mask_fields", alias = "transcode")]
    #[schemars(skip)]
    Later(IgnoredAny),
}

/// A policy on records for clients.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayConsumePolicy")]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ConsumePolicy {
    ModifyHeaders(PolicyBody<AnObject<HeadersConfig>>),
    /// Needs a condition, which says what is withheld.
    SkipRecord(PolicyBody<Option<AnObject<NoConfig>>>),
    Decrypt(PolicyBody<AnObject<DecryptConfig>>),
    SchemaValidation(PolicyBody<AnObject<ValidationConfig>>),
    /// Of a type that is not there yet.
    #[serde(rename = "decrypt_fields", alias = "mask_fields", alias = "transcode")]
    #[schemars(skip)]
    Later(IgnoredAny),
}

/// A policy on what clients may ask.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayClusterPolicy")]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ClusterPolicy {
    /// The condition says for which principals, by `context.auth.principal.name`; empty stands for all.
    Acls(PolicyBody<AnObject<AclsConfig>>),
    /// Rules for requests are made in other words.
    #[serde(rename = "request_rule_validator")]
    #[schemars(skip)]
    Later(IgnoredAny),
}

fn not_yet(there_are: &str) -> Invalid {
    Invalid::new(format!("type is not supported yet: there are {there_are}"))
}

impl PolicyOfPhase for ProducePolicy {
    const PHASE: PolicyPhase = PolicyPhase::Produce;

    fn read(self, names: &ConfiguredNames) -> Result<WantedPolicy, Invalid> {
        match self {
            Self::ModifyHeaders(body) => body.read(Self::PHASE, |config, _| plain(config.0.read())),
            Self::Require(body) => body.read(Self::PHASE, |config, _| {
                plain(Ok(PolicyAction::Require {
                    description: config.0.description,
                }))
            }),
            Self::Encrypt(body) => body.read(Self::PHASE, |config, _| config.0.read(&names.keys)),
            Self::SchemaValidation(body) => body.read(Self::PHASE, |config, _| {
                config.0.read(Self::PHASE, &names.registries)
            }),
            Self::Later(_) => Err(not_yet("modify_headers, encrypt, schema_validation")),
        }
    }
}

impl PolicyOfPhase for ConsumePolicy {
    const PHASE: PolicyPhase = PolicyPhase::Consume;

    fn read(self, names: &ConfiguredNames) -> Result<WantedPolicy, Invalid> {
        match self {
            Self::ModifyHeaders(body) => body.read(Self::PHASE, |config, _| plain(config.0.read())),
            Self::SkipRecord(body) => body.read(Self::PHASE, |_, _| plain(Ok(PolicyAction::SkipRecord))),
            Self::Decrypt(body) => body.read(Self::PHASE, |config, _| config.0.read()),
            Self::SchemaValidation(body) => body.read(Self::PHASE, |config, _| {
                config.0.read(Self::PHASE, &names.registries)
            }),
            Self::Later(_) => Err(not_yet("modify_headers, skip_record, decrypt, schema_validation")),
        }
    }
}

impl PolicyOfPhase for ClusterPolicy {
    const PHASE: PolicyPhase = PolicyPhase::Cluster;

    fn read(self, _: &ConfiguredNames) -> Result<WantedPolicy, Invalid> {
        match self {
            Self::Acls(body) => body.read(Self::PHASE, |config, condition| plain(config.0.read(condition))),
            Self::Later(_) => Err(Invalid::new(
                "type: rules for requests are made in /gateway/v2/policy, by the action request_rules, and shown here as that; \
                 the only type that is made here is acls",
            )),
        }
    }
}

/// An action that says nothing of records that cannot be judged.
fn plain(action: Result<PolicyAction, Invalid>) -> Result<(PolicyAction, Option<FailureMode>), Invalid> {
    action.map(|action| (action, None))
}

/// A policy that is put, checked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedPolicy {
    pub(crate) name: Option<PolicyName>,
    policy: Policy,
}

impl<C> PolicyBody<C> {
    fn read(
        self,
        phase: PolicyPhase,
        action: impl FnOnce(C, Option<&str>) -> Result<(PolicyAction, Option<FailureMode>), Invalid>,
    ) -> Result<WantedPolicy, Invalid> {
        let name = self.name.map(|name| required("name", &name)).transpose()?;
        if self.parent_policy_id.is_some_and(|parent| !parent.is_empty()) {
            return Err(Invalid::new(
                "parent_policy_id: only a policy of the type schema_validation could have others below it, and those are not supported yet",
            ));
        }
        let condition = checked_condition(self.condition)?;
        let (action, failure_mode) = action(self.config, condition.as_deref())?;
        let policy = Policy {
            failure_mode,
            enabled: self.enabled.unwrap_or(true),
            description: labels::description(self.description.unwrap_or_default())?,
            labels: labels::labels(self.labels.unwrap_or_default())?,
            ..Policy::new(phase, action)
        };
        let policy = Policy { condition, ..policy };
        check(&policy)?;
        Ok(WantedPolicy { name, policy })
    }
}

/// A condition that is not too long; none where it is empty.
fn checked_condition(condition: Option<String>) -> Result<Option<String>, Invalid> {
    let condition = condition.filter(|condition| !condition.is_empty());
    let is_too_long = |condition: &String| condition.chars().count() > MAX_CONDITION_CHARS;
    match condition.as_ref().is_some_and(is_too_long) {
        true => Err(Invalid::new(format!(
            "condition: more than {MAX_CONDITION_CHARS} characters"
        ))),
        false => Ok(condition),
    }
}

impl WantedPolicy {
    /// The policy that is made of it, and its name: made up, if there is none.
    pub(crate) fn create(self) -> Result<(PolicyName, Policy), Invalid> {
        if let PolicyAction::Require { .. } = self.policy.action {
            return Err(elsewhere());
        }
        let name = match self.name {
            Some(name) => name,
            None => {
                let number = Uuid::new_v4().simple().to_string();
                required("name", &format!("{}-{number}", shown::word(&self.policy.action)))?
            }
        };
        Ok((name, self.policy))
    }

    /// The policy that comes of the one that is there.
    pub(crate) fn change(self, there: &Policy) -> Result<Policy, Invalid> {
        let policy = Policy {
            action: changed(self.policy.action, &there.action)?,
            priority: there.priority,
            topics: there.topics.clone(),
            failure_mode: self.policy.failure_mode.or(there.failure_mode),
            ..self.policy
        };
        check(&policy)?;
        Ok(policy)
    }
}

/// The action that is wanted in the place of one. What is shown of that may say less than it does: who puts it back as it
/// is shown changes nothing of it.
fn changed(wanted: PolicyAction, there: &PolicyAction) -> Result<PolicyAction, Invalid> {
    match (wanted, there) {
        (wanted @ PolicyAction::Require { .. }, there) if wanted != *there => Err(elsewhere()),
        (PolicyAction::ModifyHeaders { actions }, PolicyAction::ModifyHeaders { actions: before }) => {
            let actions = headers::changed(actions, before)?;
            Ok(PolicyAction::ModifyHeaders { actions })
        }
        (PolicyAction::Acls { principals, rules }, PolicyAction::Acls { rules: before, .. }) => {
            let rules = acls::changed(rules, before);
            Ok(PolicyAction::Acls { principals, rules })
        }
        (wanted @ PolicyAction::ValidateSchema { .. }, there) => Ok(validation::changed(wanted, there)),
        (wanted, there) => Ok(cipher::changed(wanted, there)),
    }
}

fn elsewhere() -> Invalid {
    Invalid::new("config: policies of the type require are made and changed in /gateway/v2/policy")
}

/// The order of the policies of a phase.
#[derive(Debug, Deserialize, JsonSchema, serde::Serialize)]
#[schemars(rename = "EventGatewayPolicyChain")]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyOrder {
    /// Their ids, the first to take effect first.
    #[schemars(inner(regex(pattern = UUIDS)))]
    pub(crate) policies: Vec<String>,
}

/// A new place for a policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "EventGatewayPolicyMove")]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlace {
    /// Counted from 0 among the policies of the phase that the virtual cluster has of its own.
    pub(crate) index: u64,
}
