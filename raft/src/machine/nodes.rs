//! Gateway nodes, and the physical clusters that they agree on.

use crate::model::{ClusterId, Limit, Liveness, NodeId, NodeRecord, PinnedCluster, State, Unopened};
use crate::outcome::{Outcome, Refusal};

use super::{levels, marks};

/// A node that is known keeps its liveness and what it cannot open: only [`set_liveness`] and [`set_unopened`] change them.
pub(super) fn put(state: &mut State, id: NodeId, mut record: NodeRecord) -> Result<Outcome, Refusal> {
    if let Some(at) = state.roster.removed.get(&id) {
        return Err(Refusal::NodeRemoved { node: id.0, at: *at });
    }
    check_ports(state, id, &record)?;
    levels::admit(state, id, &record)?;
    let outcome = match state.nodes.get(&id) {
        Some(known) => {
            record.liveness = known.liveness;
            if record.ability.is_as(&known.ability) {
                record.ability.since_s = known.ability.since_s;
            }
            record.unopened.clone_from(&known.unopened);
            if *known == record {
                return Ok(Outcome::Unchanged);
            }
            Outcome::Updated
        }
        None => {
            state.check(Limit::Nodes, 1)?;
            Outcome::Created
        }
    };
    state.nodes.insert(id, record);
    Ok(outcome)
}

/// Whether a node has a port for each slot in use.
pub(super) fn check_ports(state: &State, id: NodeId, record: &NodeRecord) -> Result<(), Refusal> {
    match (state.slots.last(), record.slot_count()) {
        (Some(highest), Some(port_count)) if highest.0 >= port_count => Err(Refusal::TooFewPorts {
            node: id.0,
            port_count,
            highest: highest.0,
        }),
        _ => Ok(()),
    }
}

/// A node that leaves is not up any more, whatever it says.
pub(super) fn set_liveness(state: &mut State, id: NodeId, liveness: Liveness) -> Result<Outcome, Refusal> {
    let is_leaving = state.roster.leaving.contains_key(&id);
    let Some(record) = state.nodes.get_mut(&id) else {
        return Err(Refusal::NoSuchNode(id.0));
    };
    if record.liveness == liveness || (is_leaving && liveness == Liveness::Up) {
        return Ok(Outcome::Unchanged);
    }
    record.liveness = liveness;
    Ok(Outcome::Updated)
}

pub(super) fn set_unopened(state: &mut State, id: NodeId, unopened: Unopened) -> Result<Outcome, Refusal> {
    let Some(record) = state.nodes.get_mut(&id) else {
        return Err(Refusal::NoSuchNode(id.0));
    };
    if record.unopened == unopened {
        return Ok(Outcome::Unchanged);
    }
    record.unopened = unopened;
    Ok(Outcome::Updated)
}

pub(super) fn pin(
    state: &mut State,
    cluster: ClusterId,
    kafka_cluster_id: String,
) -> Result<Outcome, Refusal> {
    if let Some(pinned) = state.pinned_clusters.get(&cluster) {
        return if pinned.kafka_cluster_id == kafka_cluster_id {
            Ok(Outcome::Unchanged)
        } else {
            Err(Refusal::PinnedElsewhere {
                cluster,
                pinned: pinned.kafka_cluster_id.clone(),
            })
        };
    }
    if !state.physical_clusters.contains_key(&cluster) {
        state.check(Limit::PhysicalClusters, 1)?;
    }
    let pinned = PinnedCluster { kafka_cluster_id };
    state.pinned_clusters.insert(cluster, pinned);
    Ok(Outcome::Created)
}

/// The Kafka cluster gives out the producer ids of the old one again: on other clusters, where those were written, they
/// must not be marked alike.
pub(super) fn accept(
    state: &mut State,
    cluster: ClusterId,
    from: &str,
    to: String,
) -> Result<Outcome, Refusal> {
    let Some(pinned) = state.pinned_clusters.get(&cluster) else {
        return Err(Refusal::NeverSeen(cluster));
    };
    if pinned.kafka_cluster_id == to {
        return Ok(Outcome::Unchanged);
    }
    if pinned.kafka_cluster_id != from {
        return Err(Refusal::PinnedElsewhere {
            cluster,
            pinned: pinned.kafka_cluster_id.clone(),
        });
    }
    marks::renew(state, &cluster)?;
    state
        .pinned_clusters
        .insert(cluster, PinnedCluster { kafka_cluster_id: to });
    Ok(Outcome::Updated)
}
