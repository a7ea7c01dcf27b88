//! Readers against a file and a server on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::*;
use crate::auth::oauth::samples;
use crate::metrics::Metrics;

/// A server that answers every request with what is set.
struct Server {
    url: String,
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/keys", listener.local_addr().unwrap()),
            answer: Arc::new(Mutex::new(ok(&set(&["k1"])))),
            requests: Arc::default(),
        };
        let (answer, requests) = (Arc::clone(&server.answer), Arc::clone(&server.requests));
        std::thread::spawn(move || {
            for mut socket in listener.incoming().map_while(Result::ok) {
                let lines = BufReader::new(socket.try_clone().unwrap()).lines();
                let _ = lines.map_while(Result::ok).find(String::is_empty);
                requests.fetch_add(1, Ordering::SeqCst);
                let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        server
    }

    fn say(&self, answer: String) {
        *self.answer.lock().unwrap() = answer;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn keys(&self, refresh: Duration) -> Keys {
        start(&self.url, refresh)
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn set(ids: &[&str]) -> String {
    let keys: Vec<_> = ids.iter().map(|id| samples::jwk(id)).collect();
    json!({ "keys": keys }).to_string()
}

fn start(location: &str, refresh: Duration) -> Keys {
    let config = ProviderConfig {
        provider: samples::provider(),
        keys: location.parse().unwrap(),
        refresh,
        trust: Trust::System,
    };
    let metrics = Metrics::new().unwrap();
    let supervisor = Supervisor::new(metrics.components);
    KeyReaders::start(&BTreeMap::from([(id(), config)]), &metrics.keys, &supervisor).unwrap()
}

fn id() -> ProviderName {
    "id".parse().unwrap()
}

fn has(keys: &Keys, id: &str) -> bool {
    let ring = keys.ring();
    ring.providers["id"].1.as_ref().is_some_and(|keys| keys.has(id))
}

/// Waits, for 5 seconds at most, until a key is there.
async fn arrives(keys: &Keys, id: &str) -> bool {
    for _ in 0..500 {
        if has(keys, id) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

const LONG: Duration = Duration::from_secs(3600);

#[actix::test]
async fn keys_are_read_at_the_start_and_every_so_often() {
    let server = Server::start();
    let keys = server.keys(Duration::from_millis(50));
    assert!(arrives(&keys, "k1").await);
    server.say(ok(&set(&["k2"])));
    assert!(arrives(&keys, "k2").await);
    assert!(!has(&keys, "k1"));
}

#[actix::test]
async fn keys_come_from_a_file_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    std::fs::write(&path, set(&["k1"])).unwrap();
    let keys = start(&format!("file://{}", path.display()), LONG);
    assert!(arrives(&keys, "k1").await);
}

#[actix::test]
async fn the_last_good_keys_survive_whatever_the_server_says() {
    let server = Server::start();
    let keys = server.keys(Duration::from_millis(20));
    assert!(arrives(&keys, "k1").await);
    for bad in [
        "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        ok("<html>"),
        ok(r#"{"keys":[]}"#),
        ok(&format!(r#"{{"keys":[],"more":"{}"}}"#, "x".repeat(300 << 10))),
    ] {
        server.say(bad);
        let before = server.requests();
        while server.requests() < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(has(&keys, "k1"));
        server.say(ok(&set(&["k1", "again"])));
        assert!(arrives(&keys, "again").await);
        server.say(ok(&set(&["k1"])));
        while has(&keys, "again") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[actix::test]
async fn unknown_keys_are_looked_for_once_in_a_while_and_once_for_all() {
    let server = Server::start();
    let keys = server.keys(LONG);
    // The first read is under way: all wait for that one.
    futures_util::future::join_all((0..10).map(|_| keys.look_again(&id()))).await;
    assert!(has(&keys, "k1"));
    assert_eq!(server.requests(), 1);
    // It was read a moment ago.
    server.say(ok(&set(&["k2"])));
    keys.look_again(&id()).await;
    assert_eq!(server.requests(), 1);
    keys.look_again(&"other".parse().unwrap()).await;
}
