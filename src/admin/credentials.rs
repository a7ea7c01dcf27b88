//! Who asks, and whether they may change anything: a user with a password, or an access token in a user's place.

mod bearer;
mod users;
mod uses;

use std::fmt;
use std::future::{Ready, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use klamm_raft::model::{AccessRole, AccessTokenId};

use crate::config::{AdminUser, Role};

use super::audit;
use super::problem::ApiError;
use super::services::Services;
use users::Users;
use uses::Uses;

pub(super) use bearer::NewToken;

/// Lets people and programs in.
#[derive(Debug)]
pub(super) struct Guard {
    users: Users,
    uses: Uses,
}

impl Guard {
    pub(super) fn new(users: &[AdminUser]) -> Self {
        Self {
            users: Users::new(users),
            uses: Uses::default(),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) username: String,
    /// What was shown in place of a password.
    pub(super) token: Option<AccessTokenId>,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.username)?;
        match self.token {
            Some(id) => write!(f, " (by access token {})", uuid::Uuid::from_bytes(id.0)),
            None => Ok(()),
        }
    }
}

/// A user who may read. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader;

/// A user who may change things. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer(pub(super) Caller);

/// The time, in seconds since the Unix epoch.
pub(super) fn now_s() -> Result<u64, ApiError> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .map_err(|_| ApiError::internal("the clock of this node is before 1970"))
}

/// What follows the name of the scheme.
fn of_scheme<'a>(header: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (name, rest) = header.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ")?;
    name.eq_ignore_ascii_case(scheme.as_bytes())
        .then(|| rest.trim_ascii())
}

/// Finds out who asks; the error says why it is nobody, for the log.
fn find(guard: &Guard, services: &Services, header: &[u8], now_s: u64) -> Result<(Caller, Role), String> {
    if let Some(encoded) = of_scheme(header, "Basic") {
        let user = guard.users.by_password(encoded);
        let user = user.ok_or_else(|| "wrong name or password".to_owned())?;
        let caller = Caller {
            username: user.username.clone(),
            token: None,
        };
        return Ok((caller, user.role));
    }
    let text = of_scheme(header, "Bearer").ok_or_else(|| "neither Basic nor Bearer".to_owned())?;
    let state = services.state();
    let (id, token) = bearer::check(&state, text, now_s).map_err(|why| why.to_string())?;
    // A token never may more than its user, and nothing once the user is gone.
    let user = guard.users.by_name(&token.username);
    let user = user.ok_or_else(|| format!("access token of {}, who is no user", token.username))?;
    guard.uses.tell(services, &state, id, now_s);
    let role = match (token.role, user.role) {
        (AccessRole::Admin, Role::Admin) => Role::Admin,
        _ => Role::ReadOnly,
    };
    let caller = Caller {
        username: user.username.clone(),
        token: Some(id),
    };
    Ok((caller, role))
}

fn known(request: &HttpRequest) -> Result<(Caller, Role), ApiError> {
    let missing = || ApiError::internal("the admin API is not set up");
    let guard = request.app_data::<web::Data<Guard>>().ok_or_else(missing)?;
    let services = request.app_data::<web::Data<Services>>().ok_or_else(missing)?;
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .ok_or_else(ApiError::unauthorized)?;
    find(guard, services, header.as_bytes(), now_s()?).map_err(|why| {
        audit::login_failed(request, &why);
        ApiError::unauthorized()
    })
}

impl FromRequest for Reader {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request).map(|_| Self))
    }
}

impl FromRequest for Writer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(known(request).and_then(|(caller, role)| match role {
            Role::Admin => Ok(Self(caller)),
            Role::ReadOnly => {
                audit::denied(&caller, request);
                Err(ApiError::read_only(&caller))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_told_apart_without_case() {
        assert_eq!(of_scheme(b"bAsIc  eA== ", "Basic"), Some(&b"eA=="[..]));
        assert_eq!(of_scheme(b"Bearer x", "Bearer"), Some(&b"x"[..]));
        for wrong in [
            &b""[..],
            b"Basic",
            b"Basicx",
            b"Bearer x",
            "B\u{e4}sic x".as_bytes(),
        ] {
            assert_eq!(of_scheme(wrong, "Basic"), None, "{wrong:?}");
        }
    }
}
