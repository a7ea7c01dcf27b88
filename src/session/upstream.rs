//! A session's side towards its broker: the lane, leased with the first request, and the bytes to and from it.

use std::fmt::{self, Display};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use actix::MailboxError;
use klamm_raft::model::ClusterId;
use tokio::io::{AsyncRead, ReadBuf};

use super::budget::{Budget, Share};
use super::complaints::Complaints;
use super::end::End;
use super::inbound::{Filled, Frame, FrameFront, Inbound};
use super::outbound::Outbound;
use super::passage::{Passage, Passing};
use super::setup::Later;
use crate::backend::{Lane, Lease, LeaseError, LoginAs, Pools, Return};
use crate::chain::Chain;
use crate::vcluster::api::Permitted;
use crate::vcluster::plan::SeenAs;

/// Where a session's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) cluster: ClusterId,
    /// The physical broker; none: any.
    pub(super) broker: Option<i32>,
}

impl Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.broker {
            Some(broker) => write!(f, "{} broker {broker}", self.cluster),
            None => write!(f, "{}", self.cluster),
        }
    }
}

/// Why there is no lane.
#[derive(Debug, thiserror::Error)]
enum NoLane {
    #[error("no such physical cluster is configured")]
    NotConfigured,
    #[error("the pool does not respond: {0}")]
    Pool(#[from] MailboxError),
    #[error("{}", Chain(.0))]
    Lease(#[from] LeaseError),
}

/// The connection to the broker.
enum Link {
    /// None is needed yet.
    None,
    Leasing(Later<Result<Result<Lane, LeaseError>, MailboxError>>),
    Open(Lane),
}

/// The side towards the broker.
pub(super) struct UpstreamSide {
    pools: Pools,
    complaints: Arc<Complaints>,
    passage: Arc<Passage>,
    /// While there is a link.
    passing: Option<Passing>,
    link: Link,
    /// Where the link leads, if there is one.
    destination: Option<Destination>,
    /// As whom lanes are logged in.
    login: LoginAs,
    /// Whether the lane is logged in as somebody else than it should be.
    is_outdated: bool,
    /// Whether another session may have the lane after this one.
    is_clean: bool,
    /// Until then the broker does not read the lane.
    rests_until: Option<Instant>,
    inbound: Inbound,
    outbound: Outbound,
}

impl UpstreamSide {
    pub(super) fn new(
        (pools, passage): (Pools, Arc<Passage>),
        complaints: Arc<Complaints>,
        max_frame_bytes: usize,
    ) -> Self {
        Self {
            pools,
            complaints,
            passage,
            passing: None,
            link: Link::None,
            destination: None,
            login: LoginAs::Gateway,
            is_outdated: false,
            is_clean: true,
            rests_until: None,
            inbound: Inbound::new(max_frame_bytes),
            outbound: Outbound::default(),
        }
    }

    /// Takes everything that there is of it, and leaves one without a link.
    pub(super) fn take(&mut self) -> Self {
        let (pools, passage) = (self.pools.clone(), Arc::clone(&self.passage));
        let other = Self::new((pools, passage), Arc::clone(&self.complaints), 0);
        std::mem::replace(self, other)
    }

    fn complain(&self, what: &'static str, why: &dyn Display) {
        if let Some(destination) = &self.destination {
            self.complaints.of_upstream(destination, what, why);
        }
    }

    /// Whether there is a link.
    pub(super) fn is_linked(&self) -> bool {
        self.passing.is_some()
    }

    /// Whether a broker may have got something.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.link, Link::Open(_))
    }

    /// Whether the link is to this destination, or there is none.
    pub(super) fn fits(&self, destination: &Destination) -> bool {
        let current = self.destination.as_ref();
        !self.is_outdated && current.is_none_or(|current| current == destination)
    }

    /// Queues a request, and leases a lane if there is none.
    pub(super) fn send(
        &mut self,
        destination: Destination,
        request: Permitted,
        share: Option<Rc<Share>>,
    ) -> Result<(), End> {
        if matches!(self.link, Link::None) {
            self.lease(destination)?;
        }
        self.outbound.push(request.into_frame(), share);
        Ok(())
    }

    /// Keeps memory until all requests that wait now are written.
    pub(super) fn hold(&mut self, share: Rc<Share>) {
        self.outbound.hold(share);
    }

    fn lease(&mut self, destination: Destination) -> Result<(), End> {
        let Some(pool) = self.pools.get(&destination.cluster) else {
            return Err(unavailable(
                &self.complaints,
                &destination,
                &NoLane::NotConfigured,
            ));
        };
        if self.login == LoginAs::Client {
            // The client's own lane is gone, and with it its login.
            return Err(End::UpstreamLost);
        }
        self.passing = Some(self.passage.enter().ok_or(End::Switching)?);
        let broker = destination.broker;
        let login = self.login.clone();
        let request = pool.send(Lease { broker, login });
        self.link = Link::Leasing(Box::pin(request));
        self.destination = Some(destination);
        self.is_clean = true;
        Ok(())
    }

    /// As whom lanes are logged in.
    pub(super) fn login(&self) -> LoginAs {
        self.login.clone()
    }

    /// From the next lane on, lanes are logged in as this; the lane that there is fits no destination any more. A client
    /// that logged in at the broker itself stays who it is.
    pub(super) fn log_in_as(&mut self, login: LoginAs) {
        if self.login != LoginAs::Client && self.login != login {
            self.login = login;
            self.is_outdated = self.destination.is_some();
        }
    }

    /// As whom the broker sees what is sent.
    pub(super) fn seen_as(&self) -> SeenAs {
        match self.login {
            LoginAs::Gateway => SeenAs::Gateway,
            LoginAs::Named(_) | LoginAs::Client => SeenAs::Itself,
        }
    }

    /// The lane that this client logs in on itself: the one that it has, or one on which nobody is logged in yet. Until
    /// [`Self::give_own`] there is none. Nothing may be in flight.
    pub(super) fn take_own(&mut self, destination: &Destination) -> Result<Later<Result<Lane, End>>, End> {
        if !self.fits(destination) {
            return Err(End::AddressGone);
        }
        let link = std::mem::replace(&mut self.link, Link::None);
        if self.login == LoginAs::Client {
            return match link {
                Link::Open(lane) => Ok(Box::pin(std::future::ready(Ok(lane)))),
                Link::None | Link::Leasing(_) => Err(End::UpstreamLost),
            };
        }
        self.passing = Some(self.passage.enter().ok_or(End::Switching)?);
        self.login = LoginAs::Client;
        self.is_clean = false;
        self.destination = Some(destination.clone());
        let Some(pool) = self.pools.get(&destination.cluster) else {
            return Err(unavailable(&self.complaints, destination, &NoLane::NotConfigured));
        };
        let request = pool.send(Lease {
            broker: destination.broker,
            login: LoginAs::Client,
        });
        let (destination, complaints) = (destination.clone(), Arc::clone(&self.complaints));
        Ok(Box::pin(async move {
            opened(request.await).map_err(|why| unavailable(&complaints, &destination, &why))
        }))
    }

    /// Takes that lane back.
    pub(super) fn give_own(&mut self, lane: Lane) {
        self.link = Link::Open(lane);
    }

    /// Bytes that wait for the broker to take them.
    pub(super) fn queued_bytes(&self) -> usize {
        self.outbound.queued_bytes()
    }

    /// Whether everything that was sent has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.outbound.is_empty()
    }

