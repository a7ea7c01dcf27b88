//! One policy on records, compiled.

use klamm_raft::model::{
    FailureMode, HeaderAction, HeaderKey, Policy, PolicyAction, PolicyPhase, TopicPattern,
};

use super::cipher::{OpenAction, SealAction};
use super::fault::{PolicyFault, check_phase};
use super::header_keys::HeaderKeys;
use super::reach::PolicyReach;
use super::validation::ValidateAction;
use super::vocabulary;
use crate::expression::{Condition, Template};
use crate::regexp;

/// The header of a record that a policy could not judge begins with this; the policy's name follows.
const MARK: &str = "klamm/policy-failure-";

/// A policy that is enabled, as records meet it.
#[derive(Debug)]
pub(super) struct CompiledPolicy {
    pub(super) reach: PolicyReach,
    pub(super) condition: Option<Condition>,
    pub(super) action: CompiledAction,
    pub(super) failure_mode: FailureMode,
    /// The name of the header that says that it could not judge the record.
    pub(super) mark: String,
}

/// The action of a policy.
#[derive(Debug)]
pub(super) enum CompiledAction {
    ModifyHeaders(Vec<HeaderChange>),
    SkipRecord,
    Require {
        description: String,
    },
    Encrypt(SealAction),
    Decrypt(OpenAction),
    Validate(ValidateAction),
    /// Another version of Klamm took it, and this one cannot carry it out: nobody knows what it would keep back, so that it
    /// keeps back everything.
    Broken,
}

/// A change of a header.
#[derive(Debug)]
pub(super) enum HeaderChange {
    Set {
        key: HeaderKey,
        value: Template,
        /// Of records that have the header already.
        existing: ExistingHeader,
    },
    Remove {
        key: HeaderKey,
    },
    RemoveMatching(HeaderKeys),
}

/// The fate of a header that is there when it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExistingHeader {
    Replaced,
    Kept,
}

impl CompiledPolicy {
    pub(super) fn new(reach: PolicyReach, policy: &Policy) -> Self {
        let (condition, action) = parts(policy).unwrap_or((None, CompiledAction::Broken));
        Self {
            condition,
            failure_mode: policy.failure_mode.unwrap_or_else(|| closed(policy)),
            action,
            mark: format!("{MARK}{}", reach.name),
            reach,
        }
    }
}

/// Condition and action.
pub(super) fn parts(policy: &Policy) -> Result<(Option<Condition>, CompiledAction), PolicyFault> {
    check_phase(policy)?;
    check_topics(policy)?;
    let vocabulary = vocabulary::of(policy.phase);
    let condition = policy
        .condition
        .as_deref()
        .map(|text| Condition::compile(text, vocabulary))
        .transpose()
        .map_err(PolicyFault::Condition)?;
    let action = match &policy.action {
        PolicyAction::Acls { .. } => return Err(PolicyFault::AclsOfRecords),
        PolicyAction::LimitRate { .. } => return Err(PolicyFault::RateOfRecords),
        PolicyAction::SkipRecord => CompiledAction::SkipRecord,
        PolicyAction::Require { description } => CompiledAction::Require {
            description: description.clone(),
        },
        PolicyAction::ModifyHeaders { actions } => {
            let change = |(index, action): (usize, &HeaderAction)| {
                let set = |key: &HeaderKey, value: &str, existing| {
                    let value = Template::compile(value, vocabulary)
                        .map_err(|error| PolicyFault::HeaderValue { index, error })?;
                    let key = key.clone();
                    Ok(HeaderChange::Set { key, value, existing })
                };
                match action {
                    HeaderAction::Set { key, value } => set(key, value, ExistingHeader::Replaced),
                    HeaderAction::SetIfAbsent { key, value } => set(key, value, ExistingHeader::Kept),
                    HeaderAction::Remove { key } => Ok(HeaderChange::Remove { key: key.clone() }),
                    HeaderAction::RemoveMatching { pattern } => HeaderKeys::compile(pattern)
                        .map(HeaderChange::RemoveMatching)
                        .map_err(|error| PolicyFault::HeaderPattern { index, error }),
                }
            };
            let changes = actions.iter().enumerate().map(change);
            CompiledAction::ModifyHeaders(changes.collect::<Result<_, _>>()?)
        }
        PolicyAction::Encrypt { key, parts } => CompiledAction::Encrypt(SealAction {
            key: key.clone(),
            parts: parts.clone(),
        }),
        PolicyAction::Decrypt { keys, parts } => CompiledAction::Decrypt(OpenAction {
            keys: keys.clone(),
            parts: *parts,
        }),
        PolicyAction::ValidateSchema { parts, check } => CompiledAction::Validate(ValidateAction {
            parts: *parts,
            check: check.clone(),
        }),
        PolicyAction::RequestRules { .. } | PolicyAction::ReadOnly => {
            return Err(PolicyFault::RequestsInPhaseOfRecords);
        }
    };
    Ok((condition, action))
}

/// Checks the expressions for topics. There is one at most, as each is tried for every topic of a request.
pub(super) fn check_topics(policy: &Policy) -> Result<(), PolicyFault> {
    let mut expressions = policy.topics.iter().filter_map(|pattern| match pattern {
        TopicPattern::Regex(text) => Some(text),
        TopicPattern::Literal(_) | TopicPattern::Prefixed(_) => None,
    });
    if let Some(text) = expressions.next() {
        regexp::compile_whole(text.as_str()).map_err(PolicyFault::TopicExpression)?;
    }
    match expressions.next() {
        Some(_) => Err(PolicyFault::TopicExpressions),
        None => Ok(()),
    }
}

/// The treatment of a record that a policy cannot judge, if it does not say: nothing goes through that it might have kept back.
fn closed(policy: &Policy) -> FailureMode {
    match (policy.phase, &policy.action) {
        (PolicyPhase::Consume, PolicyAction::SkipRecord) => FailureMode::Skip,
        _ => FailureMode::Refuse,
    }
}
