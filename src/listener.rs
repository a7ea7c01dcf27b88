//! The ports that clients connect to: an actor on the control arbiter that opens and closes them as views say, accepts,
//! and hands sockets to the data arbiters. What comes before a session (TLS, PROXY header) is `reception`'s.

mod addresses;
mod bind;
pub mod config;
mod entrance;
pub mod networks;
mod port;
mod proxy;
mod reception;
mod routes;
mod turned_away;
mod turns;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use arc_swap::ArcSwap;
use klamm_raft::model::{DnsLabel, ListenerName, PortSlot, Routing, VclusterName};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::auth::Directory;
use crate::session::census::Census;
use crate::session::{Door, End, Orders, SessionMode, SessionShared};
use crate::supervision::{Component, Supervisor};
use crate::vcluster::view::RouteSight;
use entrance::Entrance;
use port::{BindAttempt, Port};
use reception::{LeadsTo, Reception};
use routes::{Route, Routes};

pub use addresses::{Addresses, UnopenedAddress};
pub use bind::BindError;
pub use entrance::DataArbiter;
pub use reception::{ListenerGuard, expect_tls};
pub use turned_away::TurnedAway;

/// One address of a virtual cluster on one listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub listener: ListenerName,
    pub slot: PortSlot,
}

/// An address and what it leads to.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The door; an address that stays keeps its `Arc`.
    pub door: Arc<Door>,
    /// The name of the virtual cluster where names tell addresses apart; none: it is not served there.
    pub label: Option<DnsLabel>,
}

/// All addresses that should be served of one virtual cluster.
pub type Doors = BTreeMap<Spot, Opening>;

/// Messages that wait for the listener.
const MAILBOX: usize = 16;

/// How often ports that could not be opened are looked at: each is tried when it is its turn.
const BIND_AGAIN: Duration = Duration::from_secs(1);

/// Sets the addresses of virtual clusters: opens what is new, closes what is missing together with its sessions, leaves
/// the rest alone but for those whose accounts or tokens changed, which look at their login. What is not named stays.
/// Send it after views were published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SetAddresses {
    pub changed: BTreeMap<VclusterName, Doors>,
}

/// Has sessions finish. Ports stay open, so that clients which come back are told where to go; see [`Shut`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Takes no more connections, and has sessions finish. [`Census::all`] says how many are left.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Shut;

/// One listener of the configuration, ready to be opened.
#[derive(Debug)]
pub struct Site {
    pub name: ListenerName,
    pub address: IpAddr,
    /// The port of slot 0, or the only one.
    pub port: u16,
    pub routing: Routing,
    pub guard: ListenerGuard,
}

/// The actor.
#[derive(Debug)]
pub struct Listener {
    supervisor: Supervisor,
    entrance: Arc<Entrance>,
    sites: BTreeMap<ListenerName, OpenSite>,
    slots: BTreeMap<VclusterName, BTreeMap<Spot, Slot>>,
    addresses: watch::Sender<Addresses>,
    mode: SessionMode,
    is_shut: bool,
}

/// A site, and the one port of it if names tell addresses apart there.
#[derive(Debug)]
struct OpenSite {
    site: Site,
    routes: Arc<ArcSwap<Routes>>,
    port: Port,
}

/// One address of a virtual cluster.
#[derive(Debug)]
struct Slot {
    opening: Opening,
    orders: watch::Sender<Orders>,
    /// The accounts and tokens when sessions were last told to look.
    directory: Arc<Directory>,
    /// Where their requests went then.
    route: RouteSight,
    port: Port,
}

impl Listener {
    /// Listeners without any address; the receiver says which are open, and which could not be opened.
    pub fn new(
        sites: Vec<Site>,
        arbiters: Vec<DataArbiter>,
        shared: Arc<SessionShared>,
        census: Arc<Census>,
        supervisor: &Supervisor,
    ) -> (Self, watch::Receiver<Addresses>) {
        let (addresses, seen) = watch::channel(Addresses::default());
        let listener = Self {
            supervisor: supervisor.clone(),
            entrance: Arc::new(Entrance::new(arbiters, shared, census)),
            sites: sites
                .into_iter()
                .map(|site| (site.name.clone(), OpenSite::new(site)))
                .collect(),
            slots: BTreeMap::new(),
            addresses,
            mode: SessionMode::Serve,
            is_shut: false,
        };
        (listener, seen)
    }

