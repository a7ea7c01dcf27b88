//! Valid, invalid, or too little happened to say. A run without faults or changes proves nothing and is not valid.

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;

use crate::faults::Faults;
use crate::history::{Look, Operation, Told};
use crate::invariants::{acknowledged_survives, lists_are_true, nodes_agree, nothing_unasked};
use crate::say;

/// Fewer acknowledged changes prove nothing.
const MIN_ACKNOWLEDGED: usize = 50;

/// Fewer lists in between prove nothing of them; nodes that cannot know refuse them.
const MIN_LOOKS: usize = 20;

/// The exit code of a run that shows nothing, neither that all is well nor that it is not.
pub(crate) const UNKNOWN: u8 = 2;

/// Says what a run found, and why it proves nothing if it does; and what comes of that.
pub(crate) fn pronounce(violations: &[String], vacuous: &[String]) -> ExitCode {
    for violation in violations {
        say(&format!("VIOLATION: {violation}"));
    }
    for reason in vacuous {
        say(&format!("proves nothing: {reason}"));
    }
    let (verdict, code) = match (violations.is_empty(), vacuous.is_empty()) {
        (true, true) => ("valid", ExitCode::SUCCESS),
        (false, _) => ("INVALID", ExitCode::FAILURE),
        (true, false) => ("unknown", ExitCode::from(UNKNOWN)),
    };
    say(&format!("verdict: {verdict}"));
    code
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Verdict {
    violations: Vec<String>,
    /// Why the run proves nothing.
    vacuous: Vec<String>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: usize,
    unknown: usize,
    refused: usize,
    looks: usize,
    faults: Faults,
}

impl Verdict {
    pub(crate) fn of(
        (operations, looks): (&[Operation], &[Look]),
        faults: &Faults,
        accounts: &[BTreeSet<String>],
    ) -> Self {
        let count = |told| {
            operations
                .iter()
                .filter(|operation| operation.told == told)
                .count()
        };
        let counts = Counts {
            acknowledged: count(Told::Acknowledged),
            unknown: count(Told::Unknown),
            refused: count(Told::Refused),
            looks: looks.len(),
            faults: *faults,
        };
        let mut violations = nodes_agree::violations(accounts);
        violations.extend(lists_are_true::violations(looks));
        if let Some(accounts) = accounts.first() {
            violations.extend(acknowledged_survives::violations(operations, accounts));
            violations.extend(nothing_unasked::violations(operations, accounts));
        }
        let mut vacuous = Vec::new();
        if counts.acknowledged < MIN_ACKNOWLEDGED {
            vacuous.push(format!("fewer than {MIN_ACKNOWLEDGED} changes were acknowledged"));
        }
        if counts.looks < MIN_LOOKS {
            vacuous.push(format!("nodes listed fewer than {MIN_LOOKS} times"));
        }
        if faults.kills + faults.pauses == 0 {
            vacuous.push("nothing was broken".to_owned());
        }
        Self {
            violations,
            vacuous,
            counts,
        }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.violations.is_empty() && self.vacuous.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            acknowledged,
            unknown,
            refused,
            looks,
            faults,
        } = &self.counts;
        writeln!(
            f,
            "changes: {acknowledged} acknowledged, {unknown} open, {refused} refused; {looks} lists in between"
        )?;
        writeln!(
            f,
            "faults: {} nodes killed ({} of them leading), {} paused",
            faults.kills, faults.leader_kills, faults.pauses
        )?;
        for violation in &self.violations {
            writeln!(f, "VIOLATION: {violation}")?;
        }
        for reason in &self.vacuous {
            writeln!(f, "proves nothing: {reason}")?;
        }
        f.write_str(match (self.violations.is_empty(), self.vacuous.is_empty()) {
            (true, true) => "verdict: valid",
            (false, _) => "verdict: INVALID",
            (true, false) => "verdict: unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_faults_is_not_valid() {
        let verdict = Verdict::of((&[], &[]), &Faults::default(), &[BTreeSet::new()]);
        assert!(!verdict.is_valid());
        assert!(verdict.to_string().ends_with("verdict: unknown"));
    }
}
