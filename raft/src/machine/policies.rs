//! Policies, of a virtual cluster or of all. Those of a virtual cluster go with it.

use std::collections::BTreeMap;

use crate::codec;
use crate::model::{
    Limit, NewPolicy, OrderedPolicies, Policy, PolicyAction, PolicyId, PolicyKey, State, VclusterState,
};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

/// The priority of the first policy of a phase, where its place is all that is said.
const FIRST_PRIORITY: i32 = 100;

/// A policy that is put as it is, in no other words, keeps the words that it has.
pub(super) fn put(state: &mut State, key: PolicyKey, mut policy: Policy) -> Result<Outcome, Refusal> {
    check(state, &key, &policy)?;
    let outcome = match state.policy(&key) {
        Some(known) => {
            let times = known.times;
            policy.times.created_s = times.created_s;
            let before = Policy {
                times,
                ..policy.clone()
            };
            if known.is_said_by(&before) {
                return Ok(Outcome::Unchanged);
            }
            Outcome::Updated
        }
        None => {
            check_room(state, &key)?;
            Outcome::Created
        }
    };
    match key {
        PolicyKey::Everywhere(id) => state.policies.insert(id, policy),
        PolicyKey::In(of, id) => vcluster_mut(state, &of)?.policies.insert(id, policy),
    };
    Ok(outcome)
}

/// Checks what a policy may not be, wherever it comes from.
fn check(state: &State, key: &PolicyKey, policy: &Policy) -> Result<(), Refusal> {
    if let Some(name) = key.vcluster() {
        let of = vcluster(state, name)?;
        let brings_acls = matches!(policy.action, PolicyAction::Acls { .. });
        if policy.enabled && brings_acls && !of.has_acls_in_force() {
            return Err(Refusal::AclsOff(name.clone()));
        }
    }
    if let Some(group) = key.scope().group()
        && !state.groups.contains_key(group)
    {
        return Err(Refusal::NoSuchGroup(group.clone()));
    }
    match codec::size(policy) > Policy::MAX_BYTES {
        true => Err(Refusal::PolicyTooLarge(key.clone())),
        false => Ok(()),
    }
}

/// Checks that there may be one more.
fn check_room(state: &State, key: &PolicyKey) -> Result<(), Refusal> {
    match key.vcluster() {
        Some(of) => vcluster(state, of)?.check(of, Limit::Policies, 1)?,
        None => state.check(Limit::GlobalPolicies, 1)?,
    }
    Ok(())
}

pub(super) fn create(state: &mut State, new: NewPolicy) -> Result<Outcome, Refusal> {
    let NewPolicy {
        vcluster: of,
        id,
        mut policy,
        order,
    } = new;
    let key = PolicyKey::In(of.clone(), id.clone());
    check(state, &key, &policy)?;
    if state.policy(&key).is_some() {
        return Err(Refusal::PolicyExists(key));
    }
    check_room(state, &key)?;
    let content = vcluster(state, &of)?;
    let priority = |id: &PolicyId| content.policies.get(id).map(|policy| policy.priority);
    let at = order.iter().position(|one| *one == id);
    let before = at
        .and_then(|at| at.checked_sub(1))
        .and_then(|at| priority(&order[at]));
    let after = at.and_then(|at| priority(order.get(at + 1)?));
    policy.priority = before.or(after).unwrap_or(FIRST_PRIORITY);
    let ordered = OrderedPolicies {
        vcluster: of,
        phase: policy.phase,
        order,
    };
    let priorities = priorities(content, Some((&id, policy.priority)), &ordered)?;
    let policies = &mut vcluster_mut(state, &ordered.vcluster)?.policies;
    policies.insert(id, policy);
    set(policies, priorities);
    Ok(Outcome::Created)
}

pub(super) fn order(state: &mut State, ordered: &OrderedPolicies) -> Result<Outcome, Refusal> {
    let content = vcluster(state, &ordered.vcluster)?;
    let priorities = priorities(content, None, ordered)?;
    let has = |(id, priority): (&PolicyId, &i32)| {
        let policy = content.policies.get(id);
        policy.is_some_and(|policy| policy.priority == *priority)
    };
    if priorities.iter().all(has) {
        return Ok(Outcome::Unchanged);
    }
    set(&mut vcluster_mut(state, &ordered.vcluster)?.policies, priorities);
    Ok(Outcome::Updated)
}

fn set(policies: &mut BTreeMap<PolicyId, Policy>, priorities: BTreeMap<PolicyId, i32>) {
    for (id, priority) in priorities {
        if let Some(policy) = policies.get_mut(&id) {
            policy.priority = priority;
        }
    }
}

/// The priorities with which the policies of a phase, and a new one, take effect in this order. They are those that there
/// are, the lowest first, or little more, so that policies of all virtual clusters stay between them where they were.
fn priorities(
    content: &VclusterState,
    new: Option<(&PolicyId, i32)>,
    ordered: &OrderedPolicies,
) -> Result<BTreeMap<PolicyId, i32>, Refusal> {
    let OrderedPolicies {
        vcluster,
        phase,
        order,
    } = ordered;
    let of_phase = content
        .policies
        .iter()
        .filter(|(_, policy)| policy.phase == *phase);
    let there = of_phase.map(|(id, policy)| (id, policy.priority)).chain(new);
    let there: BTreeMap<&PolicyId, i32> = there.collect();
    let named: BTreeMap<&PolicyId, usize> = order.iter().zip(0..).collect();
    if named.len() != order.len() || !named.keys().eq(there.keys()) {
        return Err(Refusal::OrderOfOthers(vcluster.clone()));
    }
    let mut all: Vec<i64> = there.values().copied().map(i64::from).collect();
    all.sort_unstable();
    // Of two that have the same priority, the one whose name comes first takes effect first.
    let step = |at: usize| i64::from(order[at - 1] > order[at]);
    for at in 1..all.len() {
        all[at] = all[at].max(all[at - 1] + step(at));
    }
    let mut most = i64::from(i32::MAX);
    for at in (0..all.len()).rev() {
        all[at] = all[at].min(most);
        most = match at {
            0 => most,
            at => all[at] - step(at),
        };
    }
    let priorities = all
        .into_iter()
        .map(|priority| i32::try_from(priority).unwrap_or(i32::MAX));
    Ok(order.iter().cloned().zip(priorities).collect())
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
