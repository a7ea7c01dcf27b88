//! Port slots and virtual broker ids.
//!
//! Fresh slots go first, so that a port that a client still remembers is not soon somebody else's; after them the one
//! that has been free for longest.

use std::collections::BTreeSet;

use crate::model::{
    BrokerKey, BrokerSlot, ClusterId, NodeRecord, PortSlot, State, VclusterName, VclusterState,
};
use crate::outcome::{Outcome, Refusal};

use super::{vcluster, vcluster_mut};

/// How many slots there are while no node has said how many ports it offers.
const DEFAULT_SLOTS: u16 = 256;

/// Takes one slot.
pub(super) fn take(state: &mut State) -> Result<PortSlot, Refusal> {
    let limit = limit(state);
    let slot = if state.next_slot < limit {
        let fresh = PortSlot(state.next_slot);
        state.next_slot += 1;
        fresh
    } else {
        match state.free_slots.iter().position(|slot| slot.0 < limit) {
            Some(at) => state.free_slots.remove(at),
            None => return Err(none_left(state)),
        }
    };
    state.slots.insert(slot);
    Ok(slot)
}

/// Gives all slots of a virtual cluster back.
pub(super) fn release_all(state: &mut State, vcluster: &VclusterState) {
    release(state, vcluster.bootstrap);
    for broker in vcluster.brokers.values() {
        release(state, broker.port);
    }
}

/// Gives the slots of brokers back whose cluster the virtual cluster does not reach any more.
pub(super) fn release_unreached(state: &mut State, name: &VclusterName) -> Result<(), Refusal> {
    let current = vcluster(state, name)?;
    let is_gone = |key: &&BrokerKey| !has_brokers_of(state, current, &key.cluster);
    let gone: Vec<BrokerKey> = current.brokers.keys().filter(is_gone).cloned().collect();
    let vcluster = vcluster_mut(state, name)?;
    let slots: Vec<BrokerSlot> = gone
        .iter()
        .filter_map(|key| vcluster.brokers.remove(key))
        .collect();
    // A broker of a cluster that stands in for another has the slot of one of that.
    let stay: BTreeSet<PortSlot> = vcluster.brokers.values().map(|slot| slot.port).collect();
    for slot in slots.iter().filter(|slot| !stay.contains(&slot.port)) {
        release(state, slot.port);
    }
    Ok(())
}

/// Whether a virtual cluster shows brokers of a physical cluster: of one that it reaches, or of what stands in for that.
fn has_brokers_of(state: &State, vcluster: &VclusterState, cluster: &ClusterId) -> bool {
    let stands_in = || {
        state
            .stands_in_for(cluster)
            .is_some_and(|of| vcluster.reaches(of))
    };
    vcluster.reaches(cluster) || stands_in()
}

/// Gives one slot back.
fn release(state: &mut State, slot: PortSlot) {
    if state.slots.remove(&slot) {
        state.free_slots.push(slot);
    }
}

/// Gives slots and virtual ids to those of `brokers` that have none, all or nothing.
pub(super) fn assign(
    state: &mut State,
    name: &VclusterName,
    brokers: Vec<BrokerKey>,
) -> Result<Outcome, Refusal> {
    let current = vcluster(state, name)?;
    let mut new = BTreeSet::new();
    for broker in brokers {
        if !has_brokers_of(state, current, &broker.cluster) {
            return Err(Refusal::OutOfReach {
                vcluster: name.clone(),
                cluster: broker.cluster,
            });
        }
        if !current.brokers.contains_key(&broker) {
            new.insert(broker);
        }
    }
    if new.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let lent: Vec<(BrokerKey, BrokerSlot)> = lent(state, current, &new);
    let ids_left = i32::MAX.abs_diff(current.next_broker_id) as usize;
    let fresh = new.len() - lent.len();
    if fresh > available(state) || fresh > ids_left {
        return Err(none_left(state));
    }
    for (key, slot) in lent {
        new.remove(&key);
        vcluster_mut(state, name)?.brokers.insert(key, slot);
    }
    for key in new {
        let port = take(state)?;
        let vcluster = vcluster_mut(state, name)?;
        let slot = BrokerSlot {
            virtual_id: vcluster.next_broker_id,
            port,
        };
        vcluster.next_broker_id += 1;
        vcluster.brokers.insert(key, slot);
    }
    Ok(Outcome::Updated)
}

/// The slots of brokers of a cluster that stands in for another: by rank they have those of its brokers, so that clients find the
/// same ids and addresses whichever of the two serves. Those that are more have none of these.
fn lent(state: &State, vcluster: &VclusterState, new: &BTreeSet<BrokerKey>) -> Vec<(BrokerKey, BrokerSlot)> {
    let of = |cluster: &ClusterId| {
        let all = vcluster.brokers.iter().filter(|(key, _)| key.cluster == *cluster);
        all.map(|(_, slot)| *slot).collect::<Vec<BrokerSlot>>()
    };
    let mut lent = Vec::new();
    let clusters: BTreeSet<&ClusterId> = new.iter().map(|key| &key.cluster).collect();
    for cluster in clusters {
        let Some(original) = state.stands_in_for(cluster) else {
            continue;
        };
        let taken = of(cluster);
        let mut slots = of(original);
        slots.retain(|slot| !taken.contains(slot));
        slots.sort_by_key(|slot| slot.virtual_id);
        let brokers = new.iter().filter(|key| key.cluster == *cluster);
        lent.extend(brokers.cloned().zip(slots));
    }
    lent
}

/// The number of slots that every node can listen on. Without a listener that gives slots ports, all there are.
fn limit(state: &State) -> u16 {
    if state.nodes.is_empty() {
        return DEFAULT_SLOTS;
    }
    let smallest = state.nodes.values().filter_map(NodeRecord::slot_count).min();
    smallest.unwrap_or(u16::MAX)
}

fn available(state: &State) -> usize {
    let limit = limit(state);
    let fresh = limit.saturating_sub(state.next_slot);
    usize::from(fresh) + state.free_slots.iter().filter(|slot| slot.0 < limit).count()
}

fn none_left(state: &State) -> Refusal {
    Refusal::NoSlotLeft {
        in_use: u16::try_from(state.slots.len()).unwrap_or(u16::MAX),
    }
}