    /// Whether no further request should be sent over this lane.
    pub(super) fn is_retired(&self, now: Instant) -> bool {
        matches!(&self.link, Link::Open(lane) if lane.is_retired(now))
    }

    /// No other session may have this lane. The broker keeps something for it, or a request without an answer was sent:
    /// when that fails, the broker closes the connection, at a time that nobody here knows.
    pub(super) fn keep_from_others(&mut self) {
        self.is_clean = false;
    }

    /// The broker does not read the lane until then: whoever had it next would wait.
    pub(super) fn rests_until(&mut self, until: Instant) {
        self.rests_until = self.rests_until.max(Some(until));
    }

    /// Whether another session may have the lane after this one. One that may not is closed with its client's connection.
    pub(super) fn may_be_shared(&self) -> bool {
        self.is_clean
    }

    /// Gives the lane back to its pool, or closes it. Nothing may be in flight.
    pub(super) fn release(&mut self) {
        let destination = self.destination.take();
        self.is_outdated = false;
        self.passing = None;
        let rests_until = self.rests_until.take();
        let link = std::mem::replace(&mut self.link, Link::None);
        let (Link::Open(lane), Some(destination)) = (link, destination) else {
            return;
        };
        let rests = rests_until.is_some_and(|until| until > Instant::now());
        if rests || !self.is_clean || self.inbound.has_partial() || !self.outbound.is_empty() {
            return;
        }
        if let Some(pool) = self.pools.get(&destination.cluster) {
            // A full mailbox drops the lane, which closes it.
            drop(pool.try_send(Return { lane }));
        }
    }

