//! Pins the Kafka cluster id of each physical cluster in the replicated state, so that no node can take another cluster
//! for it.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use klamm_raft::command::Command;
use klamm_raft::model::ClusterId;
use klamm_raft::outcome::{Outcome, Refusal};
use tracing::error;

use crate::backend::Upstreams;
use crate::control::Control;

/// After a pin could not be made, this long passes before it is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// The physical clusters that are not the ones that were pinned, and why. Read by the readiness check only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mismatches(Arc<RwLock<BTreeMap<ClusterId, Refusal>>>);

impl Mismatches {
    /// What is wrong, as text.
    pub(crate) fn list(&self) -> Vec<String> {
        self.0
            .read()
            .map(|found| found.values().map(Refusal::to_string).collect())
            .unwrap_or_default()
    }

    fn set(&self, cluster: &ClusterId, refusal: Option<Refusal>) {
        if let Ok(mut found) = self.0.write() {
            match refusal {
                Some(refusal) => found.insert(cluster.clone(), refusal),
                None => found.remove(cluster),
            };
        }
    }
}

/// Watches each physical cluster and pins what it says of itself.
pub(crate) fn watch(upstreams: &Upstreams, control: &Control) -> Mismatches {
    let mismatches = Mismatches::default();
    for (cluster, upstream) in upstreams.iter() {
        let mut picture = upstream.picture.topology.clone();
        let (cluster, control, found) = (cluster.clone(), control.clone(), mismatches.clone());
        actix_rt::spawn(async move {
            loop {
                let seen = picture
                    .borrow_and_update()
                    .as_ref()
                    .map(|topology| topology.kafka_cluster_id.clone());
                if let Some(kafka_cluster_id) = seen {
                    pin(&cluster, kafka_cluster_id, &control, &found).await;
                }
                if picture.changed().await.is_err() {
                    return;
                }
            }
        });
    }
    mismatches
}

/// Returns when the cluster is known to be, or not to be, the pinned one.
async fn pin(cluster: &ClusterId, kafka_cluster_id: String, control: &Control, found: &Mismatches) {
    loop {
        match control.state().pinned_clusters.get(cluster) {
            Some(pinned) if pinned.kafka_cluster_id == kafka_cluster_id => return found.set(cluster, None),
            Some(pinned) => {
                let refusal = Refusal::PinnedElsewhere {
                    cluster: cluster.clone(),
                    pinned: pinned.kafka_cluster_id.clone(),
                };
                error!(%cluster, found = kafka_cluster_id, %refusal, "another Kafka cluster answers than the one that is pinned");
                return found.set(cluster, Some(refusal));
            }
            None => {
                let command = Command::PinCluster {
                    cluster: cluster.clone(),
                    kafka_cluster_id: kafka_cluster_id.clone(),
                };
                match control.propose(command).await {
                    Ok(applied) if !matches!(applied.outcome, Outcome::Refused(_)) => {}
                    _ => tokio::time::sleep(AGAIN).await,
                }
            }
        }
    }
}
