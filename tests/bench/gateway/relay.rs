//! A bare TCP relay, as the measure for everything that stands between client and broker: it only copies.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// The first argument that turns the benchmark into the relay.
pub(crate) const COMMAND: &str = "relay";

/// As much as is copied at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Relays until the process is killed. Blocking threads: nothing is cheaper for few connections.
pub(crate) fn serve(listen: &str, target: &str) -> Result<()> {
    for client in TcpListener::bind(listen)?.incoming() {
        let (client, server) = (client?, TcpStream::connect(target)?);
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (other_client, other_server) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || copy(client, server));
        thread::spawn(move || copy(other_server, other_client));
    }
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; BUFFER_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
}
