//! The seats of a node's connections: of those that have not logged in and of those that have. Whoever comes gets one. When
//! all are taken, whoever has most loses one: among strangers the address with most its oldest; among those who have logged
//! in the virtual cluster, then the principal, then the address with most the one on which nothing was asked for longest.
//!
//! The table is touched when a connection comes, logs in and ends. What a session is asked, it notes on its own seat.

mod chair;
mod queue;
mod table;

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use klamm_raft::model::VclusterName;
use klamm_raft::seats::AddressBlock;
use prometheus::IntCounter;

use super::limits::Limits;
use crate::authz::Principal;
use crate::metrics::{GuardMetrics, SeatLostFor, SeatedAt};
use chair::Chair;
use table::{Client, Lost, Reason, SeatHolder, Table};

/// The connections of a node.
#[derive(Debug)]
pub struct Census {
    table: Mutex<Table>,
    /// With those that have lost their seat and have not ended yet.
    open: AtomicUsize,
    since: Instant,
    taken: Taken,
}

/// Seats that were given to somebody else, by reason.
#[derive(Debug)]
struct Taken {
    no_login: IntCounter,
    idle: IntCounter,
    busy: IntCounter,
}

/// The connections of one data arbiter.
pub type Load = Arc<AtomicUsize>;

/// The seat of one connection, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    census: Arc<Census>,
    load: Load,
    chair: Arc<Chair>,
    holder: SeatHolder,
    /// Who is woken when the seat is lost.
    waker: Option<Waker>,
}

/// There is no seat for one more client: nobody has more, and all that the newcomer's own have are busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSeat;

impl Census {
    /// Nobody is there.
    pub fn new(limits: &Limits, metrics: &GuardMetrics) -> Self {
        let taken = |reason| metrics.seats_taken(SeatedAt::Kafka, reason);
        Self {
            table: Mutex::new(Table::new(limits.max_unauthenticated, limits.max_connections)),
            open: AtomicUsize::new(0),
            since: Instant::now(),
            taken: Taken {
                no_login: taken(SeatLostFor::NoLogin),
                idle: taken(SeatLostFor::Idle),
                busy: taken(SeatLostFor::Busy),
            },
        }
    }

    /// Gives a seat to a connection that has not logged in.
    pub fn admit(self: &Arc<Self>, load: &Load, from: IpAddr) -> Seat {
        let from = AddressBlock::of(from);
        let (chair, lost) = self.table().admit(from);
        self.tell(lost);
        self.open.fetch_add(1, Ordering::Relaxed);
        load.fetch_add(1, Ordering::Relaxed);
        Seat {
            census: Arc::clone(self),
            load: Arc::clone(load),
            chair,
            holder: SeatHolder::Stranger(from),
            waker: None,
        }
    }

    /// Open connections.
    pub fn all(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn tell(&self, lost: Option<Lost>) {
        let Some(Lost { chair, reason }) = lost else {
            return;
        };
        chair.lose();
        match reason {
            Reason::NoLogin => self.taken.no_login.inc(),
            Reason::Idle => self.taken.idle.inc(),
            Reason::Busy => self.taken.busy.inc(),
        }
    }

    fn at_ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.since);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Whoever panicked here left at worst a seat that nobody has.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The connection is not the load balancer's, which it came from, but a client's behind it.
    pub(crate) fn comes_from(&mut self, client: IpAddr) {
        let to = SeatHolder::Stranger(AddressBlock::of(client));
        let from = std::mem::replace(&mut self.holder, to);
        let mut table = self.census.table();
        if !self.chair.is_lost() {
            table.moves(&self.chair, &from, &self.holder);
        }
    }

    /// The connection has logged in.
    ///
    /// # Errors
    /// It has lost its seat, or there is none for it.
    pub(super) fn log_in(
        &mut self,
        (vcluster, principal): (&VclusterName, &Principal),
        from: IpAddr,
        now: Instant,
    ) -> Result<(), NoSeat> {
        if matches!(self.holder, SeatHolder::Client(_)) {
            return Ok(());
        }
        if self.chair.is_lost() {
            return Err(NoSeat);
        }
        let client = Client {
            vcluster: vcluster.clone(),
            principal: principal.clone(),
            from: AddressBlock::of(from),
        };
        let at = self.census.at_ms(now);
        let seated = self
            .census
            .table()
            .log_in(&self.chair, &self.holder, (&client, at));
        self.census.tell(seated.map_err(|_| NoSeat)?);
        self.holder = SeatHolder::Client(client);
        Ok(())
    }

    /// A client that has logged in asks something.
    pub(super) fn asked(&self, now: Instant) {
        self.chair.asked(self.census.at_ms(now));
    }

    /// Complete when the seat is somebody else's. One of these and [`Self::poll_lost`] at a time.
    pub(crate) fn lost(&self) -> impl Future<Output = ()> + use<> {
        let chair = Arc::clone(&self.chair);
        poll_fn(move |cx| {
            chair.tell(cx.waker());
            chair.poll_lost()
        })
    }

    /// Ready when the seat is somebody else's. A busy session asks all the time.
    pub(crate) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_told = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if !is_told {
            self.chair.tell(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        self.chair.poll_lost()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.census.table().remove(&self.holder, &self.chair);
        self.census.open.fetch_sub(1, Ordering::Relaxed);
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_seat_is_lost_counted_and_given_back() {
        let metrics = Metrics::new().unwrap();
        let limits = Limits {
            max_connections: 1,
            max_unauthenticated: 2,
            ..Limits::default()
        };
        let census = Arc::new(Census::new(&limits, &metrics.node.guards));
        let (load, now) = (Load::default(), Instant::now());
        let mut cx = Context::from_waker(Waker::noop());
        let address = |last| IpAddr::from([10, 0, 0, last]);
        let (vcluster, principal) = ("v".parse().unwrap(), Principal::user("p"));
        let mut first = census.admit(&load, address(1));
        let mut second = census.admit(&load, address(1));
        assert!(first.poll_lost(&mut cx).is_pending());
        let mut third = census.admit(&load, address(2));
        assert!(first.poll_lost(&mut cx).is_ready() && second.poll_lost(&mut cx).is_pending());
        assert_eq!(
            first.log_in((&vcluster, &principal), address(1), now),
            Err(NoSeat)
        );
        assert_eq!(
            (census.all(), load.load(Ordering::Relaxed)),
            (3, 3),
            "it has not ended"
        );
        third.comes_from(address(3));
        assert_eq!(third.log_in((&vcluster, &principal), address(3), now), Ok(()));
        assert_eq!(
            third.log_in((&vcluster, &principal), address(3), now),
            Ok(()),
            "again"
        );
        assert_eq!(
            second.log_in((&vcluster, &principal), address(3), now),
            Err(NoSeat)
        );
        let other = Principal::user("other");
        assert_eq!(second.log_in((&vcluster, &other), address(3), now), Ok(()));
        assert!(third.poll_lost(&mut cx).is_ready());
        drop((first, second, third));
        assert_eq!((census.all(), load.load(Ordering::Relaxed)), (0, 0));
        assert_eq!(census.table().counts(), (0, 0));
        let text = metrics.encode().unwrap();
        for reason in ["no_login", "busy"] {
            let line = format!("klamm_seats_taken_away_total{{port=\"kafka\",reason=\"{reason}\"}} 1");
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
}
