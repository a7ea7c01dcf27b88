//! The ports that clients connect to: an actor on the control arbiter that opens and closes them as views say, accepts,
//! and hands sockets to the data arbiters. It reads no byte of a client.

mod bind;
mod entrance;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use klamm_raft::model::PortSlot;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::auth::Directory;
use crate::session::census::Census;
use crate::session::{Door, End, Mode, Orders, Shared};
use entrance::Entrance;

pub use bind::BindError;
pub use entrance::DataArbiter;

/// What each port slot leads to. The same `Arc` stands for an address that stays.
pub type Doors = BTreeMap<PortSlot, Arc<Door>>;

/// The slots that should be open and are not, for readiness.
pub type Unbound = BTreeMap<PortSlot, Arc<BindError>>;

/// Messages that wait for the listener.
const MAILBOX: usize = 16;

/// After this long a port that could not be opened is tried again.
const BIND_AGAIN: Duration = Duration::from_secs(2);

/// Sets the slots to serve: opens what is new, closes what is missing together with its sessions, leaves the rest alone
/// but for those whose accounts or tokens changed, which look at their login. Send it after views were published.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Serve {
    pub doors: Doors,
}

/// Takes no more connections and has sessions finish. [`Census::all`] says how many are left.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Where the listener listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub address: IpAddr,
    /// The port of slot 0.
    pub start: u16,
}

/// The actor.
#[derive(Debug)]
pub struct Listener {
    ports: Ports,
    entrance: Arc<Entrance>,
    slots: BTreeMap<PortSlot, Slot>,
    unbound: watch::Sender<Unbound>,
    mode: Mode,
}

/// One address of a virtual cluster.
#[derive(Debug)]
struct Slot {
    door: Arc<Door>,
    orders: watch::Sender<Orders>,
    /// The accounts and tokens when sessions were last told to look.
    directory: Arc<Directory>,
    /// None while the port could not be opened, and while draining.
    accepting: Option<JoinHandle<()>>,
}

impl Listener {
    /// A listener without any slot; the receiver says which slots could not be opened.
    pub fn new(
        ports: Ports,
        arbiters: Vec<DataArbiter>,
        shared: Arc<Shared>,
        census: Arc<Census>,
    ) -> (Self, watch::Receiver<Unbound>) {
        let (unbound, seen) = watch::channel(Unbound::new());
        let listener = Self {
            ports,
            entrance: Arc::new(Entrance::new(arbiters, shared, census)),
            slots: BTreeMap::new(),
            unbound,
            mode: Mode::Serve,
        };
        (listener, seen)
    }

    fn serve(&mut self, doors: Doors) {
        self.slots.retain(|slot, open| {
            let stays = doors.get(slot).is_some_and(|door| Arc::ptr_eq(door, &open.door));
            if !stays {
                info!(slot = slot.0, "address closed");
            }
            stays
        });
        for (slot, door) in doors {
            match self.slots.get_mut(&slot) {
                Some(open) => open.recheck(),
                None => {
                    self.slots.insert(slot, Slot::new(door, self.mode));
                }
            }
        }
        self.open_all();
    }

    /// Opens every port that is not open yet.
    fn open_all(&mut self) {
        let mut failed = Unbound::new();
        for (slot, closed) in &mut self.slots {
            if closed.accepting.is_some() || self.mode != Mode::Serve {
                continue;
            }
            match bind::listen(self.ports, *slot) {
                Ok(listener) => {
                    let vcluster = &closed.door.view.load().name;
                    info!(slot = slot.0, %vcluster, place = ?closed.door.place, "address opened");
                    let accepting = Arc::clone(&self.entrance).accept(
                        listener,
                        Arc::clone(&closed.door),
                        closed.orders.subscribe(),
                    );
                    closed.accepting = Some(actix_rt::spawn(accepting));
                }
                Err(error) => {
                    failed.insert(*slot, Arc::new(error));
                }
            }
        }
        self.unbound.send_if_modified(|known| {
            let is_new = !failed.keys().eq(known.keys());
            if is_new {
                for (slot, error) in &failed {
                    error!(slot = slot.0, error = %crate::chain::Chain(&**error), "an address cannot be served");
                }
                *known = failed;
            }
            is_new
        });
    }
}

impl Slot {
    fn new(door: Arc<Door>, mode: Mode) -> Self {
        let directory = Arc::clone(&door.view.load().directory);
        Self {
            door,
            orders: watch::Sender::new(Orders { mode, recheck: 0 }),
            directory,
            accepting: None,
        }
    }

    /// Has sessions look at their logins if accounts or tokens changed.
    fn recheck(&mut self) {
        let view = self.door.view.load();
        if !Arc::ptr_eq(&self.directory, &view.directory) {
            self.directory = Arc::clone(&view.directory);
            self.orders.send_modify(|orders| orders.recheck += 1);
        }
    }

    fn stop_accepting(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stop_accepting();
        self.orders
            .send_modify(|orders| orders.mode = Mode::Close(End::AddressGone));
    }
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_interval(BIND_AGAIN, |listener, _| listener.open_all());
    }
}

impl Handler<Serve> for Listener {
    type Result = ();

    fn handle(&mut self, serve: Serve, _: &mut Self::Context) {
        self.serve(serve.doors);
    }
}

impl Handler<Drain> for Listener {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        self.mode = Mode::Drain;
        for slot in self.slots.values_mut() {
            slot.stop_accepting();
            slot.orders.send_modify(|orders| orders.mode = Mode::Drain);
        }
    }
}

#[cfg(test)]
mod tests;
