//! ACLs are a set: adding one that is there or removing one that is not there is no change.

use crate::model::{AclBinding, MAX_ACLS, State, VclusterName, VclusterState};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn create(
    state: &mut State,
    name: &VclusterName,
    acls: Vec<AclBinding>,
) -> Result<Outcome, Refusal> {
    let known = &made_by_clients(state, name)?.acls;
    match acls.iter().filter(|acl| !known.contains(acl)).count() {
        0 => return Ok(Outcome::Unchanged),
        new if known.len() + new > MAX_ACLS => {
            return Err(Refusal::TooManyAcls {
                vcluster: name.clone(),
                most: MAX_ACLS,
            });
        }
        _ => {}
    }
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
