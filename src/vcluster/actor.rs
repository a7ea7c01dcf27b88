//! The actor of one virtual cluster on this node: compiles its view, publishes it, and asks for slots for brokers that
//! have none and for a record of names that two topics would have. It decides nothing about a request.

mod rejoin;
mod settling;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, Stream};
use klamm_raft::command::Command;
use klamm_raft::model::{
    BrokerKey, ClusterId, Limit, Limits, Method, NodeId, State, VclusterKind, VclusterName, VclusterState,
};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::concern::is_concerned;
use super::routed::Routed;
use super::view::{RouteSight, SharedView, Source, View};
use crate::backend::config::AnonymousClients;
use crate::backend::topology::Topologies;
use crate::backend::{LookNow, Upstreams};
use crate::control::Control;
use crate::metrics::VclusterMetrics;
use crate::unix_time::now_s;
use rejoin::{REJOIN, RejoinTime};
use settling::Settling;

/// Messages that wait for the actor. Sessions that need fresh topic ids wait beyond it.
const MAILBOX: usize = 1024;

/// After slots could not be assigned, this long passes before they are asked for again.
const ASSIGN_AGAIN: Duration = Duration::from_secs(1);

/// The replicated state changed in something that concerns this virtual cluster. Answered when the view shows it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Replicated {
    pub state: Arc<State>,
}

/// Asks for a view that is compiled from a picture of the physical cluster taken after this message. Answered in any
/// case: when the cluster cannot be asked, the view stays.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Refresh;

/// The actor.
#[derive(Debug)]
pub struct VclusterActor {
    name: VclusterName,
    view: SharedView,
    state: Arc<State>,
    /// The pictures that the view was compiled from.
    seen: Topologies,
    upstreams: Upstreams,
    /// The limits of virtual clusters that have none of their own.
    limits: Arc<Limits>,
    control: Control,
    /// The physical clusters whose pictures are followed.
    followed: BTreeMap<ClusterId, SpawnHandle>,
    assigning: bool,
    settling: Settling,
    next_settling: SpawnHandle,
    metrics: Arc<VclusterMetrics>,
    /// Whether this node takes nobody without a login, though the virtual cluster would.
    is_closed: bool,
    rejoin: RejoinTime,
}

impl VclusterActor {
    /// An actor that publishes into `view`, which was compiled from `state`.
    pub fn new(
        view: SharedView,
        state: Arc<State>,
        (upstreams, limits): (Upstreams, Arc<Limits>),
        control: Control,
        metrics: Arc<VclusterMetrics>,
    ) -> Self {
        let name = view.load().name.clone();
        Self {
            name,
            view,
            state,
            seen: Topologies::new(),
            upstreams,
            limits,
            control,
            followed: BTreeMap::new(),
            assigning: false,
            settling: Settling::default(),
            next_settling: SpawnHandle::default(),
            metrics,
            is_closed: false,
            rejoin: RejoinTime::default(),
        }
    }

    /// A view to start with, for [`Self::new`]: it shows nothing, and nobody has an account in it.
    pub fn first_view(name: &VclusterName, own: &VclusterState, state: &State) -> View {
        let bare = VclusterState::new((*own.spec).clone(), own.kafka_cluster_id.clone(), own.bootstrap);
        View::compile(
            None,
            source(name, &bare, (state, &BTreeSet::new()), &Topologies::new()),
        )
    }

