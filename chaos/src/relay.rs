//! The links between nodes: every connection of one node to another goes through a relay, which can be cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How often a quiet link looks whether it is cut.
const LOOK: Duration = Duration::from_millis(20);

/// One direction of connecting: from one node to another. What is cut is silent: it closes nothing, and swallows everything.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) address: SocketAddr,
    is_cut: Arc<AtomicBool>,
}

impl Link {
    pub(crate) fn new(from: usize, to: usize, target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let is_cut = Arc::<AtomicBool>::default();
        let state = Arc::clone(&is_cut);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || join(near, target, &state));
            }
        });
        Ok(Self {
            from,
            to,
            address,
            is_cut,
        })
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }
}

/// Carries a connection until an end closes it.
fn join(near: TcpStream, target: SocketAddr, is_cut: &Arc<AtomicBool>) {
    while is_cut.load(Ordering::Acquire) {
        thread::sleep(LOOK);
    }
    let Ok(far) = TcpStream::connect(target) else {
        return;
    };
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    let state = Arc::clone(is_cut);
    let back = thread::spawn(move || carry(far_too, near_too, &state));
    carry(near, far, is_cut);
    // It ends when this direction has.
    drop(back.join());
}

fn carry(mut from: TcpStream, mut to: TcpStream, is_cut: &AtomicBool) {
    // Without these it is only slower.
    from.set_read_timeout(Some(LOOK)).ok();
    to.set_nodelay(true).ok();
    let (mut buffer, mut is_lost) = ([0; 16 << 10], false);
    loop {
        let read = from.read(&mut buffer);
        is_lost |= is_cut.load(Ordering::Acquire);
        match read {
            Ok(0) => break,
            Ok(_) if is_lost => {}
            Ok(count) => {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        // What was swallowed cannot be made up for: once the link is whole, the connection goes.
        if is_lost && !is_cut.load(Ordering::Acquire) {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
    from.shutdown(Shutdown::Both).ok();
}
