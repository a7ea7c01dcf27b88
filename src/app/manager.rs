//! Follows the replicated state: starts and ends virtual clusters on this node, tells the listener which slots to serve
//! and the watchers which topics to look at, and reports the revision that sessions decide on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;
use arc_swap::ArcSwap;
use klamm_raft::Visibility;
use klamm_raft::model::{
    ClusterId, DnsLabel, ListenerName, PortSlot, Speech, State, VclusterName, VclusterState,
};
use tokio::sync::oneshot;
use tracing::{error, info};

use super::borders;
use super::tracking::Tracking;
use crate::auth::Directory;
use crate::backend::{Track, Upstreams};
use crate::control::Control;
use crate::listener::{Listener, Opening, Serve, Spot};
use crate::metrics::{Metrics, VclusterMetrics};
use crate::session::{Door, Refresh};
use crate::vcluster::actor::{self, Replicated, VirtualCluster};
use crate::vcluster::plan::Place;
use crate::vcluster::view::{SharedView, View};

/// What the manager works with.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) control: Control,
    pub(crate) visibility: Visibility,
    pub(crate) upstreams: Upstreams,
    pub(crate) listener: Addr<Listener>,
    /// The listeners of this node, and what clients of each speak.
    pub(crate) fronts: Vec<(ListenerName, Speech)>,
    pub(crate) metrics: Metrics,
    /// Set once addresses are open.
    pub(crate) serving: Arc<AtomicBool>,
}

/// A virtual cluster on this node.
struct Entry {
    actor: Addr<VirtualCluster>,
    view: SharedView,
    metrics: Arc<VclusterMetrics>,
    refresh: Refresh,
    doors: BTreeMap<Spot, Arc<Door>>,
    /// What it is called in host names.
    label: Option<DnsLabel>,
}

/// What was done about the last state.
#[derive(Default)]
struct Done {
    serving: bool,
    state: Option<Arc<State>>,
    entries: BTreeMap<VclusterName, Entry>,
    tracking: Tracking,
    /// Virtual clusters that changed since the listener was told their addresses.
    unserved: BTreeSet<VclusterName>,
}

