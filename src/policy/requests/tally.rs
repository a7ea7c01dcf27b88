//! The outcomes of policies on a request, for counters and the audit log.

use std::fmt;
use std::ops::AddAssign;

use klamm_raft::model::PolicyName;

use crate::policy::outcomes::{strongest, write_named};

/// How many items a policy looked at, by what it made of them. Each is counted once, and a second time in `failed` if a rule
/// had no answer for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestOutcomes {
    /// They are as the policy demands.
    pub passed: u64,
    pub refused: u64,
    /// Settings got other values.
    pub overridden: u64,
    /// They break a rule that only counts.
    pub observed: u64,
    /// A rule, or the value of a setting, had no answer, or the policy cannot be carried out.
    pub failed: u64,
}

impl AddAssign for RequestOutcomes {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.refused += more.refused;
        self.overridden += more.overridden;
        self.observed += more.observed;
        self.failed += more.failed;
    }
}

impl RequestOutcomes {
    /// The numbers by their names, that which matters most first.
    fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("failed", self.failed),
            ("refused", self.refused),
            ("overridden", self.overridden),
            ("observed", self.observed),
            ("passed", self.passed),
        ]
    }

    /// The name of the outcome that matters most.
    pub fn strongest(&self) -> &'static str {
        strongest(&self.named())
    }
}

impl fmt::Display for RequestOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_named(&self.named(), f)
    }
}

/// An item that a policy refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedItem {
    pub policy: PolicyName,
    /// Its kind and its name, as the client calls it.
    pub item: String,
    pub why: String,
}

/// The outcomes of policies on the items of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestTally {
    outcomes: Vec<(PolicyName, RequestOutcomes)>,
    refused: Vec<RefusedItem>,
}

impl RequestTally {
    /// The most refusals that one request lists: it may name millions of items.
    const MAX_LISTED: usize = 100;

    /// The outcomes of each policy.
    pub fn outcomes(&self) -> &[(PolicyName, RequestOutcomes)] {
        &self.outcomes
    }

    /// The first of the items that are refused.
    pub fn refused(&self) -> &[RefusedItem] {
        &self.refused
    }

    /// Takes over what was found of another part of the same request, unless something is found already: each part looks
    /// at the same items.
    pub fn or(self, other: Self) -> Self {
        match self.outcomes.is_empty() {
            true => other,
            false => self,
        }
    }

    pub(super) fn count(&mut self, policy: &PolicyName, more: RequestOutcomes) {
        match self.outcomes.iter_mut().find(|(known, _)| known == policy) {
            Some((_, outcomes)) => *outcomes += more,
            None => self.outcomes.push((policy.clone(), more)),
        }
    }

    /// Counts that something was to be changed that nobody changes.
    pub(super) fn refuse_change(&mut self, policy: &PolicyName, item: impl fmt::Display) {
        let refused = RequestOutcomes {
            refused: 1,
            ..RequestOutcomes::default()
        };
        self.count(policy, refused);
        self.refuse(policy, || item.to_string(), "the topic is read-only");
    }

    pub(super) fn refuse(&mut self, policy: &PolicyName, item: impl FnOnce() -> String, why: &str) {
        if self.refused.len() < Self::MAX_LISTED {
            self.refused.push(RefusedItem {
                policy: policy.clone(),
                item: item(),
                why: why.to_owned(),
            });
        }
    }
}
