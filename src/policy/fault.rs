//! Whether a policy can be carried out.

use klamm_raft::model::{
    FailureMode, OpenedParts, Policy, PolicyAction, PolicyPhase, RequestSetting, SchemaCheck, SchemaFormat,
    SealedParts, ValidatedParts,
};

use super::acls::{self, AclRuleFault};
use super::compiled;
use super::rates;
use super::requests;
use crate::expression::ExpressionError;
use crate::regexp::BadExpression;

/// The most headers whose values a policy encrypts.
const MOST_SEALED_HEADERS: usize = 64;

/// Why a policy cannot be carried out. The text begins with the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    #[error("spec.condition: {0}")]
    Condition(ExpressionError),
    #[error("spec.action.actions[{index}].value: {error}")]
    HeaderValue { index: usize, error: ExpressionError },
    #[error("spec.action.actions[{index}].key: {error}")]
    HeaderPattern { index: usize, error: BadExpression },
    #[error("spec.topics.name: {0}")]
    TopicExpression(BadExpression),
    #[error("spec.topics: a policy has one regular expression at most; put the others into it with |")]
    TopicExpressions,
    #[error("spec.action.actions: modify_headers needs at least one action")]
    NoActions,
    #[error(
        "spec.action.type: skip_record is for consume only, since no record can be left out of a batch that is produced; require refuses the batch"
    )]
    SkipOfProduced,
    #[error("spec.action.type: require is for produce only; skip_record withholds what is consumed")]
    RequireOfConsumed,
    #[error("spec.action.type: encrypt is for produce only; decrypt is for what is consumed")]
    EncryptOfConsumed,
    #[error("spec.action.type: decrypt is for consume only; encrypt is for what is produced")]
    DecryptOfProduced,
    #[error("spec.action: it names no part of the record: value, key or headers")]
    NoParts,
    #[error("spec.action.parts: it names no part of the record: value or key")]
    NothingToValidate,
    #[error(
        "spec.action.formats: schemas in {0} are not looked into yet, so that nothing could be validated; validate: id demands the ids of schemas"
    )]
    FormatNotYet(&'static str),
    #[error("spec.action.headers: more than {most} headers")]
    TooManySealedHeaders { most: usize },
    #[error("spec.condition: require needs a condition, which is what the records must meet")]
    RequireNothing,
    #[error(
        "spec.failureMode: skip is for consume only, since no record can be left out of a batch that is produced"
    )]
    SkipModeOfProduced,
    #[error(
        "spec.action.type: this is about records, and for the phases produce and consume; of the phase cluster there are request_rules, read_only and acls"
    )]
    RecordsInPhaseOfRequests,
    #[error(
        "spec.action.type: request_rules and read_only are about requests, and for the phase cluster only"
    )]
    RequestsInPhaseOfRecords,
    #[error(
        "spec.failureMode: it says what becomes of records; a request for which a rule has no answer is treated as one that breaks it"
    )]
    FailureModeOfRequests,
    #[error("spec.action.rules: request_rules needs at least one rule")]
    NoRules,
    #[error("spec.action.rules[{rule}].requests: a rule names at least one kind of requests")]
    NoRequests { rule: usize },
    #[error(
        "spec.topics: {kind} requests, of which spec.action.rules[{rule}] speaks, are about no single topic, so that a policy on topics would do nothing with them; put this rule into a policy without topics"
    )]
    TopicsOfOthers { rule: usize, kind: &'static str },
    #[error("spec.action.rules[{rule}].rule, for {kind}: {error}")]
    Rule {
        rule: usize,
        kind: &'static str,
        error: ExpressionError,
    },
    #[error("spec.action.rules[{rule}].otherwise.override: it sets nothing")]
    NoSettings { rule: usize },
    #[error(
        "spec.action.rules[{rule}].otherwise.override.{setting}: {kind} requests have no such setting that a rule could give another value"
    )]
    OtherSetting {
        rule: usize,
        kind: &'static str,
        setting: RequestSetting,
    },
    #[error(
        "spec.action.rules[{rule}].otherwise.override.{setting}: its value names brokers, whose ids are other ones for each client"
    )]
    SettingOfBrokers { rule: usize, setting: RequestSetting },
    #[error("spec.action.rules[{rule}].otherwise.override.{setting}: {expected} is expected")]
    SettingValue {
        rule: usize,
        setting: RequestSetting,
        expected: &'static str,
    },
    #[error("spec.action.rules[{rule}].otherwise.override.{setting}, for {kind}: {error}")]
    SettingTemplate {
        rule: usize,
        kind: &'static str,
        setting: RequestSetting,
        error: ExpressionError,
    },
    #[error("spec.phase: acls are about no records: they are for the phase cluster")]
    AclsOfRecords,
    #[error(
        "spec.condition: ACLs are for principals, so that the condition of acls can only name some: context.auth.principal.name == 'alice', context.auth.principal.name in ['alice', 'bob'], or several of such joined by ||; without a condition they are for everybody"
    )]
    AclCondition,
    #[error(
        "spec.condition: a principal is empty, or *, which would be everybody: that is said without a condition"
    )]
    AclPrincipal,
    #[error("spec.topics is for policies on records: the rules of acls name their topics")]
    AclTopics,
    #[error("spec.failureMode is for policies on records: there is nothing that acls cannot judge")]
    AclFailureMode,
    #[error("spec.action.rules: acls needs at least one rule")]
    NoAclRules,
    #[error(
        "spec.action.rules: they stand for more than {most} ACLs, one for each principal, operation and name: make several policies"
    )]
    TooManyAcls { most: usize },
    #[error("spec.action.rules[{index}]: {fault}")]
    AclRule { index: usize, fault: AclRuleFault },
    #[error("spec.phase: limit_rate is about all that clients do: it is for the phase cluster")]
    RateOfRecords,
    #[error("spec.action.perSecond must be at least 1: a rate of nothing would be waited for without an end")]
    RateOfNothing,
    #[error(
        "spec.topics, spec.condition and spec.failureMode are not for limit_rate: it is for all whom metadata says, whatever they produce or consume"
    )]
    RateOfSome,
}

