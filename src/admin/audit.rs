//! The audit log of the admin API: who did what, and what came of it. Never a body, a password or a token.

use std::fmt;

use actix_web::HttpRequest;

use super::credentials::AdminCaller;

/// An action, as the log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Action(pub(super) &'static str);

impl Action {
    pub(super) const PUT: Self = Self("PUT");
    pub(super) const DELETE: Self = Self("DELETE");
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A change, made or refused.
pub(super) fn change(caller: &AdminCaller, action: Action, resource: &str, outcome: &dyn fmt::Display) {
    tracing::info!(
        target: "klamm::audit",
        event = "admin_change",
        user = caller.username,
        token = token(caller),
        client = caller.from.address.map(tracing::field::display),
        request = caller.from.request,
        %action,
        resource,
        %outcome,
        "admin change"
    );
}

/// Credentials that are not those of a user.
pub(super) fn login_failed(request: &HttpRequest, why: &str) {
    tracing::warn!(
        target: "klamm::audit",
        event = "admin_login_failed",
        why,
        client = %client(request),
        method = %request.method(),
        path = request.path(),
        "admin login failed"
    );
}

/// A request that a page of somebody else may have made a browser send, or whose body is no JSON.
pub(super) fn turned_away(request: &HttpRequest, why: &dyn fmt::Display) {
    tracing::debug!(
        target: "klamm::audit",
        event = "admin_turned_away",
        %why,
        client = %client(request),
        method = %request.method(),
        path = request.path(),
        "admin request turned away"
    );
}

/// A change by a user who may only read.
pub(super) fn denied(caller: &AdminCaller, request: &HttpRequest) {
    tracing::warn!(
        target: "klamm::audit",
        event = "admin_denied",
        user = caller.username,
        token = token(caller),
        client = %client(request),
        method = %request.method(),
        path = request.path(),
        "admin change denied"
    );
}

/// The id of the access token that was shown in place of a password.
fn token(caller: &AdminCaller) -> Option<String> {
    caller.token.map(|id| uuid::Uuid::from_bytes(id.0).to_string())
}

fn client(request: &HttpRequest) -> String {
    request
        .peer_addr()
        .map_or_else(|| "unknown".to_owned(), |address| address.ip().to_string())
}
