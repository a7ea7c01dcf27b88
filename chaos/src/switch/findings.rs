//! The findings of a run with switches: what was wrong, why it shows nothing, and for how long clients heard nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::clients::Acknowledged;
use super::order::Crossing;
use super::turns::{MIN_BROKEN, MIN_SWITCHES, NodesAre, SwitchTurn};

/// Records that are stored, by what they say, and how often.
pub(super) type StoredCounts = BTreeMap<String, u64>;

/// Switches that no client noticed, of those with a node that is cut off or paused: more of them show nothing.
const UNNOTICED: usize = 2;
/// A client that hears nothing for so long has noticed it.
const NOTICED: Duration = Duration::from_millis(500);

/// Whether nodes are in a state that is meant.
type IsMeant = fn(NodesAre) -> bool;

/// Everything that was seen in a run.
#[derive(Debug)]
pub(super) struct SwitchEvidence {
    pub(super) turns: Vec<SwitchTurn>,
    pub(super) crossings: Vec<Crossing>,
    /// Requests that came to the stand-in before anything was switched to it.
    pub(super) early: u64,
    pub(super) acknowledged: Vec<Acknowledged>,
    /// Of both clusters together.
    pub(super) stored: StoredCounts,
    pub(super) fatal: Vec<String>,
}

impl SwitchEvidence {
    /// Everything that must not be.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let all = self.turns.iter().zip(&self.crossings).zip(1..);
        for ((turn, crossing), number) in all.filter(|((_, crossing), _)| !crossing.late.is_empty()) {
            wrong.push(format!(
                "switch {number} ({:?}): {} requests reached a cluster that was left after the first had reached the next (API, after): {:?}",
                turn.nodes,
                crossing.late.len(),
                crossing.late
            ));
        }
        if self.early > 0 {
            wrong.push(format!(
                "{} requests reached the stand-in before any switch",
                self.early
            ));
        }
        if let Some(first) = self.fatal.first() {
            wrong.push(format!(
                "clients were told {} errors after which they give up: {first}",
                self.fatal.len()
            ));
        }
        let count = |record: &Acknowledged| self.stored.get(&record.value).copied().unwrap_or(0);
        let lost = self.acknowledged.iter().filter(|record| count(record) == 0);
        let lost: Vec<&str> = lost.map(|record| record.value.as_str()).collect();
        if let Some(first) = lost.first() {
            wrong.push(format!(
                "{} records are lost of which producers were told that they are stored: {first}",
                lost.len()
            ));
        }
        // A batch that was under way at a switch may be on both clusters.
        let is_doubled = |record: &&Acknowledged| count(record) > 1 + record.switches;
        let doubled: Vec<&str> = self
            .acknowledged
            .iter()
            .filter(is_doubled)
            .map(|record| record.value.as_str())
            .collect();
        if let Some(first) = doubled.first() {
            wrong.push(format!(
                "{} records of idempotent producers are there more than once: {first}",
                doubled.len()
            ));
        }
        wrong
    }

    /// Why the run shows nothing.
    pub(super) fn too_few(&self) -> Vec<String> {
        let broken: Vec<&SwitchTurn> = self
            .turns
            .iter()
            .filter(|turn| turn.nodes != NodesAre::Well)
            .collect();
        let noticed = broken
            .iter()
            .filter(|turn| self.longest_gap(turn) > NOTICED)
            .count();
        let least = [
            ("switches", self.turns.len(), MIN_SWITCHES),
            (
                "switches with a node that was cut off or paused",
                broken.len(),
                MIN_BROKEN,
            ),
            (
                "of these, such that a client noticed",
                noticed,
                broken.len().saturating_sub(UNNOTICED),
            ),
            (
                "switches after which requests came",
                self.crossings
                    .iter()
                    .filter(|crossing| crossing.entered > 0)
                    .count(),
                MIN_SWITCHES,
            ),
        ];
        let too_few = least.into_iter().filter(|(_, number, least)| number < least);
        too_few
            .map(|(what, number, least)| format!("{what}: only {number}, and {least} would be enough"))
            .collect()
    }

    /// The longest time for which a producer heard nothing around a switch.
    fn longest_gap(&self, turn: &SwitchTurn) -> Duration {
        let mut last: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut longest = Duration::ZERO;
        for record in &self.acknowledged {
            let before = last.insert(record.producer, record.at);
            let Some(before) = before else { continue };
            if record.at > turn.begun && before < turn.ended {
                longest = longest.max(record.at.saturating_duration_since(before));
            }
        }
        longest
    }

    /// How long switches took, and what clients and brokers noticed of them, by how the nodes were.
    pub(super) fn report(&self) -> Vec<String> {
        let kinds: [(&str, IsMeant); 3] = [
            ("all nodes well", |nodes| nodes == NodesAre::Well),
            ("a node cut off", |nodes| matches!(nodes, NodesAre::CutOff(_))),
            ("a node paused", |nodes| matches!(nodes, NodesAre::Paused(_))),
        ];
        let mut lines = Vec::new();
        for (name, is_meant) in kinds {
            let of_kind = || {
                let all = self.turns.iter().zip(&self.crossings);
                all.filter(|(turn, _)| is_meant(turn.nodes))
            };
            let took = of_kind().map(|(turn, _)| turn.made - turn.begun).collect();
            let brokers = of_kind().filter_map(|(_, crossing)| crossing.gap).collect();
            let clients = of_kind().map(|(turn, _)| self.longest_gap(turn)).collect();
            lines.push(format!(
                "{name}: {} switches, acknowledged after {}; brokers got nothing for {}; a producer heard nothing for {}",
                of_kind().count(),
                spread(took),
                spread(brokers),
                spread(clients)
            ));
        }
        let again = self.stored.values().filter(|count| **count > 1).count();
        lines.push(format!(
            "records that are on both clusters, or twice on one: {again}"
        ));
        lines
    }
}

