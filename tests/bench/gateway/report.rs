//! The measurements, and the tables that show them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use anyhow::Result;

use crate::load::{Load, Small};
use crate::measure::{Usage, median, percentile};
use crate::path::{Path, RELAY};

pub(crate) const MIB: f64 = 1024.0 * 1024.0;
pub(crate) const GIB: f64 = 1024.0 * MIB;

/// The measurements of one path under one load, one value per round.
#[derive(Debug, Default)]
pub(crate) struct Series {
    pub(crate) mib_per_second: Vec<f64>,
    pub(crate) cpu_seconds_per_gib: Vec<f64>,
}

/// Everything, by the number of the path.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) loads: BTreeMap<(Load, usize), Series>,
    /// Of all rounds, in microseconds.
    pub(crate) latencies: BTreeMap<(Small, usize), Vec<f64>>,
}

impl Results {
    /// Prints all tables.
    pub(crate) fn report(&mut self, paths: &[Path]) -> Result<()> {
        for load in Load::ALL {
            if self.loads.keys().any(|(measured, _)| *measured == load) {
                self.report_load(load, paths);
            }
        }
        for small in Small::ALL {
            if self.latencies.keys().any(|(measured, _)| *measured == small) {
                self.report_latency(small, paths);
            }
        }
        report_memory(paths)
    }

    fn report_load(&self, load: Load, paths: &[Path]) {
        say(&format!(
            "\n{}\n{:<20}{:>10}{:>14}{:>14}",
            load.title(),
            "",
            "MiB/s",
            "CPU s/GiB",
            "of the relay"
        ));
        let cpu = |index: usize| {
            self.loads
                .get(&(load, index))
                .map_or(f64::NAN, |series| median(&series.cpu_seconds_per_gib))
        };
        let relay = paths.iter().position(|path| path.name == RELAY);
        let base = relay.map_or(f64::NAN, cpu);
        for (index, path) in paths.iter().enumerate() {
            let rate = self
                .loads
                .get(&(load, index))
                .map_or(f64::NAN, |series| median(&series.mib_per_second));
            let cost = if path.stands_between() {
                format!("{:>14.3}{:>14.2}", cpu(index), cpu(index) / base)
            } else {
                String::new()
            };
            say(&format!("{:<20}{rate:>10.0}{cost}", path.name));
        }
    }

    fn report_latency(&mut self, small: Small, paths: &[Path]) {
        say(&format!(
            "\n{}, one at a time, in µs\n{:<20}{:>10}{:>10}{:>12}{:>12}",
            small.title(),
            "",
            "p50",
            "p99",
            "added p50",
            "added p99"
        ));
        let mut alone = None;
        for (index, path) in paths.iter().enumerate() {
            let values = self.latencies.entry((small, index)).or_default();
            let (p50, p99) = (percentile(values, 50.0), percentile(values, 99.0));
            let (alone50, alone99) = *alone.get_or_insert((p50, p99));
            say(&format!(
                "{:<20}{p50:>10.0}{p99:>10.0}{:>12.0}{:>12.0}",
                path.name,
                p50 - alone50,
                p99 - alone99
            ));
        }
    }
}

fn report_memory(paths: &[Path]) -> Result<()> {
    say(&format!(
        "\nresident memory, in MiB\n{:<20}{:>10}{:>10}",
        "", "now", "at most"
    ));
    let mut seen = BTreeSet::new();
    for path in paths
        .iter()
        .filter(|path| path.stands_between() && seen.insert(&path.pids))
    {
        let Usage {
            resident_bytes,
            most_resident_bytes,
            ..
        } = path.usage()?;
        let (now, most) = (resident_bytes as f64 / MIB, most_resident_bytes as f64 / MIB);
        say(&format!("{:<20}{now:>10.1}{most:>10.1}", path.name));
    }
    Ok(())
}

/// A closed standard output is no reason to stop measuring.
pub(crate) fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
