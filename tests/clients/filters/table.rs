//! Client × filter: what was found, what is not expected, and why. It runs nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::super::matrix::entries;
use super::followers::{Cell, Follower};
use super::log::{Filter, Isolation};

const HOLES: &str = include_str!("holes.txt");

/// The protocols of groups, each of which a client has or is listed not to have.
const PROTOCOLS: [&str; 3] = ["classic", "consumer", "share"];

/// A demand on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    /// Every record that is left for it came, once and in order, and nothing else.
    Records,
    /// The committed offset is the end of the log.
    End,
    /// Without the filter it got a new record alone, and the committed offset is the end of the log.
    Last,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::End => "end",
            Self::Last => "last",
        }
    }
}

/// A cell and a demand beside the closed list.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Well,
    Hole,
    Wrong(String),
}

/// Faults in words, by demand.
pub(super) type Faults = BTreeMap<(Cell, Check), String>;

/// A line of the closed list. `*` stands for all.
#[derive(Debug)]
struct Hole {
    client: &'static str,
    protocol: &'static str,
    filter: &'static str,
    isolation: &'static str,
    /// The demand, with a question mark if it may go well, or `cannot`.
    what: &'static str,
    reason: &'static str,
}

impl Hole {
    fn all() -> Result<Vec<Self>> {
        let read = |line: &'static str| {
            let mut words = line.splitn(6, ' ');
            Some(Self {
                client: words.next()?,
                protocol: words.next()?,
                filter: words.next()?,
                isolation: words.next()?,
                what: words.next()?,
                reason: words.next()?,
            })
        };
        entries(HOLES)
            .map(|line| {
                read(line).with_context(|| format!("no CLIENT PROTOCOL FILTER ISOLATION WHAT REASON: {line}"))
            })
            .collect()
    }

    fn is_for(&self, cell: Cell, check: Check) -> bool {
        let fits = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        self.client == cell.client
            && fits(self.protocol, cell.protocol)
            && fits(self.filter, cell.filter.topic())
            && fits(self.isolation, cell.isolation.name())
            && self.what.trim_end_matches('?') == check.name()
    }

    /// Whether it depends on time, so that it may go well.
    fn is_open(&self) -> bool {
        self.what.ends_with('?')
    }
}

/// The cells that were found.
#[derive(Debug)]
pub(super) struct Table {
    holes: Vec<Hole>,
    /// The faults, or none, of each demand.
    found: BTreeMap<(Cell, Check), Option<String>>,
    /// When the last cell of a client and a protocol was as it should be.
    done: BTreeMap<Cell, Duration>,
    wrong: Vec<String>,
}

impl Table {
    pub(super) fn new(followers: &[Follower]) -> Result<Self> {
        let holes = Hole::all()?;
        let mut wrong = Vec::new();
        for client in followers.iter().map(|follower| follower.client) {
            let mine = || followers.iter().filter(|follower| follower.client == client);
            for protocol in PROTOCOLS {
                let has = mine().any(|follower| follower.protocols.contains(&protocol));
                let cannot = |hole: &&Hole| {
                    hole.client == client && hole.protocol == protocol && hole.what == "cannot"
                };
                if has == holes.iter().any(|hole| cannot(&hole)) {
                    wrong.push(format!(
                        "{client} {protocol}: it is run, or it is listed as `cannot`"
                    ));
                }
            }
        }
        Ok(Self {
            holes,
            found: BTreeMap::new(),
            done: BTreeMap::new(),
            wrong,
        })
    }

    /// Whether a demand is in the closed list.
    pub(super) fn is_hole(&self, cell: Cell, check: Check) -> bool {
        self.hole(cell, check).is_some()
    }

    /// Whether a client is listed to stay behind the end where something is withheld there: in a log that has records for
    /// it (a topic without a filter stands for that), or in one that has none.
    pub(super) fn stays_behind(&self, cell: Cell) -> bool {
        let filter = match cell.filter {
            Filter::Nothing => Filter::NineInTen,
            other => other,
        };
        self.is_hole(Cell { filter, ..cell }, Check::End)
    }

