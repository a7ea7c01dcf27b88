//! The client's two messages (RFC 5802 §7). Attributes are in the order that the grammar gives them, and no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::auth::LoginRefusal;
use crate::auth::saslname::unescaped;

/// The longest message that is looked at, in bytes: names, nonces and extensions are short.
const MAX_MESSAGE_BYTES: usize = 4096;
/// The longest nonce of a client, in bytes. Clients send 24 to 32.
const MAX_NONCE_BYTES: usize = 256;

/// `client-first-message`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) struct First<'a> {
    /// `gs2-header`: the client repeats it at the end.
    pub(super) header: &'a str,
    /// `client-first-message-bare`.
    pub(super) bare: &'a str,
    /// Without its escapes.
    pub(in crate::auth) user: String,
    pub(super) nonce: &'a str,
}

/// `client-final-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Final<'a> {
    /// The part of the header that was repeated, and what of it was bound to a channel: nothing.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    pub(super) proof: Vec<u8>,
    /// `client-final-message-without-proof`.
    pub(super) without_proof: &'a str,
}

fn text(message: &[u8]) -> Result<&str, LoginRefusal> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(LoginRefusal::MalformedMessage);
    }
    std::str::from_utf8(message).map_err(|_| LoginRefusal::MalformedMessage)
}

impl<'a> First<'a> {
    pub(in crate::auth) fn parse(message: &'a [u8]) -> Result<Self, LoginRefusal> {
        let text = text(message)?;
        let mut parts = text.splitn(3, ',');
        let (Some(binding), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(LoginRefusal::MalformedMessage);
        };
        // `y`: the client could bind to a channel and thinks that we cannot, which is so. `p`: it demands a binding.
        if !matches!(binding, "n" | "y") {
            return Err(LoginRefusal::MalformedMessage);
        }
        let mut attributes = bare.split(',');
        // A mandatory extension (`m=`) before the name is one that we do not know.
        let user = unescaped(value(attributes.next(), 'n')?).ok_or(LoginRefusal::MalformedMessage)?;
        let nonce = value(attributes.next(), 'r')?;
        let is_nonce = |nonce: &str| {
            (1..=MAX_NONCE_BYTES).contains(&nonce.len()) && nonce.bytes().all(|b| matches!(b, 0x21..=0x7e))
        };
        if !is_nonce(nonce) {
            return Err(LoginRefusal::MalformedMessage);
        }
        // Extensions are ignored, but for the one by which delegation tokens log in: there are none.
        for extension in attributes {
            let (name, _) = extension.split_once('=').ok_or(LoginRefusal::MalformedMessage)?;
            if name == "tokenauth" {
                return Err(LoginRefusal::UnsupportedMechanism);
            }
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
                return Err(LoginRefusal::MalformedMessage);
            }
        }
        if !authzid.is_empty() {
            let authzid = unescaped(value(Some(authzid), 'a')?).ok_or(LoginRefusal::MalformedMessage)?;
            if authzid != user {
                return Err(LoginRefusal::ForeignAuthzid);
            }
        }
        Ok(Self {
            header: &text[..text.len() - bare.len()],
            bare,
            user,
            nonce,
        })
    }
}

impl<'a> Final<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, LoginRefusal> {
        let text = text(message)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(LoginRefusal::MalformedMessage)?;
        let mut attributes = without_proof.split(',');
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| LoginRefusal::MalformedMessage);
        Ok(Self {
            binding: decode(value(attributes.next(), 'c')?)?,
            nonce: value(attributes.next(), 'r')?,
            proof: decode(proof)?,
            without_proof,
        })
    }
}

/// The value of an attribute, which must be this one.
fn value(attribute: Option<&str>, name: char) -> Result<&str, LoginRefusal> {
    attribute
        .and_then(|attribute| attribute.strip_prefix(name)?.strip_prefix('='))
        .ok_or(LoginRefusal::MalformedMessage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_is_taken_apart() {
        let first = First::parse(b"n,,n=ali=2Cce=3D,r=abc,x=1").unwrap();
        assert_eq!(
            (first.header, first.user.as_str(), first.nonce),
            ("n,,", "ali,ce=", "abc")
        );
        assert_eq!(first.bare, "n=ali=2Cce=3D,r=abc,x=1");
        assert_eq!(
            First::parse(b"y,a=alice,n=alice,r=abc").unwrap().header,
            "y,a=alice,"
        );
    }

    #[test]
    fn what_is_no_first_message_is_refused() {
        let long = format!("n,,n={},r=abc", "x".repeat(300));
        let huge = format!("n,,n=alice,r=abc,x={}", "y".repeat(5000));
        for message in [
            "",
            ",",
            ",,",
            "n",
            "n,,",
            "n,,n=alice",
            "n,,r=abc,n=alice",
            "n,,n=,r=abc",
            "n,,n=alice,r=",
            "n,,n=alice,r=a b",
            "n,,n=alice,r=\u{e4}",
            "n,,m=must,n=alice,r=abc",
            "n,,n=al=ce,r=abc",
            "n,,n=al=2cce,r=abc",
            "n,,n=alice=,r=abc",
            "n,,n=al\0ice,r=abc",
            "n,,n=alice,r=abc,",
            "n,,n=alice,r=abc,=x",
            "p=tls-unique,,n=alice,r=abc",
            "x,,n=alice,r=abc",
            "n,b=alice,n=alice,r=abc",
            &long,
            &huge,
        ] {
            assert_eq!(
                First::parse(message.as_bytes()).err(),
                Some(LoginRefusal::MalformedMessage),
                "{message:?}"
            );
        }
        assert_eq!(
            First::parse(b"n,,n=\xff,r=abc").err(),
            Some(LoginRefusal::MalformedMessage)
        );
        assert_eq!(
            First::parse(b"n,a=root,n=alice,r=abc").err(),
            Some(LoginRefusal::ForeignAuthzid)
        );
        assert_eq!(
            First::parse(b"n,,n=token,r=abc,tokenauth=true").err(),
            Some(LoginRefusal::UnsupportedMechanism)
        );
    }

    #[test]
    fn a_final_message_is_taken_apart() {
        let last = Final::parse(b"c=biws,r=abcdef,x=1,p=AAEC").unwrap();
        assert_eq!(
            (last.binding.as_slice(), last.nonce),
            (b"n,,".as_slice(), "abcdef")
        );
        assert_eq!(
            (last.proof, last.without_proof),
            (vec![0, 1, 2], "c=biws,r=abcdef,x=1")
        );
        for message in [
            "",
            "p=",
            ",p=",
            "c=biws,r=abc",
            "c=?,r=abc,p=AAEC",
            "c=biws,r=abc,p=A",
            "r=abc,c=biws,p=AAEC",
        ] {
            assert!(Final::parse(message.as_bytes()).is_err(), "{message:?}");
        }
    }
}