    /// Compiles and publishes. A virtual cluster that is gone keeps its last view: its sessions are being closed.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        let Some(own) = self.state.vclusters.get(&self.name).cloned() else {
            return;
        };
        let routed = Routed::by(&self.name, &own, &self.state.routes);
        let route = self.note_route(&routed, ctx);
        let stored = &own;
        let own = admitting(&self.upstreams, &routed.own);
        self.say_whether_closed(&own);
        let own = limited(&self.limits, own);
        let topologies = topologies(&self.upstreams, &own);
        let previous = self.view.load_full();
        let unheard = Arc::clone(&self.control.unheard().borrow());
        let source = Source {
            route,
            ..source(&self.name, &own, (&self.state, &unheard), &topologies)
        };
        let view = View::compile(Some(&previous), source);
        let mark = own.mark.as_ref().map_or(0, |mark| mark.number);
        self.metrics.producer_mark.set(mark.into());
        self.metrics.fenced.set(route.is_fenced.into());
        let is_stood_in = routed.served_by.iter().any(|(cluster, by)| cluster != by);
        self.metrics.stood_in_for.set(is_stood_in.into());
        self.settling.report(&view, &self.metrics);
        self.view.store(Arc::new(view));
        self.settle(ctx);
        self.assign_slots(stored, ctx);
        self.seen = topologies;
    }

    /// Notes which physical clusters serve; what is new is read only once members of groups have had the time to rejoin.
    fn note_route(&mut self, routed: &Routed<'_>, ctx: &mut Context<Self>) -> RouteSight {
        let now = Instant::now();
        if self.rejoin.begins(routed, now, now_s()) {
            ctx.run_later(REJOIN, Self::publish);
        }
        RouteSight {
            is_fenced: routed.is_fenced,
            is_rejoining: self.rejoin.is_under_way(now),
            was_switched: routed.switched_at_s.is_some() || self.rejoin.was_seen(),
            is_home_switched: routed.is_home_switched,
            generation: routed.generation,
        }
    }

    /// The physical clusters that stand in for those that it reaches, with those that they stand in for.
    fn stand_ins(&self, own: &VclusterState) -> Vec<(ClusterId, ClusterId)> {
        let all = self.upstreams.all();
        let stand_ins = all.iter().filter_map(|(id, upstream)| {
            let original = upstream.stands_in_for.as_ref()?;
            own.reaches(original).then(|| (id.clone(), original.clone()))
        });
        stand_ins.collect()
    }

    /// Publishes if what physical clusters show now is something else for this virtual cluster.
    fn publish_if_concerned(&mut self, ctx: &mut Context<Self>) {
        let Some(stored) = self.state.vclusters.get(&self.name).cloned() else {
            return;
        };
        let routed = Routed::by(&self.name, &stored, &self.state.routes);
        let now = topologies(&self.upstreams, &routed.own);
        if is_concerned(&routed.own, &self.seen, &now) {
            debug!(vcluster = %self.name, "the physical cluster changed");
            self.publish(ctx);
        } else {
            self.seen = now;
            self.assign_slots(&stored, ctx);
        }
    }

    /// Follows the pictures of the clusters that it reaches, which change with its aliases.
    fn follow(&mut self, ctx: &mut Context<Self>) {
        let own = self.state.vclusters.get(&self.name).cloned();
        let reached = own.iter().flat_map(|own| own.reached()).cloned();
        let stand_ins = own.iter().flat_map(|own| self.stand_ins(own));
        let clusters: BTreeSet<ClusterId> = reached.chain(stand_ins.map(|(id, _)| id)).collect();
        let mut followed = std::mem::take(&mut self.followed);
        for cluster in clusters {
            let known = followed.remove(&cluster);
            if let Some(following) = known.or_else(|| self.follow_one(&cluster, ctx)) {
                self.followed.insert(cluster, following);
            }
        }
        for following in followed.into_values() {
            ctx.cancel_future(following);
        }
    }

    fn follow_one(&self, cluster: &ClusterId, ctx: &mut Context<Self>) -> Option<SpawnHandle> {
        let Some(upstream) = self.upstreams.get(cluster) else {
            warn!(vcluster = %self.name, %cluster, "the physical cluster is not in this node's configuration");
            return None;
        };
        Some(ctx.add_stream(changes(upstream.picture.topology, || PictureChanged)))
    }

    /// Has names put on record, and dropped from it, that two topics would have; after a look that says that it is so
    /// still.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.next_settling);
        let due = self
            .settling
            .due(self.view.load().names.contests(), Instant::now());
        if let Some(pause) = due.next {
            self.next_settling = ctx.run_later(pause, Self::settle);
        }
        let home = self.view.load().cluster.clone();
        let home = home.and_then(|home| self.upstreams.get(&home));
        let Some(home) = home.filter(|_| !due.is_nothing() && self.settling.begin()) else {
            return;
        };
        let looking = home.watcher.send(LookNow);
        let proposing = looking.into_actor(self).then(|looked, actor, ctx| {
            let is_seen = matches!(looked, Ok(Ok(())));
            if is_seen {
                actor.publish_if_concerned(ctx);
            }
            let due = actor
                .settling
                .due(actor.view.load().names.contests(), Instant::now());
            let command = due.command(&actor.name).filter(|_| is_seen);
            let control = actor.control.clone();
            async move {
                if let Some(command) = command {
                    // What did not come to be is due again.
                    let _ = control.propose_own(command).await;
                }
            }
            .into_actor(actor)
        });
        ctx.spawn(proposing.map(|(), _, ctx| {
            ctx.run_later(ASSIGN_AGAIN, |actor, ctx| {
                actor.settling.end();
                actor.settle(ctx);
            });
        }));
    }

    fn say_whether_closed(&mut self, admitting: &VclusterState) {
        let wanted = self.state.vclusters.get(&self.name);
        let is_closed =
            wanted.is_some_and(|wanted| wanted.spec.authentication != admitting.spec.authentication);
        if is_closed && !self.is_closed {
            warn!(
                vcluster = %self.name,
                "clients without a login are turned away: gateway.allow.anonymous of a physical cluster is not true on this node"
            );
        }
        self.is_closed = is_closed;
    }

    /// Asks for slots for brokers that have none. Those of a cluster that stands in for another get theirs after its brokers.
    fn assign_slots(&mut self, own: &VclusterState, ctx: &mut Context<Self>) {
        let missing_of = |cluster: &ClusterId| -> Vec<BrokerKey> {
            let seen = self.upstreams.get(cluster);
            let seen = seen.and_then(|upstream| upstream.picture.topology.borrow().clone());
            let keys = seen
                .iter()
                .flat_map(|seen| seen.brokers.keys())
                .map(|&physical_id| BrokerKey {
                    cluster: cluster.clone(),
                    physical_id,
                });
            keys.filter(|key| !own.brokers.contains_key(key)).collect()
        };
        let mut missing: Vec<BrokerKey> = own.reached().into_iter().flat_map(missing_of).collect();
        let has_slots = |cluster: &ClusterId| own.brokers.keys().any(|key| key.cluster == *cluster);
        if missing.is_empty() {
            let serves = |id: &ClusterId, of: &ClusterId| self.state.routes.target(&self.name, of) == id;
            let stand_ins = self.stand_ins(own).into_iter();
            let ready = stand_ins.filter(|(id, original)| has_slots(original) || serves(id, original));
            missing.extend(ready.flat_map(|(id, _)| missing_of(&id)));
        }
        if missing.is_empty() || self.assigning {
            return;
        }
        self.assigning = true;
        let command = Command::AssignBrokers {
            vcluster: self.name.clone(),
            brokers: missing,
        };
        let control = self.control.clone();
        let proposing = async move { control.propose_own(command).await };
        ctx.spawn(proposing.into_actor(self).map(|result, _, ctx| {
            let settled = result.is_ok_and(|applied| Control::is_change(&applied.outcome));
            let pause = if settled { Duration::ZERO } else { ASSIGN_AGAIN };
            ctx.run_later(pause, |actor, ctx| {
                actor.assigning = false;
                actor.publish(ctx);
            });
        }));
    }
}

