//! For tests: a key service that answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use klamm_raft::model::KeyName;
use serde_json::{Value, json};

use super::*;
use crate::metrics::Metrics;
use crate::supervision::Supervisor;
use crate::tls::Trust;

/// The name of the only key.
pub(crate) fn name() -> KeyName {
    "payroll".parse().unwrap()
}

/// The keys of a node with one key.
pub(crate) fn started(config: KeyConfig) -> (Arc<RecordKeys>, Metrics) {
    let metrics = Metrics::new().unwrap();
    let supervisor = Supervisor::new(metrics.components.clone());
    let configs = BTreeMap::from([(name(), config)]);
    let keys = RecordKeys::start(&configs, &metrics.record_keys, &supervisor);
    (Arc::new(keys), metrics)
}

/// A server that answers each call as it is told, and notes what it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) url: String,
    /// One after the other; the last one stays.
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    pub(crate) asked: Arc<Mutex<Vec<(String, Value)>>>,
    /// The lines before the bodies, in lower case.
    pub(crate) heads: Arc<Mutex<Vec<Vec<String>>>>,
    at_once: Arc<AtomicUsize>,
    pub(crate) most_at_once: Arc<AtomicUsize>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            answers: Arc::new(Mutex::new([(500, json!({}))].into())),
            asked: Arc::default(),
            heads: Arc::default(),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
        };
        let serving = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream.unwrap()));
            }
        });
        service
    }

    fn serve(&self, mut stream: std::net::TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut head, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
                head.push(line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let shows = |what: &str| head.iter().any(|line| line.starts_with(what));
            let is_known =
                shows("x-vault-token: s.token") || shows("authorization: aws4-hmac-sha256 credential=akid/");
            assert!(is_known, "{head:?}");
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            let asked = (head[0].clone(), serde_json::from_slice(&body).unwrap());
            self.asked.lock().unwrap().push(asked);
            self.heads.lock().unwrap().push(head);
            let (status, answer) = self.next_answer();
            let answer = answer.to_string();
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            let sent = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
            if sent.is_err() {
                return;
            }
        }
    }

    pub(crate) fn answers(&self, status: u16, answer: Value) {
        self.answers_in_turn([(status, answer)]);
    }

    pub(crate) fn answers_in_turn<const N: usize>(&self, answers: [(u16, Value); N]) {
        *self.answers.lock().unwrap() = answers.into();
    }

    fn next_answer(&self) -> (u16, Value) {
        let mut answers = self.answers.lock().unwrap();
        let first = answers[0].clone();
        if answers.len() > 1 {
            answers.pop_front();
        }
        first
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// A data key, in base64.
pub(crate) const PLAINTEXT: &str = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=";

/// The key `payroll` of the service.
pub(crate) fn vault(service: &Service, dir: &Path) -> Arc<RecordKeys> {
    vault_with(service, dir, None)
}

/// The key `payroll` of the service, with a key for keys of records.
pub(crate) fn vault_with(service: &Service, dir: &Path, record_key: Option<&str>) -> Arc<RecordKeys> {
    let token = dir.join("token");
    fs::write(&token, "s.token\n").unwrap();
    let config = VaultConfig {
        url: service.url.parse().unwrap(),
        mount: "transit".to_owned(),
        key: "orders".to_owned(),
        namespace: None,
        token,
        trust: Trust::System,
        record_key: record_key.map(|text| text.as_bytes().into()),
    };
    started(KeyConfig::Vault(config)).0
}
