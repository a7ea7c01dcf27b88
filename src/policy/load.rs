//! The work that policies make.

use std::ops::AddAssign;
use std::time::Duration;

/// The work on the records of some partitions, by all policies that look at them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordLoad {
    /// The bytes of the batches as they came, and as they go on.
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub spent: Duration,
}

impl AddAssign for RecordLoad {
    fn add_assign(&mut self, more: Self) {
        self.bytes_in += more.bytes_in;
        self.bytes_out += more.bytes_out;
        self.spent += more.spent;
    }
}
