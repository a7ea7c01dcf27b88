//! Switches between a physical cluster and the one that stands in for it, on this node: says when no request is under way any
//! more, and, on the node that leads, finishes what somebody began and left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use klamm_raft::command::{ClusterChange, Command, RouteChange};
use klamm_raft::model::{ClusterRoute, NodeId, RouteKey, RoutePhase, State, VclusterName};
use tracing::{info, warn};

use crate::control::Control;
use crate::session::Passage;
use crate::supervision::{Component, Supervisor};
use crate::unix_time::now_s;

/// Between two looks at what is under way, while a route is fenced.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// After a step could not be made, this long passes before it is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// A switch that its author has not finished after so long is finished here. It is longer than a switch takes with a node that is
/// cut off: by then no node decides by what was before, and none has a request under way.
const LEFT_ALONE: Duration = Duration::from_secs(20);

/// The ways of requests of all virtual clusters of this node. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passages(Arc<Mutex<BTreeMap<VclusterName, Arc<Passage>>>>);

impl Passages {
    /// The way of a virtual cluster's requests.
    pub(crate) fn of(&self, name: &VclusterName) -> Arc<Passage> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(name.clone()).or_default())
    }

    /// Forgets one that is gone.
    pub(crate) fn forget(&self, name: &VclusterName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Whether no request is under way by a route.
    fn are_drained(&self, state: &State, key: &RouteKey) -> bool {
        state.led_by(key).all(|name| self.of(name).is_drained())
    }
}

/// Follows the switches that are under way.
pub(crate) fn keep(id: NodeId, passages: &Passages, control: &Control, supervisor: &Supervisor) {
    let (passages, control) = (passages.clone(), control.clone());
    supervisor.keep(Component::RouteKeeper, move || {
        follow(id, passages.clone(), control.clone())
    });
}

async fn follow(id: NodeId, passages: Passages, control: Control) {
    let mut states = control.states();
    // When each switch was first seen, by its number.
    let mut seen: BTreeMap<u32, Instant> = BTreeMap::new();
    loop {
        let state = states.borrow_and_update().clone();
        let routes = &state.routes.by_key;
        let fenced = || routes.iter().filter(|(_, route)| route.is_fenced());
        seen.retain(|number, _| fenced().any(|(_, route)| route.generation == *number));
        for (key, route) in fenced() {
            let since = *seen.entry(route.generation).or_insert_with(Instant::now);
            let step = step(id, (key, route), || passages.are_drained(&state, key));
            let step = step.or_else(|| left_alone((key, route), since, control.status().leader == Some(id)));
            if let Some(step) = step {
                let made = control
                    .propose_own(Command::PhysicalCluster(Box::new(ClusterChange::Route(step))))
                    .await;
                if !made.is_ok_and(|made| Control::is_change(&made.outcome)) {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        let look_again = !seen.is_empty();
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_EVERY), if look_again => {}
        }
    }
}

/// The report of this node on a route that is fenced, once there is something to say.
fn step(
    id: NodeId,
    (key, route): (&RouteKey, &ClusterRoute),
    is_drained: impl FnOnce() -> bool,
) -> Option<RouteChange> {
    let RoutePhase::Fenced { drained, .. } = &route.phase else {
        return None;
    };
    if drained.contains(&id) || !is_drained() {
        return None;
    }
    info!(cluster = %key.cluster, generation = route.generation, "no request is under way to the physical cluster any more");
    Some(RouteChange::Drained {
        key: key.clone(),
        generation: route.generation,
        node: id,
    })
}

/// The end of a switch that nobody finishes.
fn left_alone((key, route): (&RouteKey, &ClusterRoute), since: Instant, leads: bool) -> Option<RouteChange> {
    let RoutePhase::Fenced { stays: false, .. } = &route.phase else {
        return None;
    };
    if !leads || since.elapsed() < LEFT_ALONE {
        return None;
    }
    warn!(cluster = %key.cluster, generation = route.generation, "a switch to another physical cluster was left unfinished: it is finished here");
    Some(RouteChange::Open {
        key: key.clone(),
        generation: route.generation,
        at_s: now_s().unwrap_or(route.at_s),
    })
}
