//! Follows the replicated state: starts and ends virtual clusters on this node, tells the listener which slots to serve
//! and the watchers which topics to look at, and reports the revision that sessions decide on.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::prelude::*;
use arc_swap::ArcSwap;
use klamm_raft::Visibility;
use klamm_raft::model::{
    ClusterId, DnsLabel, KeyName, Limits, ListenerName, PolicyAction, PortSlot, RegistryName, Speech, State,
    VclusterName, VclusterState,
};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use super::borders;
use super::physical::PhysicalClusters;
use super::routes::Passages;
use super::sessions::RecordSources;
use super::tracking::Tracking;
use crate::auth::Directory;
use crate::backend::{Track, Upstreams};
use crate::control::Control;
use crate::listener::{Listener, Opening, SetAddresses, Spot};
use crate::metrics::{Metrics, VclusterMetrics};
use crate::quota::OpenConnections;
use crate::session::{Door, Meters, Passage, RefreshView};
use crate::supervision::{Component, Supervisor};
use crate::vcluster::actor::{self, Replicated, VclusterActor};
use crate::vcluster::plan::Place;
use crate::vcluster::view::{SharedView, View};

/// How often a virtual cluster is told of a state that it panics at, and how often it is looked whether it is down.
const ATTEMPTS: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the listener may take for what it is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// After the listener could not be told its addresses, this long passes before it is told again.
const SERVE_AGAIN: Duration = Duration::from_secs(1);

/// The manager and the parts that it works with.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) control: Control,
    pub(crate) visibility: Visibility,
    pub(crate) upstreams: Upstreams,
    pub(crate) physical: PhysicalClusters,
    pub(crate) passages: Passages,
    pub(crate) sources: RecordSources,
    pub(crate) meters: Arc<Meters>,
    /// The limits of virtual clusters that have none of their own.
    pub(crate) limits: Arc<Limits>,
    pub(crate) listener: Addr<Listener>,
    /// The listeners of this node, and what clients of each speak.
    pub(crate) fronts: Vec<(ListenerName, Speech)>,
    pub(crate) metrics: Metrics,
    pub(crate) supervisor: Supervisor,
    /// Set once addresses are open.
    pub(crate) serving: Arc<AtomicBool>,
}

/// A virtual cluster on this node.
struct Entry {
    actor: Addr<VclusterActor>,
    view: SharedView,
    metrics: Arc<VclusterMetrics>,
    refresh: RefreshView,
    passage: Arc<Passage>,
    connections: Arc<OpenConnections>,
    doors: BTreeMap<Spot, Arc<Door>>,
    /// The name in host names.
    label: Option<DnsLabel>,
}

