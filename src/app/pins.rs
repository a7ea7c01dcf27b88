//! Pins the Kafka cluster id of each physical cluster in the replicated state, and tells this node's connections which
//! Kafka cluster they must lead to, so that no node can take another cluster for it.

use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::{ClusterId, State};
use klamm_raft::outcome::Outcome;
use tokio::task::JoinHandle;
use tracing::info;

use crate::backend::{LookNow, Upstream, Upstreams};
use crate::control::Control;
use crate::supervision::{Component, Supervisor};

/// After a pin could not be made, this long passes before it is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Follows each physical cluster and what the nodes agree on of it. Nothing is dialled before what they agreed on
/// earlier is known.
pub(crate) fn watch(upstreams: &Upstreams, control: &Control, supervisor: &Supervisor) {
    for (cluster, upstream) in &*upstreams.all() {
        watch_one(cluster, upstream, control, supervisor);
    }
}

/// Follows one, until that is aborted.
pub(crate) fn watch_one(
    cluster: &ClusterId,
    upstream: &Upstream,
    control: &Control,
    supervisor: &Supervisor,
) -> JoinHandle<()> {
    expect(cluster, upstream, &control.state());
    let (own, upstream, control) = (cluster.clone(), upstream.clone(), control.clone());
    supervisor.keep(Component::Pin(cluster.clone()), move || {
        follow(own.clone(), upstream.clone(), control.clone())
    })
}

async fn follow(cluster: ClusterId, upstream: Upstream, control: Control) {
    let mut picture = upstream.picture.topology.clone();
    let mut states = control.states();
    loop {
        let is_pinned = expect(&cluster, &upstream, &states.borrow_and_update().clone());
        let seen = picture.borrow_and_update().clone();
        if let Some(seen) = seen.filter(|_| !is_pinned) {
            pin(&cluster, seen.kafka_cluster_id.clone(), &control).await;
            continue;
        }
        let changed = tokio::select! {
            changed = picture.changed() => changed,
            changed = states.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Tells the connections of this node what the nodes agree on; whether they do.
fn expect(cluster: &ClusterId, upstream: &Upstream, state: &State) -> bool {
    let pinned = state.pinned_clusters.get(cluster);
    let id = pinned.map(|pinned| pinned.kafka_cluster_id.as_str());
    if upstream.expected().expect(id) {
        info!(%cluster, kafka_cluster_id = id, "the physical cluster must be this Kafka cluster");
        // What was seen of another one is not waited for, and no longer shown.
        drop(actix_rt::spawn(upstream.watcher.send(LookNow)));
    }
    pinned.is_some()
}

/// Proposes the first Kafka cluster that was seen; another node may have been faster.
async fn pin(cluster: &ClusterId, kafka_cluster_id: String, control: &Control) {
    let command = Command::PinCluster {
        cluster: cluster.clone(),
        kafka_cluster_id,
    };
    match control.propose_own(command).await {
        Ok(applied) if !matches!(applied.outcome, Outcome::Refused(_)) => {}
        _ => tokio::time::sleep(AGAIN).await,
    }
}