    fn serve(&mut self, changed: BTreeMap<VclusterName, Doors>) {
        let mut is_rerouted = false;
        // A port may pass from one virtual cluster to another: it is closed first.
        for (name, doors) in &changed {
            is_rerouted |= self.close(name, doors);
        }
        for (name, doors) in changed {
            is_rerouted |= self.open(name, doors);
        }
        if is_rerouted {
            self.publish_routes();
        }
        self.open_all();
    }

    /// Closes what a virtual cluster no longer has. The answer is whether there was any.
    fn close(&mut self, name: &VclusterName, doors: &Doors) -> bool {
        let Some(slots) = self.slots.get_mut(name) else {
            return false;
        };
        let before = slots.len();
        slots.retain(|spot, open| {
            let stays = doors
                .get(spot)
                .is_some_and(|opening| Arc::ptr_eq(&opening.door, &open.opening.door));
            if !stays {
                info!(listener = %spot.listener, slot = spot.slot.0, "address closed");
            }
            stays
        });
        let is_less = slots.len() < before;
        if slots.is_empty() {
            self.slots.remove(name);
        }
        is_less
    }

    /// Takes in all that a virtual cluster has now. The answer is whether names lead elsewhere.
    fn open(&mut self, name: VclusterName, doors: Doors) -> bool {
        if doors.is_empty() {
            return false;
        }
        let (mut is_rerouted, now) = (false, Instant::now());
        let slots = self.slots.entry(name).or_default();
        for (spot, opening) in doors {
            match slots.get_mut(&spot) {
                Some(open) => {
                    is_rerouted |= open.opening.label != opening.label;
                    open.opening.label = opening.label;
                    open.port.hasten(now);
                    open.recheck();
                }
                None => {
                    is_rerouted = true;
                    slots.insert(spot, Slot::new(opening, self.mode));
                }
            }
        }
        is_rerouted
    }

    /// Names the addresses of the listeners where names tell them apart.
    fn publish_routes(&mut self) {
        for (name, open) in &self.sites {
            let Routing::Sni { domain, .. } = &open.site.routing else {
                continue;
            };
            let all = self.slots.values().flatten();
            let own = all.filter(|(spot, _)| spot.listener == *name);
            let routes = own
                .filter_map(|(_, slot)| Some((domain.as_str(), slot.opening.label.as_ref()?, slot.route())));
            open.routes.store(Arc::new(routes.collect()));
        }
    }

    fn drain(&mut self) {
        self.mode = SessionMode::Drain;
        for slot in self.slots.values().flat_map(BTreeMap::values) {
            slot.orders.send_modify(|orders| orders.mode = SessionMode::Drain);
        }
    }

    /// Opens every port that is not open yet and that it is time to try.
    fn open_all(&mut self) {
        let now = Instant::now();
        let mut addresses = Addresses::default();
        let slots = self.slots.iter_mut().filter(|_| !self.is_shut);
        for (name, slots) in slots {
            for (spot, slot) in slots {
                let Some(site) = self.sites.get_mut(&spot.listener) else {
                    continue;
                };
                let doormen = (&self.supervisor, &self.entrance);
                let attempt = match site.site.routing {
                    Routing::Port { .. } => site.open_slot(now, (spot.slot, slot), doormen),
                    Routing::Sni { .. } => site.open(now, doormen),
                };
                let error = match attempt {
                    BindAttempt::Open => {
                        addresses.open += 1;
                        continue;
                    }
                    BindAttempt::Closed(error) => error,
                    BindAttempt::Refused(error) => {
                        let chain = crate::chain::Chain(&*error);
                        error!(
                            listener = %spot.listener, slot = spot.slot.0, vcluster = %name, error = %chain,
                            "an address cannot be opened; it will be retried, and the others are served"
                        );
                        error
                    }
                };
                let vcluster = name.clone();
                addresses
                    .unopened
                    .insert(spot.clone(), UnopenedAddress { vcluster, error });
            }
        }
        self.addresses.send_if_modified(|known| {
            let is_new = !addresses.is_same(known);
            if is_new {
                *known = addresses;
            }
            is_new
        });
    }
}

