//! One client connection, from accept to close: an actor on a data arbiter that owns the client's socket and its lane.
//! It moves frames and knows nothing of what is in them; `vcluster` decides that.
//!
//! ```text
//! client ─ inbound ─ stage ┬ login                       ┌ upstream ─ lane ─ broker
//!                          └ serve ─ vcluster::api ──────┤
//! client ─ outbound ───────── pipeline (answers in order)┘
//! ```
//! The I/O loop (`pump`) is an actor future: a request costs neither a message nor a task switch.

mod any_broker;
mod budget;
pub mod census;
mod changes;
mod complaints;
mod deadlines;
mod end;
mod errands;
mod failed_logins;
mod federation;
mod held;
mod inbound;
mod judgement;
mod limits;
mod login;
mod orders;
mod outbound;
mod passage;
mod passwords;
mod patterns;
mod pause;
mod pipeline;
mod policy_report;
mod progress;
mod pump;
mod serve;
mod setup;
mod stage;
mod switching;
#[cfg(test)]
pub(crate) mod testing;
mod throttle;
mod timer;
mod unanswered;
mod undecided;
mod upstream;
mod usage;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use klamm_raft::model::Entry;
use tracing::{debug, info, warn};

use crate::auth::{Conversation, Directory, ToBroker};
use crate::metrics::ClosedFor;
use crate::quota::OpenConnection;
use crate::stream::Stream;
use crate::vcluster::plan::Caller;
use crate::vcluster::subscriptions::Subscriptions;
use budget::Purse;
use complaints::Complaint;
use deadlines::Deadlines;
use end::Blame;
use inbound::Inbound;
use orders::Feed;
use outbound::Outbound;
use pause::Pauses;
use pipeline::{Pipeline, RequestHead};
use pump::Pump;
use stage::SessionStage;
use throttle::Throttle;
use timer::Timer;
use upstream::UpstreamSide;
use usage::SessionUsage;

/// The pools of the data arbiter that a session is on.
pub use crate::backend::Pools;
pub use end::End;
pub use limits::Limits;
pub use orders::{Orders, SessionMode};
pub use passage::Passage;
pub use setup::{Confirm, Door, Later, Propose, RefreshView, SessionShared, Setup, StateAccess};
pub use throttle::Meters;

/// Nobody sends a session messages.
const MAILBOX: usize = 1;

/// The actor of one client connection.
#[derive(Debug)]
pub struct Session {
    socket: Stream,
    setup: Setup,
    /// Start of the present round of the I/O loop.
    now: Instant,
    stage: SessionStage,
    conversation: Conversation,
    /// Set by a login.
    caller: Option<Caller>,
    subscriptions: Subscriptions,
    /// From then on nothing is served without another login.
    expires: Option<Instant>,
    /// The directory in which the login was last found.
    directory: Option<Arc<Directory>>,
    /// The memory that large frames may take: of nobody until a login.
    purse: Arc<Purse>,
    inbound: Inbound,
    outbound: Outbound,
    pipeline: Pipeline,
    pauses: Pauses,
    /// The meters of what the client uses, as far as there are quotas for it.
    meters: Throttle,
    usage: SessionUsage,
    /// Its place among the connections of the virtual cluster: from a login on.
    connection: Option<OpenConnection>,
    /// A message for the broker that waits until the broker owes nothing.
    deferred: Option<(ToBroker, RequestHead)>,
    upstream: UpstreamSide,
    /// How often this node had had no lease when the last request was decided.
    lapses: u64,
    deadlines: Deadlines,
    timer: Timer,
    feed: Feed,
    end: Option<End>,
    /// The view that was loaded too early.
    #[cfg(feature = "planted")]
    early_view: Option<Arc<crate::vcluster::view::View>>,
}

impl Session {
    /// Starts a session on the arbiter of this thread, on whose reactor `socket` is registered.
    pub fn start(socket: Stream, setup: Setup) {
        let now = Instant::now();
        let limits = setup.shared.limits;
        setup.door.metrics.sessions.inc();
        if let Stream::Plain(socket) = &socket {
            // An error leaves the socket slower than it could be.
            drop(socket.set_nodelay(true));
        }
        let mut session = Self {
            socket,
            now,
            stage: SessionStage::Accepted,
            conversation: Conversation::new(limits.max_session_lifetime),
            caller: None,
            subscriptions: Subscriptions::default(),
            expires: None,
            directory: None,
            purse: setup.shared.purses.of_nobody(),
            inbound: Inbound::new(limits.max_login_frame_bytes),
            outbound: Outbound::default(),
            pipeline: Pipeline::default(),
            pauses: Pauses::default(),
            meters: Throttle::default(),
            usage: SessionUsage::default(),
            connection: None,
            deferred: None,
            upstream: UpstreamSide::new(
                (setup.pools.clone(), Arc::clone(&setup.door.passage)),
                Arc::clone(&setup.shared.complaints),
                limits.max_frame_bytes,
            ),
            lapses: setup.shared.replicated.lease.lapses(),
            deadlines: Deadlines::new(limits, now),
            timer: Timer::new(now),
            feed: Feed::new(setup.orders.clone()),
            end: None,
            #[cfg(feature = "planted")]
            early_view: None,
            setup,
        };
        session.count_connection();
        if session.entry() == Entry::Bare {
            session.on_accept();
        }
        Actor::start(session);
    }

    /// Reads no further; the session ends for this reason once everything in flight is answered and written.
    fn drain(&mut self, end: End) {
        if self.stage.reads() {
            self.stage = SessionStage::Draining(end);
            self.deadlines.draining(self.now, end);
        }
    }

    /// Who the peer is, for a log.
    fn who(&self) -> &str {
        self.caller
            .as_ref()
            .map_or("-", |caller| caller.principal.as_str())
    }

    fn log_end(&self, end: End) {
        // A client that was told that its token is not good need not say anything more.
        if let Some(kind) = self.conversation.doom() {
            self.refused(kind, &self.setup.door.view.load().name);
        }
        let (peer, principal, place) = (self.setup.peer, self.who(), self.setup.door.place);
        let vcluster = &self.setup.door.view.load().name;
        if end.blame() != Blame::Nobody {
            let kind = Complaint::Closed {
                vcluster: vcluster.clone(),
                reason: end.label().name(),
            };
            let complaints = &self.setup.shared.complaints;
            if !complaints.may_write(self.now, &kind, peer.ip()) {
                return;
            }
        }
        match end.blame() {
            Blame::Nobody => debug!(%peer, principal, %vcluster, ?place, reason = %end, "session ended"),
            Blame::Client => info!(%peer, principal, %vcluster, ?place, reason = %end, "session closed"),
            Blame::Upstream => warn!(%peer, principal, %vcluster, ?place, reason = %end, "session closed"),
        }
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.spawn(Pump);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.hand_usage_over();
        let metrics = &self.setup.door.metrics;
        metrics.sessions.dec();
        // None after a panic, or when the arbiter stops.
        self.setup
            .shared
            .metrics
            .closed(self.end.map_or(ClosedFor::Aborted, End::label));
        if self.pipeline.is_empty() {
            self.upstream.release();
        }
    }
}

/// The address as ACL hosts know it: an IPv4 address that was mapped into IPv6 is the IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests;
