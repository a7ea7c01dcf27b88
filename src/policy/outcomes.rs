//! The outcomes of policies on records, counted.

use std::fmt;
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

impl RecordOutcomes {
    /// The numbers by their names, that which matters most first.
    fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("failed", self.failed),
            ("refused", self.refused),
            ("skipped", self.skipped),
            ("marked", self.marked),
            ("changed", self.changed),
            ("passed", self.passed),
        ]
    }

    /// The name of the outcome that matters most.
    pub fn strongest(&self) -> &'static str {
        strongest(&self.named())
    }
}

impl fmt::Display for RecordOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_named(&self.named(), f)
    }
}

/// The name of the first number that is not 0.
pub(super) fn strongest(named: &[(&'static str, u64)]) -> &'static str {
    let found = named.iter().find(|(_, number)| *number > 0);
    found.map_or("none", |(name, _)| name)
}

/// The numbers that are not 0, with their names.
pub(super) fn write_named(named: &[(&'static str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let counted = named.iter().filter(|(_, number)| *number > 0);
    for (place, (name, number)) in counted.enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        write!(f, "{separator}{number} {name}")?;
    }
    Ok(())
}
