//! The parts that the sessions of this node share.

use std::sync::Arc;

use klamm_raft::Lease;

use super::accounting::Accounts;
use super::{ListenerParts, limits, quotas};
use crate::config::{Config, WhenIsolated};
use crate::control::Control;
use crate::keys::RecordKeys;
use crate::oauth::KeyReaders;
use crate::registries::Registries;
use crate::session::{Confirm, Propose, SessionShared, StateAccess};
use crate::tls::TrustError;
use crate::vcluster::plan::{ChangeUnavailable, NotConfirmed};

/// Where the keys and schemas of records come from.
#[derive(Debug, Clone)]
pub(crate) struct RecordSources {
    pub(crate) keys: Arc<RecordKeys>,
    pub(crate) registries: Arc<Registries>,
}

/// The parts that sessions share, and of them the sources for records and the accounts of what is used.
pub(super) fn shared(
    config: &Config,
    control: &Control,
    (metrics, _, followers): ListenerParts<'_>,
) -> Result<(RecordSources, Accounts, Arc<SessionShared>), TrustError> {
    let keys = KeyReaders::start(&config.oauth, &metrics.keys, followers.0)?;
    let record_keys = RecordKeys::start(&config.keys, &metrics.record_keys, followers.0);
    let registries = Registries::start(&config.registries, &metrics.registries, followers.0);
    let sources = RecordSources {
        keys: Arc::new(record_keys),
        registries: Arc::new(registries),
    };
    let shared = SessionShared::new(
        limits(config),
        StateAccess {
            propose: proposer(control),
            confirm: confirmer(control),
            lease: match config.node.isolated {
                WhenIsolated::Refuse => control.lease(),
                WhenIsolated::Decide => Lease::unlimited(),
            },
        },
        Arc::clone(&metrics.node),
        (keys, Arc::clone(&sources.keys), Arc::clone(&sources.registries)),
    );
    let shared = Arc::new(shared);
    quotas::keep(shared.meters(), &config.limits.vclusters, control, followers.0);
    let keepers = (&metrics.usage, followers.0);
    let accounts = Accounts::keep(&config.node, &shared.usage, control, keepers);
    Ok((sources, accounts, shared))
}

fn proposer(control: &Control) -> Propose {
    let control = control.clone();
    Arc::new(move |change| {
        let control = control.clone();
        Box::pin(async move {
            let applied = control.propose(change).await;
            applied
                .map(|applied| applied.outcome)
                .map_err(|_logged| ChangeUnavailable)
        })
    })
}

fn confirmer(control: &Control) -> Confirm {
    let control = control.clone();
    Arc::new(move || {
        let control = control.clone();
        Box::pin(async move { control.confirm().await.map(drop).map_err(|_logged| NotConfirmed) })
    })
}
