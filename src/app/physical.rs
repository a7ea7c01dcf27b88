//! The physical clusters that are resources, on this node: started when they are put, connected to in another way when they
//! or the secrets that they refer to change, ended when they are gone. What is in the node's own configuration is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use klamm_raft::model::{ClusterId, PhysicalCluster, State};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::pins;
use super::secrets::SecretRoots;
use crate::backend::config::{AnonymousClients, BackendConfig};
use crate::backend::{Connecting, Unusable, Upstreams};
use crate::config::{Config, Reference, check_cluster, references_of, resolve_cluster};
use crate::control::Control;
use crate::supervision::{Component, Supervisor};

/// A change of the state does not wait longer for files. They are read again later.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// Between two looks at files with secrets.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The parts that clusters are started with.
#[derive(Debug, Clone)]
struct StartParts {
    upstreams: Upstreams,
    control: Control,
    supervisor: Supervisor,
    roots: SecretRoots,
    /// For clusters that do not say.
    anonymous: AnonymousClients,
}

/// The keeper of them. Clones are one; it is used on the control arbiter only.
#[derive(Debug, Clone)]
pub(crate) struct PhysicalClusters {
    parts: StartParts,
    known: Arc<Mutex<BTreeMap<ClusterId, KnownCluster>>>,
}

/// A physical cluster as it was last seen in the state.
#[derive(Debug)]
struct KnownCluster {
    cluster: PhysicalCluster,
    /// None of one that the node's own configuration has.
    running: Option<RunningCluster>,
}

#[derive(Debug)]
struct RunningCluster {
    /// The way in which it is connected to by now.
    config: Result<BackendConfig, Unusable>,
    /// References that led somewhere before, and do not any more.
    missing: BTreeSet<String>,
    pin: JoinHandle<()>,
}

impl PhysicalClusters {
    /// Files with secrets are looked at from now on; no cluster is started before [`Self::follow`].
    pub(crate) fn start(
        config: &Config,
        upstreams: &Upstreams,
        control: &Control,
        supervisor: &Supervisor,
    ) -> Self {
        let this = Self {
            parts: StartParts {
                upstreams: upstreams.clone(),
                control: control.clone(),
                supervisor: supervisor.clone(),
                roots: SecretRoots::new(config.secrets.clone()),
                anonymous: config.anonymous,
            },
            known: Arc::default(),
        };
        let looking = this.clone();
        supervisor.keep(Component::SecretReader, move || {
            let looking = looking.clone();
            async move { looking.look_at_secrets().await }
        });
        this
    }

    /// Starts those that are new, and connects in another way to those that changed. The answer names those that were started.
    pub(crate) async fn follow(&self, state: &State) -> Vec<ClusterId> {
        let mut started = Vec::new();
        for (id, cluster) in &state.physical_clusters {
            let is_same = |known: &KnownCluster| {
                (&known.cluster.properties, &known.cluster.credentials)
                    == (&cluster.properties, &cluster.credentials)
            };
            if self.known().get(id).is_some_and(is_same) {
                continue;
            }
            if self
                .parts
                .upstreams
                .get(id)
                .is_some_and(|known| known.is_configured)
            {
                warn!(cluster = %id, "there is a resource for this physical cluster, which is ignored here: this node has it in its own configuration");
                let cluster = cluster.clone();
                self.known().insert(
                    id.clone(),
                    KnownCluster {
                        cluster,
                        running: None,
                    },
                );
                continue;
            }
            let config = match timeout(READ_LIMIT, self.read(id.clone(), cluster.clone())).await {
                Ok(config) => config,
                Err(_elapsed) => Err(unread("its secrets could not be read in time")),
            };
            if self.take(id, cluster, config) {
                started.push(id.clone());
            }
        }
        started
    }

    /// Ends those that are gone.
    pub(crate) fn forget(&self, state: &State) {
        let mut known = self.known();
        let gone: Vec<ClusterId> = known
            .keys()
            .filter(|id| !state.physical_clusters.contains_key(*id))
            .cloned()
            .collect();
        for id in gone {
            if let Some(running) = known.remove(&id).and_then(|gone| gone.running) {
                running.pin.abort();
                self.parts.upstreams.remove(&id);
                info!(cluster = %id, "physical cluster removed");
            }
        }
    }

