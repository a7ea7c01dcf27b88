//! The one event gateway that there is: all nodes together.

use klamm_raft::model::{PASSTHROUGH, State};
use serde::Serialize;

use super::ids::Ids;
use crate::unix_time::utc;

/// The name of the gateway, and the name that it could always have in place of its id.
pub(crate) const NAME: &str = "default";

/// The gateway as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownGateway {
    id: String,
    name: &'static str,
    description: &'static str,
    created_at: String,
    updated_at: String,
    nodes_total: usize,
    virtual_clusters_total: usize,
    /// Nodes of other versions do not belong to the same gateway: it is this version's.
    min_runtime_version: &'static str,
    /// Grows with every change.
    version: String,
}

/// The gateway as this state has it.
pub(crate) fn show(state: &State, ids: &Ids) -> ShownGateway {
    let updated = state
        .vclusters
        .values()
        .map(|vcluster| vcluster.times.updated_s)
        .max();
    ShownGateway {
        id: ids.gateway().to_string(),
        name: NAME,
        description: "",
        created_at: created_at(state),
        updated_at: utc(updated.unwrap_or_default()),
        nodes_total: state.nodes.len(),
        virtual_clusters_total: state.vclusters.len(),
        min_runtime_version: env!("CARGO_PKG_VERSION"),
        version: format!("v1.{}", state.revision.0),
    }
}

/// When it was made, as it is shown: with the virtual cluster that is built in.
pub(crate) fn created_at(state: &State) -> String {
    let built_in = state.vclusters.get(PASSTHROUGH);
    utc(built_in
        .map(|built_in| built_in.times.created_s)
        .unwrap_or_default())
}
