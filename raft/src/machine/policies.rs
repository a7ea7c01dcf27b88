//! Policies, of a virtual cluster or of all. Those of a virtual cluster go with it.

use crate::codec;
use crate::model::{Limit, Policy, PolicyKey, State};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

/// A policy that is put as it is, in no other words, keeps the words that it has.
pub(super) fn put(state: &mut State, key: PolicyKey, policy: Policy) -> Result<Outcome, Refusal> {
    if let Some(of) = key.vcluster() {
        vcluster(state, of)?;
    }
    if let Some(group) = key.scope().group()
        && !state.groups.contains_key(group)
    {
        return Err(Refusal::NoSuchGroup(group.clone()));
    }
    if codec::size(&policy) > Policy::MAX_BYTES {
        return Err(Refusal::PolicyTooLarge(key));
    }
    let outcome = match state.policy(&key) {
        Some(known) if known.is_said_by(&policy) => return Ok(Outcome::Unchanged),
        Some(_) => Outcome::Updated,
        None => {
            match key.vcluster() {
                Some(of) => vcluster(state, of)?.check(of, Limit::Policies, 1)?,
                None => state.check(Limit::GlobalPolicies, 1)?,
            }
            Outcome::Created
        }
    };
    match key {
        PolicyKey::Everywhere(id) => state.policies.insert(id, policy),
        PolicyKey::In(of, id) => vcluster_mut(state, &of)?.policies.insert(id, policy),
    };
    Ok(outcome)
}

pub(super) fn delete(state: &mut State, key: PolicyKey) -> Result<Outcome, Refusal> {
    if let Some(of) = key.vcluster() {
        vcluster(state, of)?;
    }
    if state.policy(&key).is_none() {
        return Err(Refusal::NoSuchPolicy(key));
    }
    match &key {
        PolicyKey::Everywhere(id) => state.policies.remove(id),
        PolicyKey::In(of, id) => vcluster_mut(state, of)?.policies.remove(id),
    };
    Ok(Outcome::Deleted)
}