    /// Connects as a resource says now; whether the cluster was started with that.
    fn take(
        &self,
        id: &ClusterId,
        cluster: &PhysicalCluster,
        config: Result<BackendConfig, Unusable>,
    ) -> bool {
        let upstreams = &self.parts.upstreams;
        upstreams.put(id, self.connecting(id, cluster, config.clone()));
        let before = self.known().remove(id).and_then(|known| known.running);
        let is_new = before.is_none();
        let pin = match (before, upstreams.get(id)) {
            (Some(before), _) => before.pin,
            // Before anything is dialled.
            (None, Some(upstream)) => {
                info!(cluster = %id, "physical cluster");
                pins::watch_one(id, &upstream, &self.parts.control, &self.parts.supervisor)
            }
            (None, None) => return false,
        };
        let running = Some(RunningCluster {
            config,
            missing: BTreeSet::new(),
            pin,
        });
        let cluster = cluster.clone();
        self.known().insert(id.clone(), KnownCluster { cluster, running });
        is_new
    }

    fn connecting(
        &self,
        id: &ClusterId,
        cluster: &PhysicalCluster,
        config: Result<BackendConfig, Unusable>,
    ) -> Connecting {
        let said = check_cluster(id, cluster, self.parts.anonymous).ok();
        Connecting {
            config,
            anonymous: said
                .as_ref()
                .map_or(AnonymousClients::Refused, |said| said.anonymous),
            stands_in_for: said.and_then(|said| said.stands_in_for),
        }
    }

    async fn read(&self, id: ClusterId, cluster: PhysicalCluster) -> Result<BackendConfig, Unusable> {
        let how = (self.parts.roots.clone(), self.parts.anonymous);
        resolved(how, id, cluster).await
    }

    async fn look_at_secrets(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let readable: Vec<(ClusterId, PhysicalCluster)> = {
                let known = self.known();
                let readable = known.iter().filter(|(_, known)| known.may_change());
                readable
                    .map(|(id, known)| (id.clone(), known.cluster.clone()))
                    .collect()
            };
            for (id, cluster) in readable {
                let config = self.read(id.clone(), cluster.clone()).await;
                self.look_at(&id, &cluster, config);
            }
        }
    }

    /// Takes what the secrets of a cluster are now. Those that are gone change nothing: the last ones stay in use.
    fn look_at(&self, id: &ClusterId, seen: &PhysicalCluster, config: Result<BackendConfig, Unusable>) {
        let change = {
            let mut known = self.known();
            let Some(known) = known.get_mut(id).filter(|known| known.cluster == *seen) else {
                return;
            };
            let Some(running) = &mut known.running else {
                return;
            };
            match (&running.config, &config) {
                (before, now) if before == now => {
                    let were_lost = std::mem::take(&mut running.missing);
                    (!were_lost.is_empty()).then_some(SecretChange::Found)
                }
                (Ok(_), Err(unusable)) if running.missing == unusable.missing => None,
                (Ok(_), Err(unusable)) => {
                    running.missing.clone_from(&unusable.missing);
                    Some(SecretChange::Lost(unusable.clone()))
                }
                _ => Some(SecretChange::Other),
            }
        };
        let upstreams = &self.parts.upstreams;
        match change {
            None => {}
            Some(SecretChange::Found) => upstreams.miss(id, BTreeSet::new()),
            Some(SecretChange::Lost(unusable)) => {
                warn!(cluster = %id, why = unusable.why, "secrets of the physical cluster cannot be read any more: the last ones stay in use");
                upstreams.miss(id, unusable.missing);
            }
            Some(SecretChange::Other) => {
                info!(cluster = %id, "secrets of the physical cluster changed: new connections use them");
                self.take(id, seen, config);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ClusterId, KnownCluster>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way in which secrets are other than before.
#[derive(Debug)]
enum SecretChange {
    /// They are as they were before some could not be read.
    Found,
    Lost(Unusable),
    Other,
}

impl KnownCluster {
    /// Whether another look may bring something else. Variables stay as they are for as long as a process runs.
    fn may_change(&self) -> bool {
        let refers_to_files = || {
            let references = references_of(&self.cluster);
            references
                .iter()
                .any(|reference| matches!(reference, Reference::File(_)))
        };
        let running = self.running.as_ref();
        running.is_some_and(|running| running.config.is_err() || refers_to_files())
    }
}

/// A physical cluster with its secrets, read on a thread for that: files may be on a network disk.
pub(super) async fn resolved(
    (roots, anonymous): (SecretRoots, AnonymousClients),
    id: ClusterId,
    cluster: PhysicalCluster,
) -> Result<BackendConfig, Unusable> {
    let reading = tokio::task::spawn_blocking(move || {
        resolve_cluster(&id, &cluster, anonymous, &|reference| roots.follow(reference))
    });
    let read = reading.await;
    read.unwrap_or_else(|_| Err(unread("its secrets could not be read")))
}

fn unread(why: &str) -> Unusable {
    Unusable {
        why: why.to_owned(),
        missing: BTreeSet::new(),
    }
}