/// A virtual cluster without the method `anonymous` where this node's configuration does not open a physical cluster
/// that it reaches to everybody.
fn admitting<'a>(upstreams: &Upstreams, own: &'a VclusterState) -> Cow<'a, VclusterState> {
    let is_closed = |cluster: &&ClusterId| {
        let upstream = upstreams.get(cluster);
        upstream.is_some_and(|upstream| upstream.anonymous == AnonymousClients::Refused)
    };
    if !own.spec.authentication.0.contains(&Method::Anonymous) {
        return Cow::Borrowed(own);
    }
    if !own.reached().iter().any(is_closed) {
        return Cow::Borrowed(own);
    }
    let mut without = own.clone();
    let methods = &mut without.spec.authentication.0;
    methods.retain(|method| *method != Method::Anonymous);
    Cow::Owned(without)
}

/// A virtual cluster with the limits that hold where it has none of its own. The one that is built in is the operator's.
fn limited<'a>(limits: &Limits, own: Cow<'a, VclusterState>) -> Cow<'a, VclusterState> {
    let has = |limit: &Limit| own.spec.limits.0.contains_key(limit);
    if own.spec.kind == VclusterKind::Passthrough || limits.0.keys().all(has) {
        return own;
    }
    let mut limited = own.into_owned();
    let own_limits = &mut limited.spec.limits.0;
    for (limit, most) in &limits.0 {
        own_limits.entry(*limit).or_insert(*most);
    }
    Cow::Owned(limited)
}