impl Manager {
    /// Runs until the node stops. Addresses open once `joined` says that the state is not an old one.
    pub(crate) async fn run(self, mut joined: oneshot::Receiver<()>) {
        let mut states = self.control.states();
        let mut done = Done::default();
        loop {
            let state = states.borrow_and_update().clone();
            self.follow(&mut done, state).await;
            self.serving.store(done.serving, Ordering::Relaxed);
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                heard = &mut joined, if !done.serving => match heard {
                    Ok(()) => done.serving = true,
                    Err(_) => return,
                },
            }
        }
    }

    async fn follow(&self, done: &mut Done, state: Arc<State>) {
        let revision = state.revision;
        let previous = done.state.replace(Arc::clone(&state));
        let previous = previous.as_deref();
        let mut retracked = BTreeSet::new();
        for (name, own) in previous.iter().flat_map(|previous| &previous.vclusters) {
            if !state.vclusters.contains_key(name) {
                self.end(done, name);
                retracked.extend(done.tracking.change(Some(own), None));
            }
        }
        let is_reframed = !previous.is_some_and(|previous| has_same_frame(previous, &state));
        let moved = borders::moved(previous, &state);
        // Who lets groups in gives up those of others before the others are shown them.
        for (name, own) in state
            .vclusters
            .iter()
            .filter(|(_, own)| borders::concern(&moved, own))
        {
            self.show(&mut done.entries, name, own, &state).await;
            done.unserved.insert(name.clone());
        }
        for (name, own) in &state.vclusters {
            let seen = previous.and_then(|previous| previous.vclusters.get(name));
            let is_same = seen.is_some_and(|seen| Arc::ptr_eq(seen, own) || seen == own);
            if !is_same {
                retracked.extend(done.tracking.change(seen.map(Arc::as_ref), Some(own)));
            }
            if (!is_same || is_reframed) && !borders::concern(&moved, own) {
                self.show(&mut done.entries, name, own, &state).await;
                done.unserved.insert(name.clone());
            }
        }
        self.track(&done.tracking, &retracked);
        self.serve(done).await;
        self.visibility.report(revision);
        self.metrics
            .node
            .view_revision
            .set(i64::try_from(revision.0).unwrap_or(i64::MAX));
    }

    /// A virtual cluster is no more.
    fn end(&self, done: &mut Done, name: &VclusterName) {
        info!(vcluster = %name, "virtual cluster removed");
        if let Some(entry) = done.entries.remove(name) {
            entry.shut(name);
        }
        self.metrics.forget(name);
        done.unserved.insert(name.clone());
    }

    /// Tells the listener the addresses of the virtual clusters that changed, once there are any.
    async fn serve(&self, done: &mut Done) {
        if !done.serving || done.unserved.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut done.unserved).into_iter().map(|name| {
            let openings = done.entries.get(&name).into_iter().flat_map(Entry::openings);
            let doors = openings.collect();
            (name, doors)
        });
        let changed = changed.collect();
        if self.listener.send(Serve { changed }).await.is_err() {
            error!("the listener is gone");
        }
    }

    /// Has the view of a virtual cluster compiled from `state`, in an actor that is started if there is none.
    async fn show(
        &self,
        entries: &mut BTreeMap<VclusterName, Entry>,
        name: &VclusterName,
        own: &VclusterState,
        state: &Arc<State>,
    ) {
        let known = match entries.get(name) {
            Some(entry) => entry
                .actor
                .send(Replicated {
                    state: Arc::clone(state),
                })
                .await
                .is_ok(),
            None => false,
        };
        if !known {
            let entry = self.start(name, own, state, entries.remove(name));
            entries.insert(name.clone(), entry);
        }
        if let Some(entry) = entries.get_mut(name) {
            entry.label = own.spec.label(name);
            entry.open_doors(own, &self.fronts);
        }
    }

    /// Starts the actor of a virtual cluster; again, with the same view, if it has ended by a panic.
    fn start(
        &self,
        name: &VclusterName,
        own: &VclusterState,
        state: &Arc<State>,
        ended: Option<Entry>,
    ) -> Entry {
        let (view, metrics) = match ended {
            Some(ended) => {
                error!(vcluster = %name, "the actor of a virtual cluster had ended and is started again");
                (ended.view, ended.metrics)
            }
            None => {
                info!(vcluster = %name, "virtual cluster");
                let view = VirtualCluster::first_view(name, own, state, &self.upstreams);
                (Arc::new(ArcSwap::from_pointee(view)), self.metrics.vcluster(name))
            }
        };
        let actor = VirtualCluster::new(
            Arc::clone(&view),
            Arc::clone(state),
            self.upstreams.clone(),
            self.control.clone(),
            Arc::clone(&metrics),
        )
        .start();
        let asked = actor.clone();
        let refresh: Refresh = Arc::new(move || {
            let actor = asked.clone();
            Box::pin(async move {
                // Without the actor the view stays as it is.
                let _ = actor.send(actor::Refresh).await;
            })
        });
        Entry {
            actor,
            view,
            metrics,
            refresh,
            doors: BTreeMap::new(),
            label: own.spec.label(name),
        }
    }

    /// Tells watchers which topics are needed. Their answers are not waited for: the physical cluster may be away, and the
    /// view follows the picture when it comes.
    fn track(&self, tracking: &Tracking, clusters: &BTreeSet<ClusterId>) {
        for cluster in clusters {
            if let Some(upstream) = self.upstreams.get(cluster) {
                let topics = tracking.tracked(cluster);
                drop(actix_rt::spawn(upstream.watcher.send(Track { topics })));
            }
        }
    }
}

/// Whether what all virtual clusters are compiled from is equal.
fn has_same_frame(a: &State, b: &State) -> bool {
    a.nodes == b.nodes && a.signing_keys == b.signing_keys
}

impl Entry {
    /// From now on nobody is logged in: each request looks, also before the listener closes the connections.
    fn shut(&self, name: &VclusterName) {
        let last = self.view.load_full();
        self.view.store(Arc::new(View {
            directory: Directory::empty(name.clone()),
            ..(*last).clone()
        }));
    }

    /// One door for the bootstrap slot and one for each broker, on each listener; doors that stay are the same ones.
    fn open_doors(&mut self, own: &VclusterState, fronts: &[(ListenerName, Speech)]) {
        let brokers = own
            .brokers
            .values()
            .map(|slot| (slot.port, Place::Broker(slot.virtual_id)));
        let places: BTreeMap<PortSlot, Place> = brokers.chain([(own.bootstrap, Place::Bootstrap)]).collect();
        self.doors
            .retain(|spot, door| places.get(&spot.slot) == Some(&door.place));
        for (listener, speech) in fronts {
            for (&slot, &place) in &places {
                let spot = Spot {
                    listener: listener.clone(),
                    slot,
                };
                self.doors.entry(spot).or_insert_with(|| {
                    Arc::new(Door {
                        view: Arc::clone(&self.view),
                        place,
                        listener: listener.clone(),
                        speech: *speech,
                        refresh: Arc::clone(&self.refresh),
                        metrics: Arc::clone(&self.metrics),
                    })
                });
            }
        }
    }

    fn openings(&self) -> impl Iterator<Item = (Spot, Opening)> {
        self.doors.iter().map(|(spot, door)| {
            let opening = Opening {
                door: Arc::clone(door),
                label: self.label.clone(),
            };
            (spot.clone(), opening)
        })
    }
}
