//! Switches of routes. Between two targets a route is fenced: whoever opens it knows that no node sends anything to the last
//! one any more.

use std::collections::BTreeSet;

use crate::command::RouteChange;
use crate::model::{
    ClusterId, ClusterRoute, FirstTopicIds, NodeId, RouteKey, RoutePhase, State, VclusterName,
};
use crate::outcome::{Outcome, Refusal};

use super::{marks, vcluster};

/// Topics of a physical cluster of which it is kept by what ids clients know them; clients find that others were created anew.
const MOST_TOPIC_IDS: usize = 100_000;

pub(super) fn carry_out(state: &mut State, change: RouteChange) -> Result<Outcome, Refusal> {
    match change {
        RouteChange::Fence {
            key,
            target,
            expected,
            stays,
            at_s,
        } => {
            check_expected(state, &key, expected)?;
            fence(state, key, target, (stays, at_s))
        }
        RouteChange::Drained {
            key,
            generation,
            node,
        } => drained(state, &key, generation, node),
        RouteChange::Open {
            key,
            generation,
            at_s,
        } => open(state, key, generation, at_s),
        RouteChange::Topics {
            cluster,
            first_ids,
            is_first_part,
        } => Ok(keep_topic_ids(state, cluster, first_ids, is_first_part)),
    }
}

fn keep_topic_ids(
    state: &mut State,
    cluster: ClusterId,
    mut first_ids: FirstTopicIds,
    is_first_part: bool,
) -> Outcome {
    let all = &mut state.routes.first_topic_ids;
    let known = all.entry(cluster).or_default();
    if is_first_part {
        **known = FirstTopicIds::new();
    }
    if known.len() + first_ids.len() <= MOST_TOPIC_IDS {
        known.append(&mut first_ids);
    }
    all.retain(|_, ids| !ids.is_empty());
    Outcome::Updated
}

fn check_expected(state: &State, key: &RouteKey, expected: Option<u32>) -> Result<(), Refusal> {
    let generation = state.routes.holding(key).map_or(0, |route| route.generation);
    match expected {
        Some(expected) if expected != generation => Err(Refusal::RouteChanged {
            cluster: key.cluster.clone(),
            generation,
        }),
        _ => Ok(()),
    }
}

fn fence(
    state: &mut State,
    key: RouteKey,
    target: ClusterId,
    (stays, at_s): (bool, u64),
) -> Result<Outcome, Refusal> {
    if let Some(name) = &key.vcluster
        && !vcluster(state, name)?.reaches(&key.cluster)
    {
        return Err(Refusal::OutOfReach {
            vcluster: name.clone(),
            cluster: key.cluster,
        });
    }
    if target != key.cluster && state.stands_in_for(&target) != Some(&key.cluster) {
        return Err(Refusal::NoStandIn {
            cluster: key.cluster,
            target,
        });
    }
    let route = state.routes.holding(&key);
    let is_open = |route: &ClusterRoute| !route.is_fenced();
    let last = route.map_or(&key.cluster, ClusterRoute::last).clone();
    if last == target && !stays && route.is_none_or(is_open) {
        return Ok(Outcome::Unchanged);
    }
    marks::check(state, state.led_by(&key).count())?;
    let routes = &mut *state.routes;
    if let Some(known) = routes.by_key.get_mut(&key)
        && let RoutePhase::Fenced { stays: stayed, .. } = &mut known.phase
        && known.target == target
    {
        *stayed = stays;
        return Ok(Outcome::Updated);
    }
    routes.last_generation += 1;
    let route = ClusterRoute {
        generation: routes.last_generation,
        target,
        phase: RoutePhase::Fenced {
            from: last,
            stays,
            drained: BTreeSet::new(),
        },
        at_s,
    };
    routes.by_key.insert(key, route);
    Ok(Outcome::Updated)
}

fn drained(state: &mut State, key: &RouteKey, generation: u32, node: NodeId) -> Result<Outcome, Refusal> {
    let route = state.routes.by_key.get_mut(key);
    let Some(route) = route.filter(|route| route.generation == generation) else {
        return Ok(Outcome::Unchanged);
    };
    let is_news = match &mut route.phase {
        RoutePhase::Fenced { drained, .. } => drained.insert(node),
        RoutePhase::Open => false,
    };
    Ok(if is_news {
        Outcome::Updated
    } else {
        Outcome::Unchanged
    })
}

/// Brokers of the new target know nothing of the sequence numbers of the producers that come to them, and must not take the
/// ids for others that they know: so ids are marked in another way from now on.
fn open(state: &mut State, key: RouteKey, generation: u32, at_s: u64) -> Result<Outcome, Refusal> {
    let route = state.routes.by_key.get(&key);
    let Some(route) = route.filter(|route| route.generation == generation) else {
        let generation = state.routes.holding(&key).map_or(0, |route| route.generation);
        return Err(Refusal::RouteChanged {
            cluster: key.cluster,
            generation,
        });
    };
    let RoutePhase::Fenced { from, .. } = &route.phase else {
        return Ok(Outcome::Unchanged);
    };
    let is_marked_anew = *from != route.target;
    #[cfg(feature = "planted")]
    let is_marked_anew =
        is_marked_anew && !crate::planted::is_planted(crate::planted::PlantedMistake::MarksKept);
    if is_marked_anew {
        let led: Vec<VclusterName> = state.led_by(&key).cloned().collect();
        marks::renew_of(state, &led, &key.cluster)?;
        let numbers = led.into_iter().map(|name| (name, generation));
        state.routes.switched.extend(numbers);
    }
    if leads_where_all_do(state, &key) {
        state.routes.by_key.remove(&key);
    } else if let Some(route) = state.routes.by_key.get_mut(&key) {
        route.phase = RoutePhase::Open;
        route.at_s = at_s;
    }
    Ok(Outcome::Updated)
}

/// Whether a virtual cluster needs no route of its own any more.
fn leads_where_all_do(state: &State, key: &RouteKey) -> bool {
    let target = state.routes.by_key.get(key).map(|route| &route.target);
    let theirs = match state.routes.by_key.get(&RouteKey::of_all(&key.cluster)) {
        Some(route) if route.is_fenced() => return false,
        Some(route) => &route.target,
        None => &key.cluster,
    };
    key.vcluster.is_some() && target == Some(theirs)
}

/// Drops the routes of a virtual cluster that is gone.
pub(super) fn forget(state: &mut State, name: &VclusterName) {
    if state.routes.switched.contains_key(name) {
        state.routes.switched.remove(name);
    }
    let is_its_own = |key: &RouteKey| key.vcluster.as_ref() == Some(name);
    if state.routes.by_key.keys().any(is_its_own) {
        state.routes.by_key.retain(|key, _| !is_its_own(key));
    }
}
