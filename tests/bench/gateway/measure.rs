//! The use that a process has made of the machine, from `/proc`, and the statistics of a noisy machine.

use std::fs;

use anyhow::{Context, Result};

/// The processor time and memory that a process has used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) most_resident_bytes: u64,
}

impl Usage {
    /// Reads `/proc/PID`. The processor time of living threads is exact to the nanosecond; that of ended ones is lost,
    /// so read it before connections are closed.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between the listing and the look.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text
                .split_whitespace()
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or(0);
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let bytes = |name: &str| -> Result<u64> {
            let line = status
                .lines()
                .find(|line| line.starts_with(name))
                .with_context(|| format!("{name} in status"))?;
            Ok(line
                .split_whitespace()
                .nth(1)
                .context("a number")?
                .parse::<u64>()?
                * 1024)
        };
        Ok(Self {
            cpu_seconds: nanoseconds as f64 / 1e9,
            resident_bytes: bytes("VmRSS:")?,
            most_resident_bytes: bytes("VmHWM:")?,
        })
    }

    /// Of several processes together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            resident_bytes: self.resident_bytes + other.resident_bytes,
            most_resident_bytes: self.most_resident_bytes + other.most_resident_bytes,
        }
    }
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(&mut values.to_vec(), 50.0)
}

/// The value below which so many per cent lie.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (percent / 100.0 * values.len() as f64) as usize;
    values
        .get(place.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// The middle one of the ratios of values to others of the same round: what the machine does meanwhile is in both.
pub(crate) fn median_ratio(values: &[f64], of: &[f64]) -> f64 {
    let ratios: Vec<f64> = values.iter().zip(of).map(|(value, of)| value / of).collect();
    median(&ratios)
}
