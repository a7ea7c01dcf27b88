//! Remembers what proposals came to. It knows nothing of what they do.

use crate::command::ProposalId;
use crate::model::{BootRecord, NodeId, State};
use crate::outcome::{Outcome, Refusal};

/// Late copies of a dead process's proposals are recognised for this many restarts of its node.
const BOOTS_KEPT: usize = 4;

/// The answer to a proposal that was applied before; `None` for a new one.
pub(super) fn recall(state: &State, node: NodeId, id: ProposalId) -> Option<Outcome> {
    let record = state.proposals.get(&node)?;
    let boot = record.boots.iter().find(|boot| boot.boot == id.boot)?;
    if let Some(outcome) = boot.outcomes.get(&id.sequence) {
        return Some(outcome.clone());
    }
    (id.sequence < boot.settled).then_some(Outcome::Refused(Refusal::Duplicate))
}

/// Keeps `outcome` until the proposer has settled it.
pub(super) fn remember(state: &mut State, node: NodeId, id: ProposalId, settled: u64, outcome: Outcome) {
    let boots = &mut state.proposals.entry(node).or_default().boots;
    let at = match boots.iter().position(|boot| boot.boot == id.boot) {
        Some(at) => at,
        None => {
            if boots.len() == BOOTS_KEPT {
                boots.remove(0);
            }
            boots.push(BootRecord {
                boot: id.boot,
                settled: 0,
                outcomes: Default::default(),
            });
            boots.len() - 1
        }
    };
    let boot = &mut boots[at];
    boot.settled = boot.settled.max(settled);
    boot.outcomes = boot.outcomes.split_off(&boot.settled);
    if id.sequence >= boot.settled {
        boot.outcomes.insert(id.sequence, outcome);
    }
}
