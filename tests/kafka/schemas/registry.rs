//! A stand-in for a registry with the API of Confluent's Schema Registry, made after its description: schemas have numbers, and UUIDs.
//! It can be killed, and starts again at the same address.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// How long it waits for somebody who says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Schemas, by the end of the path that they are at.
type Shelf = Arc<Mutex<BTreeMap<String, Value>>>;

/// The stand-in.
#[derive(Debug)]
pub(crate) struct Registry {
    address: SocketAddr,
    shelf: Shelf,
    delay_ms: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    is_ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Registry {
    /// Starts it, without schemas.
    pub(crate) fn start() -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut registry = Self {
            address,
            shelf: Shelf::default(),
            delay_ms: Arc::default(),
            calls: Arc::default(),
            running: None,
        };
        registry.revive()?;
        Ok(registry)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Registers a schema under a number.
    pub(crate) fn register(&self, id: u32, kind: Option<&str>, schema: &Value) {
        self.put(&format!("ids/{id}"), kind, schema);
    }

    /// Registers a schema under a UUID.
    pub(crate) fn register_unique(&self, id: &str, kind: Option<&str>, schema: &Value) {
        self.put(&format!("guids/{id}"), kind, schema);
    }

    fn put(&self, place: &str, kind: Option<&str>, schema: &Value) {
        let mut answer = json!({ "schema": schema.to_string() });
        if let Some(kind) = kind {
            answer["schemaType"] = json!(kind);
        }
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.insert(format!("/schemas/{place}"), answer);
    }

    /// Takes so long for each answer.
    pub(crate) fn delay(&self, delay: Duration) {
        let millis = usize::try_from(delay.as_millis()).unwrap_or(usize::MAX);
        self.delay_ms.store(millis, Ordering::SeqCst);
    }

    /// How many requests it has answered.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Nobody answers at its address any more.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.is_ended.store(true, Ordering::SeqCst);
            // Wakes it up.
            drop(TcpStream::connect(self.address));
            running.thread.join().ok().context("it does not panic")?;
        }
        Ok(())
    }

    /// Answers again, with the schemas that it had.
    pub(crate) fn revive(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).context("listen again")?;
        let is_ended = Arc::<AtomicBool>::default();
        let (ended, shelf) = (Arc::clone(&is_ended), Arc::clone(&self.shelf));
        let (delay, calls) = (Arc::clone(&self.delay_ms), Arc::clone(&self.calls));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (shelf, delay, calls) = (Arc::clone(&shelf), Arc::clone(&delay), Arc::clone(&calls));
                // Who hangs up early asks again.
                thread::spawn(move || answer(stream, &shelf, &delay, &calls).ok());
            }
        });
        self.running = Some(Running { is_ended, thread });
        Ok(())
    }
}

/// Answers one request.
fn answer(mut stream: TcpStream, shelf: &Shelf, delay: &AtomicUsize, calls: &AtomicUsize) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().context("a request")??;
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst) as u64));
    calls.fetch_add(1, Ordering::SeqCst);
    let path = first.split(' ').nth(1).context("a path")?;
    let found = shelf
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(path)
        .cloned();
    let (status, body) = match found {
        Some(schema) => ("200 OK", schema),
        None => (
            "404 Not Found",
            json!({ "error_code": 40403, "message": "Schema not found" }),
        ),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/vnd.schemaregistry.v1+json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}
