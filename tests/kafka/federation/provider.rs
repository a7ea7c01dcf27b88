//! An identity provider on loopback: it lists its keys, signs tokens and hands them out to clients that know a secret.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use klamm::quickstart::signer::{Signer, now_s};
use serde_json::{Value, json};

/// The secret with which a client asks for a token.
pub(crate) const CLIENT_SECRET: &str = "client-secret";

/// How long it waits for somebody who says nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// The provider. Its thread ends with the process.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    url: String,
    signer: Signer,
    /// Whether it answers at all.
    is_up: bool,
}

impl Provider {
    /// Starts it with the key `k1`.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State {
            url: url.clone(),
            signer: Signer::new("k1")?,
            is_up: true,
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who hangs up early asks again.
                let _ = answer(stream, &shared);
            }
        });
        Ok(Self { url, state })
    }

    /// Signs with a new key from now on, and lists no other.
    pub(crate) fn rotate(&self, id: &str) -> Result<()> {
        self.state().signer = Signer::new(id)?;
        Ok(())
    }

    /// Answers nobody, or everybody again.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.state().is_up = is_up;
    }

    /// The keys, as they are listed.
    pub(crate) fn keys(&self) -> String {
        self.state().signer.keys().to_string()
    }

    /// A token for `subject` with the audience `kafka`, good for five minutes, and with further claims.
    pub(crate) fn token(&self, subject: &str, more: &Value) -> Result<String> {
        self.state().token(subject, more)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn token(&self, subject: &str, more: &Value) -> Result<String> {
        let now = now_s();
        let mut claims = json!({
            "iss": self.url, "sub": subject, "aud": "kafka", "scope": "read write", "iat": now - 1, "exp": now + 300,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        Ok(self.signer.token(&claims)?)
    }
}

/// Answers one request and hangs up.
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut length, mut client) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.trim().split_once(':').context("a header")?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "authorization" => client = id_of(value.trim()).unwrap_or_default(),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match request.split(' ').nth(1) {
        _ if !state.is_up => ("503 Service Unavailable", json!({})),
        Some("/keys") => ("200 OK", state.signer.keys()),
        Some("/token") if !client.is_empty() => {
            let token = state.token(&client, &json!({}))?;
            (
                "200 OK",
                json!({"access_token": token, "token_type": "Bearer", "expires_in": 300}),
            )
        }
        _ => ("401 Unauthorized", json!({"error": "invalid_client"})),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

/// Whom HTTP Basic names, if the secret is right.
fn id_of(authorization: &str) -> Option<String> {
    let bytes = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    (secret == CLIENT_SECRET).then(|| id.to_owned())
}
