//! The secret that the nodes of one cluster share. It is made by chance and not by people: whoever sees a handshake could
//! try secrets that people think of.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The beginning of every secret's text, so that people, and programs that look for secrets where they should not be,
/// know one.
const MARK: &str = "klamm_cluster_";
const KEY_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// A secret that the nodes of one cluster share, to know each other by: 32 random bytes. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret([u8; KEY_BYTES]);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("this secret was not created by `klamm cluster secret`, and other secrets can be guessed")]
    Weak,
    #[error("a character of the secret is wrong or missing")]
    Damaged,
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system provides no random bytes")]
pub struct NoRandomness;

impl ClusterSecret {
    /// A new secret.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut key = [0; KEY_BYTES];
        rand::fill(&mut key).map_err(|Unspecified| NoRandomness)?;
        Ok(Self(key))
    }

    /// The secret as text. Never for a log, an error or a metric.
    pub fn reveal(&self) -> String {
        let bytes = [&self.0[..], &check(&self.0)].concat();
        format!("{MARK}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl FromStr for ClusterSecret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim().strip_prefix(MARK).ok_or(InvalidSecret::Weak)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidSecret::Damaged)?;
        let (key, sum) = bytes.split_last_chunk().ok_or(InvalidSecret::Damaged)?;
        let key = key.try_into().map_err(|_| InvalidSecret::Damaged)?;
        match *sum == check(&key) {
            true => Ok(Self(key)),
            false => Err(InvalidSecret::Damaged),
        }
    }
}

/// Tells a secret from one with a wrong character, and from what a person made up.
fn check(key: &[u8; KEY_BYTES]) -> [u8; CHECK_BYTES] {
    crc32c::crc32c(key).to_be_bytes()
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_and_read() {
        let secret = ClusterSecret::generate().unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), MARK.len() + 48);
        assert_eq!(format!(" {text}\n").parse(), Ok(secret.clone()));
        assert_ne!(ClusterSecret::generate().unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "ClusterSecret(..)");
    }

    #[test]
    fn what_a_person_thought_of_is_no_secret() {
        let text = ClusterSecret::generate().unwrap().reveal();
        for weak in ["", "hunter2", "a-long-but-weak-secret-of-somebody", &text[1..]] {
            assert_eq!(weak.parse::<ClusterSecret>(), Err(InvalidSecret::Weak), "{weak}");
        }
        let other = |byte: u8| if byte == b'A' { 'B' } else { 'A' };
        for at in MARK.len()..text.len() {
            let mut wrong = text.clone();
            wrong.replace_range(at..=at, &other(text.as_bytes()[at]).to_string());
            assert_eq!(
                wrong.parse::<ClusterSecret>(),
                Err(InvalidSecret::Damaged),
                "{wrong}"
            );
        }
        for damaged in [
            &text[..text.len() - 1],
            &format!("{text}A"),
            MARK,
            &format!("{MARK}{}", "A".repeat(47)),
        ] {
            assert_eq!(
                damaged.parse::<ClusterSecret>(),
                Err(InvalidSecret::Damaged),
                "{damaged}"
            );
        }
        assert_eq!(
            format!("{MARK}{}", "a guess of mine").parse::<ClusterSecret>(),
            Err(InvalidSecret::Damaged)
        );
    }
}