    fn hole(&self, cell: Cell, check: Check) -> Option<&Hole> {
        self.holes.iter().find(|hole| hole.is_for(cell, check))
    }

    /// Notes when a cell was first as it should be.
    pub(super) fn done(&mut self, cell: Cell, after: Duration) {
        self.done.entry(cell).or_insert(after);
    }

    /// Notes what came of these demands.
    pub(super) fn judge(&mut self, cells: &[Cell], checks: &[Check], faults: &Faults) {
        for cell in cells {
            for check in checks {
                let fault = faults.get(&(*cell, *check)).cloned();
                self.found.insert((*cell, *check), fault);
            }
        }
    }

    /// Compares who may stay behind the end of a filtered log with who does so at a broker: where records came before, and
    /// where there never was one.
    pub(super) fn compare(&mut self, behind: &BTreeMap<Cell, String>) {
        for (cell, check) in self.found.keys() {
            if *check != Check::End || cell.filter == Filter::Nothing {
                continue;
            }
            let alike = Cell {
                filter: if cell.filter == Filter::Everything {
                    cell.filter
                } else {
                    Filter::Nothing
                },
                isolation: Isolation::Committed,
                ..*cell
            };
            let is_hole = self.is_hole(*cell, *check);
            if is_hole != behind.contains_key(&alike) {
                self.wrong.push(format!(
                    "{}: whether it may stay behind the end ({is_hole}) is not what it does at a broker",
                    cell.group()
                ));
            }
        }
    }

    /// The table for people: `+` went well, `.` a known hole, `X` anything else; then seconds.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:<24}", "");
        for filter in Filter::ALL {
            text.push_str(&format!("{:>16}", filter.topic()));
        }
        text.push_str("   seconds\n");
        let mut rows: Vec<(&str, &str)> = self
            .found
            .keys()
            .map(|(cell, _)| (cell.client, cell.protocol))
            .collect();
        rows.dedup();
        for (client, protocol) in rows {
            text.push_str(&format!("{:<24}", format!("{client} {protocol}")));
            for filter in Filter::ALL {
                let signs = Isolation::ALL.map(|isolation| {
                    self.sign(Cell {
                        client,
                        protocol,
                        filter,
                        isolation,
                    })
                });
                text.push_str(&format!("{:>16}", signs.join(" ")));
            }
            let mine = self
                .done
                .iter()
                .filter(|(cell, _)| (cell.client, cell.protocol) == (client, protocol));
            let seconds = mine.map(|(_, after)| after.as_secs_f64()).fold(0.0, f64::max);
            text.push_str(&format!("{seconds:>10.1}\n"));
        }
        text
    }

    fn sign(&self, cell: Cell) -> &'static str {
        let checks = [Check::Records, Check::End, Check::Last];
        let verdicts = checks.map(|check| self.verdict(cell, check));
        if verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Wrong(_)))
        {
            "X"
        } else if verdicts.contains(&Verdict::Hole) {
            "."
        } else {
            "+"
        }
    }

    /// Compares what was found with the closed list.
    fn verdict(&self, cell: Cell, check: Check) -> Verdict {
        let fault = self.found.get(&(cell, check)).and_then(Option::as_ref);
        match (fault, self.hole(cell, check)) {
            (Some(_), Some(_)) => Verdict::Hole,
            (Some(why), None) => Verdict::Wrong(why.clone()),
            (None, Some(hole)) if !hole.is_open() => {
                Verdict::Wrong(format!("is in holes.txt ({}) and went well", hole.reason))
            }
            (None, _) => Verdict::Well,
        }
    }

    /// Every cell must be as it should be or in the closed list, and what is in the list must be so.
    pub(super) fn check(mut self) -> Result<()> {
        let found: Vec<(Cell, Check)> = self.found.keys().copied().collect();
        for (cell, check) in found {
            if let Verdict::Wrong(why) = self.verdict(cell, check) {
                self.wrong
                    .push(format!("{} {}: {why}", cell.group(), check.name()));
            }
        }
        ensure!(
            self.wrong.is_empty(),
            "not as expected:\n{}",
            self.wrong.join("\n")
        );
        Ok(())
    }
}
