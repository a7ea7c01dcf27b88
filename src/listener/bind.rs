//! Opens one port.

use std::io;
use std::net::SocketAddr;

use klamm_raft::model::PortSlot;
use tokio::net::{TcpListener, TcpSocket};

use super::Ports;

/// Connections that wait to be accepted, per port.
const BACKLOG: u32 = 1024;

/// Why a slot has no port.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("slot {slot} would be a port above 65535 (the first port is {start})")]
    NoPort { slot: u16, start: u16 },
    #[error("{address} cannot be opened; another process may use it")]
    Taken {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Listens on the port of a slot.
pub(super) fn listen(ports: Ports, slot: PortSlot) -> Result<TcpListener, BindError> {
    let port = ports.start.checked_add(slot.0).ok_or(BindError::NoPort {
        slot: slot.0,
        start: ports.start,
    })?;
    let address = SocketAddr::new(ports.address, port);
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A restarted gateway must not wait for old connections to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| BindError::Taken { address, source })
}