/// The middle one and the longest.
fn spread(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    let half = all.get(all.len() / 2).copied().unwrap_or_default();
    let most = all.last().copied().unwrap_or_default();
    format!("{} ms (half), {} ms (all)", half.as_millis(), most.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> SwitchEvidence {
        let begun = Instant::now();
        let turn = |number: u32| SwitchTurn {
            nodes: match number % 4 {
                0 => NodesAre::Paused(1),
                _ => NodesAre::Well,
            },
            begun: begun + Duration::from_secs(10) * number,
            made: begun + Duration::from_secs(10) * number + Duration::from_secs(1),
            ended: begun + Duration::from_secs(10) * number + Duration::from_secs(2),
        };
        let crossing = Crossing {
            entered: 30,
            late: Vec::new(),
            gap: Some(Duration::from_millis(300)),
        };
        let record = |second: u32| Acknowledged {
            value: format!("0 {second}"),
            producer: 0,
            at: begun + Duration::from_secs(1) * second,
            switches: u64::from(second.is_multiple_of(10)),
        };
        let acknowledged: Vec<Acknowledged> = (0..250).map(record).collect();
        SwitchEvidence {
            turns: (0..24).map(turn).collect(),
            crossings: vec![crossing; 24],
            early: 0,
            stored: acknowledged
                .iter()
                .map(|record| (record.value.clone(), 1))
                .collect(),
            acknowledged,
            fatal: Vec::new(),
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |change: fn(&mut SwitchEvidence)| {
            let mut evidence = evidence();
            change(&mut evidence);
            evidence.violations().join("; ")
        };
        assert_eq!(wrong(|_| {}), "");
        assert!(
            wrong(|evidence| evidence.crossings[3].late = vec![(0, Duration::ZERO); 2])
                .contains("switch 4 (Well): 2 requests reached a cluster that was left")
        );
        assert!(wrong(|evidence| evidence.early = 1).contains("before any switch"));
        assert!(wrong(|evidence| evidence.fatal.push("error 45".to_owned())).contains("give up: error 45"));
        let lost = |evidence: &mut SwitchEvidence| evidence.stored.retain(|value, _| value != "0 7");
        assert!(wrong(lost).contains("1 records are lost"));
        let double = |evidence: &mut SwitchEvidence| {
            evidence.stored.insert("0 7".to_owned(), 2);
        };
        assert!(wrong(double).contains("more than once: 0 7"));
        let under_way = |evidence: &mut SwitchEvidence| {
            evidence.stored.insert("0 10".to_owned(), 2);
        };
        assert_eq!(wrong(under_way), "", "a switch was begun meanwhile");
    }

    #[test]
    fn too_little_is_said() {
        let mut evidence = evidence();
        assert_eq!(evidence.too_few(), Vec::<String>::new());
        assert_eq!(evidence.longest_gap(&evidence.turns[4]), Duration::from_secs(1));
        evidence.turns.truncate(8);
        evidence.crossings[9].entered = 0;
        assert!(
            evidence
                .too_few()
                .join("; ")
                .contains("switches: only 8, and 20 would be enough")
        );
    }
}
