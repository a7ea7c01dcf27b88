//! Groups of accounts, and who is in them. A membership goes with the account.

use super::vcluster;
use super::vclusters::REFERRERS_NAMED;
use crate::model::{
    AccountGroup, AccountName, GroupMember, GroupName, Limit, PolicyKey, State, VclusterName,
};
use crate::outcome::{Outcome, Refusal};

pub(super) fn put(state: &mut State, name: GroupName, group: AccountGroup) -> Result<Outcome, Refusal> {
    for member in &group.members {
        if !vcluster(state, &member.vcluster)?
            .accounts
            .contains_key(&member.account)
        {
            return Err(Refusal::NoSuchAccount {
                vcluster: member.vcluster.clone(),
                name: member.account.clone(),
            });
        }
    }
    let (outcome, members) = match state.groups.get(&name) {
        Some(known) if *known == group => return Ok(Outcome::Unchanged),
        Some(known) => (Outcome::Updated, known.members.len()),
        None => {
            state.check(Limit::Groups, 1)?;
            (Outcome::Created, 0)
        }
    };
    let more = group.members.len().saturating_sub(members);
    state.check(Limit::GroupMembers, more as u64)?;
    state.groups.insert(name, group);
    Ok(outcome)
}

/// Refused while a policy is for its members: it would be for nobody, and hold nothing back.
pub(super) fn delete(state: &mut State, name: GroupName) -> Result<Outcome, Refusal> {
    if !state.groups.contains_key(&name) {
        return Err(Refusal::NoSuchGroup(name));
    }
    let everywhere = state.policies.keys().cloned().map(PolicyKey::Everywhere);
    let of_vclusters = state.vclusters.iter().flat_map(|(vcluster, content)| {
        let ids = content.policies.keys().cloned();
        ids.map(|id| PolicyKey::In(vcluster.clone(), id))
    });
    let users = everywhere
        .chain(of_vclusters)
        .filter(|key| key.scope().group() == Some(&name));
    let by: Vec<String> = users.map(|key| key.to_string()).take(REFERRERS_NAMED).collect();
    if !by.is_empty() {
        return Err(Refusal::GroupInUse { group: name, by });
    }
    state.groups.remove(&name);
    Ok(Outcome::Deleted)
}

/// Takes an account that is gone out of all groups.
pub(super) fn forget(state: &mut State, vcluster: &VclusterName, account: &AccountName) {
    let gone = GroupMember {
        vcluster: vcluster.clone(),
        account: account.clone(),
    };
    // Looked at first: whoever changes it copies all groups.
    if state.groups.values().any(|group| group.members.contains(&gone)) {
        for group in state.groups.values_mut() {
            group.members.remove(&gone);
        }
    }
}
