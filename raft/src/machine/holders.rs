//! Names that two topics of a physical cluster would have, and which of them has it. Whoever is put on record first stays
//! there until it is released.

use std::collections::BTreeMap;

use crate::model::{Holder, Limit, State, TopicName, VclusterKind, VclusterName, VclusterState};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn settle(
    state: &mut State,
    name: &VclusterName,
    held: BTreeMap<TopicName, Holder>,
    released: BTreeMap<TopicName, Holder>,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, name)?;
    let VclusterKind::Standard(standard) = &current.spec.kind else {
        return Ok(Outcome::Unchanged);
    };
    let mut holders = (*current.holders).clone();
    holders.retain(|name, holder| released.get(name) != Some(holder));
    for (name, holder) in held {
        if standard.may_be_contested(name.as_str()) {
            holders.entry(name).or_insert(holder);
        }
    }
    let limits = &current.spec.limits;
    limits.check(name, Limit::ContestedNames, holders.len() as u64)?;
    if holders == *current.holders {
        return Ok(Outcome::Unchanged);
    }
    vcluster_mut(state, name)?.holders = holders.into();
    Ok(Outcome::Updated)
}

/// Drops the records that say nothing any more, now that the virtual cluster is to show something else. What a name of the
/// namespace stands for has changed with the namespace.
pub(super) fn follow(vcluster: &mut VclusterState, kind: &VclusterKind) {
    if vcluster.holders.is_empty() {
        return;
    }
    let kept = match (&vcluster.spec.kind, kind) {
        (VclusterKind::Standard(before), VclusterKind::Standard(after))
            if before.namespace == after.namespace =>
        {
            let mut kept = (*vcluster.holders).clone();
            kept.retain(|name, _| after.may_be_contested(name.as_str()));
            kept
        }
        _ => BTreeMap::new(),
    };
    if kept != *vcluster.holders {
        vcluster.holders = kept.into();
    }
}