/// A record of what was done about the last state.
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
                () = sleep(SERVE_AGAIN), if done.is_unserved() => {}
            }
        }
    }

    async fn follow(&self, done: &mut Done, state: Arc<State>) {
        let revision = state.revision;
        let previous = done.state.replace(Arc::clone(&state));
        let previous = previous.as_deref();
        let is_other = |previous: &State| previous.physical_clusters != state.physical_clusters;
        let mut retracked = BTreeSet::new();
        if previous.is_none_or(is_other) {
            retracked.extend(self.physical.follow(&state).await);
        }
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
        self.physical.forget(&state);
        self.sources
            .keys
            .are_named(named_keys(&state), &self.metrics.record_keys);
        self.sources
            .registries
            .are_named(named_registries(&state), &self.metrics.registries);
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
        self.passages.forget(name);
        done.unserved.insert(name.clone());
    }

    /// Tells the listener the addresses of the virtual clusters that changed, once there are any.
    async fn serve(&self, done: &mut Done) {
        if !done.is_unserved() {
            return;
        }
        let changed = done.unserved.iter().map(|name| {
            let openings = done.entries.get(name).into_iter().flat_map(Entry::openings);
            (name.clone(), openings.collect())
        });
        let changed = changed.collect();
        match timeout(PATIENCE, self.listener.send(SetAddresses { changed })).await {
            Ok(Ok(())) => done.unserved.clear(),
            _ => error!(
                "the listener did not accept the addresses of virtual clusters; they will be sent again"
            ),
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
        let entry = entries
            .entry(name.clone())
            .or_insert_with(|| self.start(name, own, state));
        let component = Component::VirtualCluster(name.clone());
        let is_fenced = state.routes.are_fenced(name, own);
        if is_fenced {
            entry.passage.fence();
        }
        if !entry
            .compiles(state, || self.supervisor.is_down(&component))
            .await
        {
            error!(vcluster = %name, "the virtual cluster cannot be served in its current state; its clients are turned away until it can");
            entry.shut(name);
        }
        if !is_fenced {
            entry.passage.lift();
        }
        entry.label = own.spec.label(name);
        entry.open_doors(own, &self.fronts);
    }

    /// Starts the actor of a virtual cluster.
    fn start(&self, name: &VclusterName, own: &VclusterState, state: &Arc<State>) -> Entry {
        info!(vcluster = %name, "virtual cluster");
        let view = VclusterActor::first_view(name, own, state);
        let (view, metrics) = (Arc::new(ArcSwap::from_pointee(view)), self.metrics.vcluster(name));
        let actor = VclusterActor::new(
            Arc::clone(&view),
            Arc::clone(state),
            (self.upstreams.clone(), Arc::clone(&self.limits)),
            self.control.clone(),
            Arc::clone(&metrics),
        );
        let actor = self
            .supervisor
            .start(Component::VirtualCluster(name.clone()), actor);
        let asked = actor.clone();
        let refresh: RefreshView = Arc::new(move || {
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
            passage: self.passages.of(name),
            connections: self.meters.connections(name),
            doors: BTreeMap::new(),
            label: own.spec.label(name),
        }
    }

    /// Tells watchers which topics are needed. Their answers are not waited for: the physical cluster may be away, and
    /// the view follows the picture when it comes.
    fn track(&self, tracking: &Tracking, clusters: &BTreeSet<ClusterId>) {
        for (id, upstream) in &*self.upstreams.all() {
            // What stands in for another is to have what that has.
            let of = upstream.stands_in_for.as_ref().unwrap_or(id);
            if clusters.contains(id) || clusters.contains(of) {
                let topics = tracking.tracked(of);
                drop(actix_rt::spawn(upstream.watcher.send(Track { topics })));
            }
        }
    }
}

/// The actions of the policies that are in force.
fn actions(state: &State) -> impl Iterator<Item = &PolicyAction> {
    let own = state.vclusters.values().flat_map(|own| own.policies.values());
    let all = state.policies.values().chain(own).filter(|policy| policy.enabled);
    all.map(|policy| &policy.action)
}

/// The keys that they name.
fn named_keys(state: &State) -> impl Iterator<Item = KeyName> {
    actions(state).flat_map(|action| action.keys().cloned())
}

/// The schema registries that they name.
fn named_registries(state: &State) -> impl Iterator<Item = RegistryName> {
    actions(state).filter_map(|action| action.registry().cloned())
}

/// Whether what all virtual clusters are compiled from is equal.
fn has_same_frame(a: &State, b: &State) -> bool {
    a.nodes == b.nodes
        && a.signing_keys == b.signing_keys
        && a.policies == b.policies
        && a.groups == b.groups
        && a.physical_clusters == b.physical_clusters
        && a.routes == b.routes
}

impl Done {
    /// Whether the listener is to be told something.
    fn is_unserved(&self) -> bool {
        self.serving && !self.unserved.is_empty()
    }
}

impl Entry {
    /// Whether the view is compiled from this state. An actor that panics at it is told again, unless it is down for a
    /// while: it takes the state once it is started again, and nobody else waits for that.
    async fn compiles(&self, state: &Arc<State>, is_down: impl Fn() -> bool) -> bool {
        for _ in 0..ATTEMPTS {
            let state = Arc::clone(state);
            let mut told = pin!(self.actor.send(Replicated { state }));
            loop {
                tokio::select! {
                    told = &mut told => match told {
                        Ok(()) => return true,
                        Err(_) => break,
                    },
                    () = sleep(LOOK_EVERY) => if is_down() {
                        return false;
                    },
                }
            }
        }
        false
    }

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
                        passage: Arc::clone(&self.passage),
                        metrics: Arc::clone(&self.metrics),
                        connections: Arc::clone(&self.connections),
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
