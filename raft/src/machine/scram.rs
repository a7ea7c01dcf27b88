//! SCRAM credentials of local service accounts.

use std::collections::BTreeSet;

use crate::model::{
    AccountKind, AccountName, AccountSpec, Limit, Revision, ScramCredential, ScramUser, ServiceAccount,
    State, VclusterName,
};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn alter(
    state: &mut State,
    vcluster_name: &VclusterName,
    put: Vec<(ScramUser, ScramCredential)>,
    delete: &[ScramUser],
    revision: Revision,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, vcluster_name)?;
    for (user, _) in &put {
        let account = current.accounts.get(&user.account);
        if account.is_some_and(|account| account.spec.kind != AccountKind::Local) {
            return Err(Refusal::ExternalAccount {
                vcluster: vcluster_name.clone(),
                name: user.account.clone(),
            });
        }
    }
    let is_same = put
        .iter()
        .all(|(user, credential)| current.scram.get(user) == Some(credential))
        && !delete.iter().any(|user| current.scram.contains_key(user));
    if is_same {
        return Ok(Outcome::Unchanged);
    }
    let users: BTreeSet<&ScramUser> = put.iter().map(|(user, _)| user).collect();
    let new = users.iter().filter(|user| !current.scram.contains_key(user));
    current.check(vcluster_name, Limit::ScramCredentials, new.count() as u64)?;
    let accounts: BTreeSet<&AccountName> = users.iter().map(|user| &user.account).collect();
    let new = accounts
        .iter()
        .filter(|account| !current.accounts.contains_key(**account));
    current.check(vcluster_name, Limit::ServiceAccounts, new.count() as u64)?;
    let vcluster = vcluster_mut(state, vcluster_name)?;
    for user in delete {
        vcluster.scram.remove(user);
    }
    for (user, credential) in put {
        vcluster
            .accounts
            .entry(user.account.clone())
            .or_insert_with(|| ServiceAccount {
                spec: AccountSpec::local(),
                created: revision,
            });
        vcluster.scram.insert(user, credential);
    }
    Ok(Outcome::Updated)
}
