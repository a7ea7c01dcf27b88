//! Tokens for the gateway itself, by the client credentials grant (RFC 6749 §4.4): fetched once for all who ask,
//! and again before they expire.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::sync::Mutex;
use tracing::warn;

use super::{FetchError, Fetcher, Location};
use crate::chain::Chain;
use crate::secret::Secret;

/// A token without `expires_in` is taken for one that lasts this long.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// A token that lasts longer is fetched again after this time all the same.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// After a failure, a token that still holds is used for this long before the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Who the gateway is at a provider of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthClient {
    pub endpoint: Location,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: Option<String>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    #[error("the token endpoint issued no token")]
    Fetch(#[from] FetchError),
    #[error("the answer of the token endpoint contains no token")]
    NoToken,
}

/// The source of one client's tokens.
#[derive(Debug)]
pub struct Grant {
    fetcher: Fetcher,
    endpoint: Location,
    authorization: Secret,
    form: String,
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    token: Secret,
    /// From then on another one is wanted.
    refresh_at: Instant,
    expires_at: Instant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds.
    expires_in: Option<f64>,
}

impl Grant {
    /// A source; it fetches when it is asked.
    pub fn new(client: &OauthClient, fetcher: Fetcher) -> Self {
        let both = format!("{}:{}", client.client_id, client.client_secret.reveal());
        let scope = client
            .scope
            .as_deref()
            .map(|scope| format!("&scope={}", encoded(scope)));
        Self {
            fetcher,
            endpoint: client.endpoint.clone(),
            authorization: Secret::new(format!("Basic {}", STANDARD.encode(both))),
            form: format!("grant_type=client_credentials{}", scope.unwrap_or_default()),
            held: Mutex::new(None),
        }
    }

    /// A token that holds for a while. Whoever asks during a fetch waits for it.
    ///
    /// # Errors
    /// There is none, and none is left from before.
    pub async fn token(&self) -> Result<Secret, GrantError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        if let Some(held) = held.as_ref().filter(|held| now < held.refresh_at) {
            return Ok(held.token.clone());
        }
        match (self.fetch(now).await, held.as_mut()) {
            (Ok(fresh), _) => {
                let token = fresh.token.clone();
                *held = Some(fresh);
                Ok(token)
            }
            (Err(error), Some(old)) if now < old.expires_at => {
                warn!(endpoint = %self.endpoint, error = %Chain(&error), "the gateway's token cannot be renewed; the old one remains valid a little longer");
                old.refresh_at = now + RETRY_AFTER;
                Ok(old.token.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn fetch(&self, now: Instant) -> Result<Held, GrantError> {
        let (fetcher, authorization, form) = (
            self.fetcher.clone(),
            self.authorization.clone(),
            self.form.clone(),
        );
        let Location::Url(url) = self.endpoint.clone() else {
            return Err(FetchError::NotAUrl.into());
        };
        let answer = tokio::task::spawn_blocking(move || fetcher.post(&url, &authorization, &form))
            .await
            .map_err(|_| FetchError::Aborted)??;
        held(&answer, now).ok_or(GrantError::NoToken)
    }
}

fn held(answer: &[u8], now: Instant) -> Option<Held> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    // What could end the SASL message early is no token.
    let is_token =
        !answer.access_token.is_empty() && answer.access_token.bytes().all(|b| b.is_ascii_graphic());
    let lifetime = match answer.expires_in {
        Some(seconds) if seconds > 0.0 => Duration::from_secs_f64(seconds.min(MAX_LIFETIME.as_secs_f64())),
        Some(_) => return None,
        None => DEFAULT_LIFETIME,
    };
    is_token.then(|| Held {
        token: Secret::new(answer.access_token),
        refresh_at: now + lifetime.mul_f64(0.8),
        expires_at: now + lifetime,
    })
}

/// `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_token_that_is_renewed_in_time() {
        let now = Instant::now();
        let held = |answer: &str| held(answer.as_bytes(), now);
        let token = held(r#"{"access_token":"a.b.c","expires_in":100,"token_type":"Bearer"}"#).unwrap();
        assert_eq!(token.token.reveal(), "a.b.c");
        assert_eq!(token.refresh_at, now + Duration::from_secs(80));
        assert_eq!(token.expires_at, now + Duration::from_secs(100));
        assert_eq!(
            held(r#"{"access_token":"x"}"#).unwrap().expires_at,
            now + DEFAULT_LIFETIME
        );
        let long = held(r#"{"access_token":"x","expires_in":1e300}"#).unwrap();
        assert_eq!(long.expires_at, now + MAX_LIFETIME);
        for answer in [
            "",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\u0001b"}"#,
            r#"{"access_token":"x","expires_in":0}"#,
            r#"{"access_token":"x","expires_in":-1}"#,
            r#"{"error":"invalid_client"}"#,
        ] {
            assert!(held(answer).is_none(), "{answer}");
        }
    }

    #[test]
    fn a_scope_is_encoded() {
        assert_eq!(encoded("a b/c&d=e"), "a+b%2Fc%26d%3De");
    }
}
