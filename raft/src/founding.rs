//! The id that a cluster of nodes gets when it is founded. Each node keeps it beside its standing, so that it is known before
//! anything is said to another node.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

/// Tells a cluster of nodes from all others, also from one of the same nodes that was there before. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FoundingId([u8; Self::BYTES]);

impl FoundingId {
    pub(crate) const BYTES: usize = 16;

    /// The id of a cluster that is founded now.
    pub(crate) fn random() -> Result<Self, Unspecified> {
        let mut bytes = [0; Self::BYTES];
        rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    pub(crate) fn of(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

/// A text that is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAFoundingId;

impl FromStr for FoundingId {
    type Err = NotAFoundingId;

    fn from_str(text: &str) -> Result<Self, NotAFoundingId> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        if text.len() != 2 * Self::BYTES || !text.bytes().all(is_hex) {
            return Err(NotAFoundingId);
        }
        let id = u128::from_str_radix(text, 16).map_err(|_| NotAFoundingId)?;
        Ok(Self(id.to_be_bytes()))
    }
}

impl fmt::Display for FoundingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown() {
        let id = FoundingId::random().expect("random bytes");
        assert_eq!(id.to_string().parse(), Ok(id));
        let zero = FoundingId::of([0; FoundingId::BYTES]);
        assert_eq!("0".repeat(32).parse(), Ok(zero));
        for wrong in [
            "",
            "0a",
            &"g".repeat(32),
            &"A".repeat(32),
            &format!("+{}", "0".repeat(31)),
        ] {
            assert_eq!(wrong.parse::<FoundingId>(), Err(NotAFoundingId), "{wrong}");
        }
    }
}
