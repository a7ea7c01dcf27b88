//! HTTP Basic: who asks, and whether they may change anything.

use std::fmt;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::future::{Ready, ready};

use crate::config::{AdminUser, Role};

use super::audit;
use super::problem::ApiError;

/// The users, with digests of `user:password` in place of passwords. Digests are of one length, so that comparing them
/// tells nothing by its duration.
pub(super) struct Users(Vec<Known>);

struct Known {
    username: String,
    digest: Digest,
    role: Role,
}

impl Users {
    pub(super) fn new(users: &[AdminUser]) -> Self {
        let known = |user: &AdminUser| Known {
            username: user.username.clone(),
            digest: digest(
                &SHA256,
                format!("{}:{}", user.username, user.password.reveal()).as_bytes(),
            ),
            role: user.role,
        };
        Self(users.iter().map(known).collect())
    }

    /// Finds the user by an `Authorization` header. Looks at all users, whoever it is.
    fn find(&self, header: &[u8]) -> Option<&Known> {
        let (scheme, encoded) = header.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let given = digest(&SHA256, &STANDARD.decode(encoded.trim_ascii()).ok()?);
        let mut found = None;
        for known in &self.0 {
            if verify_slices_are_equal(known.digest.as_ref(), given.as_ref()).is_ok() {
                found = Some(known);
            }
        }
        found
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|known| &known.username))
            .finish()
    }
}

/// A user who may read. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader;

/// A user who may change things. As an argument of a handler it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) username: String,
}

fn known(request: &HttpRequest) -> Result<&Known, ApiError> {
    let users = request
        .app_data::<web::Data<Users>>()
        .ok_or_else(|| ApiError::internal("the admin API has no users"))?;
    let header = request.headers().get(AUTHORIZATION);
    let user = header.and_then(|value| users.find(value.as_bytes()));
    user.ok_or_else(|| {
        if header.is_some() {
            audit::login_failed(request);
        }
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
        ready(known(request).and_then(|user| match user.role {
            Role::Admin => Ok(Self {
                username: user.username.clone(),
            }),
            Role::ReadOnly => {
                audit::denied(&user.username, request);
                Err(ApiError::read_only(&user.username))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn header(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn only_the_whole_pair_is_a_user() {
        let user = |username: &str, password: &str, role| AdminUser {
            username: username.to_owned(),
            password: Secret::new(password),
            role,
        };
        let users = Users::new(&[user("a", "b:c", Role::Admin), user("eye", "x", Role::ReadOnly)]);
        let role = |header: &[u8]| users.find(header).map(|known| known.role);
        assert_eq!(role(&header("a:b:c")), Some(Role::Admin));
        assert_eq!(role(&header("eye:x")), Some(Role::ReadOnly));
        assert_eq!(
            role(&[b"bAsIc  ", STANDARD.encode("eye:x").as_bytes()].concat()),
            Some(Role::ReadOnly)
        );
        for wrong in ["a:b", "a:b:c ", "a", "", "eye:b:c"] {
            assert_eq!(role(&header(wrong)), None, "{wrong}");
        }
        for wrong in [
            &b""[..],
            b"Basic",
            b"Bearer YTpi",
            b"Basic !!!",
            "Basic ü".as_bytes(),
            "Bäsic".as_bytes(),
        ] {
            assert_eq!(role(wrong), None, "{wrong:?}");
        }
        assert!(!format!("{users:?}").contains("b:c"));
    }
}
