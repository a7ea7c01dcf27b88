//! Stands in for the crate `base2histogram`, of which openraft needs the interface only. It knows nothing.
//!
//! openraft counts the sizes of its batches into such histograms, and shows them under its feature `runtime-stats`, which
//! is off here. The real crate makes tables of 25 MiB at the first use: more than the rest of a gateway takes. When a new
//! openraft needs more of the interface, the build says so.

use std::fmt::{self, Display, Formatter};
use std::marker::PhantomData;

/// A distribution of values, without the values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram<T = ()>(PhantomData<T>);

/// Percentiles of a distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PercentileStats {
    pub samples: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

/// A chart of distributions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AsciiChart;

impl<T> Histogram<T> {
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Counts nothing.
    pub const fn record(&mut self, _value: u64) {}

    /// Counts nothing.
    pub const fn record_n(&mut self, _value: u64, _count: u64) {}

    /// Of nothing.
    #[must_use]
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats::default()
    }
}

impl Display for PercentileStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("not counted")
    }
}

impl AsciiChart {
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    #[must_use]
    pub fn add<T>(self, _name: &str, _values: Histogram<T>) -> Self {
        self
    }
}
