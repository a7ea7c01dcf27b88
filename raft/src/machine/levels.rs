//! The feature level of the cluster.

use crate::command::Command;
use crate::model::{Level, NodeId, NodeRecord, State};
use crate::outcome::{Outcome, Refusal};
#[cfg(feature = "planted")]
use crate::planted::PlantedMistake;

/// Whether the level has everything that is in a command.
pub(crate) fn check(state: &State, command: &Command) -> Result<(), Refusal> {
    let needs = command.level();
    if needs > state.level {
        return Err(Refusal::LevelTooLow {
            needs,
            level: state.level,
        });
    }
    Ok(())
}

/// The first node of a cluster says at which level the cluster begins; there is none below the first. No later node comes in
/// that does not know its level.
pub(super) fn admit(state: &mut State, id: NodeId, record: &NodeRecord) -> Result<(), Refusal> {
    let highest = record.ability.highest;
    if state.nodes.is_empty() {
        state.level = highest.max(Level::FIRST);
    }
    if highest < state.level {
        return Err(Refusal::NodeTooOld {
            node: id.0,
            knows: highest,
            level: state.level,
        });
    }
    Ok(())
}

/// Raises the level. It is never lowered: what was written since is not known below.
pub(super) fn raise(state: &mut State, to: Level) -> Result<Outcome, Refusal> {
    if to <= state.level {
        return Ok(Outcome::Unchanged);
    }
    let behind = state
        .nodes
        .iter()
        .filter(|(_, record)| record.ability.highest < to);
    #[cfg(feature = "planted")]
    let behind = behind.filter(|_| !crate::planted::is_planted(PlantedMistake::RaisedTooEarly));
    let nodes: Vec<u64> = behind.map(|(id, _)| id.0).collect();
    if !nodes.is_empty() || state.nodes.is_empty() {
        return Err(Refusal::LevelNotEverywhere { to, nodes });
    }
    state.level = to;
    Ok(Outcome::Updated)
}

/// Does what a command of the level after the newest says.
#[cfg(feature = "next-level")]
pub(super) fn next(state: &mut State, text: String) -> Outcome {
    state.next = Some(text);
    Outcome::Updated
}
