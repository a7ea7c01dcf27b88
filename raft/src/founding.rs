//! The id that a cluster of nodes gets when it is founded. Each node keeps it beside its standing, so that it is known before
//! anything is said to another node.

use std::fmt;

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

impl fmt::Display for FoundingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
