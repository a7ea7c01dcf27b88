//! Gateway nodes, and the physical clusters that they agree on.

use crate::model::{ClusterId, Liveness, NodeId, NodeRecord, PinnedCluster, State};
use crate::outcome::{Outcome, Refusal};

/// A node that is known keeps its liveness: only [`set_liveness`] changes it.
pub(super) fn put(state: &mut State, id: NodeId, mut record: NodeRecord) -> Result<Outcome, Refusal> {
    if let (Some(highest), Some(port_count)) = (state.slots.last(), record.slot_count())
        && highest.0 >= port_count
    {
        return Err(Refusal::TooFewPorts {
            node: id.0,
            port_count,
            highest: highest.0,
        });
    }
    let outcome = match state.nodes.get(&id) {
        Some(known) => {
            record.liveness = known.liveness;
            if *known == record {
                return Ok(Outcome::Unchanged);
            }
            Outcome::Updated
        }
        None => Outcome::Created,
    };
    state.nodes.insert(id, record);
    Ok(outcome)
}

pub(super) fn set_liveness(state: &mut State, id: NodeId, liveness: Liveness) -> Result<Outcome, Refusal> {
    let Some(record) = state.nodes.get_mut(&id) else {
        return Err(Refusal::NoSuchNode(id.0));
    };
    if record.liveness == liveness {
        return Ok(Outcome::Unchanged);
    }
    record.liveness = liveness;
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
    // No cluster is ever forgotten, so their count is a number that none has.
    let number = u32::try_from(state.pinned_clusters.len()).unwrap_or(u32::MAX);
    let pinned = PinnedCluster {
        kafka_cluster_id,
        number,
    };
    state.pinned_clusters.insert(cluster, pinned);
    Ok(Outcome::Created)
}
