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
            match serde_json::from_slice(&bytes) {
                Ok(value) => Ok(Self(value)),
                Err(error) => {
                    Err(ApiError::invalid("the body is not the JSON that is expected")
                        .because(error.to_string()))
                }
            }
        })
    }
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
            Err(error) => Err(
                ApiError::invalid("the query parameters are not those that are expected")
                    .because(error.to_string()),
            ),
        })
    }
}
