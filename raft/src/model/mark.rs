//! The mark that producer ids get, so that those of two virtual clusters are never the same on a broker.

use serde::{Deserialize, Serialize};

use super::ClusterId;

/// A number that was never given out before, and that no other virtual cluster gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerMark {
    /// From 1 on.
    pub number: u32,
    /// Whose producer ids are marked with it: those of another physical cluster, or of one that was built anew, may be
    /// the same again.
    pub of: ClusterId,
}

impl ProducerMark {
    /// The numbers that there are: as many as an id has room for.
    pub const HIGHEST: u32 = (1 << 21) - 1;
}
