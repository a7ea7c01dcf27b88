//! A stand-in for the transit engine of HashiCorp Vault, made after the description of its HTTP API, by somebody who did not write
//! the client: what is sealed is looked up, not computed, so that only the stand-in can open it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The token that it takes.
pub(crate) const TOKEN: &str = "hvs.stand-in";

/// How long it waits for somebody who says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

const TRANSIT: &str = "/v1/transit/";

/// The stand-in. Its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VaultMood {
    Well,
    /// 503, as after a restart until somebody unseals it.
    Sealed,
    /// It takes connections, and hangs up without an answer.
    Mute,
    /// Each answer takes so long.
    Slow(Duration),
}

#[derive(Debug)]
struct State {
    mood: VaultMood,
    keys: BTreeSet<String>,
    /// By the key that it was sealed under, and as it is sealed.
    sealed: BTreeMap<(String, String), String>,
    calls: usize,
}

impl Vault {
    /// Starts it with these keys.
    pub(crate) fn start(keys: &[&str]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State {
            mood: VaultMood::Well,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            sealed: BTreeMap::new(),
            calls: 0,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // Who hangs up early asks again.
                thread::spawn(move || answer(stream, &shared).ok());
            }
        });
        Ok(Self { url, state })
    }

    pub(crate) fn set_mood(&self, mood: VaultMood) {
        self.state().mood = mood;
    }

    /// Deletes a key: what was sealed under it can never be opened again.
    pub(crate) fn delete_key(&self, key: &str) {
        self.state().keys.remove(key);
    }

    /// How many requests it has answered or left unanswered.
    pub(crate) fn calls(&self) -> usize {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer: status, reason and body.
type Answer = (&'static str, Value);

fn failed(status: &'static str, why: &str) -> Answer {
    (status, json!({ "errors": [why] }))
}

fn invalid(why: &str) -> Answer {
    failed("400 Bad Request", why)
}

fn data(data: Value) -> Answer {
    let body = json!({
        "request_id": "d5a3b2c1-0000-4000-8000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": null,
    });
    ("200 OK", body)
}

impl State {
    fn answer(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let Some(place) = path.strip_prefix(TRANSIT) else {
            return failed(
                "404 Not Found",
                &format!("no handler for route \"{path}\". route entry not found."),
            );
        };
        if !matches!(method, "POST" | "PUT") {
            return failed(
                "405 Method Not Allowed",
                "1 error occurred:\n\t* unsupported operation\n\n",
            );
        }
        let words: Vec<&str> = place.split('/').collect();
        match words.as_slice() {
            ["datakey", kind @ ("plaintext" | "wrapped"), key] => self.data_key(key, kind, body),
            ["datakey", _, _] => invalid("Invalid path, must be 'plaintext' or 'wrapped'"),
            ["decrypt", key] => self.decrypt(key, body),
            _ => failed("404 Not Found", "1 error occurred:\n\t* unsupported path\n\n"),
        }
    }

    fn data_key(&mut self, key: &str, kind: &str, body: &Value) -> Answer {
        if !self.keys.contains(key) {
            return invalid("encryption key not found");
        }
        let bytes = match body["bits"].as_u64().unwrap_or(256) {
            128 => 16,
            256 => 32,
            512 => 64,
            _ => return invalid("invalid bit length"),
        };
        let plaintext = STANDARD.encode(random(bytes));
        // A nonce, as much as was sealed, and a tag.
        let ciphertext = format!("vault:v1:{}", STANDARD.encode(random(12 + bytes + 16)));
        self.sealed
            .insert((key.to_owned(), ciphertext.clone()), plaintext.clone());
        let mut told = json!({ "ciphertext": ciphertext, "key_version": 1 });
        if kind == "plaintext" {
            told["plaintext"] = json!(plaintext);
        }
        data(told)
    }

    fn decrypt(&self, key: &str, body: &Value) -> Answer {
        let batch = body.get("batch_input").and_then(Value::as_array);
        let one = body["ciphertext"].as_str().unwrap_or_default();
        match batch {
            Some(batch) if batch.is_empty() => return invalid("missing batch input to process"),
            None if one.is_empty() => return invalid("missing ciphertext to decrypt"),
            _ => {}
        }
        if !self.keys.contains(key) {
            return invalid("encryption key not found");
        }
        let Some(batch) = batch else {
            return match self.open(key, one) {
                Ok(plaintext) => data(json!({ "plaintext": plaintext })),
                Err(why) => invalid(why),
            };
        };
        let opened: Vec<_> = batch
            .iter()
            .map(|item| self.open(key, item["ciphertext"].as_str().unwrap_or_default()))
            .collect();
        let results: Vec<Value> = opened
            .iter()
            .map(|opened| match opened {
                Ok(plaintext) => json!({ "plaintext": plaintext }),
                Err(why) => json!({ "error": why }),
            })
            .collect();
        let (well, body) = data(json!({ "batch_results": results }));
        // Another status may be asked for where some succeed (partial_failure_response_code).
        match opened.iter().any(Result::is_err) {
            true => ("400 Bad Request", body),
            false => (well, body),
        }
    }

    fn open(&self, key: &str, ciphertext: &str) -> Result<&str, &'static str> {
        let Some(version) = ciphertext.strip_prefix("vault:v") else {
            return Err(match ciphertext.is_empty() {
                true => "missing ciphertext to decrypt",
                false => "invalid ciphertext: no prefix",
            });
        };
        if !version.starts_with("1:") {
            return Err("invalid ciphertext: version is too new");
        }
        let sealed = self.sealed.get(&(key.to_owned(), ciphertext.to_owned()));
        sealed
            .map(String::as_str)
            .ok_or("cipher: message authentication failed")
    }
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).expect("chance");
    random
}

/// Answers one request and hangs up.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(':').context("a header")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "x-vault-token" => value.trim().clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mood = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.calls += 1;
        state.mood
    };
    let (status, body) = match mood {
        VaultMood::Mute => return Ok(()),
        VaultMood::Sealed => failed("503 Service Unavailable", "Vault is sealed"),
        _ if token != TOKEN => failed("403 Forbidden", "permission denied"),
        VaultMood::Well | VaultMood::Slow(_) => {
            if let VaultMood::Slow(wait) = mood {
                thread::sleep(wait);
            }
            match serde_json::from_slice(&body) {
                Ok(body) => state
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .answer(method, path, &body),
                Err(_) => invalid("failed to parse JSON input"),
            }
        }
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}
