//! A client that sends any bytes, and reads what comes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// How long a read or write may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, port)
    }

    /// From an address of this machine.
    pub(crate) fn connect_from(address: Ipv4Addr, port: u16) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        socket.connect(&target.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends bytes; the other side may have closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// A whole frame without its length prefix; `None` when the connection is closed.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).ok()?;
        Some(frame)
    }

    /// Whether the other side closes soon, whatever it sends before.
    pub(crate) fn is_closed(&mut self) -> bool {
        let (mut buffer, end) = ([0; 4096], Instant::now() + PATIENCE);
        while Instant::now() < end {
            match self.0.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
        false
    }

    pub(crate) fn login(&mut self, user: &str, password: &str) {
        assert!(self.try_login(user, password), "the login is refused");
    }

    pub(crate) fn try_login(&mut self, user: &str, password: &str) -> bool {
        self.send(&handshake());
        let is_offered = self
            .receive()
            .is_some_and(|answer| answer.get(4..6) == Some(&[0, 0]));
        self.send(&authenticate(format!("\0{user}\0{password}").as_bytes()));
        is_offered
            && self
                .receive()
                .is_some_and(|answer| answer.get(4..6) == Some(&[0, 0]))
    }

    /// Whether Metadata of a topic is answered, and without an error.
    pub(crate) fn knows_topic(&mut self, name: &str) -> bool {
        self.send(&metadata(name));
        self.receive().is_some_and(|answer| {
            let topic = [&[0, 0], &(name.len() as u16).to_be_bytes()[..], name.as_bytes()].concat();
            answer.windows(topic.len()).any(|window| window == topic)
        })
    }
}

/// Puts the length before a frame.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_be_bytes(), frame].concat()
}

/// A request without client id, its header tagged or not.
pub(crate) fn request(key: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let header = [key.to_be_bytes(), version.to_be_bytes()].concat();
    framed(&[&header[..], &[0, 0, 0, 1, 0xff, 0xff], body].concat())
}

pub(crate) fn handshake() -> Vec<u8> {
    request(17, 1, b"\0\x05PLAIN")
}

pub(crate) fn authenticate(message: &[u8]) -> Vec<u8> {
    request(36, 1, &framed(message))
}

/// Metadata v1 of one topic.
pub(crate) fn metadata(topic: &str) -> Vec<u8> {
    let length = (topic.len() as u16).to_be_bytes();
    request(3, 1, &[&[0, 0, 0, 1], &length[..], topic.as_bytes()].concat())
}

/// Produce v3 of one batch, so to say: nobody on the way looks into it.
pub(crate) fn produce(topic: &str, record_bytes: usize) -> Vec<u8> {
    produce_records(topic, &vec![7; record_bytes])
}

/// Produce v3 of these records to the first partition.
pub(crate) fn produce_records(topic: &str, records: &[u8]) -> Vec<u8> {
    let name = [&(topic.len() as u16).to_be_bytes(), topic.as_bytes()].concat();
    let start = [&b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01"[..], &name].concat();
    let partition = [&b"\0\0\0\x01\0\0\0\0"[..], &(records.len() as u32).to_be_bytes()].concat();
    request(0, 3, &[&start, &partition, records].concat())
}

/// The answer to a GET by the default user, as it comes; empty when there is none.
pub(crate) fn http(port: u16, path: &str) -> String {
    let head = "Host: localhost\r\nAuthorization: Basic YWRtaW46Y29uZHVrdG9y\r\nConnection: close\r\n\r\n";
    exchange(port, format!("GET {path} HTTP/1.1\r\n{head}").as_bytes())
}

/// The answer of a server to these bytes, until it closes or is silent.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut client = Client::connect(port);
    client.send(bytes);
    let mut answer = Vec::new();
    client.0.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
