//! The findings of a run, and whether they show anything.

use std::process::ExitCode;

use crate::history::History;
use crate::invariants::{acknowledged_survives, lists_are_true, nodes_agree, nothing_unasked};
use crate::say;
use crate::verdict::pronounce;
use crate::world::World;

/// The things that a run found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) violations: Vec<String>,
    /// Why the run proves nothing.
    vacuous: Vec<String>,
}

impl Findings {
    pub(crate) fn wrong(&mut self, violation: impl Into<String>) {
        self.violations.push(violation.into());
    }

    /// Takes note of what must have been enough to show something.
    pub(crate) fn at_least(&mut self, what: &str, number: usize, least: usize) {
        if number < least {
            self.vacuous
                .push(format!("{what}: only {number}, and {least} would be enough"));
        }
    }

    /// Compares what the nodes show in the end with what clients were told.
    pub(crate) fn compare(&mut self, world: &World, history: &History) -> anyhow::Result<()> {
        let (operations, accounts) = (history.operations(), world.accounts_everywhere()?);
        self.violations.extend(nodes_agree::violations(&accounts));
        self.violations
            .extend(lists_are_true::violations(&history.looks()));
        if let Some(accounts) = accounts.first() {
            self.violations
                .extend(acknowledged_survives::violations(&operations, accounts));
            self.violations
                .extend(nothing_unasked::violations(&operations, accounts));
        }
        Ok(())
    }

    /// Says what was found, if the run came to its end or something wrong was found before; logs and data of the nodes are kept
    /// unless all is well.
    pub(crate) fn conclude(&self, went: anyhow::Result<()>, world: &mut World) -> anyhow::Result<ExitCode> {
        if self.violations.is_empty() {
            went?;
        } else if let Err(error) = went {
            say(&format!("the run ended before its time: {error:#}"));
        }
        let code = pronounce(&self.violations, &self.vacuous);
        if code != ExitCode::SUCCESS {
            say(&format!(
                "the nodes' logs and data are kept in {}",
                world.keep().display()
            ));
        }
        Ok(code)
    }
}
