//! The state machine: a command and a state in, an outcome and the changed state out.
//!
//! Total and deterministic: no clock, no randomness, no I/O, and no input that makes it fail. A virtual cluster that a
//! command does not change keeps its `Arc`.

mod access_tokens;
mod accounts;
mod acls;
mod aliases;
mod groups;
mod holders;
mod judged;
mod levels;
mod marks;
mod members;
mod namespaces;
mod nodes;
mod physical;
mod policies;
mod proposals;
mod quotas;
mod relay;
mod room;
mod routes;
mod scram;
mod signing;
mod slots;
mod vclusters;

use std::sync::Arc;

pub(crate) use levels::check as check_level;

use crate::command::{Command, Proposal};
use crate::model::{Revision, State, VclusterName, VclusterState};
use crate::outcome::{Outcome, Refusal};
use vclusters::Put;

/// Applies `proposal`, which is the log entry with index `revision`.
///
/// A proposal that was applied before changes nothing and is answered as it was then.
pub fn apply(state: &mut State, proposal: Proposal, revision: Revision) -> Outcome {
    state.revision = revision;
    let Proposal {
        node, id, settled, ..
    } = proposal;
    if let Some(outcome) = proposals::recall(state, node, id) {
        return outcome;
    }
    let outcome = match judge_and_execute(state, proposal, revision) {
        Ok(outcome) => outcome,
        Err(refusal) => Outcome::Refused(refusal),
    };
    proposals::remember(state, node, id, settled, outcome.clone());
    outcome
}

/// Executes what its author still may.
fn judge_and_execute(state: &mut State, proposal: Proposal, revision: Revision) -> Result<Outcome, Refusal> {
    judged::check(state, &proposal)?;
    let withdrawn = judged::withdrawn_from(state, &proposal.command);
    let outcome = execute(state, proposal.command, revision)?;
    if outcome != Outcome::Unchanged {
        judged::note(state, &withdrawn, revision);
    }
    Ok(outcome)
}

/// The outcome that `command` would have, and the state that it would leave. Nothing is changed or remembered.
pub fn preview(state: &State, command: Command) -> (Outcome, State) {
    let mut then = state.clone();
    then.revision = Revision(state.revision.0.saturating_add(1));
    let revision = then.revision;
    match execute(&mut then, command, revision) {
        Ok(outcome) => (outcome, then),
        Err(refusal) => (Outcome::Refused(refusal), state.clone()),
    }
}

fn execute(state: &mut State, command: Command, revision: Revision) -> Result<Outcome, Refusal> {
    levels::check(state, &command)?;
    room::check(state, &command)?;
    carry_out(state, command, revision)
}

#[expect(clippy::too_many_lines, reason = "one arm for each command")]
fn carry_out(state: &mut State, command: Command, revision: Revision) -> Result<Outcome, Refusal> {
    match command {
        Command::PutVcluster {
            name,
            spec,
            kafka_cluster_id,
            at_s,
            beside,
        } => vclusters::put(state, Put::new(name, spec, kafka_cluster_id, at_s), beside),
        Command::CreateVcluster {
            name,
            spec,
            kafka_cluster_id,
            at_s,
            beside,
        } => vclusters::create(state, Put::new(name, spec, kafka_cluster_id, at_s), beside),
        Command::DeleteVcluster { name } => vclusters::delete(state, &name),
        Command::PutAlias {
            vcluster,
            name,
            alias,
        } => aliases::put(state, &vcluster, name, alias),
        Command::RepointAlias {
            vcluster,
            name,
            alias,
        } => aliases::repoint(state, &vcluster, name, alias),
        Command::DeleteAlias { vcluster, name } => aliases::delete(state, &vcluster, &name),
        Command::PutAccount { vcluster, name, spec } => accounts::put(state, &vcluster, name, spec, revision),
        Command::DeleteAccount { vcluster, name } => accounts::delete(state, &vcluster, &name),
        Command::PutToken { vcluster, id, record } => accounts::put_token(state, &vcluster, id, record),
        Command::RevokeTokens { vcluster, tokens } => accounts::revoke(state, &vcluster, &tokens),
        Command::AlterScramCredentials {
            vcluster,
            put,
            delete,
        } => scram::alter(state, &vcluster, put, &delete, revision),
        Command::PutAccessToken { id, token } => access_tokens::put(state, id, token),
        Command::RevokeAccessToken { id } => Ok(access_tokens::revoke(state, id)),
        Command::UseAccessToken { id, at_s } => Ok(access_tokens::mark_used(state, id, at_s)),
        Command::CreateAcls { vcluster, acls } => acls::create(state, &vcluster, acls),
        Command::DeleteAcls { vcluster, acls } => acls::delete(state, &vcluster, &acls),
        Command::SettleNames {
            vcluster,
            held,
            released,
        } => holders::settle(state, &vcluster, held, released),
        Command::AssignBrokers { vcluster, brokers } => slots::assign(state, &vcluster, brokers),
        Command::PutNode { id, record } => nodes::put(state, id, record),
        Command::SetLiveness { id, liveness } => nodes::set_liveness(state, id, liveness),
        Command::SetUnopened { id, unopened } => nodes::set_unopened(state, id, unopened),
        Command::PinCluster {
            cluster,
            kafka_cluster_id,
        } => nodes::pin(state, cluster, kafka_cluster_id),
        Command::AcceptCluster { cluster, from, to } => nodes::accept(state, cluster, &from, to),
        Command::InitSigningKey { key, decoy } => Ok(signing::init(state, key, decoy)),
        Command::RotateSigningKey { replaced, key, old } => signing::rotate(state, replaced, key, old),
        Command::RetireSigningKey { key } => signing::retire(state, key),
        Command::RaiseLevel { to } => levels::raise(state, to),
        Command::PutPolicy { key, policy } => policies::put(state, key, policy),
        Command::DeletePolicy { key } => policies::delete(state, key),
        Command::PutGroup { name, group } => groups::put(state, name, group),
        Command::DeleteGroup { name } => groups::delete(state, name),
        Command::CreatePolicy(new) => policies::create(state, *new),
        Command::OrderPolicies(ordered) => policies::order(state, &ordered),
        Command::ChangeMembers(change) => members::change(state, change, revision),
        Command::PhysicalCluster(change) => physical::carry_out(state, *change),
        Command::AlterQuotas { vcluster, changes } => quotas::alter(state, &vcluster, changes),
        #[cfg(feature = "next-level")]
        Command::Next { text } => Ok(levels::next(state, text)),
    }
}

/// The virtual cluster to read from.
fn vcluster<'a>(state: &'a State, name: &VclusterName) -> Result<&'a VclusterState, Refusal> {
    match state.vclusters.get(name) {
        Some(vcluster) => Ok(vcluster),
        None => Err(Refusal::NoSuchVcluster(name.clone())),
    }
}

/// The virtual cluster to change: readers of the old state keep theirs.
fn vcluster_mut<'a>(state: &'a mut State, name: &VclusterName) -> Result<&'a mut VclusterState, Refusal> {
    match state.vclusters.get_mut(name) {
        Some(vcluster) => Ok(Arc::make_mut(vcluster)),
        None => Err(Refusal::NoSuchVcluster(name.clone())),
    }
}

#[cfg(test)]
mod tests;
