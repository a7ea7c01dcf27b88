//! The memory of proposals, so that one that is sent twice is applied once and answered the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// The proposals of one node, by the boots (processes) that made them, latest boot last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalRecord {
    pub boots: Vec<BootRecord>,
}

/// The proposals of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRecord {
    pub boot: u64,
    /// Every lower sequence has been answered.
    pub settled: u64,
    /// The outcomes of proposals that may still be sent again, by sequence.
    pub outcomes: BTreeMap<u64, Outcome>,
}
