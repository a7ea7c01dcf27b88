//! Whether there is room for what a command brings. The size of the whole state is checked before anything else, by what
//! the command holds: what makes nothing larger always goes through, so that room can be made, and nobody is kept from
//! taking rights away.

use crate::codec;
use crate::command::Command;
use crate::model::{Beside, Limit, State, VclusterName, VirtualCluster};
use crate::outcome::Refusal;

/// # Errors
/// There is no room.
pub(super) fn check(state: &State, command: &Command) -> Result<(), Refusal> {
    Ok(state.check(Limit::StateBytes, growth(state, command))?)
}

/// How many bytes larger the state may become.
fn growth(state: &State, command: &Command) -> u64 {
    match command {
        Command::PutVcluster {
            name, spec, beside, ..
        }
        | Command::CreateVcluster {
            name, spec, beside, ..
        } => of_vcluster(state, name, spec, beside.as_deref()),
        Command::PutPolicy { key, policy } => {
            let before = state.policy(key).map_or(0, codec::size);
            (codec::size(key) + codec::size(policy)).saturating_sub(before)
        }
        Command::PutGroup { name, group } => {
            let before = state.groups.get(name).map_or(0, codec::size);
            (codec::size(name) + codec::size(group)).saturating_sub(before)
        }
        Command::CreatePolicy(new) => {
            codec::size(&new.id) + codec::size(&new.policy) + larger_priorities(new.order.len())
        }
        Command::OrderPolicies(ordered) => larger_priorities(ordered.order.len()),
        Command::PhysicalCluster(change) => super::physical::growth(state, change),
        Command::AlterScramCredentials { put, .. } if put.is_empty() => 0,
        Command::AlterQuotas { changes, .. } if changes.iter().all(|change| change.value.is_none()) => 0,
        Command::PutAlias { .. }
        | Command::RepointAlias { .. }
        | Command::PutAccount { .. }
        | Command::PutToken { .. }
        | Command::AlterScramCredentials { .. }
        | Command::AlterQuotas { .. }
        | Command::CreateAcls { .. }
        | Command::SettleNames { .. }
        | Command::AssignBrokers { .. }
        | Command::PutAccessToken { .. } => codec::size(command),
        // What is limited by itself.
        Command::PutNode { .. }
        | Command::SetLiveness { .. }
        | Command::SetUnopened { .. }
        | Command::PinCluster { .. }
        | Command::AcceptCluster { .. }
        | Command::InitSigningKey { .. }
        | Command::RotateSigningKey { .. }
        | Command::UseAccessToken { .. }
        | Command::RaiseLevel { .. }
        | Command::ChangeMembers(_) => 0,
        #[cfg(feature = "next-level")]
        Command::Next { .. } => codec::size(command),
        Command::DeleteVcluster { .. }
        | Command::DeleteAlias { .. }
        | Command::DeleteAccount { .. }
        | Command::DeleteAcls { .. }
        | Command::RevokeTokens { .. }
        | Command::RevokeAccessToken { .. }
        | Command::RetireSigningKey { .. }
        | Command::DeletePolicy { .. }
        | Command::DeleteGroup { .. } => 0,
    }
}

/// How many bytes larger priorities may become.
fn larger_priorities(policies: usize) -> u64 {
    // As a number of variable length.
    const MOST_BYTES: u64 = 5;
    policies as u64 * MOST_BYTES
}

fn of_vcluster(state: &State, name: &VclusterName, spec: &VirtualCluster, beside: Option<&Beside>) -> u64 {
    let before = state.vclusters.get(name);
    let spec_before = before.map_or(0, |before| before.spec.bytes());
    let (notes_before, aliases_before) =
        before.map_or((0, 0), |before| (before.notes.bytes(), before.aliases.bytes()));
    let beside = beside.map_or(0, |beside| {
        let notes = codec::size(&beside.notes).saturating_sub(notes_before);
        notes + codec::size(&beside.aliases).saturating_sub(aliases_before)
    });
    codec::size(spec).saturating_sub(spec_before) + beside
}
