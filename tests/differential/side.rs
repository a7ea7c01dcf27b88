//! One of the two worlds that are compared, as a client of it: connections by user, raw requests, read answers.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use klamm::wire::{Detail, Item, Tape, field, walk_response};

use crate::tree::{Order, Tree};

/// Longer than any answer takes; a request that has none fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a connection that says nothing is taken for open.
const SILENCE: Duration = Duration::from_secs(2);

/// The end of ids that no topic has: long enough that none that a broker makes ends so by chance.
pub(crate) const MADE_UP: [u8; 8] = [0xee; 8];

/// Topic ids, both ways.
#[derive(Debug, Default)]
pub(crate) struct Names {
    ids: BTreeMap<String, [u8; 16]>,
}

impl Names {
    /// Whether there are any.
    pub(crate) fn are_known(&self) -> bool {
        !self.ids.is_empty()
    }

    pub(crate) fn name_of(&self, id: &[u8; 16]) -> Option<&str> {
        self.ids
            .iter()
            .find(|(_, known)| *known == id)
            .map(|(name, _)| name.as_str())
    }

    /// The names of all topics.
    pub(crate) fn all(&self) -> Vec<&str> {
        self.ids.keys().map(String::as_str).collect()
    }

    /// The id of a topic; of a topic that is not there, one that no topic has.
    pub(crate) fn id_of(&self, name: &str) -> [u8; 16] {
        let absent = || {
            let mut id = [0; 16];
            let (start, end) = id.split_at_mut(16 - MADE_UP.len());
            let length = name.len().min(start.len());
            start[..length].copy_from_slice(&name.as_bytes()[..length]);
            end.copy_from_slice(&MADE_UP);
            id
        };
        self.ids.get(name).copied().unwrap_or_else(absent)
    }
}

/// A broker, or a gateway in front of one.
#[derive(Debug)]
pub(crate) struct Side {
    address: String,
    passwords: BTreeMap<String, String>,
    connections: BTreeMap<String, TcpStream>,
    pub(crate) names: Names,
    /// Fields of earlier answers that later requests need, by user and field.
    memory: BTreeMap<(String, &'static str), Tree>,
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer(Tree),
    /// The connection was closed without an answer.
    Closed,
}

/// A request, made for one side.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) key: i16,
    pub(crate) version: i16,
    pub(crate) body: Item,
}

impl Side {
    pub(crate) fn new(address: &str, passwords: BTreeMap<String, String>) -> Self {
        Self {
            address: address.to_owned(),
            passwords,
            connections: BTreeMap::new(),
            names: Names::default(),
            memory: BTreeMap::new(),
        }
    }

    /// Goes to the first broker that Metadata names, as clients do.
    pub(crate) fn go_to_broker(&mut self, user: &str) -> Result<()> {
        let request = Request {
            key: 3,
            version: 1,
            body: Item::request(3, 1)?,
        };
        self.send(user, &request)?;
        let stream = self.connections.get_mut(user).context("a request was sent")?;
        let frame = read_frame(stream)?.context("Metadata is always answered")?;
        let mut tape = Tape::new();
        let message = walk_response((3, 1), &frame, Detail::Everything, &mut tape)?;
        let broker = message.root().items(field::BROKERS).next().context("no broker")?;
        let host = broker.text_in(field::HOST).context("no host")?;
        let port = broker.i32_in(field::PORT).context("no port")?;
        self.address = format!("{host}:{port}");
        self.connections.clear();
        Ok(())
    }

    /// Sends a request; the answer is fetched with [`Side::receive`].
    pub(crate) fn send(&mut self, user: &str, request: &Request) -> Result<()> {
        if !self.connections.contains_key(user) {
            let stream = self.login(user)?;
            self.connections.insert(user.to_owned(), stream);
        }
        let stream = self.connections.get_mut(user).context("just connected")?;
        write_request(stream, request)
    }

    /// The answer to a request that was sent.
    pub(crate) fn receive(&mut self, user: &str, request: &Request) -> Result<Outcome> {
        let stream = self.connections.get_mut(user).context("a request was sent")?;
        let Some(frame) = read_frame(stream)? else {
            self.connections.remove(user);
            return Ok(Outcome::Closed);
        };
        let answer = self.read(request, &frame)?;
        if let Tree::Struct(fields) = &answer {
            for (name, value) in fields {
                self.memory.insert((user.to_owned(), name), value.clone());
            }
        }
        self.remember_raw(user, request, &frame)?;
        Ok(Outcome::Answer(answer))
    }

    /// Sends and receives.
    pub(crate) fn ask(&mut self, user: &str, request: &Request) -> Result<Outcome> {
        self.send(user, request)?;
        self.receive(user, request)
    }

    /// As [`Side::ask`], of a request that is always answered.
    pub(crate) fn must(&mut self, user: &str, request: &Request) -> Result<Tree> {
        match self.ask(user, request)? {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Closed => bail!("{} v{} closed the connection", request.key, request.version),
        }
    }

