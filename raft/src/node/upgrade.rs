//! The leader raises the feature level by itself, a while after every node knows the next one.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{MissedTickBehavior, interval};

use super::core::Core;
use crate::command::Command;
use crate::config::Upgrade;
use crate::model::{Level, State};

/// How often the leader looks.
const TICK: Duration = Duration::from_secs(1);

/// Raises the level whenever it is due while this node leads; returns at once where somebody is to do that by hand.
pub(super) async fn raise_level(core: Arc<Core>) {
    let Upgrade::After(wait) = core.upgrade else {
        return;
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if core.leader() != Some(core.id) {
            continue;
        }
        let state = core.states.borrow().clone();
        let Some(to) = due(&state, wait, SystemTime::now()) else {
            continue;
        };
        tracing::info!(from = %state.level, %to, "every node supports a higher feature level: the cluster's level is raised");
        if let Err(error) = core.propose(core.own(Command::RaiseLevel { to })).await {
            tracing::warn!(%error, "the feature level was not raised");
        }
    }
}

/// The level that every node knows, if it is above that of the cluster and each has known it for `wait`.
fn due(state: &State, wait: Duration, now: SystemTime) -> Option<Level> {
    let to = state.level_known_to_all()?;
    let last = state.nodes.values().map(|record| record.ability.since_s).max()?;
    let due = UNIX_EPOCH
        .checked_add(Duration::from_secs(last))?
        .checked_add(wait)?;
    (to > state.level && now >= due).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ability, NodeId, NodeRecord};

    fn state(nodes: &[(u8, u64)]) -> State {
        let mut state = State::default();
        for (index, (highest, since_s)) in nodes.iter().enumerate() {
            let ability = Ability {
                version: String::new(),
                highest: Level(*highest),
                since_s: *since_s,
            };
            let record = NodeRecord {
                ability,
                ..NodeRecord::with_ports("host", 6969, 20)
            };
            state.nodes.insert(NodeId(index as u64), record);
        }
        state
    }

    #[test]
    fn it_is_due_a_while_after_the_last_node_knows_it() {
        let due = |nodes: &[(u8, u64)], now_s| {
            let now = UNIX_EPOCH + Duration::from_secs(now_s);
            due(&state(nodes), Duration::from_secs(50), now)
        };
        assert_eq!(due(&[(2, 100), (3, 110), (2, 90)], 159), None);
        assert_eq!(due(&[(2, 100), (3, 110), (2, 90)], 160), Some(Level(2)));
        assert_eq!(due(&[(2, 100), (1, 110)], 1_000), None, "one does not know it");
        assert_eq!(due(&[(1, 0)], 1_000), None, "it is reached");
        assert_eq!(due(&[(2, u64::MAX)], 1_000), None);
        assert_eq!(due(&[], 1_000), None);
    }
}
