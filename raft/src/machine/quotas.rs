//! Client quotas of a virtual cluster.

use crate::model::{Limit, QuotaChange, State, VclusterName};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

pub(super) fn alter(
    state: &mut State,
    name: &VclusterName,
    changes: Vec<QuotaChange>,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, name)?;
    let mut next = current.quotas.clone();
    for QuotaChange { entity, key, value } in changes {
        match value {
            Some(value) => {
                next.entry(entity).or_default().insert(key, value);
            }
            None => {
                let Some(quotas) = next.get_mut(&entity) else {
                    continue;
                };
                quotas.remove(&key);
                if quotas.is_empty() {
                    next.remove(&entity);
                }
            }
        }
    }
    if next == current.quotas {
        return Ok(Outcome::Unchanged);
    }
    let more = next.len().saturating_sub(current.quotas.len());
    current.check(name, Limit::Quotas, more as u64)?;
    vcluster_mut(state, name)?.quotas = next;
    Ok(Outcome::Updated)
}
