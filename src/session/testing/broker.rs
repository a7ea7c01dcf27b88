//! A broker on loopback that answers each request as a test says. It knows nothing but frames.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::protocol::Encodable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::address::HostPort;

/// A deed of the broker, done for a request.
pub(crate) enum Deed {
    /// Answers with these bytes after the correlation id.
    Answer(Vec<u8>),
    /// Answers with these bytes after a while.
    Later(Duration, Vec<u8>),
    /// Answers with these bytes, and nothing before them.
    Raw(Vec<u8>),
    /// Writes just these bytes: no frame is made of them.
    Begin(Vec<u8>),
    Nothing,
    Close,
}

/// The broker's rule for which deed follows which request (a frame without length prefix).
pub(crate) type Does = fn(&Bytes) -> Deed;

/// The broker.
pub(crate) struct Broker {
    pub(crate) address: HostPort,
    /// The requests of sessions, in order.
    pub(crate) seen: Arc<Mutex<Vec<Bytes>>>,
    pub(crate) connections: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
    serving: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Broker {
    pub(crate) async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let seen = Arc::<Mutex<Vec<Bytes>>>::default();
        let connections = Arc::<AtomicUsize>::default();
        let serving = Arc::<Mutex<Vec<JoinHandle<()>>>>::default();
        let (requests, count, tasks) = (Arc::clone(&seen), Arc::clone(&connections), Arc::clone(&serving));
        let listening = actix_rt::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tasks
                    .lock()
                    .unwrap()
                    .push(actix_rt::spawn(serve(socket, does, Arc::clone(&requests))));
            }
        });
        Self {
            address,
            seen,
            connections,
            listening,
            serving,
        }
    }

    /// Closes every connection, and goes on taking new ones.
    pub(crate) fn close_all(&self) {
        for task in self.serving.lock().unwrap().drain(..) {
            task.abort();
        }
    }

    /// Takes no more connections.
    pub(crate) fn stop(&self) {
        self.listening.abort();
        self.close_all();
    }

    /// The API keys of the requests that arrived.
    pub(crate) fn keys(&self) -> Vec<i16> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .map(|frame| i16::from_be_bytes([frame[0], frame[1]]))
            .collect()
    }
}

async fn serve(mut socket: TcpStream, does: Does, seen: Arc<Mutex<Vec<Bytes>>>) {
    while let Ok(length) = socket.read_u32().await {
        let mut frame = vec![0; length as usize];
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        let frame = Bytes::from(frame);
        let is_hello = frame.starts_with(&[0, 18]);
        let deed = if is_hello { hello(&frame) } else { does(&frame) };
        if !is_hello {
            seen.lock().unwrap().push(frame.clone());
        }
        let answer = match deed {
            Deed::Answer(body) => [&frame[4..8], &body].concat(),
            Deed::Later(delay, body) => {
                tokio::time::sleep(delay).await;
                [&frame[4..8], &body].concat()
            }
            Deed::Raw(bytes) => bytes,
            Deed::Begin(bytes) if socket.write_all(&bytes).await.is_ok() => continue,
            Deed::Nothing => continue,
            Deed::Begin(_) | Deed::Close => return,
        };
        let mut framed = (answer.len() as u32).to_be_bytes().to_vec();
        framed.extend(answer);
        if socket.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// ApiVersions, which the gateway asks when it connects.
fn hello(frame: &Bytes) -> Deed {
    let version = i16::from_be_bytes([frame[2], frame[3]]);
    let mut body = BytesMut::new();
    ApiVersionsResponse::default().encode(&mut body, version).unwrap();
    body.put_slice(&[]);
    Deed::Answer(body.to_vec())
}
