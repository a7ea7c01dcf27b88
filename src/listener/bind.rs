//! Opens one port.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted, per port.
const BACKLOG: u32 = 1024;

/// Why an address has no port.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("slot {slot} would be a port above 65535 (the first port is {start})")]
    NoPort { slot: u16, start: u16 },
    #[error("{address} cannot be opened; another process may be using it")]
    Taken {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Listens on the port `slot` after `start`.
pub(super) fn listen(address: IpAddr, start: u16, slot: u16) -> Result<TcpListener, BindError> {
    let port = start.checked_add(slot).ok_or(BindError::NoPort { slot, start })?;
    let address = SocketAddr::new(address, port);
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
