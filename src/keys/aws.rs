//! A key of AWS KMS. Blocks: call it on a thread for that.

mod credentials;
mod signature;

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Uri;
use zeroize::Zeroizing;

use super::config::AwsConfig;
use super::service::{KeyBytes, OpenedBytes, TIMEOUT, agent, body, carried, key_bytes};
use crate::tls::TrustError;
use crate::unix_time;
use credentials::CredentialError;
use signature::{SignatureScope, SignedCall, authorization};

pub use credentials::{AwsCredentialPlaces, CredentialPlace};

const SERVICE: &str = "kms";

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The most bytes that may be asked to be opened.
const MOST_WRAPPED_BYTES: usize = 6144;

/// The longest word for a refusal.
const MAX_WORD_CHARS: usize = 64;

/// Why a call failed. Holds nothing of a key, nor of credentials: of a refusal only the word for it, since the sentence may quote
/// what was signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AwsError {
    #[error("the authorities for the certificate of AWS KMS cannot be used")]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("the clock of this node is before 1970")]
    Clock,
    #[error("AWS KMS in {region} does not answer")]
    Http {
        region: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("AWS KMS in {region} refuses the call with {word}: {}", remedy(.word))]
    Refused { region: String, word: String },
    #[error("AWS KMS in {region} refuses the call with the status {status}")]
    Status { region: String, status: u16 },
    #[error("the answer of AWS KMS is none that this version understands")]
    Answer,
}

fn remedy(word: &str) -> &'static str {
    match word {
        "AccessDeniedException" => {
            "these credentials may not use the key, they need kms:GenerateDataKey and kms:Decrypt for it"
        }
        "DisabledException" => "the key is disabled, enable it",
        "KMSInvalidStateException" => {
            "the key is in a state in which it cannot be used: is it about to be deleted?"
        }
        "NotFoundException" => "there is no such key in this region and account",
        "ThrottlingException" | "LimitExceededException" => {
            "the account makes too many calls, so that fewer are made for a while"
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "ExpiredTokenException" => {
            "the credentials are not known, or have expired"
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignatureException" => {
            "is the secret access key wrong, is it another region, or is the clock of this node wrong?"
        }
        _ => "the documentation of the API says what that is",
    }
}

/// A client of one key.
pub(super) struct Aws {
    config: AwsConfig,
    host: String,
    agent: ureq::Agent,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aws({} {})", self.config.endpoint, self.config.key)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GeneratedKey {
    plaintext: String,
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptedKey {
    plaintext: String,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(rename = "__type")]
    word: String,
}

impl Aws {
    /// A client; nothing is asked yet.
    pub(super) fn new(config: &AwsConfig) -> Result<Self, AwsError> {
        Ok(Self {
            config: config.clone(),
            host: host(&config.endpoint),
            agent: agent(&config.endpoint, &config.trust)?,
        })
    }

    /// Has a data key made, and wrapped.
    pub(super) fn data_key(&self) -> Result<(KeyBytes, Box<[u8]>), AwsError> {
        let asked = json!({ "KeyId": self.config.key, "KeySpec": "AES_256" });
        let answer = self.call("TrentService.GenerateDataKey", &asked)?;
        let made: GeneratedKey = serde_json::from_slice(&answer).map_err(|_| AwsError::Answer)?;
        let wrapped = STANDARD.decode(made.ciphertext_blob).ok().and_then(carried);
        let key = key_bytes(made.plaintext);
        key.zip(wrapped).ok_or(AwsError::Answer)
    }

    /// Has data keys opened, one after the other, as many as there is time for.
    pub(super) fn open(&self, wrapped: &[&[u8]], opened: &mut OpenedBytes) -> Result<(), AwsError> {
        let begun = Instant::now();
        for wrapped in wrapped {
            if begun.elapsed() >= TIMEOUT {
                break;
            }
            opened.push(self.open_one(wrapped)?);
        }
        Ok(())
    }

    fn open_one(&self, wrapped: &[u8]) -> Result<Option<KeyBytes>, AwsError> {
        // It comes from a record: whatever it is must not be taken for trouble with the key.
        if wrapped.is_empty() || wrapped.len() > MOST_WRAPPED_BYTES {
            return Ok(None);
        }
        let asked = json!({ "KeyId": self.config.key, "CiphertextBlob": STANDARD.encode(wrapped) });
        match self.call("TrentService.Decrypt", &asked) {
            Ok(answer) => {
                let opened: DecryptedKey = serde_json::from_slice(&answer).map_err(|_| AwsError::Answer)?;
                Ok(key_bytes(opened.plaintext))
            }
            Err(AwsError::Refused { word, .. })
                if matches!(&*word, "InvalidCiphertextException" | "IncorrectKeyException") =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Posts to the service. The credentials may be others each time.
    fn call(&self, target: &str, asked: &Value) -> Result<Zeroizing<Vec<u8>>, AwsError> {
        let credentials = self.config.credentials.read()?;
        let time = unix_time::utc(unix_time::now_s().ok_or(AwsError::Clock)?);
        let time: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let mut headers = vec![
            ("content-type", CONTENT_TYPE),
            ("host", self.host.as_str()),
            ("x-amz-date", time.as_str()),
        ];
        if let Some(token) = &credentials.token {
            headers.push(("x-amz-security-token", token.as_str()));
        }
        headers.push(("x-amz-target", target));
        let (region, asked) = (self.config.region.as_str(), asked.to_string());
        let scope = SignatureScope {
            time: &time,
            region,
            service: SERVICE,
        };
        let call = SignedCall {
            method: "POST",
            path: "/",
            headers: &headers,
            body: asked.as_bytes(),
        };
        let signature = authorization((&credentials.id, &credentials.secret), scope, call);
        let mut request = self.agent.post(&self.config.endpoint);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let http = |source| AwsError::Http {
            region: region.to_owned(),
            source,
        };
        let sent = request.header("authorization", signature).send(asked);
        let response = sent.map_err(|error| http(Box::new(error)))?;
        let status = response.status().as_u16();
        let answer = body(response).map_err(http)?;
        match status {
            200 => Ok(answer),
            _ => Err(refused(region.to_owned(), status, &answer)),
        }
    }
}

/// The word for a refusal, if the answer has one.
fn refused(region: String, status: u16, answer: &[u8]) -> AwsError {
    let refusal = serde_json::from_slice::<RefusalBody>(answer).ok();
    let word = refusal.and_then(|refusal| refusal.word.rsplit('#').next().map(str::to_owned));
    let is_word = |word: &String| {
        (1..=MAX_WORD_CHARS).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    match word.filter(is_word) {
        Some(word) => AwsError::Refused { region, word },
        None => AwsError::Status { region, status },
    }
}

/// The server as requests name it: with the port, unless that is the usual one.
fn host(endpoint: &Uri) -> String {
    let host = endpoint.host().unwrap_or_default();
    let usual = match endpoint.scheme_str() {
        Some("http") => 80,
        _ => 443,
    };
    match endpoint.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