impl OpenSite {
    fn new(site: Site) -> Self {
        Self {
            site,
            routes: Arc::default(),
            port: Port::default(),
        }
    }

    /// Has the port of one address open.
    fn open_slot(
        &self,
        now: Instant,
        (at, slot): (PortSlot, &mut Slot),
        doormen: (&Supervisor, &Arc<Entrance>),
    ) -> BindAttempt {
        let Slot {
            opening,
            orders,
            port,
            ..
        } = slot;
        port.ensure(now, || {
            let socket = bind::listen(self.site.address, self.site.port, at.0)?;
            let route = route(opening, orders);
            let vcluster = &route.door.view.load().name;
            info!(listener = %self.site.name, slot = at.0, %vcluster, place = ?route.door.place, "address opened");
            Ok(self.accept((at.0, socket), LeadsTo::Route(route), doormen))
        })
    }

    /// Has the one port of all addresses open.
    fn open(&mut self, now: Instant, doormen: (&Supervisor, &Arc<Entrance>)) -> BindAttempt {
        let mut port = std::mem::take(&mut self.port);
        let attempt = port.ensure(now, || {
            let socket = bind::listen(self.site.address, self.site.port, 0)?;
            info!(listener = %self.site.name, port = self.site.port, "port opened for all addresses");
            let target = LeadsTo::ByName(Arc::clone(&self.routes));
            Ok(self.accept((0, socket), target, doormen))
        });
        self.port = port;
        attempt
    }

    /// Accepts the connections of an open port, so many after the first one.
    fn accept(
        &self,
        (number, socket): (u16, TcpListener),
        target: LeadsTo,
        (supervisor, entrance): (&Supervisor, &Arc<Entrance>),
    ) -> JoinHandle<()> {
        let reception = Arc::new(Reception {
            listener: self.site.name.clone(),
            guard: self.site.guard.clone(),
            target,
        });
        let (socket, entrance) = (Arc::new(socket), Arc::clone(entrance));
        let port = Component::Port(self.site.name.clone(), self.site.port + number);
        supervisor.keep(port, move || {
            Arc::clone(&entrance).accept(Arc::clone(&socket), Arc::clone(&reception))
        })
    }
}

impl Slot {
    fn new(opening: Opening, mode: SessionMode) -> Self {
        let view = opening.door.view.load();
        let (directory, route) = (Arc::clone(&view.directory), view.route);
        drop(view);
        Self {
            opening,
            orders: watch::Sender::new(Orders { mode, recheck: 0 }),
            directory,
            route,
            port: Port::default(),
        }
    }

    fn route(&self) -> Route {
        route(&self.opening, &self.orders)
    }

    /// Has sessions look at their logins if accounts or tokens changed, and at where their requests go if that did.
    fn recheck(&mut self) {
        let view = self.opening.door.view.load();
        if !Arc::ptr_eq(&self.directory, &view.directory) || self.route != view.route {
            self.route = view.route;
            self.directory = Arc::clone(&view.directory);
            self.orders.send_modify(|orders| orders.recheck += 1);
        }
    }
}

fn route(opening: &Opening, orders: &watch::Sender<Orders>) -> Route {
    Route {
        door: Arc::clone(&opening.door),
        orders: orders.subscribe(),
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.orders
            .send_modify(|orders| orders.mode = SessionMode::Close(End::AddressGone));
    }
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(BIND_AGAIN, |listener, _| listener.open_all());
    }
}

impl Supervised for Listener {
    /// It goes on with the addresses that it has: sessions do not notice. Whoever sent what it panicked at sends it
    /// again.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Handler<SetAddresses> for Listener {
    type Result = ();

    fn handle(&mut self, serve: SetAddresses, _: &mut Self::Context) {
        self.serve(serve.changed);
    }
}

impl Handler<Drain> for Listener {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.drain();
    }
}

impl Handler<Shut> for Listener {
    type Result = ();

    fn handle(&mut self, _: Shut, _: &mut Self::Context) {
        self.is_shut = true;
        for open in self.sites.values_mut() {
            open.port.close();
        }
        for slot in self.slots.values_mut().flat_map(BTreeMap::values_mut) {
            slot.port.close();
        }
        self.drain();
    }
}

#[cfg(test)]
mod tests;
