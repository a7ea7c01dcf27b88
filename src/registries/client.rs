//! A client of one registry. Blocks: call it on a thread for that.

use std::fs;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::config::{RegistryAccess, RegistryConfig};
use crate::https;
use crate::schemas::{SchemaRef, WrittenSchema};
use crate::tls::TrustError;

/// The most connections that are kept.
pub(super) const MOST_CALLS: usize = 8;

/// The longest answer, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    #[error("the authorities for the certificate of the registry cannot be used")]
    Trust(#[from] TrustError),
    #[error("the file with the password or token for the registry cannot be read")]
    Secret(#[source] io::Error),
    #[error("the registry does not answer")]
    Http(#[source] Box<ureq::Error>),
    #[error(
        "the registry refuses the call with the status {0}: is the url the beginning of its API? (404), and may the node read schemas? (401, 403)"
    )]
    Status(u16),
    #[error("the answer of the registry is none that this version understands")]
    Answer,
}

/// The answer of a registry.
#[derive(Debug)]
pub(super) enum FoundSchema {
    Schema(WrittenSchema),
    /// There is one, and its text is longer than what is read.
    TooLarge,
    Unknown,
}

/// A client of one registry.
pub(super) struct RegistryClient {
    config: RegistryConfig,
    agent: ureq::Agent,
}

impl std::fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistryClient({})", self.config.url)
    }
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    #[serde(default)]
    references: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error_code: u32,
}

impl RegistryClient {
    /// A client; nothing is asked yet.
    pub(super) fn new(config: &RegistryConfig) -> Result<Self, RegistryError> {
        let roots = match config.url.scheme_str() {
            Some("https") => Some(https::roots(&config.trust)?),
            _ => None,
        };
        Ok(Self {
            config: config.clone(),
            agent: https::agent(roots, config.timeout, MOST_CALLS),
        })
    }

    /// Asks for the schema of an id.
    pub(super) fn schema(&self, id: SchemaRef) -> Result<FoundSchema, RegistryError> {
        let base = self.config.url.to_string();
        let kind = match id {
            SchemaRef::Number(_) => "ids",
            SchemaRef::Unique(_) => "guids",
        };
        let url = format!("{}/schemas/{kind}/{id}", base.trim_end_matches('/'));
        let mut request = self.agent.get(url).header(
            "accept",
            "application/vnd.schemaregistry.v1+json, application/json",
        );
        if let Some(authorization) = self.authorization()? {
            request = request.header("authorization", authorization.as_str());
        }
        let mut response = request
            .call()
            .map_err(|error| RegistryError::Http(Box::new(error)))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let body = match body.read_to_vec() {
            Ok(body) => body,
            Err(ureq::Error::BodyExceedsLimit(_)) if status == 200 => return Ok(FoundSchema::TooLarge),
            Err(error) => return Err(RegistryError::Http(Box::new(error))),
        };
        match status {
            200 => {
                let answer: SchemaAnswer =
                    serde_json::from_slice(&body).map_err(|_| RegistryError::Answer)?;
                Ok(FoundSchema::Schema(WrittenSchema {
                    kind: answer.kind,
                    text: answer.schema,
                    has_references: !answer.references.is_empty(),
                }))
            }
            // Registries that know no UUIDs answer in many ways; whoever writes one is no reason to ask the registry nothing more.
            400..500 if kind == "guids" && !matches!(status, 401 | 403 | 407 | 429) => {
                Ok(FoundSchema::Unknown)
            }
            404 if is_of_schemas(&body) => Ok(FoundSchema::Unknown),
            other => Err(RegistryError::Status(other)),
        }
    }

    /// The header that says who asks.
    fn authorization(&self) -> Result<Option<Zeroizing<String>>, RegistryError> {
        let read = |file| {
            let text = fs::read_to_string(file).map_err(RegistryError::Secret)?;
            Ok::<_, RegistryError>(Zeroizing::new(text))
        };
        Ok(match &self.config.access {
            RegistryAccess::Anonymous => None,
            RegistryAccess::Password { username, file } => {
                let password = read(file)?;
                let both = Zeroizing::new(format!("{username}:{}", password.trim()));
                let encoded = Zeroizing::new(STANDARD.encode(both.as_bytes()));
                Some(Zeroizing::new(format!("Basic {}", *encoded)))
            }
            RegistryAccess::Token { file } => Some(Zeroizing::new(format!("Bearer {}", read(file)?.trim()))),
        })
    }
}

/// Whether an answer 404 is about a schema that there is not, and not about a path.
fn is_of_schemas(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|answer: ErrorAnswer| matches!(answer.error_code, 40_400..40_500))
}
