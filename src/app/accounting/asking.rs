//! Usage over all nodes: each is asked what it has, and answers the others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use klamm_raft::model::NodeId;
use serde::{Deserialize, Serialize};

use super::Accounts;
use crate::admin::ReportUsage;
use crate::control::Control;
use crate::usage::{AnswerOfNode, NodeUsage, TooManyRows, UsageQuestion, UsageReport};

/// How long another node may take: it may read the files of 400 days.
const LIMIT: Duration = Duration::from_secs(20);

/// A question of a node to another one. It is frozen: there may be others beside it, with fields that older nodes do not read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Inquiry {
    Usage(UsageQuestion),
}

/// The answer to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum InquiryAnswer {
    Usage(NodeUsage),
    TooManyRows,
    NotUnderstood,
    NotNow,
}

/// Answers the other nodes from now on.
pub(super) fn answer(accounts: &Accounts, control: &Control) {
    let accounts = accounts.clone();
    control.answer_inquiries(Arc::new(move |question| {
        let accounts = accounts.clone();
        Box::pin(async move {
            let answer = match serde_json::from_slice(&question) {
                Ok(Inquiry::Usage(question)) => accounts.told(question).await,
                Err(_) => InquiryAnswer::NotUnderstood,
            };
            // What was made of JSON can be made to JSON.
            serde_json::to_vec(&answer).unwrap_or_default()
        })
    }));
}

/// Reports usage over all nodes to whoever asks the admin API.
pub(in crate::app) fn reporter(accounts: &Accounts) -> Arc<ReportUsage> {
    let accounts = accounts.clone();
    Arc::new(move |question| {
        let accounts = accounts.clone();
        Box::pin(async move { accounts.report(question).await })
    })
}

impl Accounts {
    /// The answer of this node. Files are read on a thread of their own.
    async fn told(&self, question: UsageQuestion) -> InquiryAnswer {
        let Ok(permit) = Arc::clone(&self.answers).acquire_owned().await else {
            return InquiryAnswer::NotNow;
        };
        let ledger = Arc::clone(&self.ledger);
        let read = move || {
            let answer = ledger.answer(&question);
            drop(permit);
            answer
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(usage)) => InquiryAnswer::Usage(usage),
            Ok(Err(TooManyRows)) => InquiryAnswer::TooManyRows,
            Err(_) => InquiryAnswer::NotNow,
        }
    }

    async fn report(&self, question: UsageQuestion) -> Result<UsageReport, TooManyRows> {
        // What was used until now is told, too.
        self.take();
        let (state, own) = (self.control.state(), self.control.status().id);
        let nodes = state.nodes.keys();
        let asked = nodes.map(|node| self.asked((*node, own), question.clone()));
        let mut answers = Vec::new();
        for (node, answer) in join_all(asked).await {
            answers.push((node, answer?));
        }
        let removed = state.roster.removed.keys().copied();
        UsageReport::of(question.hours, answers, removed)
    }

    async fn asked(
        &self,
        (node, own): (NodeId, NodeId),
        question: UsageQuestion,
    ) -> (NodeId, Result<AnswerOfNode, TooManyRows>) {
        let answer = match node == own {
            true => Ok(self.told(question).await),
            false => self.ask(node, question).await,
        };
        (node, understood(answer))
    }

    async fn ask(&self, node: NodeId, question: UsageQuestion) -> Result<InquiryAnswer, String> {
        let question = serde_json::to_vec(&Inquiry::Usage(question)).map_err(|error| error.to_string())?;
        let answer = self.control.inquire(node, question, LIMIT).await;
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::from_slice(&answer).map_err(|error| format!("its answer cannot be understood: {error}"))
    }
}

fn understood(answer: Result<InquiryAnswer, String>) -> Result<AnswerOfNode, TooManyRows> {
    Ok(match answer {
        Ok(InquiryAnswer::Usage(usage)) => Ok(usage),
        Ok(InquiryAnswer::TooManyRows) => return Err(TooManyRows),
        Ok(InquiryAnswer::NotUnderstood) => {
            Err("it does not know the question: its version of klamm is another one".to_owned())
        }
        Ok(InquiryAnswer::NotNow) => Err("it cannot answer now".to_owned()),
        Err(why) => Err(why),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Grouping, Hour, HourRange};

    #[test]
    fn what_nodes_ask_each_other_is_written_as_ever() {
        let hour: Hour = "2026-11-30T23".parse().unwrap();
        let question = UsageQuestion {
            hours: HourRange {
                from: hour,
                to: hour.next(),
            },
            vcluster: Some("v".parse().unwrap()),
            account: None,
            topic: None,
            by: "account,hour".parse::<Grouping>().unwrap(),
        };
        let text = serde_json::to_string(&Inquiry::Usage(question)).unwrap();
        let expected = r#"{"usage":{"hours":{"from":498911,"to":498912},"vcluster":"v","account":null,"topic":null,"by":{"time":"Hour","vcluster":false,"account":true,"topic":false}}}"#;
        assert_eq!(text, expected);
        let answer = r#"{"usage":{"rows":[{"start":"2026-11-30T23:00:00Z","account":"a","bytesIn":7}],"unrecorded":[{"from":1,"to":2}],"damaged":[3]}}"#;
        let told: InquiryAnswer = serde_json::from_str(answer).unwrap();
        assert_eq!(serde_json::to_string(&told).unwrap(), answer);
        assert_eq!(
            serde_json::to_string(&InquiryAnswer::TooManyRows).unwrap(),
            r#""tooManyRows""#
        );
    }

    #[test]
    fn a_node_that_gives_no_usage_is_missing_with_the_reason() {
        assert_eq!(understood(Err("late".to_owned())), Ok(Err("late".to_owned())));
        assert_eq!(understood(Ok(InquiryAnswer::TooManyRows)), Err(TooManyRows));
        for answer in [InquiryAnswer::NotUnderstood, InquiryAnswer::NotNow] {
            assert!(matches!(understood(Ok(answer)), Ok(Err(_))));
        }
    }
}
