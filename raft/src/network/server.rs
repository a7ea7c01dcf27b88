//! Takes connections from peers. Who does not prove to be one costs a small task for a short while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::channel::{Channel, ChannelError};
use super::handshake::Identity;
use super::message::Request;
use super::port::PeerPort;
use super::service::Service;

/// Connections that have not proved anything yet; more are closed at once.
const STRANGERS: usize = 32;
/// Connections of peers.
const CONNECTIONS: usize = 256;
/// Time to prove to be a peer.
const HANDSHAKE: Duration = Duration::from_secs(2);
/// A connection without a request for this long is closed. The caller forgets it earlier.
const IDLE: Duration = Duration::from_secs(60);
/// Time for an answer to leave.
const ANSWER: Duration = Duration::from_secs(30);
/// After a failed accept, which is most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Which callers are let in before they prove anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    Any,
    /// There is no secret to prove.
    LoopbackOnly,
}

/// Runs until it is dropped.
pub(crate) async fn serve(mut port: PeerPort, identity: Identity, service: Arc<Service>) {
    let (listener, callers) = (port.opened().await, port.callers);
    let strangers = Arc::new(Semaphore::new(STRANGERS));
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if callers == Callers::LoopbackOnly && !from.ip().is_loopback() {
            tracing::warn!(%from, "refused a peer that is not on loopback: no cluster secret is set");
            continue;
        }
        let Ok(stranger) = strangers.clone().try_acquire_owned() else {
            continue;
        };
        let (identity, service, connections) = (identity.clone(), service.clone(), connections.clone());
        tokio::spawn(async move {
            let Some(channel) = admit(stream, from, &identity, stranger).await else {
                return;
            };
            if let Ok(_permit) = connections.try_acquire_owned() {
                converse(channel, &service).await;
            }
        });
    }
}

async fn admit(
    stream: TcpStream,
    from: SocketAddr,
    identity: &Identity,
    _stranger: OwnedSemaphorePermit,
) -> Option<Channel> {
    stream.set_nodelay(true).ok();
    match timeout(HANDSHAKE, identity.answer(stream)).await {
        Ok(Ok((node, channel))) => {
            tracing::debug!(%from, %node, "a peer connected");
            Some(channel)
        }
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%from, %error, cause, "refused a peer connection");
            None
        }
        Err(_) => {
            tracing::warn!(%from, "a peer connection proved nothing in time");
            None
        }
    }
}

/// Answers one request after the other.
async fn converse(mut channel: Channel, service: &Service) {
    loop {
        let request: Request = match timeout(IDLE, channel.receive()).await {
            Ok(Ok(request)) => request,
            Ok(Err(ChannelError::Closed)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a peer connection ends");
                return;
            }
        };
        let response = service.answer(request).await;
        if !matches!(timeout(ANSWER, channel.send(&response)).await, Ok(Ok(()))) {
            return;
        }
    }
}
