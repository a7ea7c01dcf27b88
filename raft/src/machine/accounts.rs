//! Service accounts and the records of their tokens.

use crate::model::{
    AccountKind, AccountName, Revision, ServiceAccount, State, TokenId, TokenRecord, VclusterName,
};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn put(
    state: &mut State,
    vcluster_name: &VclusterName,
    name: AccountName,
    kind: AccountKind,
    revision: Revision,
) -> Result<Outcome, Refusal> {
    let (account, outcome) = match vcluster(state, vcluster_name)?.accounts.get(&name) {
        Some(known) if known.kind == kind => return Ok(Outcome::Unchanged),
        Some(known) => (
            ServiceAccount {
                kind,
                created: known.created,
            },
            Outcome::Updated,
        ),
        None => (
            ServiceAccount {
                kind,
                created: revision,
            },
            Outcome::Created,
        ),
    };
    vcluster_mut(state, vcluster_name)?.accounts.insert(name, account);
    Ok(outcome)
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
    vcluster.tokens.retain(|_, token| token.account != *name);
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
    if account.created != record.account_created {
        return Err(Refusal::AccountChanged);
    }
    if current.tokens.get(&id) == Some(&record) {
        return Ok(Outcome::Unchanged);
    }
    let now_s = record.issued_at_s;
    let tokens = &mut vcluster_mut(state, vcluster_name)?.tokens;
    tokens.retain(|_, token| token.expires_at_s >= now_s);
    Ok(match tokens.insert(id, record) {
        Some(_) => Outcome::Updated,
        None => Outcome::Created,
    })
}
