//! The client's message of SASL/OAUTHBEARER (RFC 7628 §3.1, KIP-255) and the server's answer to a bad token (§3.2.2).

use crate::auth::LoginRefusal;
use crate::auth::saslname::unescaped;

/// The server's words for a token that it does not accept, before it refuses. It never depends on what was wrong.
pub(crate) const INVALID_TOKEN: &str = "{\"status\":\"invalid_token\"}";

/// The most extensions that are read.
const MAX_EXTENSIONS: usize = 64;

/// The message of a client. There is no `Debug`: the token must not reach a log.
pub(crate) struct BearerMessage<'a> {
    pub(crate) token: &'a str,
    /// Unescaped; `None` when none was given.
    pub(crate) authzid: Option<String>,
}

impl<'a> BearerMessage<'a> {
    /// Parses `n,[a=authzid],^Aauth=Bearer token^A(key=value^A)*^A`. Extensions must have the right form and mean
    /// nothing here.
    ///
    /// # Errors
    /// The message has another form.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, LoginRefusal> {
        let text = std::str::from_utf8(message).map_err(|_| LoginRefusal::MalformedMessage)?;
        parsed(text).ok_or(LoginRefusal::MalformedMessage)
    }
}

fn parsed(text: &str) -> Option<BearerMessage<'_>> {
    // No channel binding: `y` and `p` are refused, as brokers refuse them.
    let rest = text.strip_prefix("n,")?;
    let (authzid, rest) = rest.split_once(",\x01")?;
    let authzid = match authzid {
        "" => None,
        given => Some(unescaped(given.strip_prefix("a=")?)?),
    };
    let pairs = rest.strip_suffix("\x01\x01")?;
    let mut token = None;
    for (count, pair) in pairs.split('\x01').enumerate() {
        let (key, value) = pair.split_once('=')?;
        let is_value = !value.is_empty() && value.bytes().all(is_value_byte);
        if count > MAX_EXTENSIONS
            || key.is_empty()
            || !key.bytes().all(|b| b.is_ascii_alphabetic())
            || !is_value
        {
            return None;
        }
        if key == "auth" && token.replace(bearer(value)?).is_some() {
            return None;
        }
    }
    Some(BearerMessage {
        token: token?,
        authzid,
    })
}

fn is_value_byte(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | b' ' | b'\t' | b'\r' | b'\n')
}

/// The token of `Bearer token` (RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    let token = rest.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let is_token = !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'));
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(message: &str, expected: Option<(&str, Option<&str>)>) {
        let parsed = BearerMessage::parse(message.as_bytes()).ok();
        let parsed = parsed
            .as_ref()
            .map(|message| (message.token, message.authzid.as_deref()));
        assert_eq!(parsed, expected, "{message:?}");
    }

    #[test]
    fn token_and_authorization_id_are_found() {
        check("n,,\x01auth=Bearer abc.d_e-f\x01\x01", Some(("abc.d_e-f", None)));
        check("n,,\x01auth=bearer   abc==\x01\x01", Some(("abc==", None)));
        check(
            "n,a=ali=2Cce=3D,\x01auth=Bearer abc\x01\x01",
            Some(("abc", Some("ali,ce="))),
        );
        check(
            "n,,\x01auth=Bearer abc\x01logicalCluster=lkc-1\x01identityPoolId=p q=r\x01\x01",
            Some(("abc", None)),
        );
        check("n,,\x01traceId=1\x01auth=Bearer abc\x01\x01", Some(("abc", None)));
    }

    #[test]
    fn anything_else_is_malformed() {
        for message in [
            "",
            "\x01",
            "n,,",
            "n,,\x01\x01",
            "y,,\x01auth=Bearer abc\x01\x01",
            "p=tls-unique,,\x01auth=Bearer abc\x01\x01",
            "n,\x01auth=Bearer abc\x01\x01",
            "n,,\x01auth=Bearer abc\x01",
            "n,,\x01auth=Bearer abc",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01auth=Bearer =\x01\x01",
            "n,,\x01auth=Basic abc\x01\x01",
            "n,,\x01auth=Bearer a b\x01\x01",
            "n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01",
            "n,,\x01auth=Bearer abc\x01b-d=x\x01\x01",
            "n,,\x01auth=Bearer abc\x01key=\x01\x01",
            "n,,\x01auth=Bearer abc\x01key\x01\x01",
            "n,,\x01auth=Bearer abc\x01k=\u{e4}\x01\x01",
            "n,a=,\x01auth=Bearer abc\x01\x01",
            "n,b=x,\x01auth=Bearer abc\x01\x01",
            "n,a=x=,\x01auth=Bearer abc\x01\x01",
            "n,a=x=2c,\x01auth=Bearer abc\x01\x01",
        ] {
            check(message, None);
        }
        assert!(BearerMessage::parse(b"n,,\x01auth=Bearer \xff\x01\x01").is_err());
        let many = "k=v\x01".repeat(MAX_EXTENSIONS + 2);
        check(&format!("n,,\x01auth=Bearer abc\x01{many}\x01"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = BearerMessage::parse(&bytes);
        }

        #[test]
        fn no_near_miss_makes_it_panic(text in "n,(a=[a-z=2CD3]{0,5})?,\x01(auth=[Bb]earer [a-z=.]{0,5}|[a-z]=[a-z])\x01{0,3}") {
            let _ = BearerMessage::parse(text.as_bytes());
        }
    }
}
