//! A connection with a seat: it ends when the seat is given to somebody else.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_rt::net::{ActixStream, Ready, TcpStream};
use klamm_raft::seats::AddressBlock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::seats::{Leave, SeatPlace, Seats};
use crate::listener::{TurnedAway, expect_tls};

/// A connection that somebody may have to leave.
#[derive(Debug)]
pub(super) struct Seated {
    socket: TcpStream,
    peer: SocketAddr,
    place: Arc<SeatPlace>,
    /// `None` once it has ended.
    leave: Option<Leave>,
}

impl Seated {
    /// Gives a seat to a connection.
    ///
    /// # Errors
    /// It is closed already.
    pub(super) fn take(seats: &Arc<Seats>, socket: TcpStream) -> io::Result<(Self, SocketAddr)> {
        let peer = socket.peer_addr()?;
        let (place, leave) = seats.take(AddressBlock::of(peer.ip()), Instant::now());
        let seated = Self {
            socket,
            peer,
            place,
            leave: Some(leave),
        };
        Ok((seated, peer))
    }

    pub(super) fn place(&self) -> Arc<SeatPlace> {
        Arc::clone(&self.place)
    }

    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Looks at the first bytes without taking them.
    ///
    /// # Errors
    /// They are not TLS, or none come while the seat is this one's.
    pub(super) async fn expect_tls(&mut self) -> Result<(), TurnedAway> {
        let Self { socket, leave, .. } = self;
        let Some(waiting) = leave else {
            return Err(TurnedAway::TooSlow);
        };
        tokio::select! {
            begun = expect_tls(socket) => begun,
            _ = waiting => {
                *leave = None;
                Err(TurnedAway::TooSlow)
            }
        }
    }

    /// Whether the seat is somebody else's; wakes the task when it becomes so.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let is_over = self
            .leave
            .as_mut()
            .is_none_or(|leave| Pin::new(leave).poll(cx).is_ready());
        if is_over {
            self.leave = None;
        }
        is_over
    }
}

impl AsyncRead for Seated {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.is_over(cx) {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            false => Pin::new(&mut this.socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Seated {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

impl ActixStream for Seated {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.socket, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.socket, cx)
    }
}
