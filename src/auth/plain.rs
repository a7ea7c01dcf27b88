//! The message of SASL/PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.

use super::LoginRefusal;

/// The longest user name that is looked at, in bytes.
const MAX_USERNAME_BYTES: usize = 256;
/// The longest password that is looked at, in bytes. A token takes about 350.
const MAX_PASSWORD_BYTES: usize = 4096;

/// A user name and password, as they were sent. There is no `Debug`: the password must not reach a log.
pub(super) struct PlainCredentials<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a str,
}

impl<'a> PlainCredentials<'a> {
    /// Parses the one message of the exchange. An authorization id must be empty or equal to the user name: acting for
    /// somebody else is not offered.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, LoginRefusal> {
        let text = std::str::from_utf8(message).map_err(|_| LoginRefusal::MalformedMessage)?;
        let mut parts = text.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(LoginRefusal::MalformedMessage);
        };
        let fits = (1..=MAX_USERNAME_BYTES).contains(&username.len())
            && (1..=MAX_PASSWORD_BYTES).contains(&password.len());
        if !fits {
            return Err(LoginRefusal::MalformedMessage);
        }
        if !authzid.is_empty() && authzid != username {
            return Err(LoginRefusal::ForeignAuthzid);
        }
        Ok(Self { username, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8]) -> Result<(String, String), LoginRefusal> {
        PlainCredentials::parse(message).map(|c| (c.username.to_owned(), c.password.to_owned()))
    }

    #[test]
    fn user_and_password_are_found() {
        let expected = Ok(("alice".to_owned(), "secret".to_owned()));
        assert_eq!(check(b"\0alice\0secret"), expected);
        assert_eq!(check(b"alice\0alice\0secret"), expected);
    }

    #[test]
    fn nobody_acts_for_another() {
        assert_eq!(check(b"root\0alice\0secret"), Err(LoginRefusal::ForeignAuthzid));
    }

    #[test]
    fn anything_else_is_malformed() {
        let long_user = [b"\0".as_slice(), &[b'a'; 257], b"\0secret"].concat();
        let long_password = [b"\0alice\0".as_slice(), &[b'a'; 65_536]].concat();
        let cases: [&[u8]; 10] = [
            b"",
            b"\0",
            b"\0\0",
            b"\0alice",
            b"\0alice\0",
            b"\0\0secret",
            b"\0alice\0sec\0ret",
            b"\0alice\0\xff\xfe",
            &long_user,
            &long_password,
        ];
        for case in cases {
            assert_eq!(check(case), Err(LoginRefusal::MalformedMessage), "{case:?}");
        }
    }
}
