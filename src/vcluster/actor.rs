//! The actor of one virtual cluster on this node: compiles its view, publishes it, and asks for slots for brokers that
//! have none. It decides nothing about a request.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use klamm_raft::command::Command;
use klamm_raft::model::{BrokerKey, ClusterId, State, VclusterName, VclusterState};
use tracing::{debug, warn};

use super::view::{SharedView, Source, View};
use crate::backend::{Refresh as Look, Topology, Upstreams};
use crate::control::Control;

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
pub struct VirtualCluster {
    name: VclusterName,
    view: SharedView,
    state: Arc<State>,
    upstreams: Upstreams,
    control: Control,
    /// The cluster whose picture is followed.
    followed: Option<(ClusterId, SpawnHandle)>,
    assigning: bool,
}

impl VirtualCluster {
    /// An actor that publishes into `view`, which was compiled from `state`.
    pub fn new(view: SharedView, state: Arc<State>, upstreams: Upstreams, control: Control) -> Self {
        let name = view.load().name.clone();
        Self {
            name,
            view,
            state,
            upstreams,
            control,
            followed: None,
            assigning: false,
        }
    }

    /// The first view of a virtual cluster, for [`Self::new`].
    pub fn first_view(
        name: &VclusterName,
        own: &VclusterState,
        state: &State,
        upstreams: &Upstreams,
    ) -> View {
        let topology = own.home.as_ref().and_then(|home| topology(upstreams, home));
        View::compile(None, source(name, own, state, topology.as_deref()))
    }

    /// Compiles and publishes. A virtual cluster that is gone keeps its last view: its sessions are being closed.
    fn publish(&mut self, ctx: &mut Context<Self>) {
        let Some(own) = self.state.vclusters.get(&self.name).cloned() else {
            return;
        };
        let topology = own.home.as_ref().and_then(|home| topology(&self.upstreams, home));
        let previous = self.view.load_full();
        let view = View::compile(
            Some(&previous),
            source(&self.name, &own, &self.state, topology.as_deref()),
        );
        self.view.store(Arc::new(view));
        if let (Some(home), Some(topology)) = (own.home.as_ref(), topology) {
            self.assign_slots(home, &own, &topology, ctx);
        }
    }

    /// Follows the picture of the home cluster, which may change with the first and the last alias.
    fn follow_home(&mut self, ctx: &mut Context<Self>) {
        let home = self
            .state
            .vclusters
            .get(&self.name)
            .and_then(|own| own.home.clone());
        if self.followed.as_ref().map(|(id, _)| id) == home.as_ref() {
            return;
        }
        if let Some((_, following)) = self.followed.take() {
            ctx.cancel_future(following);
        }
        let Some(home) = home else { return };
        let Some(upstream) = self.upstreams.get(&home) else {
            warn!(vcluster = %self.name, cluster = %home, "the physical cluster is not in this node's configuration");
            return;
        };
        let mut picture = upstream.picture.topology.clone();
        picture.mark_unchanged();
        let changes = futures_util::stream::unfold(picture, |mut picture| async move {
            picture.changed().await.ok()?;
            Some((PictureChanged, picture))
        });
        self.followed = Some((home, ctx.add_stream(changes)));
    }

    fn assign_slots(
        &mut self,
        home: &ClusterId,
        own: &VclusterState,
        topology: &Topology,
        ctx: &mut Context<Self>,
    ) {
        let key = |&physical_id: &i32| BrokerKey {
            cluster: home.clone(),
            physical_id,
        };
        let missing: Vec<BrokerKey> = topology
            .brokers
            .keys()
            .map(key)
            .filter(|key| !own.brokers.contains_key(key))
            .collect();
        if missing.is_empty() || self.assigning {
            return;
        }
        self.assigning = true;
        let command = Command::AssignBrokers {
            vcluster: self.name.clone(),
            brokers: missing,
        };
        let control = self.control.clone();
        let proposing = async move { control.propose(command).await };
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

fn topology(upstreams: &Upstreams, home: &ClusterId) -> Option<Arc<Topology>> {
    upstreams
        .get(home)
        .and_then(|upstream| upstream.picture.topology.borrow().clone())
}

fn source<'a>(
    name: &'a VclusterName,
    own: &'a VclusterState,
    state: &'a State,
    topology: Option<&'a Topology>,
) -> Source<'a> {
    Source {
        name,
        state: own,
        nodes: &state.nodes,
        topology,
        signing_key: state.signing_key.as_ref(),
        revision: state.revision,
    }
}

struct PictureChanged;

impl Actor for VirtualCluster {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.follow_home(ctx);
        self.publish(ctx);
    }
}

impl StreamHandler<PictureChanged> for VirtualCluster {
    fn handle(&mut self, _: PictureChanged, ctx: &mut Self::Context) {
        debug!(vcluster = %self.name, "the physical cluster changed");
        self.publish(ctx);
    }

    /// The watcher's publisher outlives it; without it there is nothing to follow, and the actor goes on.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Replicated> for VirtualCluster {
    type Result = ();

    fn handle(&mut self, message: Replicated, ctx: &mut Self::Context) {
        self.state = message.state;
        self.follow_home(ctx);
        self.publish(ctx);
    }
}

impl Handler<Refresh> for VirtualCluster {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let watcher = self
            .followed
            .as_ref()
            .and_then(|(home, _)| self.upstreams.get(home))
            .cloned();
        let looking = async move {
            if let Some(upstream) = watcher {
                // The watcher says itself why it cannot look.
                let _ = upstream.watcher.send(Look).await;
            }
        };
        Box::pin(looking.into_actor(self).map(|(), actor, ctx| actor.publish(ctx)))
    }
}