/// Whether a policy can be carried out.
///
/// # Errors
/// It cannot; the text is for whoever wrote it.
pub fn check(policy: &Policy) -> Result<(), PolicyFault> {
    match (policy.phase, &policy.action) {
        (PolicyPhase::Cluster, PolicyAction::Acls { rules, .. }) => acls::check(policy, rules),
        (PolicyPhase::Cluster, PolicyAction::LimitRate { per_second, .. }) => {
            rates::check(policy, *per_second)
        }
        (PolicyPhase::Cluster, _) => requests::check(policy),
        (PolicyPhase::Produce | PolicyPhase::Consume, _) => compiled::parts(policy).map(|_| ()),
    }
}

/// Whether the schemas that a policy names are of formats that can be looked into.
fn check_formats(check: &SchemaCheck) -> Result<(), PolicyFault> {
    match check {
        SchemaCheck::Schema { formats, .. } if formats.contains(&SchemaFormat::Protobuf) => {
            Err(PolicyFault::FormatNotYet("Protobuf"))
        }
        SchemaCheck::JsonSyntax | SchemaCheck::Id { .. } | SchemaCheck::Schema { .. } => Ok(()),
    }
}

/// Whether a policy on records fits its phase.
pub(super) fn check_phase(policy: &Policy) -> Result<(), PolicyFault> {
    match (policy.phase, &policy.action) {
        (_, PolicyAction::Acls { .. }) => return Err(PolicyFault::AclsOfRecords),
        (_, PolicyAction::LimitRate { .. }) => return Err(PolicyFault::RateOfRecords),
        (PolicyPhase::Produce, PolicyAction::SkipRecord) => return Err(PolicyFault::SkipOfProduced),
        (PolicyPhase::Consume, PolicyAction::Require { .. }) => return Err(PolicyFault::RequireOfConsumed),
        (_, PolicyAction::Require { .. }) if policy.condition.is_none() => {
            return Err(PolicyFault::RequireNothing);
        }
        (_, PolicyAction::ModifyHeaders { actions }) if actions.is_empty() => {
            return Err(PolicyFault::NoActions);
        }
        (PolicyPhase::Consume, PolicyAction::Encrypt { .. }) => return Err(PolicyFault::EncryptOfConsumed),
        (PolicyPhase::Produce, PolicyAction::Decrypt { .. }) => return Err(PolicyFault::DecryptOfProduced),
        (_, PolicyAction::Encrypt { parts, .. }) if *parts == SealedParts::default() => {
            return Err(PolicyFault::NoParts);
        }
        (_, PolicyAction::Encrypt { parts, .. }) if parts.headers.len() > MOST_SEALED_HEADERS => {
            let most = MOST_SEALED_HEADERS;
            return Err(PolicyFault::TooManySealedHeaders { most });
        }
        (_, PolicyAction::Decrypt { parts, .. }) if *parts == OpenedParts::default() => {
            return Err(PolicyFault::NoParts);
        }
        (_, PolicyAction::ValidateSchema { parts, .. }) if *parts == ValidatedParts::default() => {
            return Err(PolicyFault::NothingToValidate);
        }
        (_, PolicyAction::ValidateSchema { check, .. }) => check_formats(check)?,
        _ => {}
    }
    match (policy.phase, policy.failure_mode) {
        (PolicyPhase::Produce, Some(FailureMode::Skip)) => Err(PolicyFault::SkipModeOfProduced),
        _ => Ok(()),
    }
}
