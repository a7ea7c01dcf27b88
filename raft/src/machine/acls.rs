//! ACLs are a set: adding one that is there or removing one that is not there is no change.

use crate::model::{AclBinding, State, VclusterName, VclusterState};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn create(
    state: &mut State,
    name: &VclusterName,
    acls: Vec<AclBinding>,
) -> Result<Outcome, Refusal> {
    let current = made_by_clients(state, name)?;
    let mut new = acls.iter().filter(|acl| !current.acls.contains(acl)).peekable();
    if new.peek().is_none() {
        return Ok(Outcome::Unchanged);
    }
    acls.iter().try_for_each(AclBinding::check_lengths)?;
    current.spec.limits.check_new_acls(name, &current.acls, new)?;
    vcluster_mut(state, name)?.acls.extend(acls);
    Ok(Outcome::Created)
}

pub(super) fn delete(
    state: &mut State,
    name: &VclusterName,
    acls: &[AclBinding],
) -> Result<Outcome, Refusal> {
    let known = &made_by_clients(state, name)?.acls;
    if !acls.iter().any(|acl| known.contains(acl)) {
        return Ok(Outcome::Unchanged);
    }
    let known = &mut vcluster_mut(state, name)?.acls;
    for acl in acls {
        known.remove(acl);
    }
    Ok(Outcome::Deleted)
}

/// The virtual cluster, unless its ACLs are declared with it.
fn made_by_clients<'a>(state: &'a State, name: &VclusterName) -> Result<&'a VclusterState, Refusal> {
    let found = vcluster(state, name)?;
    match found.spec.declared_acls() {
        Some(_) => Err(Refusal::AclsDeclared(name.clone())),
        None => Ok(found),
    }
}
