//! A relay before a broker. Requests of clients reach the broker late, and in what order is taken note of.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::order::{KafkaSide, RequestOrder};

/// The APIs that only clients use: Produce, Fetch, OffsetCommit, JoinGroup, Heartbeat, SyncGroup, InitProducerId,
/// AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit and ConsumerGroupHeartbeat. A node asks for other things of its own
/// accord, whether requests go to the cluster or not.
const OF_CLIENTS: [i16; 12] = [0, 1, 8, 11, 12, 14, 22, 24, 25, 26, 28, 68];

/// How late requests come to the broker, and how late one in so many.
const LATE: Duration = Duration::from_millis(5);
const VERY_LATE: Duration = Duration::from_millis(300);
const ONE_IN: u32 = 16;

/// Requests that a connection has on their way; the next one waits in its socket.
const ON_THEIR_WAY: usize = 1024;

/// Larger frames than any client sends here.
const MOST_BYTES: usize = 64 << 20;

/// A request on its way.
struct Underway {
    due: Instant,
    /// The API of a request that only clients make.
    of_client: Option<i16>,
    frame: Vec<u8>,
}

/// Starts a relay to a broker, which may come later; where it listens.
pub(super) fn start(
    broker: SocketAddr,
    side: KafkaSide,
    order: &Arc<RequestOrder>,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let order = Arc::clone(order);
    thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                // An end that is lost is noticed by both.
                drop(join(near, broker, side, &order));
            });
        }
    });
    Ok(address)
}

fn join(
    near: TcpStream,
    broker: SocketAddr,
    side: KafkaSide,
    order: &Arc<RequestOrder>,
) -> std::io::Result<()> {
    let far = TcpStream::connect(broker)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (answers, asked) = (far.try_clone()?, near.try_clone()?);
    let (send, due) = mpsc::sync_channel(ON_THEIR_WAY);
    let order = Arc::clone(order);
    thread::spawn(move || hand_over(&due, far, side, &order));
    thread::spawn(move || carry_back(answers, asked));
    let mut near = near;
    while let Ok(frame) = read_frame(&mut near) {
        let key = frame.get(4..6).and_then(|key| key.try_into().ok());
        let of_client = key.map(i16::from_be_bytes).filter(|key| OF_CLIENTS.contains(key));
        let late = match of_client {
            Some(_) if fastrand::u32(..ONE_IN) == 0 => VERY_LATE,
            Some(_) => LATE,
            None => Duration::ZERO,
        };
        let underway = Underway {
            due: Instant::now() + late,
            of_client,
            frame,
        };
        if send.send(underway).is_err() {
            break;
        }
    }
    Ok(())
}

/// A whole frame, with its length.
fn read_frame(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let count = u32::from_be_bytes(length) as usize;
    ensure!(count <= MOST_BYTES, "a frame of {count} bytes");
    let mut frame = vec![0; 4 + count];
    frame[..4].copy_from_slice(&length);
    stream.read_exact(&mut frame[4..])?;
    Ok(frame)
}

/// Gives the broker what is due, in turn, also when the connection to the node is closed by then.
fn hand_over(due: &Receiver<Underway>, mut far: TcpStream, side: KafkaSide, order: &RequestOrder) {
    while let Ok(request) = due.recv() {
        thread::sleep(request.due.saturating_duration_since(Instant::now()));
        if let Some(key) = request.of_client {
            order.reached(side, key, Instant::now());
        }
        if far.write_all(&request.frame).is_err() {
            break;
        }
    }
    far.shutdown(Shutdown::Both).ok();
}

fn carry_back(mut answers: TcpStream, mut near: TcpStream) {
    std::io::copy(&mut answers, &mut near).ok();
    near.shutdown(Shutdown::Both).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: i16) -> Vec<u8> {
        let mut frame = vec![0, 0, 0, 6];
        frame.extend(key.to_be_bytes());
        frame.extend([0, 0, 7, 7]);
        frame
    }

    #[test]
    fn requests_of_clients_are_recorded_and_everything_is_carried() {
        let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let order = Arc::new(RequestOrder::new());
        let address = start(broker.local_addr().unwrap(), KafkaSide::Spare, &order).unwrap();
        order.may_enter(KafkaSide::Spare);
        let mut near = TcpStream::connect(address).unwrap();
        let (mut far, _) = broker.accept().unwrap();
        // Metadata is asked by nodes, too.
        for key in [3, 0, 1] {
            near.write_all(&request(key)).unwrap();
            assert_eq!(read_frame(&mut far).unwrap(), request(key));
        }
        assert_eq!(order.entered(), 2);
        far.write_all(b"answer").unwrap();
        let mut answer = [0; 6];
        near.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
        drop(near);
        assert!(read_frame(&mut far).is_err(), "it is closed");
    }
}
