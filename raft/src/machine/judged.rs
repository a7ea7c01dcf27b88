//! Changes that somebody was allowed to make when asked, and may not be by the time they are applied: what was taken away
//! since, and whether a change was judged before that.
//!
//! Such a change is refused, and whoever proposed it judges it again. Without this, a change that was under way when its
//! author lost the right to it could still come after the acknowledgement of that loss.

use std::sync::Arc;

use crate::command::{AuthorKind, ClusterChange, Command, OldKeys, Proposal};
use crate::model::{AclBinding, Level, ResourceType, Revision, ScramUser, State, VclusterName};
use crate::outcome::Refusal;

/// Those who can lose a right to make changes by a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WithdrawnFrom {
    Nobody,
    /// Clients of one virtual cluster.
    Clients(VclusterName),
    AllClients,
    /// Whoever uses the admin API by an access token.
    TokenHolders,
}

/// Refuses a change that was judged before its author may have lost the right to it.
pub(super) fn check(state: &State, proposal: &Proposal) -> Result<(), Refusal> {
    if state.level < Level::LEASES {
        return Ok(());
    }
    let lost = match proposal.author.kind {
        AuthorKind::Node => return Ok(()),
        AuthorKind::Administrator => state.tokens_withdrawn,
        AuthorKind::Client => {
            let vcluster = of_client(&proposal.command).and_then(|name| state.vclusters.get(name));
            vcluster.map_or(Revision(0), |vcluster| vcluster.rights_withdrawn)
        }
    };
    match proposal.judged_at < lost {
        true => Err(Refusal::Outdated),
        false => Ok(()),
    }
}

/// The virtual cluster whose clients can ask for such a change.
fn of_client(command: &Command) -> Option<&VclusterName> {
    match command {
        Command::CreateAcls { vcluster, .. }
        | Command::DeleteAcls { vcluster, .. }
        | Command::AlterScramCredentials { vcluster, .. }
        | Command::AlterQuotas { vcluster, .. } => Some(vcluster),
        _ => None,
    }
}

/// Those who may lose something by a command that is about to be applied. Only what a change is judged by counts: clients
/// need a right on the cluster for every change that they can make.
pub(super) fn withdrawn_from(state: &State, command: &Command) -> WithdrawnFrom {
    let vcluster = match command {
        Command::CreateAcls { vcluster, acls } | Command::DeleteAcls { vcluster, acls }
            if acls.iter().any(is_about_cluster) =>
        {
            vcluster
        }
        Command::AlterScramCredentials {
            vcluster,
            put,
            delete,
        } if !delete.is_empty() || put.iter().any(|(user, _)| is_known(state, vcluster, user)) => vcluster,
        // One that is made anew, too: its clients are others than those of one that had the name before.
        Command::PutVcluster { name, .. } | Command::CreateVcluster { name, .. } => name,
        Command::PutAccount { vcluster, .. }
        | Command::DeleteAccount { vcluster, .. }
        | Command::RevokeTokens { vcluster, .. } => vcluster,
        Command::CreatePolicy(new) => &new.vcluster,
        Command::OrderPolicies(ordered) => &ordered.vcluster,
        Command::PutPolicy { key, .. } | Command::DeletePolicy { key } => match key.vcluster() {
            Some(vcluster) => vcluster,
            None => return WithdrawnFrom::AllClients,
        },
        Command::PutGroup { .. }
        | Command::DeleteGroup { .. }
        | Command::RetireSigningKey { .. }
        | Command::RotateSigningKey {
            old: OldKeys::Retired,
            ..
        } => return WithdrawnFrom::AllClients,
        Command::RevokeAccessToken { .. } => return WithdrawnFrom::TokenHolders,
        Command::PhysicalCluster(change) => return from_clients_of(change),
        // The first three are those of other resources, and of credentials that are new.
        Command::CreateAcls { .. }
        | Command::DeleteAcls { .. }
        | Command::AlterScramCredentials { .. }
        | Command::DeleteVcluster { .. }
        | Command::PutAlias { .. }
        | Command::RepointAlias { .. }
        | Command::DeleteAlias { .. }
        | Command::SettleNames { .. }
        | Command::PutToken { .. }
        | Command::AssignBrokers { .. }
        | Command::PutNode { .. }
        | Command::SetLiveness { .. }
        | Command::SetUnopened { .. }
        | Command::PinCluster { .. }
        | Command::AcceptCluster { .. }
        | Command::InitSigningKey { .. }
        | Command::RotateSigningKey { .. }
        | Command::PutAccessToken { .. }
        | Command::UseAccessToken { .. }
        | Command::RaiseLevel { .. }
        | Command::AlterQuotas { .. }
        | Command::ChangeMembers(_) => return WithdrawnFrom::Nobody,
        #[cfg(feature = "next-level")]
        Command::Next { .. } => return WithdrawnFrom::Nobody,
    };
    WithdrawnFrom::Clients(vcluster.clone())
}

/// A physical cluster can be closed to clients that do not log in.
fn from_clients_of(change: &ClusterChange) -> WithdrawnFrom {
    match change {
        ClusterChange::Put { .. } | ClusterChange::Adopt { .. } | ClusterChange::Delete { .. } => {
            WithdrawnFrom::AllClients
        }
        ClusterChange::Create { .. } | ClusterChange::Report { .. } | ClusterChange::Route(_) => {
            WithdrawnFrom::Nobody
        }
    }
}

fn is_about_cluster(acl: &AclBinding) -> bool {
    acl.pattern.resource_type == ResourceType::Cluster
}

fn is_known(state: &State, vcluster: &VclusterName, user: &ScramUser) -> bool {
    state
        .vclusters
        .get(vcluster)
        .is_some_and(|vcluster| vcluster.scram.contains_key(user))
}

/// Writes down that they may have lost something at that revision.
pub(super) fn note(state: &mut State, from: &WithdrawnFrom, at: Revision) {
    if state.level < Level::LEASES {
        return;
    }
    match from {
        WithdrawnFrom::Nobody => {}
        WithdrawnFrom::Clients(name) => {
            if let Some(vcluster) = state.vclusters.get_mut(name) {
                Arc::make_mut(vcluster).rights_withdrawn = at;
            }
        }
        WithdrawnFrom::AllClients => {
            for vcluster in state.vclusters.values_mut() {
                Arc::make_mut(vcluster).rights_withdrawn = at;
            }
        }
        WithdrawnFrom::TokenHolders => state.tokens_withdrawn = at,
    }
}