    /// The answers to frames over a connection of their own on which nobody has logged in; `None` where it is closed.
    pub(crate) fn strangers(&self, frames: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut stream = connect(&self.address)?;
        let mut answers = Vec::new();
        for frame in frames {
            stream.write_all(&i32::try_from(frame.len())?.to_be_bytes())?;
            stream.write_all(frame)?;
            answers.push(read_frame(&mut stream)?);
        }
        if answers.last().is_some_and(Option::is_some) {
            stream.set_read_timeout(Some(SILENCE))?;
            answers.push(read_frame(&mut stream).unwrap_or_else(|_| Some(Vec::new())));
        }
        Ok(answers)
    }

    /// An answer in a frame.
    pub(crate) fn read_answer(&self, api: (i16, i16), frame: &[u8]) -> Result<Tree> {
        let mut tape = Tape::new();
        let message = walk_response(api, frame, Detail::Everything, &mut tape)?;
        Ok(Tree::of(message.root(), &self.names, Order::Free))
    }

    /// A text of the user's last answer that had it.
    pub(crate) fn text(&self, user: &str, name: &'static str) -> String {
        match self.memory.get(&(user.to_owned(), name)) {
            Some(Tree::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    /// A number of the user's last answer that had it; -1 when there was none.
    pub(crate) fn int(&self, user: &str, name: &'static str) -> i64 {
        match self.memory.get(&(user.to_owned(), name)) {
            Some(Tree::Int(value)) => *value,
            _ => -1,
        }
    }

    /// Learns the ids of all topics.
    pub(crate) fn learn_topics(&mut self, user: &str) -> Result<()> {
        let mut body = Item::request(3, 12)?;
        body.set(field::TOPICS, klamm::wire::Value::Null);
        let request = Request {
            key: 3,
            version: 12,
            body,
        };
        self.names = Names::default();
        let Some(Tree::List(topics)) = self.must(user, &request)?.field("Topics").cloned() else {
            bail!("no topics");
        };
        for topic in topics {
            if let (Some(Tree::Text(name)), Some(Tree::Bytes(id))) =
                (topic.field("Name"), topic.field("TopicId"))
            {
                self.names.ids.insert(name.clone(), id.as_slice().try_into()?);
            }
        }
        Ok(())
    }

    fn read(&self, request: &Request, frame: &[u8]) -> Result<Tree> {
        let mut tape = Tape::new();
        // An unknown version of ApiVersions is answered as version 0.
        let known =
            klamm::wire::api_versions(request.key).is_some_and(|range| range.contains(request.version));
        let api = (request.key, if known { request.version } else { 0 });
        let message = walk_response(api, frame, Detail::Everything, &mut tape)
            .with_context(|| format!("the answer to {} v{}", request.key, request.version))?;
        let order = match request.key {
            // Their results stand in the order of the request.
            30 | 31 => Order::Kept,
            _ => Order::Free,
        };
        Ok(Tree::of(message.root(), &self.names, order))
    }

    /// Member ids and producer ids as they are, since requests give them back.
    fn remember_raw(&mut self, user: &str, request: &Request, frame: &[u8]) -> Result<()> {
        let mut tape = Tape::new();
        let known =
            klamm::wire::api_versions(request.key).is_some_and(|range| range.contains(request.version));
        if !known {
            return Ok(());
        }
        let api = (request.key, request.version);
        let message = walk_response(api, frame, Detail::Everything, &mut tape)?;
        for (name, field) in [("MemberId", field::MEMBER_ID), ("ProducerId", field::PRODUCER_ID)] {
            let Some(node) = message.root().child(field) else {
                continue;
            };
            let value = match node.text() {
                Some(text) => Tree::Text(text.to_owned()),
                None => Tree::Int(node.int().unwrap_or(-1)),
            };
            self.memory.insert((user.to_owned(), name), value);
        }
        Ok(())
    }

    fn login(&self, user: &str) -> Result<TcpStream> {
        let mut stream = connect(&self.address)?;
        let Some(password) = self.passwords.get(user) else {
            return Ok(stream);
        };
        let mut handshake = Item::request(17, 1)?;
        handshake.set(field::MECHANISM, "PLAIN");
        let mut authenticate = Item::request(36, 1)?;
        authenticate.set(field::AUTH_BYTES, format!("\0{user}\0{password}").into_bytes());
        for (key, body) in [(17, handshake), (36, authenticate)] {
            let request = Request {
                key,
                version: 1,
                body,
            };
            write_request(&mut stream, &request)?;
            let frame = read_frame(&mut stream)?.context("login: closed")?;
            let answer = self.read(&request, &frame)?;
            ensure!(
                answer.field("ErrorCode") == Some(&Tree::Int(0)),
                "login of {user}: {answer}"
            );
        }
        Ok(stream)
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn write_request(stream: &mut TcpStream, request: &Request) -> Result<()> {
    let frame = request
        .body
        .request_frame((request.key, request.version), 7, "differential")
        .with_context(|| format!("request {} v{}", request.key, request.version))?;
    for bytes in &frame.0 {
        stream.write_all(bytes)?;
    }
    Ok(())
}

/// `None` when the other side closed.
fn read_frame(stream: &mut TcpStream) -> Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
            ) =>
        {
            return Ok(None);
        }
        other => other.context("no answer in time")?,
    }
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length))?];
    stream.read_exact(&mut frame)?;
    Ok(Some(frame))
}
