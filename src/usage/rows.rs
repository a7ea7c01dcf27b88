//! The answer of one node: its sums as they were asked for, and which hours it has none of.

use std::collections::BTreeMap;

use klamm_raft::model::VclusterName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::Figures;
use super::hour::{Hour, HourRange};
use super::question::UsageQuestion;
use super::tally::{AccountTally, OTHER, Tally};

/// The most rows of an answer.
pub const MAX_ROWS: usize = 50_000;

/// One row: whose usage it is, as far as it was asked for, and the sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UsageRow {
    /// The beginning of the hour or of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcluster: Option<String>,
    /// Of accounts beyond the bound: `(other)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Of topics beyond the bound: `(other)`. Empty where it is of no topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(flatten)]
    pub figures: Figures,
}

/// A row without its sums.
pub(super) type RowKey = [Option<String>; 4];

/// More would be told than an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "there are more than {MAX_ROWS} rows: ask for a shorter time, for one virtual cluster, account or topic, or sum by less"
)]
pub struct TooManyRows;

/// The answer of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeUsage {
    pub rows: Vec<UsageRow>,
    /// Hours that it has nothing on record of: it did not run then, or what it had is lost.
    pub unrecorded: Vec<HourRange>,
    /// Hours of which the file is damaged.
    pub damaged: Vec<Hour>,
}

/// Rows while they are summed.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<RowKey, Figures>);

impl Rows {
    /// Adds to a row.
    pub(super) fn add(&mut self, key: RowKey, figures: &Figures) -> Result<(), TooManyRows> {
        if figures.are_zero() {
            return Ok(());
        }
        self.0.entry(key).or_default().add(figures);
        match self.0.len() <= MAX_ROWS {
            true => Ok(()),
            false => Err(TooManyRows),
        }
    }

    /// Adds the sums of an hour, as far as they are asked for.
    pub(super) fn add_hour(
        &mut self,
        question: &UsageQuestion,
        hour: Hour,
        tally: &Tally,
    ) -> Result<(), TooManyRows> {
        let is_asked =
            |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|asked| asked == name);
        let is_vcluster = |name: &VclusterName| question.vcluster.as_ref().is_none_or(|asked| asked == name);
        let accounts = tally.accounts();
        for (vcluster, account, used) in
            accounts.filter(|(name, account, _)| is_vcluster(name) && is_asked(&question.account, account))
        {
            for (topic, figures) in parts(used).filter(|(topic, _)| is_asked(&question.topic, topic)) {
                let by = question.by;
                let key = [
                    by.start(hour).map(|start| start.to_string()),
                    by.vcluster.then(|| vcluster.to_string()),
                    by.account.then(|| account.to_owned()),
                    by.topic.then(|| topic.to_owned()),
                ];
                self.add(key, figures)?;
            }
        }
        Ok(())
    }

    /// The rows in their order.
    pub(super) fn finish(self) -> Vec<UsageRow> {
        let rows = self.0.into_iter();
        rows.map(|([start, vcluster, account, topic], figures)| UsageRow {
            start,
            vcluster,
            account,
            topic,
            figures,
        })
        .collect()
    }
}

impl UsageRow {
    pub(super) fn key(&self) -> RowKey {
        [&self.start, &self.vcluster, &self.account, &self.topic].map(Clone::clone)
    }
}

/// The sums of an account by topic. What is of no topic has an empty name.
fn parts(used: &AccountTally) -> impl Iterator<Item = (&str, &Figures)> {
    let topics = used.topics.iter();
    let topics = topics.map(|(topic, figures)| (topic.as_str(), figures));
    [("", &used.own)]
        .into_iter()
        .chain(topics)
        .chain([(OTHER, &used.other)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::question::Grouping;
    use crate::usage::tally::tests::used;

    fn question(by: &str) -> UsageQuestion {
        let from = Hour::of(0);
        UsageQuestion {
            hours: HourRange {
                from,
                to: from.next(),
            },
            vcluster: None,
            account: None,
            topic: None,
            by: by.parse::<Grouping>().unwrap(),
        }
    }

    fn rows(question: &UsageQuestion) -> Vec<UsageRow> {
        let mut tally = Tally::new(2);
        for (vcluster, account) in [("v", "a"), ("v", "b"), ("v", "c"), ("w", "a")] {
            tally.add(&vcluster.parse().unwrap(), account, &used(&[("t", 1), ("u", 10)]));
        }
        let mut rows = Rows::default();
        rows.add_hour(question, Hour::of(0), &tally).unwrap();
        rows.finish()
    }

    fn shown(question: &UsageQuestion) -> Vec<String> {
        let shown = |row: UsageRow| {
            let names = row.key().map(|part| part.unwrap_or_else(|| "-".to_owned()));
            let Figures {
                requests,
                produced_records,
                ..
            } = row.figures;
            format!("{} {requests} {produced_records}", names.join("|"))
        };
        rows(question).into_iter().map(shown).collect()
    }

    #[test]
    fn sums_are_the_same_however_they_are_grouped() {
        for by in ["vcluster", "account", "topic", "hour", "day", Grouping::USUAL] {
            let mut sum = Figures::default();
            rows(&question(by)).iter().for_each(|row| sum.add(&row.figures));
            assert_eq!((sum.requests, sum.produced_records), (4, 44), "{by}");
        }
        assert_eq!(shown(&question("vcluster")), ["-|v|-|- 3 33", "-|w|-|- 1 11"]);
        assert_eq!(
            shown(&question("account")),
            ["-|-|(other)|- 1 11", "-|-|a|- 2 22", "-|-|b|- 1 11"]
        );
        assert_eq!(
            shown(&question("topic")),
            ["-|-|-| 4 0", "-|-|-|(other) 0 22", "-|-|-|t 0 2", "-|-|-|u 0 20"]
        );
        assert_eq!(shown(&question("hour")), ["1970-01-01T00:00:00Z|-|-|- 4 44"]);
    }

    #[test]
    fn only_what_is_asked_for_is_summed() {
        let mut asked = question("account,topic");
        asked.vcluster = Some("v".parse().unwrap());
        asked.account = Some("a".to_owned());
        assert_eq!(shown(&asked), ["-|-|a| 1 0", "-|-|a|t 0 1", "-|-|a|u 0 10"]);
        asked.topic = Some("u".to_owned());
        assert_eq!(shown(&asked), ["-|-|a|u 0 10"]);
    }

    #[test]
    fn an_answer_has_a_bound() {
        let mut rows = Rows::default();
        let figures = Figures {
            requests: 1,
            ..Figures::default()
        };
        for number in 0..MAX_ROWS {
            rows.add([None, None, Some(number.to_string()), None], &figures)
                .unwrap();
        }
        assert_eq!(
            rows.add([None, None, Some("0".to_owned()), None], &figures),
            Ok(())
        );
        assert_eq!(rows.add(RowKey::default(), &figures), Err(TooManyRows));
    }
}
