//! An address that attackers connect from.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use socket2::{Domain, Socket, Type};

use crate::stream;

/// Attackers choose their ports, below those that the system gives to others. A system that has to find a free port among ten
/// thousand that are taken stops everybody on that core meanwhile, and what a good client waits for is then not the gateway.
const PORTS: Range<u16> = 1_024..32_768;

/// One address of this machine, and which of its ports comes next.
#[derive(Debug)]
pub(crate) struct Origin {
    address: Ipv4Addr,
    next: AtomicUsize,
}

impl Origin {
    pub(crate) fn new(address: Ipv4Addr) -> Self {
        Self {
            address,
            next: AtomicUsize::new(0),
        }
    }

    /// Connects to `host:port` from a port that is free.
    pub(crate) fn connect(&self, address: &str) -> Result<TcpStream> {
        let to: SocketAddr = address.parse()?;
        for _ in PORTS {
            let place = self.next.fetch_add(1, Ordering::Relaxed) % PORTS.len();
            let from = SocketAddr::from((self.address, PORTS.start + place as u16));
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            let connected = socket
                .bind(&from.into())
                .and_then(|()| socket.connect(&to.into()));
            match connected {
                Ok(()) => return stream::ready(socket.into()),
                Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("no port of {} is free", self.address)
    }
}
