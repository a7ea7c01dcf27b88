//! Numbers of JSON: whole ones exactly, others as computers have them.

use std::cmp::Ordering;

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum JsonNumber {
    Whole(i128),
    Float(f64),
}

/// By how little two quotients may differ, so that 0.3 is a multiple of 0.1.
const CLOSE: f64 = 1e-9;

impl JsonNumber {
    /// Reads a number as JSON has it.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        let float: f64 = text.parse().ok()?;
        float.is_finite().then(|| match is_exact(float) {
            true => Self::Whole(whole_of(float)),
            false => Self::Float(float),
        })
    }

    /// Whether it has no fraction.
    pub(super) fn is_whole(self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    /// Which one is more.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(&b),
            (a, b) => a.float().partial_cmp(&b.float()).unwrap_or(Ordering::Equal),
        }
    }

    /// Whether it is so many times another.
    pub(super) fn is_multiple_of(self, of: Self) -> bool {
        match (self, of) {
            (_, Self::Whole(0)) => false,
            (Self::Whole(a), Self::Whole(b)) => a.checked_rem(b) == Some(0),
            (a, b) => {
                let times = a.float() / b.float();
                (times - times.round()).abs() <= CLOSE * times.abs().max(1.0)
            }
        }
    }

    /// It as computers have it.
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is compared with a fraction is no more exact"
    )]
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }
}

/// Whether a float is a whole number that it holds exactly.
fn is_exact(float: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    float.fract() == 0.0 && float.abs() <= EXACT
}

#[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
fn whole_of(float: f64) -> i128 {
    float as i128
}
