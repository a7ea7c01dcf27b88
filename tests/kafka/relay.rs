//! A TCP relay that keeps every byte that a client receives, so that a test can look for what must not be there.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::Result;

/// The address of the relay; the gateway advertises it and itself listens on 127.0.0.1 with the same ports.
pub(crate) const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The bytes that the client of one connection received.
type Stream = Arc<Mutex<Vec<u8>>>;

/// A running relay and what clients received through it, one entry per connection. It ends with the value.
#[derive(Debug)]
pub(crate) struct Relay {
    ports: Range<u16>,
    received: Arc<Mutex<Vec<Stream>>>,
    ended: Arc<AtomicBool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Relays all ports of the range from [`RELAY`] to 127.0.0.1.
    pub(crate) fn start(ports: Range<u16>) -> Result<Self> {
        Self::greeting(ports, b"")
    }

    /// A relay each of whose connections to the gateway begins with these bytes.
    pub(crate) fn greeting(ports: Range<u16>, greeting: &'static [u8]) -> Result<Self> {
        let mut relay = Self {
            ports: ports.clone(),
            received: Arc::default(),
            ended: Arc::default(),
            listeners: Vec::new(),
        };
        for port in ports {
            let listener = TcpListener::bind((RELAY, port))?;
            let (received, ended) = (relay.received.clone(), relay.ended.clone());
            relay.listeners.push(thread::spawn(move || {
                accept(&listener, &received, &ended, greeting)
            }));
        }
        Ok(relay)
    }

    /// How many bytes clients received.
    pub(crate) fn received(&self) -> usize {
        let connections = self.received.lock().expect("no relay thread panics");
        connections
            .iter()
            .map(|bytes| bytes.lock().expect("no relay thread panics").len())
            .sum()
    }

    /// Whether some client received these bytes in a row.
    pub(crate) fn heard(&self, wanted: &[u8]) -> bool {
        let connections = self.received.lock().expect("no relay thread panics");
        connections.iter().any(|bytes| {
            let bytes = bytes.lock().expect("no relay thread panics");
            bytes.windows(wanted.len()).any(|window| window == wanted)
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for port in self.ports.clone() {
            // Wakes the listener, which then sees that it is over.
            TcpStream::connect((RELAY, port)).ok();
        }
        for listener in self.listeners.drain(..) {
            listener.join().ok();
        }
    }
}

fn accept(
    listener: &TcpListener,
    received: &Mutex<Vec<Stream>>,
    ended: &AtomicBool,
    greeting: &'static [u8],
) {
    let Ok(port) = listener.local_addr().map(|address| address.port()) else {
        return;
    };
    for client in listener.incoming().flatten() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let bytes = Stream::default();
        received
            .lock()
            .expect("no relay thread panics")
            .push(bytes.clone());
        thread::spawn(move || connect(&client, port, &bytes, greeting));
    }
}

fn connect(client: &TcpStream, port: u16, received: &Mutex<Vec<u8>>, greeting: &[u8]) {
    let target = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let Ok(gateway) = TcpStream::connect(target) else {
        // A client of a dead node must see that it is dead.
        client.shutdown(Shutdown::Both).ok();
        return;
    };
    client.set_nodelay(true).ok();
    gateway.set_nodelay(true).ok();
    (&gateway).write_all(greeting).ok();
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &gateway, |_| {}));
        copy(&gateway, client, |bytes| {
            received
                .lock()
                .expect("no relay thread panics")
                .extend_from_slice(bytes)
        });
    });
}

/// Copies until either side ends, then ends both.
fn copy(mut from: &TcpStream, mut to: &TcpStream, see: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        see(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
