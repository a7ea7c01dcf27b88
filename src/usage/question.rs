//! The question for usage: of which hours and names, and by what it is to be summed.

use std::str::FromStr;

use klamm_raft::model::VclusterName;
use serde::{Deserialize, Serialize};

use super::hour::{Hour, HourRange};

/// A question for usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageQuestion {
    pub hours: HourRange,
    /// The only virtual cluster that is asked for, as the other two.
    pub vcluster: Option<VclusterName>,
    pub account: Option<String>,
    pub topic: Option<String>,
    pub by: Grouping,
}

/// By what usage is summed: each row has these, and stands for all of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    time: Option<Span>,
    pub vcluster: bool,
    pub account: bool,
    pub topic: bool,
}

/// A span of time that a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Span {
    Hour,
    Day,
}

/// A text does not say by what to sum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrouping {
    #[error("{0:?} is nothing to sum by: there are vcluster, account, topic, and hour or day")]
    Unknown(String),
    #[error("{0:?} is named twice")]
    Twice(String),
    #[error("a row is of an hour or of a day, not both")]
    BothSpans,
}

impl Grouping {
    /// Each account with each topic, over all of the time.
    pub const USUAL: &'static str = "vcluster,account,topic";

    /// The hour with which the row of an hour begins, if rows are of spans.
    pub fn start(self, hour: Hour) -> Option<Hour> {
        self.time.map(|span| match span {
            Span::Hour => hour,
            Span::Day => hour.day(),
        })
    }

    /// Whether rows are of spans.
    pub fn has_start(self) -> bool {
        self.time.is_some()
    }
}

impl FromStr for Grouping {
    type Err = InvalidGrouping;

    fn from_str(text: &str) -> Result<Self, InvalidGrouping> {
        let mut grouping = Self {
            time: None,
            vcluster: false,
            account: false,
            topic: false,
        };
        for word in text.split(',').map(str::trim) {
            let twice = || InvalidGrouping::Twice(word.to_owned());
            let named = match word {
                "vcluster" => &mut grouping.vcluster,
                "account" => &mut grouping.account,
                "topic" => &mut grouping.topic,
                "hour" | "day" => {
                    let span = if word == "hour" { Span::Hour } else { Span::Day };
                    match grouping.time.replace(span) {
                        Some(before) if before == span => return Err(twice()),
                        Some(_) => return Err(InvalidGrouping::BothSpans),
                        None => continue,
                    }
                }
                _ => return Err(InvalidGrouping::Unknown(word.chars().take(100).collect())),
            };
            if std::mem::replace(named, true) {
                return Err(twice());
            }
        }
        Ok(grouping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sums_by_what_there_is_and_says_each_once() {
        let hour: Hour = "2026-11-30T07".parse().unwrap();
        let by: Grouping = "account, day".parse().unwrap();
        assert!(by.account && !by.topic && !by.vcluster);
        assert_eq!(by.start(hour), Some(hour.day()));
        let by: Grouping = Grouping::USUAL.parse().unwrap();
        assert!(by.account && by.topic && by.vcluster && !by.has_start());
        assert_eq!("hour".parse::<Grouping>().unwrap().start(hour), Some(hour));
        let refused = |text: &str| text.parse::<Grouping>().unwrap_err();
        assert_eq!(refused("hour,day"), InvalidGrouping::BothSpans);
        assert_eq!(refused("topic,topic"), InvalidGrouping::Twice("topic".to_owned()));
        assert_eq!(refused("day,day"), InvalidGrouping::Twice("day".to_owned()));
        for text in ["", "topic,", "user", "Topic"] {
            assert!(matches!(refused(text), InvalidGrouping::Unknown(_)), "{text}");
        }
    }
}
