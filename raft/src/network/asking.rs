//! A question to whoever is at an address, by a node that belongs to no cluster yet.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::handshake::Identity;
use super::hello::NOBODY;
use super::message::{Request, Response};
use super::peer::{CallError, ask};

/// Asks on a connection of its own.
pub(crate) async fn ask_at(
    address: &str,
    identity: &Identity,
    request: &Request,
    limit: Duration,
) -> Result<Response, CallError> {
    match timeout(limit, exchange(address, identity, request)).await {
        Ok(result) => result,
        Err(_) => Err(CallError::Late {
            address: address.to_owned(),
            limit,
        }),
    }
}

async fn exchange(address: &str, identity: &Identity, request: &Request) -> Result<Response, CallError> {
    let place = || address.to_owned();
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|source| CallError::Connect {
        address: place(),
        source,
    })?;
    stream.set_nodelay(true).ok();
    let agreed = identity.call(stream, address, NOBODY).await;
    let mut channel = agreed.map_err(|source| CallError::Handshake {
        address: place(),
        source,
    })?;
    let answer = ask(&mut channel, request).await;
    answer.map_err(|source| CallError::Channel {
        address: place(),
        source,
    })
}
