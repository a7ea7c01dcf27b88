//! Hours of UTC, by which usage is kept, and how they are written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::unix_time;

const SECONDS: u64 = 3600;
const HOURS_PER_DAY: u64 = 24;

/// An hour of UTC, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hour(u64);

/// Hours from one, up to another that is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourRange {
    pub from: Hour,
    pub to: Hour,
}

/// A text is no hour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no hour of UTC: usage is kept by the hour, so write a day as 2026-11-30, or the beginning of an hour as 2026-11-30T07:00:00Z"
)]
pub struct NotAnHour(String);

impl Hour {
    /// The hour of a moment, in seconds since the Unix epoch.
    pub fn of(epoch_s: u64) -> Self {
        Self(epoch_s / SECONDS)
    }

    /// The hour after it.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// So many hours before it.
    pub fn minus(self, hours: u64) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// The first hour of its day.
    pub fn day(self) -> Self {
        Self(self.0 / HOURS_PER_DAY * HOURS_PER_DAY)
    }

    /// The name of its file, as `2026-11-30T07`.
    pub(super) fn stem(self) -> String {
        let mut text = self.to_string();
        text.truncate("2026-11-30T07".len());
        text
    }
}

impl HourRange {
    /// Whether an hour is among them.
    pub fn contains(self, hour: Hour) -> bool {
        self.from <= hour && hour < self.to
    }

    /// How many they are.
    pub fn count(self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Hour> {
        (self.from.0..self.to.0).map(Hour)
    }
}

/// The moment at which it begins, as `2026-11-30T07:00:00Z`.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&unix_time::utc(self.0 * SECONDS))
    }
}

impl FromStr for Hour {
    type Err = NotAnHour;

    /// Takes a day for its first hour.
    fn from_str(text: &str) -> Result<Self, NotAnHour> {
        parsed(text.trim()).ok_or_else(|| NotAnHour(text.chars().take(100).collect()))
    }
}

fn parsed(text: &str) -> Option<Hour> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00"));
    let mut parts = date.split('-');
    let [year, month, day] = [4, 2, 2].map(|digits| parts.next().and_then(|part| number(part, digits)));
    if parts.next().is_some() {
        return None;
    }
    let days = unix_time::days_of((year?, month?, day?))?;
    let time = time.strip_suffix('Z').unwrap_or(time);
    let (hour, rest) = time.split_at_checked(2)?;
    let hour = number(hour, 2).filter(|hour| *hour < HOURS_PER_DAY)?;
    matches!(rest, "" | ":00" | ":00:00").then_some(Hour(days * HOURS_PER_DAY + hour))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_they_are_written() {
        let hour: Hour = "2026-11-30T23:00:00Z".parse().unwrap();
        assert_eq!(hour.to_string(), "2026-11-30T23:00:00Z");
        assert_eq!(hour.stem(), "2026-11-30T23");
        for text in [
            "2026-11-30T23",
            "2026-11-30T23Z",
            "2026-11-30T23:00Z",
            " 2026-11-30T23:00:00 ",
        ] {
            assert_eq!(text.parse(), Ok(hour), "{text}");
        }
        assert_eq!(hour.next().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!("2026-11-30".parse(), Ok(hour.day()));
        assert_eq!(
            "2028-02-29".parse::<Hour>().unwrap().next().to_string(),
            "2028-02-29T01:00:00Z"
        );
        assert_eq!(Hour::of(7_199).to_string(), "1970-01-01T01:00:00Z");
    }

    #[test]
    fn what_is_no_hour_is_refused() {
        for text in [
            "",
            "today",
            "2026-11-31",
            "2027-02-29",
            "2026-13-01",
            "2026-1-01",
            "2026-11-30T24",
            "2026-11-30T23:30:00Z",
            "2026-11-30T23:00:01Z",
            "2026-11-30T23+01:00",
            "2026-11-30-01",
            "1969-12-31",
            "２026-11-30",
        ] {
            assert!(text.parse::<Hour>().is_err(), "{text}");
        }
    }
}
