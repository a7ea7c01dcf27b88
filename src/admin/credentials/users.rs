//! The users of the configuration: names and passwords by HTTP Basic.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::{AdminUser, Role};

/// The users, with digests of `user:password` in place of passwords. Digests are of one length, so that comparing them
/// tells nothing by its duration.
pub(super) struct Users(Vec<User>);

/// One of them.
pub(super) struct User {
    pub(super) username: String,
    digest: Digest,
    pub(super) role: Role,
}

impl Users {
    pub(super) fn new(users: &[AdminUser]) -> Self {
        let user = |user: &AdminUser| User {
            username: user.username.clone(),
            digest: digest(
                &SHA256,
                format!("{}:{}", user.username, user.password.reveal()).as_bytes(),
            ),
            role: user.role,
        };
        Self(users.iter().map(user).collect())
    }

    /// The place of the user that is named in what HTTP Basic encodes, whatever its password is.
    pub(super) fn place(&self, encoded: &[u8]) -> Option<usize> {
        let pair = STANDARD.decode(encoded).ok()?;
        let name = pair.split(|byte| *byte == b':').next()?;
        self.0.iter().position(|user| user.username.as_bytes() == name)
    }

    /// The user whose name and password these are, encoded as HTTP Basic does. Looks at all users, whoever it is.
    pub(super) fn by_password(&self, encoded: &[u8]) -> Option<&User> {
        let given = digest(&SHA256, &STANDARD.decode(encoded).ok()?);
        let mut found = None;
        for user in &self.0 {
            if verify_slices_are_equal(user.digest.as_ref(), given.as_ref()).is_ok() {
                found = Some(user);
            }
        }
        found
    }

    pub(super) fn by_name(&self, username: &str) -> Option<&User> {
        self.0.iter().find(|user| user.username == username)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|user| &user.username))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn only_the_whole_pair_is_a_user() {
        let user = |username: &str, password: &str, role| AdminUser {
            username: username.to_owned(),
            password: Secret::new(password),
            role,
        };
        let users = Users::new(&[user("a", "b:c", Role::Admin), user("eye", "x", Role::ReadOnly)]);
        let role = |pair: &str| {
            let user = users.by_password(STANDARD.encode(pair).as_bytes());
            user.map(|user| user.role)
        };
        assert_eq!(role("a:b:c"), Some(Role::Admin));
        assert_eq!(role("eye:x"), Some(Role::ReadOnly));
        for wrong in ["a:b", "a:b:c ", "a", "", "eye:b:c"] {
            assert_eq!(role(wrong), None, "{wrong}");
        }
        let place = |pair: &str| users.place(STANDARD.encode(pair).as_bytes());
        assert_eq!(
            [place("a:x"), place("eye:"), place("eye"), place("b:c")],
            [Some(0), Some(1), Some(1), None]
        );
        assert!(users.place(b"!!!").is_none());
        assert!(users.by_password(b"!!!").is_none());
        assert!(users.by_password("ü".as_bytes()).is_none());
        assert!(!format!("{users:?}").contains("b:c"));
    }
}
