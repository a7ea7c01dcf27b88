//! Service accounts and the records of their tokens.

use std::collections::BTreeSet;

use crate::command::Revoked;
use crate::model::{
    AccountKind, AccountName, AccountSpec, Limit, Revision, ServiceAccount, State, TokenId, TokenRecord,
    VclusterName, VclusterState,
};
use crate::outcome::{Outcome, Refusal};

use super::{groups, vcluster, vcluster_mut};

pub(super) fn put(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: AccountName,
    spec: AccountSpec,
    revision: Revision,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    if let AccountKind::External { names } = &spec.kind {
        check_external(current, &name, names)?;
    }
    if !current.accounts.contains_key(&name) {
        current.check(vcluster_name, Limit::ServiceAccounts, 1)?;
    }
    let is_external = spec.kind != AccountKind::Local;
    let (account, outcome) = match current.accounts.get(&name) {
        Some(known) if known.spec == spec => return Ok(Outcome::Unchanged),
        Some(known) => (
            ServiceAccount {
                spec,
                created: known.created,
            },
            Outcome::Updated,
        ),
        None => (
            ServiceAccount {
                spec,
                created: revision,
            },
            Outcome::Created,
        ),
    };
    let vcluster = vcluster_mut(state, vcluster_name)?;
    if is_external {
        forget_credentials(vcluster, &name);
    }
    vcluster.accounts.insert(name, account);
    Ok(outcome)
}

/// A name belongs to one account: that of the external names of another one, or of another account itself.
fn check_external(
    vcluster: &VclusterState,
    name: &AccountName,
    names: &BTreeSet<String>,
) -> Result<(), Refusal> {
    let others = vcluster.accounts.iter().filter(|(other, _)| *other != name);
    for (other, account) in others {
        let AccountKind::External { names: theirs } = &account.spec.kind else {
            continue;
        };
        if let Some(taken) = names.intersection(theirs).next() {
            return Err(Refusal::ExternalNameTaken {
                name: taken.clone(),
                taken_by: other.clone(),
            });
        }
    }
    Ok(())
}

/// Drops what somebody could log in with as `name`.
fn forget_credentials(vcluster: &mut VclusterState, name: &AccountName) {
    vcluster.tokens.retain(|_, token| token.account != *name);
    vcluster.scram.retain(|user, _| user.account != *name);
}

pub(super) fn revoke(
    state: &mut State,
    vcluster_name: &VclusterName,
    revoked: &Revoked,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    if let Revoked::AllOf(name) = revoked
        && !current.accounts.contains_key(name)
    {
        return Err(Refusal::NoSuchAccount {
            vcluster: vcluster_name.clone(),
            name: name.clone(),
        });
    }
    let is_revoked = |id: &TokenId, token: &TokenRecord| match revoked {
        Revoked::One(one) => one == id,
        Revoked::AllOf(account) => *account == token.account,
    };
    if !current.tokens.iter().any(|(id, token)| is_revoked(id, token)) {
        return Ok(Outcome::Unchanged);
    }
    let tokens = &mut vcluster_mut(state, vcluster_name)?.tokens;
    tokens.retain(|id, token| !is_revoked(id, token));
    Ok(Outcome::Deleted)
}

/// Also of a super user: super users are names, which need no account, and a Partner virtual cluster always has some, so
/// refusing would make it impossible to delete the last account and then the virtual cluster.
pub(super) fn delete(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: &AccountName,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    if !current.accounts.contains_key(name) {
        return Err(Refusal::NoSuchAccount {
            vcluster: vcluster_name.clone(),
            name: name.clone(),
        });
    }
    let vcluster = vcluster_mut(state, vcluster_name)?;
    vcluster.accounts.remove(name);
    forget_credentials(vcluster, name);
    groups::forget(state, vcluster_name, name);
    Ok(Outcome::Deleted)
}

pub(super) fn put_token(
    state: &mut State,
    vcluster_name: &VclusterName,
    id: TokenId,
    record: TokenRecord,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    let Some(account) = current.accounts.get(&record.account) else {
        return Err(Refusal::NoSuchAccount {
            vcluster: vcluster_name.clone(),
            name: record.account,
        });
    };
    if account.spec.kind != AccountKind::Local {
        return Err(Refusal::ExternalAccount {
            vcluster: vcluster_name.clone(),
            name: record.account,
        });
    }
    if account.created != record.account_created {
        return Err(Refusal::AccountChanged);
    }
    let signs = state.signing_keys.as_ref().map(|keys| keys.current.id());
    if signs != Some(record.key) {
        return Err(match signs {
            Some(signs) => Refusal::KeyRotated { signs },
            None => Refusal::NoSigningKey,
        });
    }
    if current.tokens.get(&id) == Some(&record) {
        return Ok(Outcome::Unchanged);
    }
    let now_s = record.issued_at_s;
    let tokens = current.tokens.iter();
    let others = tokens.filter(|(other, token)| **other != id && token.expires_at_s >= now_s);
    let limits = &current.spec.limits;
    limits.check(vcluster_name, Limit::Tokens, others.count() as u64 + 1)?;
    let tokens = &mut vcluster_mut(state, vcluster_name)?.tokens;
    tokens.retain(|_, token| token.expires_at_s >= now_s);
    Ok(match tokens.insert(id, record) {
        Some(_) => Outcome::Updated,
        None => Outcome::Created,
    })
}
