//! Whether a policy can be carried out.

use klamm_raft::model::{FailureMode, Policy, PolicyAction, PolicyPhase};

use super::compiled;
use crate::expression::ExpressionError;
use crate::regexp::BadExpression;

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
    #[error("spec.condition: require needs a condition, which is what the records must meet")]
    RequireNothing,
    #[error(
        "spec.failureMode: skip is for consume only, since no record can be left out of a batch that is produced"
    )]
    SkipModeOfProduced,
}

/// Whether a policy can be carried out.
///
/// # Errors
/// It cannot; the text is for whoever wrote it.
pub fn check(policy: &Policy) -> Result<(), PolicyFault> {
    compiled::parts(policy).map(|_| ())
}

/// Whether it fits its phase.
pub(super) fn check_phase(policy: &Policy) -> Result<(), PolicyFault> {
    match (policy.phase, &policy.action) {
        (PolicyPhase::Produce, PolicyAction::SkipRecord) => return Err(PolicyFault::SkipOfProduced),
        (PolicyPhase::Consume, PolicyAction::Require { .. }) => return Err(PolicyFault::RequireOfConsumed),
        (_, PolicyAction::Require { .. }) if policy.condition.is_none() => {
            return Err(PolicyFault::RequireNothing);
        }
        (_, PolicyAction::ModifyHeaders { actions }) if actions.is_empty() => {
            return Err(PolicyFault::NoActions);
        }
        _ => {}
    }
    match (policy.phase, policy.failure_mode) {
        (PolicyPhase::Produce, Some(FailureMode::Skip)) => Err(PolicyFault::SkipModeOfProduced),
        _ => Ok(()),
    }
}
