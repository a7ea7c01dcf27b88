//! One policy, compiled.

use std::collections::BTreeSet;

use klamm_raft::model::{
    AccountName, FailureMode, HeaderAction, HeaderKey, Policy, PolicyAction, PolicyId, PolicyName,
    PolicyPhase,
};

use super::fault::{PolicyFault, check_phase};
use super::vocabulary;
use crate::expression::{Condition, Template};

/// The header of a record that a policy could not judge begins with this; the policy's name follows.
const MARK: &str = "klamm/policy-failure-";

/// A policy that is enabled, as records meet it.
#[derive(Debug)]
pub(super) struct CompiledPolicy {
    pub(super) name: PolicyName,
    /// The only account that it concerns.
    account: Option<AccountName>,
    /// The accounts that have a policy of this name to themselves.
    except: BTreeSet<AccountName>,
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
    /// Another version of Klamm took it, and this one cannot carry it out: nobody knows what it would keep back, so that it
    /// keeps back everything.
    Broken,
}

/// A change of a header.
#[derive(Debug)]
pub(super) enum HeaderChange {
    Set { key: HeaderKey, value: Template },
    Remove { key: HeaderKey },
}

impl CompiledPolicy {
    pub(super) fn new(id: &PolicyId, except: BTreeSet<AccountName>, policy: &Policy) -> Self {
        let (condition, action) = parts(policy).unwrap_or((None, CompiledAction::Broken));
        Self {
            name: id.name.clone(),
            account: id.account.clone(),
            except,
            condition,
            failure_mode: policy.failure_mode.unwrap_or_else(|| closed(policy)),
            action,
            mark: format!("{MARK}{}", id.name),
        }
    }

    /// Whether it concerns the client of this name.
    pub(super) fn is_for(&self, account: &str) -> bool {
        match &self.account {
            Some(own) => own.as_str() == account,
            None => !self.except.iter().any(|other| other.as_str() == account),
        }
    }
}

/// Condition and action.
pub(super) fn parts(policy: &Policy) -> Result<(Option<Condition>, CompiledAction), PolicyFault> {
    check_phase(policy)?;
    let vocabulary = vocabulary::of(policy.phase);
    let condition = policy
        .condition
        .as_deref()
        .map(|text| Condition::compile(text, vocabulary))
        .transpose()
        .map_err(PolicyFault::Condition)?;
    let action = match &policy.action {
        PolicyAction::SkipRecord => CompiledAction::SkipRecord,
        PolicyAction::Require { description } => CompiledAction::Require {
            description: description.clone(),
        },
        PolicyAction::ModifyHeaders { actions } => {
            let change = |(index, action): (usize, &HeaderAction)| match action {
                HeaderAction::Remove { key } => Ok(HeaderChange::Remove { key: key.clone() }),
                HeaderAction::Set { key, value } => Ok(HeaderChange::Set {
                    key: key.clone(),
                    value: Template::compile(value, vocabulary)
                        .map_err(|error| PolicyFault::HeaderValue { index, error })?,
                }),
            };
            let changes = actions.iter().enumerate().map(change);
            CompiledAction::ModifyHeaders(changes.collect::<Result<_, _>>()?)
        }
    };
    Ok((condition, action))
}

/// The treatment of a record that a policy cannot judge, if it does not say: nothing goes through that it might have kept back.
fn closed(policy: &Policy) -> FailureMode {
    match (policy.phase, &policy.action) {
        (PolicyPhase::Consume, PolicyAction::SkipRecord) => FailureMode::Skip,
        _ => FailureMode::Refuse,
    }
}
