//! Request bodies and query parameters: bounded, and refused with the place of the mistake.

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::problem::ApiError;

/// The largest body that is read.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a body may take to arrive: whoever sends one holds one of few connections.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON body, whatever its content type says.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = tokio::time::timeout(BODY_TIMEOUT, bytes).await;
            let bytes = bytes.map_err(|_| ApiError::invalid("the body did not arrive in time"))?;
            // The only limit that `Bytes` knows is the size that it is configured with.
            let bytes = bytes.map_err(|error| match error.as_response_error().status_code().as_u16() {
                413 => ApiError::too_large(MAX_BODY_BYTES),
                _ => ApiError::invalid("the body could not be read"),
            })?;
            read(&bytes).map(Self)
        })
    }
}

/// The JSON value that the bytes are, all of them.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // Of the whole, the path is a dot.
        let place = if path == "." { "the body" } else { &path };
        misread(place, error.inner())
    })?;
    json.end().map_err(|error| misread("the body", &error))?;
    Ok(value)
}

/// What is wrong, with the name of the field and its place.
fn misread(place: &str, error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let why = text.strip_suffix(&format!(" at line {line} column {column}"));
    let why = plain(why.unwrap_or(&text));
    ApiError::invalid(format!("{place}: {why} (line {line} column {column})"))
}

/// A parser's finding, in the words of JSON.
fn plain(why: &str) -> String {
    let Some((found, wanted)) = why
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    else {
        return why.to_owned();
    };
    let word = |word: &str| match word {
        "map" | "a map" => "an object".to_owned(),
        "sequence" | "a sequence" => "a list".to_owned(),
        "i64" | "u64" | "u32" | "u16" | "u8" => "a whole number".to_owned(),
        other if other.starts_with("struct ") || other.contains(" enum") => "an object".to_owned(),
        other => other.to_owned(),
    };
    format!("expected {}, found {}", word(wanted), word(found))
}

/// Query parameters.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(match web::Query::<T>::from_query(request.query_string()) {
            Ok(query) => Ok(Self(query.into_inner())),
            Err(error) => Err(ApiError::invalid(format!("query parameters: {error}"))),
        })
    }
}
