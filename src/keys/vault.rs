//! A key of HashiCorp Vault's transit engine. Blocks: call it on a thread for that.

use std::fs;
use std::io;

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::config::VaultConfig;
use super::service::{KeyBytes, OpenedBytes, agent, body, carried, key_bytes};
use crate::tls::TrustError;

/// Why a call failed. Holds nothing of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum VaultError {
    #[error("the authorities for Vault's certificate cannot be used")]
    Trust(#[from] TrustError),
    #[error("the file with Vault's token cannot be read")]
    Token(#[source] io::Error),
    #[error("Vault does not answer")]
    Http(#[source] Box<ureq::Error>),
    #[error(
        "Vault refuses the call with the status {0}: is the token good, and may it use this key? (403), is there such a key? (400, 404)"
    )]
    Status(u16),
    #[error("the answer of Vault is none that this version understands")]
    Answer,
}

/// A client of one key.
pub(super) struct Vault {
    config: VaultConfig,
    agent: ureq::Agent,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({} {})", self.config.url, self.config.key)
    }
}

#[derive(Deserialize)]
struct VaultAnswer<D> {
    data: D,
}

#[derive(Deserialize)]
struct MadeKey {
    plaintext: String,
    ciphertext: String,
}

#[derive(Deserialize)]
struct BatchAnswer {
    batch_results: Vec<BatchAnswerItem>,
}

#[derive(Deserialize)]
struct BatchAnswerItem {
    #[serde(default)]
    plaintext: String,
    #[serde(default)]
    error: String,
}

impl Vault {
    /// A client; nothing is asked yet.
    pub(super) fn new(config: &VaultConfig) -> Result<Self, VaultError> {
        Ok(Self {
            config: config.clone(),
            agent: agent(&config.url, &config.trust)?,
        })
    }

    /// Has a data key made, and wrapped.
    pub(super) fn data_key(&self) -> Result<(KeyBytes, Box<[u8]>), VaultError> {
        let (status, answer) = self.call("datakey/plaintext", &json!({ "bits": 256 }))?;
        if status != 200 {
            return Err(VaultError::Status(status));
        }
        let made: VaultAnswer<MadeKey> = serde_json::from_slice(&answer).map_err(|_| VaultError::Answer)?;
        let MadeKey {
            plaintext,
            ciphertext,
        } = made.data;
        let key = key_bytes(plaintext);
        key.zip(carried(ciphertext.into_bytes()))
            .ok_or(VaultError::Answer)
    }

    /// Has data keys opened, in one call.
    pub(super) fn open(&self, wrapped: &[&[u8]], opened: &mut OpenedBytes) -> Result<(), VaultError> {
        let texts: Vec<&str> = wrapped
            .iter()
            .map(|wrapped| std::str::from_utf8(wrapped).unwrap_or_default())
            .collect();
        let items: Vec<_> = texts.iter().map(|text| json!({ "ciphertext": text })).collect();
        let (status, answer) = self.call("decrypt", &json!({ "batch_input": items }))?;
        // 400 is answered, too, where only some could not be opened.
        if status != 200 && status != 400 {
            return Err(VaultError::Status(status));
        }
        let batch: VaultAnswer<BatchAnswer> = match serde_json::from_slice(&answer) {
            Ok(batch) => batch,
            Err(_) if status == 400 => return Err(VaultError::Status(status)),
            Err(_) => return Err(VaultError::Answer),
        };
        let results = batch.data.batch_results;
        if results.len() != wrapped.len() {
            return Err(VaultError::Answer);
        }
        opened.extend(results.into_iter().map(|item| match item.error.is_empty() {
            true => key_bytes(item.plaintext),
            false => None,
        }));
        Ok(())
    }

    /// Posts to the key. The token may be another one each time.
    fn call(
        &self,
        operation: &str,
        asked: &serde_json::Value,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), VaultError> {
        let VaultConfig {
            url,
            mount,
            key,
            namespace,
            token,
            ..
        } = &self.config;
        let token = Zeroizing::new(fs::read_to_string(token).map_err(VaultError::Token)?);
        let url = url.to_string();
        let mut request = self
            .agent
            .post(format!(
                "{}/v1/{mount}/{operation}/{key}",
                url.trim_end_matches('/')
            ))
            .header("content-type", "application/json")
            .header("x-vault-request", "true")
            .header("x-vault-token", token.trim());
        if let Some(namespace) = namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let sent = request.send(asked.to_string());
        let response = sent.map_err(|error| VaultError::Http(Box::new(error)))?;
        let status = response.status().as_u16();
        Ok((status, body(response).map_err(VaultError::Http)?))
    }
}
