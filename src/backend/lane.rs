//! A lane: a connection to a broker, logged in unless a client's login is yet to be relayed, with nothing in flight
//! when it changes hands. It carries one session's requests and knows nothing of them.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use klamm_raft::model::CredentialsName;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::unconstrained;

use crate::address::HostPort;
use crate::backend::channel::Channel;
use crate::backend::dial::{DialFault, Dialer};
use crate::backend::generation::Generation;
use crate::backend::login::Offer;
use crate::stream::Stream;

/// As whom a lane is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginAs {
    /// The gateway, with the credentials of the physical cluster.
    Gateway,
    /// The gateway, with other credentials of the same configuration.
    Named(CredentialsName),
    /// One client, whose SASL messages will be relayed: nobody is logged in yet. Such a lane is never another's.
    Client,
}

impl LoginAs {
    /// Whether several clients may use such a lane, one after the other.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Client)
    }

    /// The name of other credentials than the cluster's.
    pub(crate) fn name(&self) -> Option<&CredentialsName> {
        match self {
            Self::Named(name) => Some(name),
            Self::Gateway | Self::Client => None,
        }
    }
}

/// Where a lane leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneTarget {
    /// `None`: a bootstrap server, which does not say which broker it is.
    pub(crate) broker: Option<i32>,
    pub(crate) address: HostPort,
    pub(crate) login: LoginAs,
}

/// A clean upstream connection. Dropping it closes it; [`super::pool::Return`] keeps it for the next session.
///
/// It is read and written as a stream; what was written goes out for certain only once it is flushed (TLS).
#[derive(Debug)]
pub struct Lane {
    stream: Stream,
    target: LaneTarget,
    retires_at: Option<Instant>,
    generation: Generation,
    /// The means to ask the broker which Kafka cluster it is of; none once that is known.
    unrecognised: Option<Box<(Arc<Dialer>, Offer)>>,
    /// Declared last, so that the connection is closed before it is no longer counted.
    held: Held,
}

impl Lane {
    pub(crate) fn new(
        stream: Stream,
        target: LaneTarget,
        lifetime: Option<Duration>,
        dialer: &Dialer,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream,
            target,
            // Retired with a fifth of the lifetime left, for requests that are long under way (KIP-368).
            retires_at: lifetime.and_then(|lifetime| now.checked_add(lifetime - lifetime / 5)),
            generation: dialer.generation().clone(),
            unrecognised: None,
            held: Held::new(&dialer.metrics().leased),
        }
    }

    /// A lane to a broker that could not be asked yet which Kafka cluster it is of.
    pub(crate) fn unrecognised(self, dialer: Arc<Dialer>, offer: Offer) -> Self {
        Self {
            unrecognised: Some(Box::new((dialer, offer))),
            ..self
        }
    }

    /// Asks the broker which Kafka cluster it is of, unless that is known. Nothing may be in flight, and somebody must be
    /// logged in.
    pub(crate) async fn recognise(&mut self) -> Result<(), DialFault> {
        let Some(unrecognised) = self.unrecognised.take() else {
            return Ok(());
        };
        let (dialer, offer) = *unrecognised;
        let recognised = dialer.recognise(&mut Channel::new(self), &offer).await;
        recognised.inspect_err(|fault| dialer.metrics().error(fault.kind()))
    }

    /// The physical broker; `None` when the lane was made before the cluster's brokers were known.
    pub fn broker(&self) -> Option<i32> {
        self.target.broker
    }

    /// From then on no request should be sent: the broker is going to end the connection.
    pub fn retires_at(&self) -> Option<Instant> {
        self.retires_at
    }

    /// Whether no request should be sent any more: the broker is going to end the connection, or connections are made in
    /// another way by now. One on which a client logged in itself goes on as long as the client.
    pub fn is_retired(&self, now: Instant) -> bool {
        let is_old = self.generation.has_ended() && self.target.login.is_shared();
        is_old || self.retires_at.is_some_and(|at| at <= now)
    }

    pub(crate) fn target(&self) -> &LaneTarget {
        &self.target
    }

    /// Counts this lane in another gauge from now on.
    pub(crate) fn count_in(&mut self, gauge: &IntGauge) {
        self.held = Held::new(gauge);
    }

    /// Whether the connection is open and nothing is left to read. A byte or an end that is there makes it unfit for
    /// another session.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut space = [0_u8; 1];
        let stream = &mut self.stream;
        // Not held back by the scheduler's budget, or a busy thread would take every lane for quiet.
        let read = pin!(unconstrained(poll_fn(|cx| {
            Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut space))
        })));
        read.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }
}

impl AsyncRead for Lane {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lane {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// One in a gauge, for as long as it lives.
#[derive(Debug)]
struct Held(IntGauge);

impl Held {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}
