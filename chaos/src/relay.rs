//! The links between nodes: every connection of one node to another goes through a relay, which can be cut, in both
//! directions or in one, and can be slow.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a quiet link looks whether it is cut.
const LOOK: Duration = Duration::from_millis(20);

/// The connections that one node makes to another.
#[derive(Debug)]
pub(crate) struct Link {
    from: usize,
    to: usize,
    pub(crate) address: SocketAddr,
    there: Arc<OneWay>,
    back: Arc<OneWay>,
}

/// One direction of a link. What is cut is silent: it closes nothing, and swallows everything.
#[derive(Debug, Default)]
pub(crate) struct OneWay {
    is_cut: AtomicBool,
    late_by_ms: AtomicU64,
}

impl Link {
    pub(crate) fn new(from: usize, to: usize, target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (there, back) = <(Arc<OneWay>, Arc<OneWay>)>::default();
        let directions = (Arc::clone(&there), Arc::clone(&back));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (there, back) = directions.clone();
                thread::spawn(move || join(near, target, &there, &back));
            }
        });
        Ok(Self {
            from,
            to,
            address,
            there,
            back,
        })
    }

    /// Whether these are the connections from one node to another.
    pub(crate) fn is(&self, from: usize, to: usize) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// That in which a node sends, if it is at one end.
    pub(crate) fn out_of(&self, node: usize) -> Option<&OneWay> {
        match node {
            _ if node == self.from => Some(&self.there),
            _ if node == self.to => Some(&self.back),
            _ => None,
        }
    }

    /// That in which it is sent to.
    pub(crate) fn towards(&self, node: usize) -> Option<&OneWay> {
        match node {
            _ if node == self.from => Some(&self.back),
            _ if node == self.to => Some(&self.there),
            _ => None,
        }
    }
}

impl OneWay {
    pub(crate) fn cut(&self, is_cut: bool) {
        self.is_cut.store(is_cut, Ordering::Release);
    }

    pub(crate) fn is_late_by(&self, ms: u64) {
        self.late_by_ms.store(ms, Ordering::Release);
    }

    fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Acquire)
    }

    fn late_by(&self) -> Duration {
        Duration::from_millis(self.late_by_ms.load(Ordering::Acquire))
    }
}

/// Carries a connection until an end closes it.
fn join(near: TcpStream, target: SocketAddr, there: &OneWay, back: &Arc<OneWay>) {
    while there.is_cut() && back.is_cut() {
        thread::sleep(LOOK);
    }
    let Ok(far) = TcpStream::connect(target) else {
        return;
    };
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    let direction = Arc::clone(back);
    let back = thread::spawn(move || carry(far_too, near_too, &direction));
    carry(near, far, there);
    // It ends when this direction has.
    drop(back.join());
}

fn carry(mut from: TcpStream, mut to: TcpStream, direction: &OneWay) {
    // Without these it is only slower.
    from.set_read_timeout(Some(LOOK)).ok();
    to.set_nodelay(true).ok();
    let (mut buffer, mut is_lost) = ([0; 16 << 10], false);
    let mut late = VecDeque::new();
    'carrying: loop {
        let read = from.read(&mut buffer);
        is_lost |= direction.is_cut();
        match read {
            Ok(0) => break,
            Ok(_) if is_lost => {}
            Ok(count) => late.push_back((Instant::now() + direction.late_by(), buffer[..count].to_vec())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        // What was under way when the link was cut still arrives.
        while let Some((_, bytes)) = late.pop_front_if(|(due, _)| *due <= Instant::now()) {
            if to.write_all(&bytes).is_err() {
                break 'carrying;
            }
        }
        // What was swallowed cannot be made up for: once the link is whole, the connection goes.
        if is_lost && !direction.is_cut() {
            break;
        }
    }
    to.shutdown(Shutdown::Both).ok();
    from.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than a relay takes to look, by far.
    const A_WHILE: Duration = Duration::from_secs(5);
    const NOT_SO_LONG: Duration = Duration::from_millis(200);

    /// A link from node 0 to node 1, and both ends of a connection through it.
    fn connected() -> (Link, TcpStream, TcpStream) {
        let there = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let link = Link::new(0, 1, there.local_addr().unwrap()).unwrap();
        let near = TcpStream::connect(link.address).unwrap();
        let (far, _) = there.accept().unwrap();
        (link, near, far)
    }

    fn hears(stream: &mut TcpStream, within: Duration) -> bool {
        stream.set_read_timeout(Some(within)).unwrap();
        stream.read_exact(&mut [0]).is_ok()
    }

    #[test]
    fn one_direction_is_cut() {
        let (link, mut near, mut far) = connected();
        near.write_all(b"a").unwrap();
        assert!(hears(&mut far, A_WHILE));
        link.out_of(0).unwrap().cut(true);
        near.write_all(b"b").unwrap();
        far.write_all(b"c").unwrap();
        assert!(hears(&mut near, A_WHILE));
        assert!(!hears(&mut far, NOT_SO_LONG));
        // What was swallowed is missing, so the connection goes.
        link.towards(1).unwrap().cut(false);
        far.set_read_timeout(Some(A_WHILE)).unwrap();
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_late_arrives_though_the_link_is_cut_by_then() {
        let (link, mut near, mut far) = connected();
        link.out_of(0).unwrap().is_late_by(1000);
        let sent = Instant::now();
        near.write_all(b"a").unwrap();
        assert!(!hears(&mut far, NOT_SO_LONG));
        link.out_of(0).unwrap().cut(true);
        assert!(hears(&mut far, A_WHILE) && sent.elapsed() >= Duration::from_secs(1));
    }
}
