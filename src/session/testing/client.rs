//! A client that writes and reads frames.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stream::Stream;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    pub(crate) socket: Stream,
}

/// A request frame, length prefix included.
pub(crate) fn request(api_key: i16, version: i16, correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(api_key.to_be_bytes());
    frame.extend(version.to_be_bytes());
    frame.extend(correlation_id.to_be_bytes());
    frame.extend([0, 1, b'c']);
    frame.extend(body);
    framed(&frame)
}

/// With a length prefix.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        Self {
            socket: Stream::Plain(socket),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// The next frame; none when the gateway closed the connection.
    pub(crate) async fn receive(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.socket.read_u32().await.ok()?;
            let mut frame = vec![0; length as usize];
            self.socket.read_exact(&mut frame).await.ok()?;
            Some(Bytes::from(frame))
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("an answer or the end")
    }

    /// The correlation id of the next frame.
    pub(crate) async fn receive_id(&mut self) -> Option<i32> {
        self.receive().await.map(|mut frame| frame.get_i32())
    }

    /// Logs in with SASL/PLAIN; gives the error code.
    pub(crate) async fn try_log_in(&mut self, user: &str, password: &str) -> i16 {
        self.send(&request(17, 1, 1, b"\0\x05PLAIN")).await;
        assert_eq!(self.receive().await.unwrap()[..6], [0, 0, 0, 1, 0, 0]);
        let message = format!("\0{user}\0{password}");
        let body = framed(message.as_bytes());
        self.send(&request(36, 1, 2, &body)).await;
        let mut answer = self.receive().await.unwrap();
        assert_eq!(answer.get_i32(), 2);
        answer.get_i16()
    }

    /// Whether a login is answered, and well.
    pub(crate) async fn is_let_in(&mut self, user: &str, password: &str) -> bool {
        let message = framed(format!("\0{user}\0{password}").as_bytes());
        self.send(&request(17, 1, 1, b"\0\x05PLAIN")).await;
        self.send(&request(36, 1, 2, &message)).await;
        let handshake = self.receive().await;
        let answer = self.receive().await;
        handshake.is_some() && answer.is_some_and(|answer| answer[4..6] == [0, 0])
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) {
        assert_eq!(self.try_log_in(user, password).await, 0);
    }
}
