//! Metrics of what policies take of a node as a whole.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::book::{Book, Family, Label, Section};
use super::node::BudgetShare;

const MEMORY: Family = Family::new(
    "klamm_policy_memory_bytes",
    "Bytes of memory that records take while policies look at them",
)
.on_page("Bytes of memory that are reserved for records while policies look at them, of `klamm.limits.policy.bytes`");

const TURNS: Family = Family::new(
    "klamm_policy_workers_busy",
    "Threads that judge records by policies",
)
.on_page("Threads that judge the records of large requests and answers. At most half of the cores are");

const WAITS: Family = Family::new(
    "klamm_policy_waits_total",
    "Requests and answers that waited until policies could look at their records, by whose share was used up",
)
.by(&[Label::closed("share", BudgetShare::values)])
.on_page("Requests and answers that waited for memory or for a thread before policies could look at their records, by whose share was used up");

/// The metrics of what policies take of a node.
#[derive(Debug, Clone)]
pub struct PolicyMetrics {
    pub memory: IntGauge,
    pub turns: IntGauge,
    waits: IntCounterVec,
}

impl PolicyMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Policies);
        Ok(Self {
            memory: book.gauge(MEMORY)?,
            turns: book.gauge(TURNS)?,
            waits: book.counters(WAITS)?,
        })
    }

    /// Counts requests and answers that wait.
    pub fn waits(&self, share: BudgetShare) -> IntCounter {
        self.waits.with_label_values(&[share.name()])
    }
}
