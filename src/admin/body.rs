//! Request bodies and query parameters: bounded, and refused with the place of the mistake.

mod words;

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::problem::ApiError;
use super::resources::object::AnObject;

/// The largest body that is read.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// Where lists of changes are tried, and the largest of them.
const DRY_RUN: &str = "/gateway/v2/dry-run";
pub(super) const MAX_DRY_RUN_BYTES: usize = 16 << 20;

/// How long a body may take to arrive: whoever sends one holds one of few connections.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A JSON object, whatever its content type says.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

/// A JSON object, or nothing at all.
#[derive(Debug)]
pub(super) struct OptionalBody<T>(pub(super) T);

/// A JSON list.
#[derive(Debug)]
pub(super) struct BodyList<T>(pub(super) Vec<T>);

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = collect(request, payload);
        Box::pin(async move { parse(&bytes.await?).map(|AnObject(body)| Self(body)) })
    }
}

impl<T: DeserializeOwned + Default> FromRequest for OptionalBody<T> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = collect(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            match bytes.is_empty() {
                true => Ok(Self(T::default())),
                false => parse(&bytes).map(|AnObject(body)| Self(body)),
            }
        })
    }
}

impl<T: DeserializeOwned> FromRequest for BodyList<T> {
    type Error = ApiError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = collect(request, payload);
        Box::pin(async move { parse(&bytes.await?).map(Self) })
    }
}

/// Waits for a body.
fn collect(request: &HttpRequest, payload: &mut Payload) -> Extracted<web::Bytes> {
    let limit = match request.path() {
        DRY_RUN => MAX_DRY_RUN_BYTES,
        _ => MAX_BODY_BYTES,
    };
    let bytes = web::Bytes::from_request(request, payload);
    Box::pin(async move {
        let bytes = tokio::time::timeout(BODY_TIMEOUT, bytes).await;
        let bytes = bytes.map_err(|_| ApiError::invalid("the body did not arrive in time"))?;
        // The only limit that `Bytes` knows is the size that it is configured with.
        bytes.map_err(|error| match error.as_response_error().status_code().as_u16() {
            413 => ApiError::too_large(limit),
            _ => ApiError::invalid("the body could not be read"),
        })
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = read(&mut deserializer)?;
    let end = deserializer.end();
    end.map_err(|error| ApiError::invalid(words::of("", &error)))?;
    Ok(value)
}

/// Reads what is JSON already.
pub(super) fn read_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ApiError> {
    read(value).map(|AnObject(body)| body)
}

fn read<'de, T, D>(deserializer: D) -> Result<T, ApiError>
where
    T: DeserializeOwned,
    D: serde::Deserializer<'de, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| ApiError::invalid(words::of(&error.path().to_string(), error.inner())))
}

/// Reads a text with JSON in it.
///
/// # Errors
/// The text is not a valid body; the error says in plain words why.
pub(super) fn read_text<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| words::of(&error.path().to_string(), error.inner()))
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
            Err(error) => {
                let text = error.to_string();
                let what = text
                    .rsplit_once("error: ")
                    .map_or(text.as_str(), |(_, what)| what);
                Err(ApiError::invalid(format!(
                    "query parameters: {}",
                    words::at("", what)
                )))
            }
        })
    }
}
