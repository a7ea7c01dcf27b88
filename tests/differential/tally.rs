//! Counts what was compared, and collects what differs in a form that people can read.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::cases::Case;
use crate::deviations::{self, DEVIATIONS};
use crate::side::Outcome;
use crate::tree::{Difference, Tree};
use crate::world::Kind;

/// How many different differences a failure shows, how many values of each, and how many users of those.
const SHOWN: usize = 150;
const SHOWN_VALUES: usize = 5;
const SHOWN_USERS: usize = 4;
const SHOWN_CHARS: usize = 260;

/// The differences that were found so far.
#[derive(Debug)]
pub(crate) struct Tally {
    kind: Kind,
    compared: usize,
    /// By API, case and place: the values, and who saw them in which version.
    found: BTreeMap<(i16, &'static str, String), BTreeMap<String, Vec<String>>>,
    used: BTreeSet<usize>,
}

impl Tally {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            compared: 0,
            found: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    /// Compares two outcomes.
    pub(crate) fn add(
        &mut self,
        (case, version, user): (&Case, i16, &str),
        broker: &Outcome,
        gateway: &Outcome,
    ) {
        self.compared += 1;
        let differences = match (broker, gateway) {
            (Outcome::Answer(broker), Outcome::Answer(gateway)) => Tree::differences(broker, gateway),
            (broker, gateway) if broker != gateway => {
                let tree = |outcome: &Outcome| match outcome {
                    Outcome::Answer(tree) => Some(tree.clone()),
                    Outcome::Closed => None,
                };
                vec![Difference {
                    path: "(whole)".into(),
                    broker: tree(broker),
                    gateway: tree(gateway),
                }]
            }
            _ => Vec::new(),
        };
        for difference in differences {
            self.note((case.key, case.name), &difference, format!("{user} v{version}"));
        }
    }

    fn note(&mut self, (key, name): (i16, &'static str), difference: &Difference, who: String) {
        if let Some(known) = deviations::find(self.kind, key, difference) {
            self.used.insert(known);
            return;
        }
        let show = |tree: &Option<Tree>| match tree {
            Some(tree) => shortened(&tree.to_string()),
            None => "nothing".into(),
        };
        let values = format!(
            "broker {}, gateway {}",
            show(&difference.broker),
            show(&difference.gateway)
        );
        let place = self
            .found
            .entry((key, name, difference.path.clone()))
            .or_default();
        place.entry(values).or_default().push(who);
    }

    /// Fails if there is a difference that nobody meant, or a deviation that is none any more, which only the whole run
    /// can tell.
    pub(crate) fn conclude(self) -> Result<()> {
        let mut report = String::new();
        for ((key, name, path), values) in self.found.iter().take(SHOWN) {
            let api = klamm::wire::api_name(*key).unwrap_or("?");
            report.push_str(&format!("{key} {api}, {name}: {path}\n"));
            for (values, who) in values.iter().take(SHOWN_VALUES) {
                let shown: Vec<&str> = who.iter().take(SHOWN_USERS).map(String::as_str).collect();
                report.push_str(&format!(
                    "    {values} ({} times: {})\n",
                    who.len(),
                    shown.join(", ")
                ));
            }
            if let Some(more) = values.len().checked_sub(SHOWN_VALUES).filter(|more| *more > 0) {
                report.push_str(&format!("    and {more} more\n"));
            }
        }
        ensure!(
            self.found.is_empty(),
            "{} answers compared, {} differences:\n{report}",
            self.compared,
            self.found.len()
        );
        let stale: Vec<(i16, &str, &str)> = DEVIATIONS
            .iter()
            .enumerate()
            .filter(|(at, known)| known.is_of(self.kind) && !self.used.contains(at))
            .map(|(_, known)| (known.key, known.path, known.reason))
            .collect();
        let is_whole = self.kind == Kind::Partner;
        ensure!(
            stale.is_empty() || !is_whole,
            "deviations that are none: {stale:#?}"
        );
        ensure!(
            self.compared > self.kind.least(),
            "only {} answers were compared",
            self.compared
        );
        Ok(())
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}
