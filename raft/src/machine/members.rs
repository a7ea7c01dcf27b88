//! Nodes that join the gateway cluster and leave it, and who of them is to vote.

use std::collections::BTreeSet;

use crate::command::MemberChange;
use crate::model::{
    Departure, Limit, Liveness, NewNode, NodeId, Revision, Roster, State, VoterGoal, VoterPlan,
};
use crate::outcome::{Outcome, Refusal};
#[cfg(feature = "planted")]
use crate::planted::{PlantedMistake, is_planted};

use super::{levels, nodes};

/// A node that asks again has not heard the answer, which is long ago after so many others.
const ADMISSIONS_KEPT: usize = 64;
/// So many removed nodes are told when they were removed.
const REMOVED_KEPT: usize = 1000;

pub(super) fn change(
    state: &mut State,
    change: MemberChange,
    revision: Revision,
) -> Result<Outcome, Refusal> {
    match change {
        MemberChange::Admit(new) => admit(state, *new),
        MemberChange::Move { id, address } => put_address(state, id, address),
        MemberChange::Plan(voters) => plan(state, voters),
        MemberChange::Leave { id, departure } => leave(state, id, departure),
        MemberChange::Remove { id } => remove(state, id, revision),
    }
}

/// The new node is down until it says otherwise.
fn admit(state: &mut State, new: NewNode) -> Result<Outcome, Refusal> {
    if let Some(id) = state.roster.admitted(new.admission) {
        return match state.roster.removed.get(&id) {
            Some(at) => Err(Refusal::NodeRemoved { node: id.0, at: *at }),
            None => Ok(Outcome::Unchanged),
        };
    }
    check_address(&new.address)?;
    let last = state.last_node_id().max(new.above.0);
    #[cfg(feature = "planted")]
    let last = match is_planted(PlantedMistake::NumberGivenTwice) {
        true => state.nodes.last_key_value().map_or(0, |(id, _)| id.0),
        false => last,
    };
    let id = match new.wants {
        Some(wanted) if wanted.0 <= last => {
            return Err(Refusal::NodeIdUsed {
                wanted: wanted.0,
                last,
            });
        }
        Some(wanted) => wanted,
        None => NodeId(last.saturating_add(1)),
    };
    nodes::check_ports(state, id, &new.record)?;
    state.check(Limit::Nodes, 1)?;
    levels::admit(state, id, &new.record)?;
    let mut record = new.record;
    record.liveness = Liveness::Down;
    state.nodes.insert(id, record);
    let roster = &mut *state.roster;
    roster.addresses.insert(id, new.address);
    roster.last_id = id.0;
    roster.admissions.push_back((new.admission, id));
    if roster.admissions.len() > ADMISSIONS_KEPT {
        roster.admissions.pop_front();
    }
    Ok(Outcome::Created)
}

fn put_address(state: &mut State, id: NodeId, address: String) -> Result<Outcome, Refusal> {
    check_address(&address)?;
    check_known(state, id)?;
    if state.roster.addresses.get(&id) == Some(&address) {
        return Ok(Outcome::Unchanged);
    }
    state.roster.addresses.insert(id, address);
    Ok(Outcome::Updated)
}

fn check_address(address: &str) -> Result<(), Refusal> {
    match address.len() > Roster::MAX_ADDRESS_BYTES {
        true => Err(Refusal::AddressTooLong),
        false => Ok(()),
    }
}

fn check_known(state: &State, id: NodeId) -> Result<(), Refusal> {
    match state.nodes.contains_key(&id) {
        true => Ok(()),
        false => Err(Refusal::NoSuchNode(id.0)),
    }
}

fn plan(state: &mut State, plan: VoterPlan) -> Result<Outcome, Refusal> {
    let goal = match plan {
        VoterPlan::Count(0) => return Err(Refusal::NoVoters),
        VoterPlan::Count(count) => VoterGoal::Count(count),
        VoterPlan::Change { seen, add, drop } => {
            for id in &add {
                check_known(state, *id)?;
                if state.roster.leaving.contains_key(id) {
                    return Err(Refusal::NodeLeaves(id.0));
                }
            }
            let voters = match &state.roster.voters {
                Some(VoterGoal::Nodes(voters)) => voters.clone(),
                Some(VoterGoal::Count(_)) | None => seen,
            };
            let voters: BTreeSet<NodeId> = voters.union(&add).copied().collect();
            let voters: BTreeSet<NodeId> = voters.difference(&drop).copied().collect();
            if voters.is_empty() {
                return Err(Refusal::NoVoters);
            }
            VoterGoal::Nodes(voters)
        }
    };
    if state.roster.voters.as_ref() == Some(&goal) {
        return Ok(Outcome::Unchanged);
    }
    state.roster.voters = Some(goal);
    Ok(Outcome::Updated)
}

/// There is no way back: who has heard that it leaves may have sent its clients away.
fn leave(state: &mut State, id: NodeId, departure: Departure) -> Result<Outcome, Refusal> {
    check_known(state, id)?;
    let others = state.nodes.keys().filter(|other| **other != id);
    if others
        .clone()
        .all(|other| state.roster.leaving.contains_key(other))
    {
        return Err(Refusal::LastNode(id.0));
    }
    if state
        .roster
        .leaving
        .get(&id)
        .is_some_and(|known| *known >= departure)
    {
        return Ok(Outcome::Unchanged);
    }
    if let Some(record) = state.nodes.get_mut(&id)
        && record.liveness == Liveness::Up
    {
        record.liveness = Liveness::Draining;
    }
    state.roster.leaving.insert(id, departure);
    Ok(Outcome::Updated)
}

fn remove(state: &mut State, id: NodeId, at: Revision) -> Result<Outcome, Refusal> {
    check_known(state, id)?;
    state.nodes.remove(&id);
    state.proposals.remove(&id);
    state.cluster_reports.remove(&id);
    let roster = &mut *state.roster;
    roster.addresses.remove(&id);
    roster.leaving.remove(&id);
    if let Some(VoterGoal::Nodes(voters)) = &mut roster.voters {
        voters.remove(&id);
        if voters.is_empty() {
            roster.voters = None;
        }
    }
    roster.last_id = roster.last_id.max(id.0);
    roster.removed.insert(id, at);
    if roster.removed.len() > REMOVED_KEPT
        && let Some(oldest) = oldest(roster)
    {
        roster.removed.remove(&oldest);
    }
    Ok(Outcome::Deleted)
}

fn oldest(roster: &Roster) -> Option<NodeId> {
    let removed = roster.removed.iter();
    removed.min_by_key(|(_, at)| **at).map(|(id, _)| *id)
}