/// The pictures that there are of the clusters that a virtual cluster reaches.
fn topologies(upstreams: &Upstreams, own: &VclusterState) -> Topologies {
    let known = own.reached().into_iter().filter_map(|cluster| {
        let upstream = upstreams.get(cluster)?;
        let topology = upstream.picture.topology.borrow().clone()?;
        Some((cluster.clone(), topology))
    });
    known.collect()
}

fn source<'a>(
    name: &'a VclusterName,
    own: &'a VclusterState,
    (state, unheard): (&'a State, &'a BTreeSet<NodeId>),
    topologies: &'a Topologies,
) -> Source<'a> {
    Source {
        name,
        state: own,
        vclusters: &state.vclusters,
        nodes: &state.nodes,
        unheard,
        first_topic_ids: &state.routes.first_topic_ids,
        topologies,
        signing_keys: state.signing_keys.as_ref(),
        policies: &state.policies,
        groups: &state.groups,
        revision: state.revision,
        route: RouteSight::default(),
    }
}

/// Says what shows nothing, although it is there: an older release took it.
fn warn_of_kafkas_own(name: &VclusterName, own: &VclusterState) {
    for (alias, target) in own.aliases.iter().filter(|(_, target)| target.is_of_kafka()) {
        warn!(vcluster = %name, %alias, topic = %target.physical_name,
            "the alias shows nothing, because the topic is one of Kafka's own: delete the alias");
    }
    if let VclusterKind::Standard(standard) = &own.spec.kind
        && let Some(topic) = standard.named_of_kafka()
    {
        warn!(vcluster = %name, %topic,
            "the selector shows nothing, because the topic is one of Kafka's own: remove the selector from the list");
    }
}

/// A message for each change of what is watched, from now on.
fn changes<T, M>(mut watched: watch::Receiver<T>, message: fn() -> M) -> impl Stream<Item = M> {
    watched.mark_unchanged();
    futures_util::stream::unfold(watched, move |mut watched| async move {
        watched.changed().await.ok()?;
        Some((message(), watched))
    })
}

struct PictureChanged;

/// Other nodes are not heard any more, or are again.
struct UnheardChanged;

impl Actor for VclusterActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        // What came while it was down was not left in its mailbox.
        self.state = self.control.state();
        if let Some(own) = self.state.vclusters.get(&self.name) {
            warn_of_kafkas_own(&self.name, own);
        }
        ctx.add_stream(changes(self.control.unheard(), || UnheardChanged));
        self.follow(ctx);
        self.publish(ctx);
    }
}

impl Supervised for VclusterActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self = Self::new(
            Arc::clone(&self.view),
            Arc::clone(&self.state),
            (self.upstreams.clone(), Arc::clone(&self.limits)),
            self.control.clone(),
            Arc::clone(&self.metrics),
        );
    }
}

impl StreamHandler<PictureChanged> for VclusterActor {
    fn handle(&mut self, _: PictureChanged, ctx: &mut Self::Context) {
        self.publish_if_concerned(ctx);
    }

    /// The watcher's publisher outlives it; without it there is nothing to follow, and the actor goes on.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<UnheardChanged> for VclusterActor {
    fn handle(&mut self, _: UnheardChanged, ctx: &mut Self::Context) {
        self.publish(ctx);
    }

    /// The node stops.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Replicated> for VclusterActor {
    type Result = ();

    fn handle(&mut self, message: Replicated, ctx: &mut Self::Context) {
        if message.state.revision > self.state.revision {
            self.state = message.state;
        }
        self.follow(ctx);
        self.publish(ctx);
    }
}

impl Handler<Refresh> for VclusterActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let followed = self.followed.keys();
        let watchers =
            followed.filter_map(|cluster| Some(self.upstreams.get(cluster)?.watcher.send(LookNow)));
        // The watchers say themselves why they cannot look.
        let looking = join_all(watchers).map(drop);
        Box::pin(
            looking
                .into_actor(self)
                .map(|(), actor, ctx| actor.publish_if_concerned(ctx)),
        )
    }
}