    /// Writes what waits, once there is a lane.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            match &mut self.link {
                Link::None => return Ok(()),
                Link::Leasing(lease) => match lease.as_mut().poll(cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(leased) => match opened(leased) {
                        Ok(lane) => self.link = Link::Open(lane),
                        Err(why) => {
                            self.complain(NO_CONNECTION, &why);
                            return Err(End::UpstreamUnavailable);
                        }
                    },
                },
                Link::Open(_) if self.outbound.is_empty() => return Ok(()),
                Link::Open(lane) => match self.outbound.poll_write(lane, cx) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => {
                        self.complain("a request could not be written", &error);
                        return Err(End::UpstreamLost);
                    }
                },
            }
        }
    }

    /// The next answer. Pending when none is there, also without a lane.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>, budget: &Budget) -> Poll<Result<Frame, End>> {
        let Link::Open(lane) = &mut self.link else {
            return Poll::Pending;
        };
        loop {
            match self.inbound.next_frame() {
                Ok(Some(frame)) => return Poll::Ready(Ok(frame)),
                Ok(None) => {}
                Err(error) => {
                    self.complain("an answer cannot be read", &error);
                    return Poll::Ready(Err(End::BadUpstream));
                }
            }
            match ready!(self.inbound.poll_fill(lane, cx, budget)) {
                Ok(Filled::Bytes(_)) => {}
                Ok(Filled::End) => {
                    self.complain(
                        "the connection ended",
                        &"the broker closed it with requests in flight",
                    );
                    return Poll::Ready(Err(End::UpstreamLost));
                }
                Err(error) => {
                    self.complain("an answer could not be read", &error);
                    return Poll::Ready(Err(End::UpstreamLost));
                }
            }
        }
    }

    /// The front of the next answer.
    pub(super) fn front(&self) -> FrameFront {
        self.inbound.front()
    }

    /// While the broker owes nothing: lets go of a lane that has ended or speaks unasked. A client that logged in there
    /// itself ends with it.
    pub(super) fn watch_idle(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        self.inbound.rest();
        let Link::Open(lane) = &mut self.link else {
            return Ok(());
        };
        let mut space = [0; 1];
        let read = Pin::new(lane).poll_read(cx, &mut ReadBuf::new(&mut space));
        if read.is_ready() && self.outbound.is_empty() {
            self.link = Link::None;
            self.destination = None;
            self.passing = None;
            if self.login == LoginAs::Client {
                return Err(End::UpstreamLost);
            }
        }
        Ok(())
    }

    /// Gives up memory that is not in use.
    pub(super) fn shrink(&mut self) {
        self.outbound.shrink();
    }
}

const NO_CONNECTION: &str = "no connection to the broker";

fn opened(leased: Result<Result<Lane, LeaseError>, MailboxError>) -> Result<Lane, NoLane> {
    Ok(leased??)
}

fn unavailable(complaints: &Arc<Complaints>, to: &Destination, why: &NoLane) -> End {
    complaints.of_upstream(to, NO_CONNECTION, why);
    End::UpstreamUnavailable
}

impl fmt::Debug for UpstreamSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamSide({:?})", self.destination)
    }
}
