//! For tests: a stand-in of Confluent's Schema Registry that answers as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use klamm_raft::model::RegistryName;
use serde_json::{Value, json};

use super::*;
use crate::metrics::Metrics;
use crate::supervision::Supervisor;
use crate::tls::Trust;

/// The name of the only registry.
pub(crate) fn name() -> RegistryName {
    "central".parse().unwrap()
}

/// The registries of a node with one registry.
pub(crate) fn started(config: RegistryConfig) -> (Arc<Registries>, Metrics) {
    let metrics = Metrics::new().unwrap();
    let supervisor = Supervisor::new(metrics.components.clone());
    let configs = BTreeMap::from([(name(), config)]);
    let registries = Registries::start(&configs, &metrics.registries, &supervisor);
    (Arc::new(registries), metrics)
}

/// The first line of a request, and its header of authorization.
type Asked = (String, Option<String>);

/// A registry.
#[derive(Debug, Clone)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    /// By path. What is not there is answered with 404, as of an unknown schema.
    answers: Arc<Mutex<BTreeMap<String, (u16, Value)>>>,
    /// Answers everything in this way.
    always: Arc<Mutex<Option<(u16, Value)>>>,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    at_once: Arc<AtomicUsize>,
    pub(crate) most_at_once: Arc<AtomicUsize>,
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand_in = Self {
            url: format!("http://{}/api/", listener.local_addr().unwrap()),
            answers: Arc::default(),
            always: Arc::default(),
            asked: Arc::default(),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
        };
        let serving = stand_in.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream.unwrap()));
            }
        });
        stand_in
    }

    /// A client's configuration.
    pub(crate) fn config(&self) -> RegistryConfig {
        RegistryConfig {
            url: self.url.parse().unwrap(),
            access: RegistryAccess::Anonymous,
            timeout: Duration::from_secs(5),
            trust: Trust::System,
        }
    }

    /// Has a schema under a number.
    pub(crate) fn knows(&self, id: i32, kind: Option<&str>, schema: &Value) {
        let mut answer = json!({ "schema": schema.to_string() });
        if let Some(kind) = kind {
            answer["schemaType"] = json!(kind);
        }
        self.answers_at(&format!("/api/schemas/ids/{id}"), 200, answer);
    }

    pub(crate) fn answers_at(&self, path: &str, status: u16, answer: Value) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(path.to_owned(), (status, answer));
    }

    /// Answers everything in this way, or as before.
    pub(crate) fn answers_always(&self, answer: Option<(u16, Value)>) {
        *self.always.lock().unwrap() = answer;
    }

    pub(crate) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut first, mut authorization) = (String::new(), None);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let line = line.trim();
                if line.is_empty() {
                    break;
                }
                if first.is_empty() {
                    line.clone_into(&mut first);
                }
                if let Some((name, value)) = line.split_once(": ")
                    && name.eq_ignore_ascii_case("authorization")
                {
                    authorization = Some(value.to_owned());
                }
            }
            let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            self.asked.lock().unwrap().push((first, authorization));
            let always = self.always.lock().unwrap().clone();
            let known = || self.answers.lock().unwrap().get(&path).cloned();
            let unknown = || (404, json!({ "error_code": 40403, "message": "Schema not found" }));
            let (status, answer) = always.or_else(known).unwrap_or_else(unknown);
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
}
