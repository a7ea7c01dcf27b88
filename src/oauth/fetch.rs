//! Fetches small documents. Blocks: call it on a thread for that. Time and size are bounded, redirects are not followed.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use ureq::http::Uri;
use ureq::tls::RootCerts;

use super::Location;
use crate::https;
use crate::secret::Secret;
use crate::tls::{Trust, TrustError};

/// How long one fetch may take, from the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest document, in bytes.
const MAX_DOCUMENT_BYTES: u64 = 256 << 10;

/// Why a document did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    #[error("the document is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("the request failed")]
    Http(#[source] Box<ureq::Error>),
    #[error("the answer has the status {0}")]
    Status(u16),
    #[error("the thread that fetches has ended")]
    Aborted,
    #[error("a file cannot be sent a request")]
    NotAUrl,
}

impl From<ureq::Error> for FetchError {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::BodyExceedsLimit(_) => Self::TooLarge,
            error => Self::Http(Box::new(error)),
        }
    }
}

/// A reader of documents by URL or path.
#[derive(Debug, Clone)]
pub struct Fetcher {
    agent: ureq::Agent,
}

impl Fetcher {
    /// A fetcher that trusts these authorities.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        Ok(Self::with(Some(https::roots(trust)?)))
    }

    /// A fetcher for files and for http on this machine; https is refused by every certificate it could show.
    pub fn local() -> Self {
        Self::with(None)
    }

    fn with(roots: Option<RootCerts>) -> Self {
        Self {
            agent: https::agent(roots, TIMEOUT, 0),
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is not there, not in time, or too large.
    pub fn get(&self, location: &Location) -> Result<Vec<u8>, FetchError> {
        match location {
            Location::File(path) => read_file(path),
            Location::Url(url) => {
                let request = self.agent.get(url).header("accept", "application/json");
                body(request.call()?)
            }
        }
    }

    /// Posts a form as this user.
    ///
    /// # Errors
    /// As with [`Self::get`].
    pub fn post(&self, url: &Uri, authorization: &Secret, form: &str) -> Result<Vec<u8>, FetchError> {
        let request = self
            .agent
            .post(url)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", authorization.reveal());
        body(request.send(form)?)
    }
}

fn body(mut response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, FetchError> {
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchError::Status(status));
    }
    Ok(response
        .body_mut()
        .with_config()
        .limit(MAX_DOCUMENT_BYTES)
        .read_to_vec()?)
}

fn read_file(path: &Path) -> Result<Vec<u8>, FetchError> {
    let mut document = Vec::new();
    let file = File::open(path).map_err(FetchError::File)?;
    file.take(MAX_DOCUMENT_BYTES + 1)
        .read_to_end(&mut document)
        .map_err(FetchError::File)?;
    if document.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(FetchError::TooLarge);
    }
    Ok(document)
}

#[cfg(test)]
mod tests;
