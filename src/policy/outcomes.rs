//! The outcomes of policies on records, counted.

use std::ops::AddAssign;

/// How many records a policy looked at, by what it made of them. Each is counted once, and a second time in `failed` if
/// the policy could not judge it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordOutcomes {
    /// They went on as they were.
    pub passed: u64,
    pub changed: u64,
    pub skipped: u64,
    /// They went on with a header that says that they could not be judged.
    pub marked: u64,
    pub refused: u64,
    /// The condition or a value had no answer, or the policy cannot be carried out.
    pub failed: u64,
}

impl AddAssign for RecordOutcomes {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.changed += more.changed;
        self.skipped += more.skipped;
        self.marked += more.marked;
        self.refused += more.refused;
        self.failed += more.failed;
    }
}
