//! The problem that an admin client is told when a request fails: `{"title", "msg"}`. The API that this one is modelled
//! on has a `cause`, too. There is none here, because some programs show nothing but a cause that is there, and others
//! never do.

use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use klamm_raft::outcome::Refusal;
use serde::{Deserialize, Serialize};

use super::credentials::AdminCaller;

/// A path that was asked for is shown up to here.
const MAX_PATH_CHARS: usize = 200;

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    pub title: String,
    pub msg: String,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{msg}")]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) msg: String,
}

impl ApiError {
    fn new(status: StatusCode, msg: impl Into<String>) -> Self {
        Self {
            status,
            msg: msg.into(),
        }
    }

    pub(super) fn invalid(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, msg)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "this needs a user and password of gateway.admin.api.users (HTTP Basic), or an access token (HTTP Bearer) that is neither revoked nor expired",
        )
    }

    /// Whoever tried passwords without waiting for the answers is not heard for a while.
    pub(super) fn too_many_guesses() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many wrong passwords for this user came from this address: wait a few seconds before you try again, or use an access token (HTTP Bearer)",
        )
    }

    /// A body that is not said to be JSON.
    pub(super) fn unsupported(what: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "the body must be JSON and be declared as such with Content-Type: application/json; this is {what}"
            ),
        )
    }

    pub(super) fn forbidden(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, msg)
    }

    pub(super) fn read_only(caller: &AdminCaller) -> Self {
        Self::forbidden(format!("the user {caller} may only read"))
    }

    pub(super) fn not_found(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, msg)
    }

    /// Nothing is served there.
    pub(super) fn unknown_path(path: &str) -> Self {
        let shown: String = path.chars().take(MAX_PATH_CHARS).collect();
        let cut = if shown.len() < path.len() { "..." } else { "" };
        Self::not_found(format!(
            "there is nothing at {shown}{cut}: see /gateway/v2/docs for what there is"
        ))
    }

    pub(super) fn method_not_allowed(method: &Method, allowed: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("this path does not take {method}, only {allowed}"),
        )
    }

    pub(super) fn conflict(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, msg)
    }

    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {limit} bytes"),
        )
    }

    pub(super) fn internal(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, msg)
    }

    /// It may work later.
    pub(super) fn unavailable(msg: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, msg)
    }

    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.msg = format!("{}: {}", self.msg, cause.into());
        self
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let msg = refusal.to_string();
        match refusal.is_of_absence() {
            true => Self::not_found(msg),
            false => Self::conflict(msg),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Basic realm=\"klamm\", charset=\"UTF-8\""));
            response.append_header((WWW_AUTHENTICATE, "Bearer realm=\"klamm\""));
        }
        let again = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some("1"),
            StatusCode::TOO_MANY_REQUESTS => Some("5"),
            _ => None,
        };
        if let Some(seconds) = again {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.json(ProblemBody {
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            msg: self.msg.clone(),
        })
    }
}
